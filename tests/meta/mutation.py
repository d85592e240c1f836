"""Mutation testing: ``python -m tests.meta.mutation [component or module ...]``.

It lists the mutants that survive, and their number in each module and component.

mutmut changes one operator, constant or argument at a time and runs the tests that reach it. All
modules of the package are mutated except migrations and the plugin of pytest. The name of
the package stands for the modules outside the components. mutmut works on a copy, ``.mutation/``,
for three reasons:

* mutmut skips decorated functions. The copy replaces ``@decorator def f`` by ``def f`` and
  ``f = decorator(f)``.
* mutmut skips code outside of functions: constants, patterns, class attributes and decorators. This
  script creates such mutants with mutmut's operators, and tests each in its own process, with the
  tests of the module only. Functions that only run at import are tested in this way, too.
* mutmut collects the tests again for each mutant. Here one process collects all tests, and each
  mutant is tested in a fork of it (``mutation_forks.py``). The tests of the module run first. The
  other tests that reach the function run if those pass. Tests that start other processes do not
  count there, so the score is a lower bound.

Not mutated: class decorators, annotations, arguments of ``len()`` and ``isinstance()``, and
parameter defaults other than names and constants.

Survivors that execute statements are tested on the servers of ``TOKENAUTH_TEST_POSTGRESQL`` and
``TOKENAUTH_TEST_MARIADB`` (see ``tests.support.servers``). In ``.mutation/``, ``mutmut browse``
shows the survivors of the last component.
"""

from __future__ import annotations

import argparse
import difflib
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType

import libcst
from mutmut.mutation.file_mutation import create_mutations, deep_replace

from tests.meta.mutation_copy import (
    COPY,
    OPTIONS,
    PACKAGE,
    PINS,
    ROOT,
    STATEMENTS,
    all_modules,
    all_tests,
    component_of,
    dotted,
    nearest_tests,
    prepare,
    source_of,
    tests_with_statements,
)
from tests.meta.mutation_forks import RECORD, Forks

#: Required percentage of killed mutants in each component.
ENOUGH = 95
SECONDS = 300
#: The mutants of functions, and those outside of functions.
PARTS = (FUNCTIONS, REST) = ("functions", "outside")
#: The output of the last process that ran tests.
OUTPUT = COPY / "pytest.log"
#: A line for each mutant outside of functions: its name, verdict and diff.
OUTSIDE = COPY / "outside.jsonl"
#: Characters of an output that are shown if it has an error.
LONGEST_OUTPUT = 5000
#: Seconds between two lines that show the progress.
INTERVAL = 30
#: Other databases, on which mutants that survive on SQLite are tested.
DATABASES = [
    name for name in ("postgresql", "mariadb") if f"TOKENAUTH_TEST_{name.upper()}" in os.environ
]
#: Imported once, for all processes that test a mutant. Nothing here may need settings.
PRELOADED = (
    *("cryptography.hazmat.primitives.asymmetric.rsa", "django.core.management"),
    *("django.db.backends.sqlite3.base", "django.db.models", "django.test", "jwt", "pytest"),
    *("django.core.serializers.json", "django.http", "django.urls", "django.forms", "psycopg"),
    *("django.template", "hypothesis.strategies", "pytest_django", "time_machine"),
)
#: Writes the mutants of functions to ``mutants/``.
MUTMUT = """\
from pathlib import Path
from mutmut.__main__ import copy_also_copy_files, copy_src_dir, create_mutants

Path("mutants").mkdir()
copy_src_dir()
copy_also_copy_files()
create_mutants(1)
for name in ("docs", "example_project", "README.rst"):
    if not (copy := Path("mutants", name)).exists():
        copy.symlink_to(Path(name).resolve())
"""


def mutate_functions(modules: list[str], tests: list[str], processes: int) -> dict[str, str]:
    """Test the mutants of functions in forks, and return the verdicts by mutant."""
    created = subprocess.run(
        [sys.executable, "-c", MUTMUT], cwd=COPY, capture_output=True, text=True, check=False
    )
    if created.returncode:
        sys.exit(f"mutmut failed:\n{created.stdout}{created.stderr}"[-LONGEST_OUTPUT:])
    verdicts = COPY / "verdicts.json"
    forks = Forks(
        mutants={module: mutants_of(module) for module in modules},
        near={module: nearest_tests(module) for module in modules},
        verdicts=verdicts,
        output=os.fdopen(os.dup(1), "w"),
        processes=processes,
    )
    if run(tests, forks, MUTANT_UNDER_TEST=RECORD) != "survived":
        sys.exit(f"The tests fail without a mutant:\n{OUTPUT.read_text()[-LONGEST_OUTPUT:]}")
    found: dict[str, str] = json.loads(verdicts.read_text())
    return found


def mutants_of(module: str) -> list[str]:
    """Return the mutants of the functions of a module."""
    path = COPY / "mutants" / PACKAGE / f"{module}.py.meta"
    return [*json.loads(path.read_text())["exit_code_by_key"]] if path.exists() else []


def say(title: str, found: Iterable[str]) -> None:
    counts = Counter(found)
    tested = ", ".join(f"{number} {verdict}" for verdict, number in sorted(counts.items()))
    print(time.strftime("%H:%M:%S"), f"{title}: {tested}", flush=True)


def mutate_outside_of_functions(modules: Iterable[str]) -> Iterator[tuple[str, str, str]]:
    """Yield the name, verdict and diff of each mutant outside of functions."""
    for module in modules:
        path = source_of(module)
        source = path.read_text()
        tree, mutations, _, _ = create_mutations(str(path), source)
        for number, mutation in enumerate(mutations):
            if isinstance(mutation.contained_by_top_level_function, libcst.FunctionDef):
                continue
            changed = deep_replace(tree, mutation.original_node, mutation.mutated_node)
            assert isinstance(changed, libcst.Module)
            path.write_text(changed.code)
            # Python compares the times of a file and its bytecode in seconds.
            os.utime(path, (number, number))
            near = nearest_tests(module)
            verdict = run([*near, PINS] if PINS not in near else near)
            if verdict == "survived":
                verdict = elsewhere(module)
            difference = difflib.unified_diff(
                source.splitlines(), changed.code.splitlines(), n=0, lineterm=""
            )
            yield f"{dotted(module)}.{number}", verdict, "\n".join([*difference][2:])
        path.write_text(source)


def elsewhere(module: str, **environment: str) -> str:
    """Return the verdict of the other databases on a mutant that survived on SQLite."""
    if has_statements(module):
        tests = [*nearest_tests(module), *tests_with_statements()]
        for database in DATABASES:
            if run([*tests, "--create-db"], None, DATABASE=database, **environment) != "survived":
                return "elsewhere"
    return "survived"


def has_statements(module: str) -> bool:
    return not {module, component_of(module)}.isdisjoint(STATEMENTS)


def run(tests: list[str], forks: Forks | None = None, **environment: str) -> str:
    """Run pytest in a process that has imported everything but the package and the tests."""
    for name in PRELOADED:
        import_module(name)
    process = os.fork()
    if not process:
        code = 1
        try:
            code = _pytest(tests, forks, environment)
        finally:
            os._exit(code)
    _, status = os.waitpid(process, 0)
    Path(COPY, f"tokenauth-{process}.sqlite3").unlink(missing_ok=True)
    code = os.waitstatus_to_exitcode(status)
    if code == -signal.SIGALRM:
        return "timeout"
    return "killed" if code else "survived"


def _pytest(tests: list[str], forks: Forks | None, environment: dict[str, str]) -> int:
    if forks is None:
        signal.alarm(SECONDS)
    # mutmut keeps the mutants of functions in its own folder.
    folder = COPY / "mutants" if "MUTANT_UNDER_TEST" in environment else COPY
    os.chdir(folder)
    os.environ.update(environment)
    # The other modules of the copy are compiled once.
    sys.dont_write_bytecode = False
    output = os.open(OUTPUT, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(output, 1)
    os.dup2(output, 2)
    sys.path[:] = [str(folder), *(path for path in sys.path if path not in ("", str(ROOT)))]
    for name in [name for name in sys.modules if name.partition(".")[0] == "tests"]:
        del sys.modules[name]
    # Processes that the tests spawn import the main module.
    sys.modules["__main__"] = ModuleType("__main__")
    plugins = [] if forks is None else [forks]
    # With "-x", a test that fails would remove the tables before the forks.
    stop = ["-x"] if forks is None else []
    return int(import_module("pytest").main([*stop, "-q", *OPTIONS, *tests], plugins))


def show(name: str) -> str:
    command = [sys.executable, "-m", "mutmut", "show", name]
    shown = subprocess.run(command, check=True, cwd=COPY, text=True, stdout=subprocess.PIPE)
    lines = shown.stdout.splitlines()
    return "\n".join(line for line in lines if line.startswith(("-", "+")))


def module_of(mutant: str) -> str:
    """Return the path of the module of a mutant."""
    path = "/".join(mutant.split(".")[1:-1])
    return f"{path}/__init__".lstrip("/") if (ROOT / PACKAGE / path).is_dir() else path


def measure(
    modules: list[str], parts: Collection[str], processes: int
) -> tuple[dict[str, str], dict[str, str]]:
    """Return the verdicts on the mutants of the modules, and the diffs of the survivors."""
    tests = all_tests()
    prepare(modules)
    say(f"{len(modules)} modules, {len(tests)} test modules", ())
    # All tests run without a mutant before the functions are tested.
    verdict = run([PINS])
    for module in list(filter(has_statements, modules))[:1]:
        verdict = verdict if verdict != "survived" else elsewhere(module)
    if verdict != "survived":
        sys.exit(f"The tests fail without a mutant:\n{OUTPUT.read_text()[-LONGEST_OUTPUT:]}")
    found = mutate_functions(modules, tests, processes) if FUNCTIONS in parts else {}
    tested = Counter[str]()
    shown = time.monotonic()
    for name, verdict in found.items():
        module = module_of(name)
        if verdict == "at import":
            found[name] = run(nearest_tests(module), MUTANT_UNDER_TEST=name)
        if found[name] == "survived":
            found[name] = elsewhere(module, MUTANT_UNDER_TEST=name)
        tested[found[name]] += 1
        if time.monotonic() > shown + INTERVAL:
            shown = time.monotonic()
            say("functions that run at import", tested.elements())
    survivors = {name: show(name) for name, verdict in found.items() if verdict == "survived"}
    for name, verdict, difference in mutate_outside_of_functions(modules if REST in parts else ()):
        found[name] = verdict
        with OUTSIDE.open("a") as lines:
            print(json.dumps([name, verdict, difference]), file=lines)
        tested[verdict] += 1
        if verdict == "survived":
            survivors[name] = difference
        if time.monotonic() > shown + INTERVAL:
            shown = time.monotonic()
            say(f"{module_of(name)}: outside of functions", tested.elements())
    return found, survivors


def table(found: dict[str, str]) -> float:
    """Print the figures of modules and components. Return the lowest score of a component."""
    columns = ("killed", "elsewhere", "timeout", "survived")
    width = max(len(module_of(name)) for name in found) + 2
    print("module".ljust(width), "mutants", *columns, "score", sep="  ")
    worst = 100.0
    modules = sorted({module_of(name) for name in found})
    for component in sorted({component_of(module) for module in modules}):
        inside = [module for module in modules if component_of(module) == component]
        for row, members in [
            *((f"  {module}", [module]) for module in inside),
            (component, inside),
        ]:
            counts = Counter(
                verdict for name, verdict in found.items() if module_of(name) in members
            )
            caught = counts["killed"] + counts["elsewhere"] + counts["timeout"]
            score = 100 * caught / counts.total()
            figures = [str(counts[column]).rjust(len(column)) for column in columns]
            print(row.ljust(width), f"{counts.total():7}", *figures, f"{score:5.1f}", sep="  ")
        worst = min(worst, score)
    return worst


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("names", nargs="*", metavar="component or module", help="all without one")
    parser.add_argument(
        "--processes",
        type=int,
        default=os.cpu_count() or 1,
        help="mutants of functions that are tested at the same time (default: %(default)s)",
    )
    parser.add_argument("--part", choices=PARTS, help="mutate only these (default: both)")
    arguments = parser.parse_args()
    names = arguments.names
    modules = [
        module
        for module in all_modules()
        if not names or module in names or component_of(module) in names
    ]
    known = {*modules, *map(component_of, modules)}
    if unknown := [name for name in names if name not in known]:
        parser.error(f"{', '.join(unknown)}: no component or module of the package")
    found, survivors = measure(
        modules, [arguments.part] if arguments.part else PARTS, arguments.processes
    )
    for name, difference in survivors.items():
        print(f"\n{name}\n{difference}")
    print(flush=True)
    if table(found) < ENOUGH:
        sys.exit(f"A component has fewer than {ENOUGH} % killed mutants.")


if __name__ == "__main__":
    main()
