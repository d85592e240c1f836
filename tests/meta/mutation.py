"""Mutation testing: ``python -m tests.meta.mutation [module ...]`` lists the surviving mutants.

mutmut changes one operator, constant or argument at a time and runs the tests that reach it. It
works on a copy, ``.mutation/``, for three reasons:

* mutmut skips decorated functions. The copy replaces ``@decorator def f`` by ``def f`` and
  ``f = decorator(f)``.
* mutmut skips code outside of functions: constants, patterns, class attributes and decorators. This
  script creates such mutants with mutmut's operators, and tests each in its own process.
* mutmut selects tests by parameter ids, which can differ when a process collects tests again. Here
  each test runs with all parameters. The tests of the module run first. The other tests that reach
  the function run if those pass.

Not mutated: class decorators, annotations, arguments of ``len()`` and ``isinstance()``, and
parameter defaults other than names and constants.

Mutants that survive on SQLite are tested on the servers of ``TOKENAUTH_TEST_POSTGRESQL`` and
``TOKENAUTH_TEST_MARIADB`` (see ``tests.support.servers``). In ``.mutation/``, ``mutmut browse``
shows the survivors.
"""

from __future__ import annotations

import argparse
import ast
import difflib
import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath

import libcst
from mutmut.mutation.file_mutation import create_mutations, deep_replace

ROOT = Path(__file__).resolve().parents[2]
COPY = ROOT / ".mutation"
PACKAGE = "django_tokenauth"
#: Paths below the package, without the suffix.
MODULES = (
    "authentication",
    "http/client_authentication",
    "keys/directory",
    "keys/files",
    "keys/generating",
    "keys/rotating",
    "keys/schedule",
    "keys/sources",
    "services/clients",
    "services/issuing",
    "services/refreshing",
    "services/signing_in",
    "services/signing_out",
    "services/verifying",
    "sessions/database",
    "sessions/store",
    "sessions/users",
    "tokens/access",
    "tokens/claims",
    "tokens/jws",
    "tokens/refresh",
)
#: Required percentage of killed mutants.
ENOUGH = 95
#: Folders of the tests that run. Each mirrors the components of the package.
KINDS = ("unit", "integration")
#: Fast test modules outside the components. They call several components.
CALLERS = (
    *("test_atomic_requests", "test_authentication", "test_errors", "test_logging"),
    *("test_naive_times", "test_signals", "test_token_user", "test_views"),
)
#: Components of which all test modules run, not only those of ``MODULES``.
COMPONENTS = ("services", "sessions", "tokens")
#: Test modules that do not run: they are slow, or need more than the package.
EXCLUDED = ("test_benchmark", "test_vectors")
#: Options for short runs: the tables are created once, without migrations.
OPTIONS = ("--nomigrations", "--reuse-db", "-p", "no:randomly", "-p", "no:unraisableexception")
#: Exit codes of mutmut. Any other code is an error of the run.
VERDICTS = {0: "survived", 1: "killed", 3: "killed", 33: "no tests", 36: "timeout"}
VERDICTS |= dict.fromkeys((-24, 24, 152), "timeout")
SECONDS = 300
#: Other databases, on which mutants that survive on SQLite are tested.
DATABASES = [
    name for name in ("postgresql", "mariadb") if f"TOKENAUTH_TEST_{name.upper()}" in os.environ
]
#: Components whose tests run there, in addition to those of the module.
STATEMENTS = ("services", "sessions")

#: These start processes, so mutmut cannot trace them. They run if all other tests pass.
OTHER_PROCESSES = (
    "tests/integration/test_two_databases.py",
    "tests/integration/test_user_models.py",
)

PLUGIN = f"""\
import os

def pytest_configure(config):
    module = os.environ["MUTANT_UNDER_TEST"].split(".")[1:-1]
    names = {{name.partition("[")[0] for name in config.args}}
    beginnings = tuple(
        "/".join(["tests", kind, *module[:-1], f"test_{{module[-1]}}"])
        for kind in {KINDS}
        if module
    )
    near = {{name for name in names if name.startswith(beginnings)}}
    config.args = sorted(near)
    if not near or "NEAREST" not in os.environ:
        config.args += sorted(names - near)
        config.args += {OTHER_PROCESSES} if module else ()
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
pytest_add_cli_args=
    {options}
pytest_add_cli_args_test_selection=
{tests}
"""


def chosen_tests() -> list[str]:
    """Return the test modules that are fast enough for a thousand runs."""
    near = tuple(beginning for module in MODULES for beginning in near_tests(module))
    return [
        name
        for kind in KINDS
        for path in sorted((ROOT / "tests" / kind).glob("**/test_*.py"))
        if (name := path.relative_to(ROOT).as_posix()).startswith(near)
        or path.parent.name in COMPONENTS
        or path.name.startswith(CALLERS)
        if not path.name.startswith(EXCLUDED)
    ]


def near_tests(module: str) -> tuple[str, ...]:
    """Return the path prefixes of the tests of the module."""
    path = PurePosixPath(module)
    return tuple(
        (PurePosixPath("tests", kind) / path.with_name(f"test_{path.name}")).as_posix()
        for kind in KINDS
    )


def prepare(modules: Iterable[str], tests: Iterable[str]) -> None:
    """Create the copy, with the decorators of ``modules`` moved below their functions."""
    shutil.rmtree(COPY, ignore_errors=True)
    left_out = shutil.ignore_patterns("__pycache__", "external")
    for name in (PACKAGE, "tests"):
        shutil.copytree(ROOT / name, COPY / name, ignore=left_out)
    for name in modules:
        path = source_of(name)
        path.write_text(undecorated(path.read_text()))
    (COPY / "by_function.py").write_text(PLUGIN)
    configuration = CONFIGURATION.format(
        package=PACKAGE,
        options="\n    ".join([*OPTIONS, "-p", "by_function"]),
        modules="\n".join(f"    {PACKAGE}/{name}.py" for name in modules),
        tests="\n".join(f"    {name}" for name in tests),
    )
    (COPY / "setup.cfg").write_text((ROOT / "setup.cfg").read_text() + configuration)


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


def mutate_functions() -> dict[str, str]:
    """Run mutmut and return the verdicts by mutant."""
    command = [sys.executable, "-m", "mutmut", "run", "--max-children", "1"]
    subprocess.run(command, check=True, cwd=COPY, env={**os.environ, "NEAREST": "1"})
    if missed := [name for name, verdict in verdicts().items() if verdict == "survived"]:
        subprocess.run([*command, *missed], check=True, cwd=COPY)
    return verdicts()


def verdicts() -> dict[str, str]:
    found = {}
    for path in sorted((COPY / "mutants" / PACKAGE).rglob("*.meta")):
        for name, code in json.loads(path.read_text())["exit_code_by_key"].items():
            if code not in VERDICTS:
                sys.exit(f"{name} has the unknown exit code {code}.")
            found[name] = VERDICTS[code]
    return found


def mutate_outside_of_functions(
    modules: Iterable[str], tests: list[str]
) -> Iterator[tuple[str, str, str]]:
    """Yield the name, verdict and diff of each mutant outside of functions."""
    for module in modules:
        path = source_of(module)
        source = path.read_text()
        tree, mutations, _, _ = create_mutations(str(path), source)
        nearest = [name for name in tests if name.startswith(near_tests(module))]
        for number, mutation in enumerate(mutations):
            if isinstance(mutation.contained_by_top_level_function, libcst.FunctionDef):
                continue
            changed = deep_replace(tree, mutation.original_node, mutation.mutated_node)
            assert isinstance(changed, libcst.Module)
            path.write_text(changed.code)
            verdict = run(nearest)
            if verdict == "survived":
                verdict = run([*tests, *OTHER_PROCESSES])
            if verdict == "survived":
                verdict = elsewhere(module, tests)
            difference = difflib.unified_diff(
                source.splitlines(), changed.code.splitlines(), n=0, lineterm=""
            )
            yield (
                f"{PACKAGE}.{module.replace('/', '.')}.{number}",
                verdict,
                "\n".join([*difference][2:]),
            )
        path.write_text(source)


def elsewhere(module: str, tests: list[str], **environment: str) -> str:
    """Return the verdict of the other databases on a mutant that survived on SQLite."""
    near = tuple(f"tests/integration/{component}/" for component in STATEMENTS)
    chosen = [name for name in tests if name.startswith((*near, *near_tests(module)))]
    for database in DATABASES:
        if run([*chosen, "--create-db"], DATABASE=database, **environment) != "survived":
            return "elsewhere"
    return "survived"


def run(tests: list[str], **environment: str) -> str:
    command = [sys.executable, "-m", "pytest", "-x", "-q", *OPTIONS, *tests]
    try:
        ended = subprocess.run(
            command,
            check=False,
            # mutmut keeps the mutants of functions in this folder.
            cwd=COPY / "mutants" if "MUTANT_UNDER_TEST" in environment else COPY,
            env={**os.environ, **environment},
            timeout=SECONDS,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
    except subprocess.TimeoutExpired:
        return "timeout"
    return "killed" if ended.returncode else "survived"


def show(name: str) -> str:
    command = [sys.executable, "-m", "mutmut", "show", name]
    shown = subprocess.run(command, check=True, cwd=COPY, text=True, stdout=subprocess.PIPE)
    lines = shown.stdout.splitlines()
    return "\n".join(line for line in lines if line.startswith(("-", "+")))


def module_of(mutant: str) -> str:
    """Return the path of the module of a mutant, as in ``MODULES``."""
    return "/".join(mutant.split(".")[1:-1])


def table(found: dict[str, str]) -> float:
    """Print the figures of each module. Return the lowest percentage."""
    columns = ("killed", "elsewhere", "timeout", "survived", "no tests")
    print("module".ljust(26), "mutants", *columns, "score", sep="  ")
    worst = 100.0
    modules = sorted({module_of(name) for name in found})
    for module in [*modules, "all"]:
        counts = Counter(
            verdict for name, verdict in found.items() if module in ("all", module_of(name))
        )
        caught = counts["killed"] + counts["elsewhere"] + counts["timeout"]
        score = 100 * caught / counts.total()
        worst = min(worst, score)
        figures = [str(counts[column]).rjust(len(column)) for column in columns]
        print(module.ljust(26), f"{counts.total():7}", *figures, f"{score:5.1f}", sep="  ")
    return worst


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("modules", nargs="*", metavar="module", help=", ".join(MODULES))
    modules = parser.parse_args().modules or list(MODULES)
    tests = chosen_tests()
    prepare(modules, tests)
    # mutmut reads its settings from the current folder. prepare() deletes the databases there.
    os.chdir(COPY)
    os.environ["TMPDIR"] = str(COPY)
    if {run([*tests, *OTHER_PROCESSES]), elsewhere("sessions/store", tests)} != {"survived"}:
        sys.exit("The tests fail without a mutant.")
    found = mutate_functions()
    for name in [name for name, verdict in found.items() if verdict == "survived"]:
        found[name] = elsewhere(module_of(name), tests, MUTANT_UNDER_TEST=name)
    survivors = {
        name: show(name) for name, verdict in found.items() if verdict in ("survived", "no tests")
    }
    for name, verdict, difference in mutate_outside_of_functions(modules, tests):
        found[name] = verdict
        if verdict == "survived":
            survivors[name] = difference
    for name, difference in survivors.items():
        print(f"\n{name}\n{difference}")
    print()
    if table(found) < ENOUGH:
        sys.exit(f"A module has fewer than {ENOUGH} % killed mutants.")


if __name__ == "__main__":
    main()
