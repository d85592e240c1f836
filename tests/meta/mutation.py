"""Mutation testing: ``python -m tests.meta.mutation [component or module ...]``.

It lists the mutants that survive, and their number in each module and component.

mutmut changes one operator, constant or argument at a time and runs the tests that reach it. All
modules of the package are mutated except migrations, one component after the other. The name of
the package stands for the modules outside the components. mutmut works on a copy, ``.mutation/``,
for three reasons:

* mutmut skips decorated functions. The copy replaces ``@decorator def f`` by ``def f`` and
  ``f = decorator(f)``.
* mutmut skips code outside of functions: constants, patterns, class attributes and decorators. This
  script creates such mutants with mutmut's operators, and tests each in its own process. Functions
  that only run at import are tested in this way, too.
* mutmut selects tests by parameter ids, which can differ when a process collects tests again. Here
  each test runs with all parameters. The tests of the module run first. The other tests that reach
  the function run if those pass (``mutation_copy.py``).

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
from collections.abc import Iterable, Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType

import libcst
from mutmut.mutation.file_mutation import create_mutations, deep_replace

from tests.meta.mutation_copy import (
    COPY,
    OPTIONS,
    OTHER_PROCESSES,
    PACKAGE,
    PINS,
    ROOT,
    all_modules,
    chosen_tests,
    component_of,
    dotted,
    nearest_tests,
    prepare,
    source_of,
)

#: Required percentage of killed mutants in each component.
ENOUGH = 95
#: Exit codes of mutmut. Any other code is an error of the run.
VERDICTS = {0: "survived", 1: "killed", 3: "killed", 33: "no tests", 36: "timeout"}
VERDICTS |= dict.fromkeys((-24, 24, 152), "timeout")
SECONDS = 300
#: The output of the last process that ran tests.
OUTPUT = COPY / "pytest.log"
#: Characters of an output that are shown if it has an error.
LONGEST_OUTPUT = 5000
#: Seconds between two lines that show the progress.
INTERVAL = 30
#: Other databases, on which mutants that survive on SQLite are tested.
DATABASES = [
    name for name in ("postgresql", "mariadb") if f"TOKENAUTH_TEST_{name.upper()}" in os.environ
]
#: Components and modules with statements. The tests of the first two components run there.
STATEMENTS = ("services", "sessions", "admin", "models")
#: Imported once, for all processes that test a mutant. Nothing here may need settings.
PRELOADED = (
    *("cryptography.hazmat.primitives.asymmetric.rsa", "django.core.management"),
    *("django.db.backends.sqlite3.base", "django.db.models", "django.test", "jwt", "pytest"),
)
#: Runs mutmut without its second run of all tests, which takes as long as the first one.
MUTMUT = """\
from mutmut.__main__ import cli
from mutmut.workers.isolation import ForkServerRunner

ForkServerRunner.run_clean_tests = lambda runner, tests: 0
cli()
"""


def mutate_functions(component: str) -> dict[str, str]:
    """Run mutmut and return the verdicts by mutant."""
    mutmut([], f"{component}: functions, nearest tests", NEAREST="1")
    if missed := [name for name, verdict in verdicts().items() if verdict == "survived"]:
        mutmut(missed, f"{component}: functions, other tests")
    return verdicts()


def mutmut(mutants: list[str], title: str, **environment: str) -> None:
    """Run mutmut on these mutants, or all, and show the progress."""
    command = [sys.executable, "-c", MUTMUT, "run", "--max-children", "1", *mutants]
    with (COPY / "mutmut.log").open("a") as log:
        running = subprocess.Popen(
            command, cwd=COPY, env={**os.environ, **environment}, stdout=log, stderr=log
        )
        while True:
            try:
                code = running.wait(INTERVAL)
            except subprocess.TimeoutExpired:
                say(title, verdicts().values())
            else:
                break
    say(title, verdicts().values())
    if code:
        sys.exit(f"mutmut failed:\n{(COPY / 'mutmut.log').read_text()[-LONGEST_OUTPUT:]}")


def say(title: str, found: Iterable[str]) -> None:
    counts = Counter(found)
    tested = ", ".join(f"{number} {verdict}" for verdict, number in sorted(counts.items()))
    print(time.strftime("%H:%M:%S"), f"{title}: {tested}", flush=True)


def verdicts() -> dict[str, str]:
    found = {}
    for path in sorted((COPY / "mutants" / PACKAGE).rglob("*.meta")):
        try:
            codes = json.loads(path.read_text())["exit_code_by_key"]
        except json.JSONDecodeError:
            # mutmut is writing the file.
            continue
        for name, code in codes.items():
            found[name] = "not tested" if code is None else VERDICTS.get(code, "error")
    return found


def mutate_outside_of_functions(
    modules: Iterable[str], tests: list[str]
) -> Iterator[tuple[str, str, str]]:
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
            verdict = in_steps(module, [*tests, PINS])
            difference = difflib.unified_diff(
                source.splitlines(), changed.code.splitlines(), n=0, lineterm=""
            )
            yield f"{dotted(module)}.{number}", verdict, "\n".join([*difference][2:])
        path.write_text(source)


def in_steps(module: str, tests: list[str], **environment: str) -> str:
    """Return the verdict of the nearest tests, then the others, then the other databases."""
    near = nearest_tests(module)
    verdict = run(near, **environment)
    if verdict == "survived":
        verdict = run([*(set(tests) - set(near)), *OTHER_PROCESSES], **environment)
    return elsewhere(module, tests, **environment) if verdict == "survived" else verdict


def elsewhere(module: str, tests: list[str], **environment: str) -> str:
    """Return the verdict of the other databases on a mutant that survived on SQLite."""
    if not has_statements(module):
        return "survived"
    components = tuple(f"tests/integration/{component}/" for component in STATEMENTS)
    near = nearest_tests(module)
    chosen = [name for name in tests if name in near or name.startswith(components)]
    for database in DATABASES:
        if run([*chosen, "--create-db"], DATABASE=database, **environment) != "survived":
            return "elsewhere"
    return "survived"


def has_statements(module: str) -> bool:
    return bool({module, component_of(module)} & {*STATEMENTS})


def run(tests: list[str], **environment: str) -> str:
    """Run pytest in a process that has imported everything but the package and the tests."""
    for name in PRELOADED:
        import_module(name)
    process = os.fork()
    if not process:
        code = 1
        try:
            code = _pytest(tests, environment)
        finally:
            os._exit(code)
    _, status = os.waitpid(process, 0)
    Path(COPY, f"tokenauth-{process}.sqlite3").unlink(missing_ok=True)
    code = os.waitstatus_to_exitcode(status)
    if code == -signal.SIGALRM:
        return "timeout"
    return "killed" if code else "survived"


def _pytest(tests: list[str], environment: dict[str, str]) -> int:
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
    return int(import_module("pytest").main(["-x", "-q", *OPTIONS, *tests]))


def show(name: str) -> str:
    command = [sys.executable, "-m", "mutmut", "show", name]
    shown = subprocess.run(command, check=True, cwd=COPY, text=True, stdout=subprocess.PIPE)
    lines = shown.stdout.splitlines()
    return "\n".join(line for line in lines if line.startswith(("-", "+")))


def module_of(mutant: str) -> str:
    """Return the path of the module of a mutant."""
    path = "/".join(mutant.split(".")[1:-1])
    return f"{path}/__init__".lstrip("/") if (ROOT / PACKAGE / path).is_dir() else path


def measure(component: str, modules: list[str]) -> tuple[dict[str, str], dict[str, str]]:
    """Return the verdicts on the mutants of the modules, and the diffs of the survivors."""
    tests = chosen_tests(component)
    prepare(modules, tests)
    say(f"{component}: {len(modules)} modules, {len(tests)} test modules", ())
    # mutmut runs all tests without a mutant.
    nearest = {name for module in modules for name in nearest_tests(module)}
    verdict = run([*nearest, *OTHER_PROCESSES, PINS])
    for module in list(filter(has_statements, modules))[:1]:
        verdict = verdict if verdict != "survived" else elsewhere(module, tests)
    if verdict != "survived":
        sys.exit(f"The tests fail without a mutant:\n{OUTPUT.read_text()[-LONGEST_OUTPUT:]}")
    found = mutate_functions(component)
    for name, verdict in found.items():
        module = module_of(name)
        if verdict == "survived":
            # mutmut forks after the imports, so it has not tested what runs at import.
            found[name] = run(nearest_tests(module), MUTANT_UNDER_TEST=name)
            if found[name] == "survived":
                found[name] = elsewhere(module, tests, MUTANT_UNDER_TEST=name)
        if verdict in ("error", "no tests"):
            found[name] = in_steps(module, tests, MUTANT_UNDER_TEST=name)
    survivors = {name: show(name) for name, verdict in found.items() if verdict == "survived"}
    shown = time.monotonic()
    outside = {}
    for name, verdict, difference in mutate_outside_of_functions(modules, tests):
        outside[name] = verdict
        if verdict == "survived":
            survivors[name] = difference
        if time.monotonic() > shown + INTERVAL:
            shown = time.monotonic()
            say(f"{component}: outside of functions", outside.values())
    return found | outside, survivors


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
    names = parser.parse_args().names
    modules = [
        module
        for module in all_modules()
        if not names or module in names or component_of(module) in names
    ]
    known = {*modules, *map(component_of, modules)}
    if unknown := [name for name in names if name not in known]:
        parser.error(f"{', '.join(unknown)}: no component or module of the package")
    found: dict[str, str] = {}
    for component in dict.fromkeys(map(component_of, modules)):
        verdicts, survivors = measure(
            component, [name for name in modules if component_of(name) == component]
        )
        found |= verdicts
        for name, difference in survivors.items():
            print(f"\n{name}: {verdicts[name]}\n{difference}")
        print(flush=True)
    if table(found) < ENOUGH:
        sys.exit(f"A component has fewer than {ENOUGH} % killed mutants.")


if __name__ == "__main__":
    main()
