"""The modules that mutation testing changes, the tests that run for each, and the copy of both."""

from __future__ import annotations

import ast
import os
import shutil
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

ROOT = Path(__file__).resolve().parents[2]
COPY = ROOT / ".mutation"
PACKAGE = "django_tokenauth"
#: Folders of the tests that run. Each mirrors the components of the package.
KINDS = ("unit", "integration")
#: Components and modules with statements. The tests of the first two components run there.
STATEMENTS = ("services", "sessions", "admin", "models")
#: Pins ``__all__`` of each module. It reads the source, so it cannot run on that of mutmut.
PINS = "tests/meta/test_public_api.py"
#: The nearest tests of modules whose tests do not have the mirrored path.
NEAREST = {
    "__init__": (PINS,),
    "_bearer": (
        *("tests/unit/test_bearer", "tests/unit/test_authentication"),
        "tests/integration/test_authentication",
    ),
    "_json_values": ("tests/unit/test_json_values", "tests/unit/services/test_issuing"),
    "_limits": ("tests/unit/test_serializers", "tests/integration/test_views_token"),
    "_log": ("tests/integration/test_logging", "tests/integration/test_audit_events"),
    "_scope": (
        *("tests/unit/test_scope", "tests/integration/test_required_scopes"),
        "tests/integration/test_permissions",
    ),
    "_utc": ("tests/unit/services/test_arguments", "tests/integration/test_naive_times"),
    "apps": (
        *("tests/unit/test_apps", "tests/integration/test_apps"),
        "tests/integration/integrations/test_spectacular",
    ),
    "checks/database": ("tests/integration/checks/",),
    "http/client_authentication": (
        *("tests/unit/http/test_client_authentication", "tests/integration/test_views_clients"),
    ),
    "http/endpoints": (
        *("tests/unit/http/test_endpoints", "tests/integration/http/test_headers"),
        *("tests/integration/test_atomic_requests", "tests/integration/test_views_bodies"),
        "tests/integration/test_views_project_errors",
    ),
    "keys/drafts": (
        *("tests/unit/keys/test_drafts", "tests/unit/keys/test_files"),
        *("tests/unit/keys/test_ownership", "tests/unit/keys/test_rotating_retired"),
        "tests/unit/management/test_tokenauth_keys_publish",
    ),
    "keys/publishing": (
        *("tests/unit/keys/test_publishing", "tests/unit/http/test_discovery_jwks"),
        "tests/unit/management/test_tokenauth_keys_publish",
    ),
    "services/__init__": (PINS,),
    "services/auditing": (
        *("tests/unit/management/test_audit_events", "tests/unit/services/test_auditing"),
        "tests/integration/test_audit_events",
    ),
    "tokens/refresh": ("tests/unit/tokens/test_access_and_refresh",),
    "views": (
        *("tests/integration/test_views", "tests/integration/http/test_account_delay"),
        "tests/integration/http/test_throttling",
    ),
    "well_known": ("tests/unit/test_urls",),
}
#: Test modules that do not run: they are slow, start processes, or need more than the package.
EXCLUDED = ("test_benchmark", "test_pytest_plugin", "test_vectors", "test_without_cryptography")
#: Modules that are not mutated: they run in processes that tests start.
LEFT_OUT = ("_pytest_plugin",)
#: Options for short runs: the tables are created once, without migrations.
OPTIONS = ("--nomigrations", "--reuse-db", "-p", "no:randomly", "-p", "no:unraisableexception")

CONFIGURATION = """
[mutmut]
source_paths={package}
only_mutate=
{modules}
"""


def all_modules() -> list[str]:
    """Return the path of each module that is mutated, below the package and without the suffix."""
    folder = ROOT / PACKAGE
    return sorted(
        path.relative_to(folder).with_suffix("").as_posix()
        for path in folder.rglob("*.py")
        if "migrations" not in path.parts and path.stem not in LEFT_OUT and path.read_text().strip()
    )


def component_of(module: str) -> str:
    """Return the first folder of the module, or the package for a module outside the components."""
    component, nested, _ = module.partition("/")
    return component if nested else PACKAGE


def dotted(module: str) -> str:
    """Return the import name of the module."""
    return ".".join([PACKAGE, *module.split("/")]).removesuffix(".__init__")


def nearest_tests(module: str) -> list[str]:
    """Return the test modules of the mirrored path, or else those of the component."""
    component = component_of(module)
    folder = "" if component == PACKAGE else f"{component}/"
    mirrored = f"{folder}test_{PurePosixPath(module).name.strip('_')}"
    prefixes = NEAREST.get(module) or tuple(f"tests/{kind}/{mirrored}" for kind in KINDS)
    near = [name for name in (*all_tests(), PINS) if name.startswith(prefixes)]
    return near or _tests_of(component)


def tests_with_statements() -> list[str]:
    """Return the integration tests of the components with statements."""
    components = tuple(f"tests/integration/{component}/" for component in STATEMENTS)
    return [name for name in all_tests() if name.startswith(components)]


def _tests_of(component: str) -> list[str]:
    folder = "" if component == PACKAGE else component
    folders = {PurePosixPath("tests", kind, folder) for kind in KINDS}
    return [name for name in all_tests() if PurePosixPath(name).parent in folders]


def all_tests() -> list[str]:
    """Return the test modules that run."""
    return [
        path.relative_to(ROOT).as_posix()
        for kind in KINDS
        for path in sorted((ROOT / "tests" / kind).glob("**/test_*.py"))
        if not path.name.startswith(EXCLUDED)
    ]


def prepare(modules: Iterable[str]) -> None:
    """Create the copy, with the decorators of ``modules`` moved below their functions."""
    shutil.rmtree(COPY, ignore_errors=True)
    left_out = shutil.ignore_patterns("__pycache__", "external")
    for name in (PACKAGE, "tests"):
        shutil.copytree(ROOT / name, COPY / name, ignore=left_out)
    for name in ("docs", "example_project", "README.rst"):
        # PINS reads these.
        (COPY / name).symlink_to(ROOT / name)
    for name in modules:
        path = source_of(name)
        path.write_text(undecorated(path.read_text()))
    configuration = CONFIGURATION.format(
        package=PACKAGE,
        modules="\n".join(f"    {PACKAGE}/{name}.py" for name in modules),
    )
    (COPY / "setup.cfg").write_text((ROOT / "setup.cfg").read_text() + configuration)
    # mutmut reads its settings from the current folder.
    os.chdir(COPY)
    os.environ["TMPDIR"] = str(COPY)


def source_of(module: str) -> Path:
    return COPY / PACKAGE / f"{module}.py"


def undecorated(source: str) -> str:
    """Return ``source`` with ``f = decorator(f)`` in place of function decorators."""
    lines = source.splitlines(keepends=True)
    tree = ast.parse(source)
    scopes = [tree.body, *(node.body for node in tree.body if isinstance(node, ast.ClassDef))]
    functions = [
        node
        for scope in scopes
        for node in scope
        if isinstance(node, ast.FunctionDef) and node.decorator_list
    ]
    for node in sorted(functions, key=lambda node: -node.lineno):
        decorators = [ast.unparse(decorator) for decorator in node.decorator_list]
        if decorators in (["classmethod"], ["staticmethod"]):
            continue
        call = node.name
        for decorator in reversed(decorators):
            call = f"{decorator}({call})"
        statement = f"\n{' ' * node.col_offset}{node.name} = {call}\n"
        lines.insert(node.end_lineno or 0, statement)
        del lines[node.decorator_list[0].lineno - 1 : node.lineno - 1]
    return "".join(lines)
