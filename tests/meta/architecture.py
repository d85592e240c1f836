"""The components of the package, their permitted imports, and the rules of a file."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

PACKAGE = "django_tokenauth"
SETTINGS = f"{PACKAGE}.conf.settings"
MAX_LINES = 400
BANNED_NAMES = {"utils", "util", "helpers", "compat", "mixins", "misc", "common"}
#: The only component whose files may try to import an optional package.
MAY_TRY = "keys"
#: The only function that may import, and its files. Django calls it after loading the models.
READY = (("apps.py", "api_tokens/apps.py"), "ready")
#: The packages that a file may import in a function, because few processes need them.
LAZY = {"_devices.py": "ua_parser"}
#: The components that may load what a setting of the project names by a dotted path.
MAY_LOAD = {"conf", "checks"}
LOADER = "django.utils.module_loading"
#: Modules and functions that import without an import statement, which this test cannot follow.
HIDING = ("importlib", "pkgutil", "runpy")
HIDING_CALLS = {"__import__", "eval", "exec"}
CLOCK_CALLS = {"datetime.now", "datetime.today", "datetime.utcnow", "date.today"}
#: The only Django setting that class bodies may read.
MAY_BE_READ = "AUTH_USER_MODEL"

DRF = ("rest_framework",)
ORM = ("django.db", "django.contrib")
CRYPTOGRAPHY = ("jwt", "cryptography")
CLOCK = ("time", "django.utils.timezone")


@dataclass(frozen=True)
class Layer:
    """Components of the same height. A component is a folder of the package, or a file at its top.

    A module imports from its own component and from lower layers. ``independent_of`` names lower
    components that it must not import. ``banned`` names other packages that it must not import.
    """

    components: tuple[str, ...]
    banned: tuple[str, ...] = ()
    independent_of: tuple[str, ...] = ()


#: The component of all private files at the top of the package, such as ``_strict_json.py``.
PRIVATE = "_private"

#: From the lowest to the highest.
LAYERS = (
    Layer(("__init__",), (*DRF, *ORM, *CRYPTOGRAPHY, *CLOCK, "django")),
    Layer((PRIVATE, "errors", "signals"), (*DRF, *ORM, *CRYPTOGRAPHY, *CLOCK)),
    Layer(("models",), (*DRF, *CRYPTOGRAPHY)),
    Layer(("conf",), (*DRF, *ORM, *CRYPTOGRAPHY, *CLOCK), ("models",)),
    # Pure: no database, no request, and the time is an argument.
    Layer(("keys",), (*DRF, *ORM, *CLOCK, "django.http"), ("models",)),
    Layer(("tokens",), (*DRF, *ORM, *CLOCK, *CRYPTOGRAPHY, "django.http"), ("models",)),
    Layer(("sessions",), (*DRF, *CRYPTOGRAPHY), ("keys", "tokens")),
    Layer(("services",), (*DRF, *CRYPTOGRAPHY)),
    Layer(("authentication",), CRYPTOGRAPHY),
    Layer(("permissions", "serializers"), CRYPTOGRAPHY),
    Layer(("http",), CRYPTOGRAPHY),
    Layer(("views", "decorators", "middleware"), CRYPTOGRAPHY),
    Layer(("urls", "well_known"), CRYPTOGRAPHY),
    # Django and projects import these. Inside the package only apps.py does.
    Layer(("migrations", "checks", "admin", "management", "integrations")),
    Layer(("apps",)),
    # The tests of projects import it. The package itself does not.
    Layer(("test",)),
    # An optional app: nothing imports it, so a project without it loads nothing of it.
    Layer(
        ("api_tokens",),
        CRYPTOGRAPHY,
        ("migrations", "checks", "management", "apps", "test"),
    ),
)
#: The modules of the optional app, from the lowest to the highest. A module imports from lines
#: before its own.
APP = "api_tokens"
APP_LAYERS = (
    ("formats",),
    ("models",),
    ("store", "last_use"),
    ("services", "reader", "receivers"),
    ("serializers",),
    ("views",),
    ("urls", "admin", "schema", "migrations"),
    ("apps",),
)
APP_HEIGHT = {module: height for height, layer in enumerate(APP_LAYERS) for module in layer}
HEIGHT = {
    component: height for height, layer in enumerate(LAYERS) for component in layer.components
}
LAYER_OF = {component: layer for layer in LAYERS for component in layer.components}


@dataclass(frozen=True)
class Import:
    """An imported name with its full path, such as ``django_tokenauth.conf.load``."""

    target: str
    line: int
    hidden: bool


def violations(file: str, source: str) -> list[str]:
    """Return the rules that ``source`` breaks as the text of ``file`` in the package."""
    component = component_of(file)
    found = list(_naming(file))
    if component not in HEIGHT:
        return [*found, f"{file}: {component!r} is neither a component nor a public file"]
    tree = ast.parse(source)
    if component != "migrations":
        found += _length(source)
    for item in imports(tree, file):
        found += _direction(component, item)
        if component == APP:
            found += _direction_in_app(file, item)
        found += _banned(component, item)
        if item.hidden and LAZY.get(file) != item.target.partition(".")[0]:
            found.append(f"line {item.line}: the import of {item.target} is not at the top")
    found += _calls(component, tree)
    found += (
        f"line {line}: a setting is read at import" for line in ReadsAtImport(tree, file).lines
    )
    return [f"{file}: {what}" for what in found]


def component_of(file: str) -> str:
    name = PurePosixPath(file).parts[0].removesuffix(".py")
    return PRIVATE if name.startswith("_") and name != "__init__" else name


def _naming(file: str) -> Iterator[str]:
    for part in PurePosixPath(file).with_suffix("").parts:
        if part in BANNED_NAMES:
            yield f"the name {part!r} does not describe the content"


def _length(source: str) -> Iterator[str]:
    if (lines := source.count("\n")) > MAX_LINES:
        yield f"the file has {lines} lines, the limit is {MAX_LINES}"


def _direction(component: str, item: Import) -> Iterator[str]:
    package, _, rest = item.target.partition(".")
    if package != PACKAGE:
        return
    # Names of the package itself, such as __version__, belong to __init__.
    imported = component_of(rest.split(".")[0] or "__init__")
    if imported not in HEIGHT:
        imported = "__init__"
    if imported == component:
        return
    independent = imported in LAYER_OF[component].independent_of
    if HEIGHT[imported] >= HEIGHT[component] or independent:
        yield f"line {item.line}: {component} must not import {imported}"


def _direction_in_app(file: str, item: Import) -> Iterator[str]:
    """Yield the import of a module of the optional app that is not below that of *file*."""
    own = PurePosixPath(file).with_suffix("").parts[1]
    package, _, rest = item.target.partition(f"{PACKAGE}.{APP}.")
    module = rest.split(".")[0]
    if package or not module or own == module == "migrations":
        return
    if APP_HEIGHT[module] >= APP_HEIGHT.get(own, 0):
        yield f"line {item.line}: {own} must not import {module}"


def _banned(component: str, item: Import) -> Iterator[str]:
    if item.target == PACKAGE or item.target.endswith(".*"):
        yield f"line {item.line}: the import of {item.target} does not say what is used"
    hiding = HIDING if component in MAY_LOAD else (*HIDING, LOADER)
    for banned in (*LAYER_OF[component].banned, *hiding):
        if item.target == banned or item.target.startswith(f"{banned}."):
            yield f"line {item.line}: {component} must not import {item.target}"


def _calls(component: str, tree: ast.Module) -> Iterator[str]:
    """Yield the calls that import or read the clock without an import of their own."""
    without_clock = set(CLOCK) <= set(LAYER_OF[component].banned)
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        called = ast.unparse(node.func)
        if called in HIDING_CALLS:
            yield f"line {node.lineno}: {component} must not call {called}"
        if without_clock and ".".join(called.split(".")[-2:]) in CLOCK_CALLS:
            yield f"line {node.lineno}: {component} must not call {called}"


def imports(tree: ast.Module, file: str) -> Iterator[Import]:
    """Yield each imported name. An import inside another statement is hidden."""
    visible = {id(statement) for statement in _visible(tree.body, file)}
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


def _visible(body: list[ast.stmt], file: str) -> Iterator[ast.stmt]:
    may_try = component_of(file) == MAY_TRY
    for statement in body:
        match statement:
            case ast.If(test=ast.Name("TYPE_CHECKING"), orelse=[]):
                yield from statement.body
            case ast.Try(handlers=[ast.ExceptHandler(type=ast.Name("ImportError"))]) if may_try:
                yield from statement.body
                may_try = False
            case ast.ClassDef() if file in READY[0]:
                for method in statement.body:
                    if isinstance(method, ast.FunctionDef) and method.name == READY[1]:
                        yield from (part for part in ast.walk(method) if isinstance(part, ast.stmt))
            case _:
                yield statement


def _module(node: ast.ImportFrom, file: str) -> str:
    if not node.level:
        return node.module or ""
    folders = [PACKAGE, *PurePosixPath(file).parent.parts]
    base = folders[: len(folders) - node.level + 1]
    return ".".join([*base, node.module] if node.module else base)


class ReadsAtImport(ast.NodeVisitor):
    """Collects the lines that read a setting while the module is imported.

    Module code, class bodies, decorators and argument defaults run at import. Function bodies run
    later.
    """

    def __init__(self, tree: ast.Module, file: str) -> None:
        self.lines: list[int] = []
        self._django = {"django.conf.settings"}
        self._ours = {f"{SETTINGS}.{reader}" for reader in ("load", "read_project")}
        if component_of(file) == "conf":
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
        elif target == SETTINGS:
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
        self._check_name(node)

    def visit_Name(self, node: ast.Name) -> None:
        self._check_name(node)

    def visit_Call(self, node: ast.Call) -> None:
        if ast.unparse(node.func) in self._ours:
            self.lines.append(node.lineno)
        self.generic_visit(node)

    def _check_name(self, node: ast.Attribute | ast.Name) -> None:
        if ast.unparse(node) in self._django:
            self.lines.append(node.lineno)
        else:
            self.generic_visit(node)
