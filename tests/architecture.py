"""The rooms of the package, who may know whom, and the rules that a file is held against."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

PACKAGE = "django_tokenauth"
MOST_LINES = 320
REFUSED_NAMES = {"utils", "util", "helpers", "compat", "mixins", "misc", "common"}
#: The rooms that may try to import something optional, at their top.
MAY_TRY = {"keys", "key_making"}
#: The room that may reach another by its name: Django loads it before there are models.
MAY_NAME = {"apps"}
#: The one setting of Django that is meant to be read in the body of a class.
MAY_BE_READ = "AUTH_USER_MODEL"

DRF = ("rest_framework",)
DATABASE = ("django.db", "django.contrib")
CRYPTOGRAPHY = ("jwt", "cryptography")
CLOCK = ("time", "django.utils.timezone")
TOKENS = tuple(f"{PACKAGE}.{room}" for room in ("keys", "key_sets", "claims", "jws", "tokens"))


@dataclass(frozen=True)
class Layer:
    """Rooms in an order: each may import those before it, in its own layer or in a higher line."""

    rooms: tuple[str, ...]
    refused: tuple[str, ...] = ()


# From the ground up: an import may only point to a room that stands before its own.
LAYERS = (
    Layer(("__init__",), (*DRF, *DATABASE, *CRYPTOGRAPHY, *CLOCK, "django")),
    Layer(("errors",), (*DRF, *DATABASE, *CRYPTOGRAPHY, *CLOCK)),
    Layer(("validators", "conf", "signals"), (*DRF, *DATABASE, *CRYPTOGRAPHY, *CLOCK)),
    # Pure: no row, no request, and the clock is an argument.
    Layer(
        (
            *("weak_keys", "weak_secrets", "strict_json", "keys", "key_making"),
            *("key_schedule", "key_files", "key_states", "key_rotation", "key_sets"),
            *("claims", "jws", "tokens"),
        ),
        (*DRF, *DATABASE, *CLOCK, "django.http"),
    ),
    # The store: rows, and no token.
    Layer(
        ("models", "statements", "lookups", "sessions", "revoked_sessions", "pruning", "users"),
        (*DRF, *CRYPTOGRAPHY, *TOKENS),
    ),
    # Where tokens and rows meet.
    Layer(
        ("clients", "issuing", "refreshing", "signing_out", "services", "introspection"),
        (*DRF, *CRYPTOGRAPHY),
    ),
    Layer(
        (
            *("throttling", "token_user", "authentication", "permissions"),
            *("parsers", "serializers", "client_authentication", "endpoints", "views", "urls"),
            *("discovery", "well_known"),
        ),
        CRYPTOGRAPHY,
    ),
    # Wiring: Django and the project reach these; of us only the last one does.
    Layer(
        (
            *("migrations", "receivers", "checks", "database_checks", "key_checks"),
            *("key_file_checks", "deploy_checks", "admin", "management", "integrations", "apps"),
        ),
    ),
)
ORDER = {room: place for place, room in enumerate(room for layer in LAYERS for room in layer.rooms)}
REFUSED = {room: layer.refused for layer in LAYERS for room in layer.rooms}


@dataclass(frozen=True)
class Import:
    """One imported name, in full: ``from .conf import load`` is ``django_tokenauth.conf.load``."""

    target: str
    line: int
    hidden: bool


def violations(file: str, source: str) -> list[str]:
    """What is wrong with ``file``, a path inside the package, if ``source`` is its text."""
    room = room_of(file)
    found = list(_naming(file))
    if room not in ORDER:
        return [*found, f"{file}: the room {room!r} has no place in the table"]
    tree = ast.parse(source)
    if room != "migrations":
        found += _length(source)
    for item in imports(tree, file):
        found += _direction(room, item)
        found += _refused(room, item)
        if item.hidden:
            found.append(f"line {item.line}: the import of {item.target} is not at the top")
    found += (
        f"line {line}: a setting is read at import" for line in ReadsAtImport(tree, file).lines
    )
    return [f"{file}: {what}" for what in found]


def room_of(file: str) -> str:
    return PurePosixPath(file).parts[0].removesuffix(".py")


def _naming(file: str) -> Iterator[str]:
    for part in PurePosixPath(file).with_suffix("").parts:
        if part in REFUSED_NAMES:
            yield f"the name {part!r} says nothing about what is inside"


def _length(source: str) -> Iterator[str]:
    if (lines := source.count("\n")) > MOST_LINES:
        yield f"{lines} lines, more than {MOST_LINES}"


def _direction(room: str, item: Import) -> Iterator[str]:
    package, _, rest = item.target.partition(".")
    known = rest.split(".")[0]
    if package != PACKAGE or known == room:
        return
    if known not in ORDER:  # a name of the package itself, such as __version__
        known = "__init__"
    if ORDER[known] >= ORDER[room]:
        yield f"line {item.line}: {room} may not know {known}"


def _refused(room: str, item: Import) -> Iterator[str]:
    # A module that is reached by its name has no arrow that could be seen here.
    by_name = () if room in MAY_NAME else ("importlib",)
    for refused in (*REFUSED[room], *by_name):
        if item.target == refused or item.target.startswith(f"{refused}."):
            yield f"line {item.line}: {room} may not import {item.target}"


def imports(tree: ast.Module, file: str) -> Iterator[Import]:
    """Every imported name, and whether something stands around the import that may hide it."""
    visible = {id(statement) for statement in _visible(tree.body, room_of(file) in MAY_TRY)}
    for node in ast.walk(tree):
        hidden = id(node) not in visible
        match node:
            case ast.Import():
                for name in node.names:
                    yield Import(name.name, node.lineno, hidden)
            case ast.ImportFrom():
                for name in node.names:
                    yield Import(f"{_module(node, file)}.{name.name}", node.lineno, hidden)
            case _:
                pass


def _visible(body: list[ast.stmt], may_try: bool) -> Iterator[ast.stmt]:
    for statement in body:
        match statement:
            case ast.If(test=ast.Name("TYPE_CHECKING"), orelse=[]):
                yield from statement.body
            case ast.Try(handlers=[ast.ExceptHandler(type=ast.Name("ImportError"))]) if may_try:
                yield from statement.body
                may_try = False
            case _:
                yield statement


def _module(node: ast.ImportFrom, file: str) -> str:
    if not node.level:
        return node.module or ""
    folders = [PACKAGE, *PurePosixPath(file).parent.parts]
    base = folders[: len(folders) - node.level + 1]
    return ".".join([*base, node.module] if node.module else base)


class ReadsAtImport(ast.NodeVisitor):
    """The lines that read a setting while the module is imported.

    These run at import: the module, the bodies of classes, decorators, and the defaults of
    arguments. The bodies of functions do not.
    """

    def __init__(self, tree: ast.Module, file: str) -> None:
        self.lines: list[int] = []
        self._django = {"django.conf.settings"}
        own = f"{PACKAGE}.conf"
        self._ours = {f"{own}.{reader}" for reader in ("load", "read_project")}
        if room_of(file) == "conf":
            self._ours |= {"load", "read_project"}
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom):
                for name in node.names:
                    self._bind(f"{_module(node, file)}.{name.name}", name.asname or name.name)
        self.visit(tree)

    def _bind(self, target: str, name: str) -> None:
        if target == "django.conf":
            self._django.add(f"{name}.settings")
        elif target in self._django:
            self._django.add(name)
        elif target == f"{PACKAGE}.conf":
            self._ours |= {f"{name}.load", f"{name}.read_project"}
        elif target in self._ours:
            self._ours.add(name)

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        for part in node.decorator_list:
            self.visit(part)
        self._visit_defaults(node.args)

    visit_AsyncFunctionDef = visit_FunctionDef  # noqa: N815

    def visit_Lambda(self, node: ast.Lambda) -> None:
        self._visit_defaults(node.args)

    def _visit_defaults(self, arguments: ast.arguments) -> None:
        for default in (*arguments.defaults, *arguments.kw_defaults):
            if default is not None:
                self.visit(default)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        if node.attr == MAY_BE_READ and ast.unparse(node.value) in self._django:
            return
        self._look_at(node)

    def visit_Name(self, node: ast.Name) -> None:
        self._look_at(node)

    def visit_Call(self, node: ast.Call) -> None:
        if ast.unparse(node.func) in self._ours:
            self.lines.append(node.lineno)
        self.generic_visit(node)

    def _look_at(self, node: ast.Attribute | ast.Name) -> None:
        if ast.unparse(node) in self._django:
            self.lines.append(node.lineno)
        else:
            self.generic_visit(node)
