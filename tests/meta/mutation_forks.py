"""Test the mutants of functions in forks of one process, which has imported all tests.

A process that imports the package and the tests for each mutant takes ten times as long.
"""

from __future__ import annotations

import gc
import json
import os
import shutil
import signal
import sys
import time
import traceback
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

import pytest
from django.db import connections
from mutmut.mutation.trampoline import set_mutant_under_test
from mutmut.state import state

from tests.meta.mutation_copy import PACKAGE

#: The name of a mutant that records the calls of all functions.
RECORD = "stats"
#: Of the tests that are not the nearest ones: the cases of a test, and the number of all.
CASES = 2
OTHERS = 200
#: Tests that must pass in a fork without a mutant, of those that are the first for each module.
CONTROLS = 30
#: The exit status of a fork that could not test.
BROKEN = 3
#: The time limit of a mutant: seconds, and multiples of the time of its tests.
SECONDS = 10
MULTIPLES = 4
#: The time limit of a mutant that waits, as a multiple of the limit above.
WAITING = 15
#: Seconds between two lines that show the progress.
INTERVAL = 30


@dataclass
class Forks:
    """A plugin of pytest. It runs all tests once, and tests each mutant in a fork.

    A test that fails without a mutant is shown and not used.

    ``mutants`` has the names by module, and ``near`` the test modules that run first by module. The
    verdicts are written to the file ``verdicts``, and the progress to ``output``. ``processes``
    mutants are tested at the same time.
    """

    mutants: dict[str, list[str]]
    near: dict[str, list[str]]
    verdicts: Path
    output: TextIO
    processes: int = 1
    _seconds: dict[str, float] = field(default_factory=dict)
    _tests: defaultdict[str, list[pytest.Item]] = field(default_factory=lambda: defaultdict(list))
    #: The tests that killed mutants of a function, the last one first. Most mutants of a function
    #: are killed by the same tests.
    _killers: defaultdict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    _running: dict[int, _Running] = field(default_factory=dict)
    _found: dict[str, str] = field(default_factory=dict)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        at_import = set(state()._stats)
        state()._stats.clear()
        self._run_without_mutant(session)
        connections.close_all()
        gc.freeze()
        # The tests must not find the mutant that records the calls.
        set_mutant_under_test("")
        shown = time.monotonic()
        for module, names in self.mutants.items():
            self._pass_without_mutant(session, module, names)
            for name in names:
                if tests := self._tests_of(module, name):
                    self._start(session, name, tests)
                else:
                    self._found[name] = "survived"
                if time.monotonic() > shown + INTERVAL:
                    shown = time.monotonic()
                    self._say(module)
                    self.verdicts.write_text(json.dumps(self._found))
        self._wait_for(0)
        for name, verdict in self._found.items():
            if verdict == "survived" and _function_of(name) in at_import:
                self._found[name] = "at import"
        self.verdicts.write_text(json.dumps(self._found))
        self._say("all modules")
        return True

    def _pass_without_mutant(self, session: pytest.Session, module: str, names: list[str]) -> None:
        """Raise ``RuntimeError`` if a test fails in a fork without a mutant."""
        tests = {item: None for name in names for item in self._tests_of(module, name)[:CONTROLS]}
        if tests:
            self._start(session, "", [*tests])
            self._wait_for(0)
            if self._found.pop("") != "survived":
                killer = self._killers[""][0]
                raise RuntimeError(f"Without a mutant, {killer} fails in a fork for {module}.")

    def _run_without_mutant(self, session: pytest.Session) -> None:
        """Record the functions that each test calls, and its time."""
        set_mutant_under_test(RECORD)
        items = session.items
        for item, following in _pairs(items):
            # A call whose result an earlier test has cached would not be recorded.
            _clear_caches()
            start = time.perf_counter()
            # A following test keeps the fixtures of the session: they are set up once.
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=following or items[0])
            self._seconds[item.nodeid] = time.perf_counter() - start
            if session.testsfailed:
                # It cannot tell whether a mutant is noticed.
                print("fails without a mutant:", item.nodeid, file=self.output, flush=True)
                session.testsfailed, session._shouldfail = 0, False
            else:
                for function in state()._stats:
                    self._tests[function].append(item)
            state()._stats.clear()

    def _say(self, module: str) -> None:
        counts = Counter(self._found.values())
        tested = ", ".join(f"{number} {verdict}" for verdict, number in sorted(counts.items()))
        total = sum(map(len, self.mutants.values()))
        print(
            time.strftime("%H:%M:%S"),
            f"{module}: {tested} of {total}",
            file=self.output,
            flush=True,
        )

    def _tests_of(self, module: str, mutant: str) -> list[pytest.Item]:
        """Return the tests that reach the mutant: all nearest ones, then the fastest others.

        Tests that killed other mutants of the function come first.
        """
        tests = sorted(
            self._tests[_function_of(mutant)], key=lambda item: self._seconds[item.nodeid]
        )
        near = [item for item in tests if _module_of(item) in self.near[module]]
        others: defaultdict[str, list[pytest.Item]] = defaultdict(list)
        for item in tests:
            if _module_of(item) not in self.near[module]:
                others[item.nodeid.partition("[")[0]].append(item)
        first = [item for cases in others.values() for item in cases[:CASES]]
        killers = self._killers[_function_of(mutant)]
        chosen = {item.nodeid: item for item in near + first[:OTHERS]}
        return [*(chosen.pop(name) for name in killers if name in chosen), *chosen.values()]

    def _start(self, session: pytest.Session, mutant: str, tests: list[pytest.Item]) -> None:
        """Test the mutant in a fork, after one of the running forks has ended."""
        self._wait_for(self.processes - 1)
        reading, writing = os.pipe()
        process = os.fork()
        if not process:
            code = BROKEN
            try:
                limit = SECONDS + MULTIPLES * sum(self._seconds[item.nodeid] for item in tests)
                # Other processes may use the processors, so a busy loop is found by CPU time.
                signal.setitimer(signal.ITIMER_PROF, limit)
                signal.alarm(WAITING * int(limit))
                killer = _run(session, mutant, tests)
                os.write(writing, killer.encode())
                code = int(bool(killer))
            except BaseException:
                traceback.print_exc(file=self.output)
                self.output.flush()
                raise
            finally:
                os._exit(code)
        os.close(writing)
        self._running[process] = _Running(mutant, reading)

    def _wait_for(self, number: int) -> None:
        """Wait until at most *number* forks run."""
        while len(self._running) > number:
            process, status = os.wait()
            if process not in self._running:
                # A test started it, and did not wait for its end.
                continue
            fork = self._running.pop(process)
            _tables_of(process).unlink(missing_ok=True)
            with os.fdopen(fork.reading) as pipe:
                killer = pipe.read()
            code = os.waitstatus_to_exitcode(status)
            if code == BROKEN:
                raise RuntimeError(
                    f"The process that tests {fork.mutant or 'no mutant'} is broken."
                )
            if code in (-signal.SIGPROF, -signal.SIGALRM):
                self._found[fork.mutant] = "timeout"
            else:
                self._found[fork.mutant] = "killed" if code else "survived"
            if killer:
                killers = self._killers[_function_of(fork.mutant)]
                killers[:] = [killer, *(name for name in killers if name != killer)]


@dataclass
class _Running:
    """A mutant that a fork tests, and a pipe from which to read the test that failed."""

    mutant: str
    reading: int


def _run(session: pytest.Session, mutant: str, tests: list[pytest.Item]) -> str:
    """Run the tests until one fails, and return its id."""
    _use_tables_of_its_own()
    _clear_caches()
    session.config.option.tbstyle = "no"
    set_mutant_under_test(mutant)
    session._setupstate.teardown_exact(tests[0])
    for item, following in _pairs(tests):
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        if session.testsfailed:
            return item.nodeid
    return ""


def _function_of(mutant: str) -> str:
    return mutant.partition("__mutmut_")[0]


def _clear_caches() -> None:
    """Clear the function caches of the package, which hold results of the functions unchanged."""
    for name, module in [*sys.modules.items()]:
        if name.startswith(PACKAGE):
            for value in vars(module).values():
                # Modules also import the type of such caches.
                if not isinstance(value, type) and hasattr(value, "cache_clear"):
                    value.cache_clear()


def _use_tables_of_its_own() -> None:
    """Copy the tables: a mutant can leave rows behind, which would fail the tests of the next."""
    settings = connections["default"].settings_dict
    if settings["NAME"] == ":memory:":
        # No test of this run has used a table.
        return
    copied = shutil.copy(settings["NAME"], _tables_of(os.getpid()))
    settings["NAME"] = settings["TEST"]["NAME"] = str(copied)


def _tables_of(process: int) -> Path:
    return Path(f"tables-{process}.sqlite3").resolve()


def _module_of(item: pytest.Item) -> str:
    return item.nodeid.partition("::")[0]


def _pairs(items: list[pytest.Item]) -> Iterator[tuple[pytest.Item, pytest.Item | None]]:
    return zip(items, [*items[1:], None], strict=True)
