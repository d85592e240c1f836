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
#: Fast test modules outside the components. They call several components, so they run for each.
CALLERS = (
    *("test_atomic_requests", "test_authentication", "test_errors", "test_logging"),
    *("test_naive_times", "test_signals", "test_token_user", "test_views"),
)
#: Components whose tests also run for a component.
NEIGHBOURS = {
    "conf": ("checks",),
    "keys": ("management",),
    "sessions": ("services",),
    "tokens": ("services",),
}
#: Pins ``__all__`` of each module. It reads the source, so it cannot run on that of mutmut.
PINS = "tests/meta/test_public_api.py"
#: The nearest tests of modules whose tests do not have the mirrored path.
NEAREST = {
    "__init__": (PINS,),
    "_bearer": ("tests/unit/test_authentication", "tests/integration/test_authentication"),
    "_limits": ("tests/unit/test_serializers", "tests/integration/test_views_token"),
    "_log": ("tests/integration/test_logging", "tests/integration/test_audit_events"),
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
#: Test modules that do not run: they are slow, or need more than the package.
EXCLUDED = ("test_benchmark", "test_vectors", "test_without_cryptography")
#: These start processes, so mutmut cannot trace them. They run if all other tests pass.
OTHER_PROCESSES = (
    "tests/integration/test_two_databases.py",
    "tests/integration/test_user_models.py",
)
#: Options for short runs: the tables are created once, without migrations.
OPTIONS = ("--nomigrations", "--reuse-db", "-p", "no:randomly", "-p", "no:unraisableexception")

PLUGIN = f"""\
import json
import os
import shutil
from collections import Counter
from pathlib import Path

NEAR = {{near}}

def pytest_configure(config):
    mutant = os.environ["MUTANT_UNDER_TEST"]
    use_tables_of_its_own(mutant)
    module = mutant.rpartition(".")[0]
    if not module:
        return
    stats = json.loads(Path("mutmut-stats.json").read_text())
    seconds = Counter()
    for test, duration in stats["duration_by_test"].items():
        seconds[test.partition("[")[0]] += duration
    names = {{{{name.partition("[")[0] for name in config.args}}}}
    near = {{{{name for name in names if name.partition("::")[0] in NEAR.get(module, ())}}}}
    config.args = sorted(near, key=seconds.__getitem__)
    if not near or "NEAREST" not in os.environ:
        config.args += [*sorted(names - near, key=seconds.__getitem__), *{OTHER_PROCESSES}]

def use_tables_of_its_own(mutant):
    # A mutant can leave rows behind, which would fail the tests of the next.
    from django.db import connections

    if os.environ.get("DATABASE", "sqlite") == "sqlite":
        tables = Path("tables.sqlite3").resolve()
        if tables.exists() and mutant not in ("", "fail", "stats"):
            tables = shutil.copy(tables, tables.with_name("tables-of-mutant.sqlite3"))
        connections["default"].settings_dict["TEST"]["NAME"] = str(tables)
"""
CONFIGURATION = """
[mutmut]
source_paths={package}
only_mutate=
{modules}
also_copy=
    by_function.py
process_isolation=forkserver
timeout_constant=10
timeout_multiplier=2
pytest_add_cli_args=
    {options}
pytest_add_cli_args_test_selection=
{tests}
"""


def all_modules() -> list[str]:
    """Return the path of each module below the package, without the suffix."""
    folder = ROOT / PACKAGE
    return sorted(
        path.relative_to(folder).with_suffix("").as_posix()
        for path in folder.rglob("*.py")
        if "migrations" not in path.parts and path.read_text().strip()
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
    near = [name for name in (*_all_tests(), PINS) if name.startswith(prefixes)]
    return near or _tests_of(component)


def chosen_tests(component: str) -> list[str]:
    """Return the test modules that are fast enough for a thousand mutants of the component."""
    chosen = {
        name
        for near in all_modules()
        if component_of(near) == component
        for name in nearest_tests(near)
    }
    for each in (component, *NEIGHBOURS.get(component, ())):
        chosen.update(_tests_of(each))
    chosen.update(name for name in _all_tests() if PurePosixPath(name).name.startswith(CALLERS))
    return sorted(chosen - {*OTHER_PROCESSES, PINS})


def _tests_of(component: str) -> list[str]:
    folder = "" if component == PACKAGE else component
    folders = {PurePosixPath("tests", kind, folder) for kind in KINDS}
    return [name for name in _all_tests() if PurePosixPath(name).parent in folders]


def _all_tests() -> list[str]:
    return [
        path.relative_to(ROOT).as_posix()
        for kind in KINDS
        for path in sorted((ROOT / "tests" / kind).glob("**/test_*.py"))
        if not path.name.startswith(EXCLUDED)
    ]


def prepare(modules: Iterable[str], tests: Iterable[str]) -> None:
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
    near = {dotted(name): nearest_tests(name) for name in modules}
    (COPY / "by_function.py").write_text(PLUGIN.format(near=near))
    configuration = CONFIGURATION.format(
        package=PACKAGE,
        options="\n    ".join([*OPTIONS, "-p", "by_function"]),
        modules="\n".join(f"    {PACKAGE}/{name}.py" for name in modules),
        tests="\n".join(f"    {name}" for name in tests),
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
