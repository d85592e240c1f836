"""Apply 40 and more defects to a copy of the project, one at a time. A test must catch each.

Run it with ``python -m tests.meta.defects [NUMBER ...]``. The exit status is 0 if a test fails for
each defect, and 1 otherwise.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.meta.defect_list import DEFECTS, Defect
from tests.support import vectors

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "django_tokenauth"
COPIED = ("django_tokenauth", "tests", "example_project", "benchmarks", "docs")
FILES = ("setup.cfg", "pyproject.toml", "tox.ini")
#: Seconds after which a run counts as caught, because a test hangs.
TIMEOUT = 900
#: Seconds for all tests without a defect, also on a busy machine.
LONGEST = 3600
#: A failed test in pytest's summary, with the error.
FAILURE = re.compile(r"^(?:FAILED|ERROR) (.+?)(?: - (.*))?$", re.MULTILINE)
#: Errors of code that cannot run at all, which any test would find.
BROKEN = re.compile(r"(NameError|ImportError|ModuleNotFoundError|SyntaxError|IndentationError)\b")


@dataclass(frozen=True)
class Result:
    """The first test that failed with the defect, or ``None`` if all passed."""

    defect: Defect
    test: str | None
    seconds: float


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser("python -m tests.meta.defects", description=__doc__)
    parser.add_argument("number", nargs="*", type=int, help="the defects to try (default: all)")
    numbers = set(parser.parse_args(arguments).number)
    chosen = [
        (number, defect)
        for number, defect in enumerate(DEFECTS, 1)
        if not numbers or number in numbers
    ]
    for _, defect in chosen:
        # A change of the code since the list was written shows before the first test runs.
        apply((PACKAGE / defect.file).read_text(encoding="utf-8"), defect)
    results: list[Result] = []
    with copied_project() as copy:
        # A test that fails without a defect would catch every defect.
        tests = sorted({test for _, defect in chosen for test in defect.tests})
        if (failed := first_failure(copy, tests, timeout=LONGEST)) is not None:
            print(f"Without any defect, this test fails: {failed}")
            return 1
        for number, defect in chosen:
            results.append(run(copy, defect))
            print(line(number, results[-1]), flush=True)
    missed = sum(result.test is None for result in results)
    print(f"{len(results) - missed} of {len(results)} defects caught.")
    return int(missed > 0)


@contextmanager
def copied_project() -> Iterator[Path]:
    """Copy the project to a temporary folder. The checkout stays unchanged."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder)
        # Some tests run as other users, who must be able to import the package.
        copy.chmod(0o755)
        for name in COPIED:
            shutil.copytree(
                ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__", "*.sqlite3")
            )
        for path in [*ROOT.glob("*.rst"), *(ROOT / name for name in FILES)]:
            shutil.copy(path, copy)
        yield copy


def apply(source: str, defect: Defect) -> str:
    """Return ``source`` with the defect. Raise ``ValueError`` unless ``old`` occurs once."""
    if source.count(defect.old) != 1:
        raise ValueError(f"{defect.file}: {defect.old!r} occurs {source.count(defect.old)} times.")
    return source.replace(defect.old, defect.new)


def run(copy: Path, defect: Defect) -> Result:
    """Run the tests of a defect, and restore the file."""
    path = copy / "django_tokenauth" / defect.file
    source = path.read_text(encoding="utf-8")
    start = time.monotonic()
    path.write_text(apply(source, defect), encoding="utf-8")
    try:
        test = first_failure(copy, defect.tests)
    finally:
        path.write_text(source, encoding="utf-8")
    return Result(defect, test, time.monotonic() - start)


def first_failure(copy: Path, tests: Sequence[str], *, timeout: int = TIMEOUT) -> str | None:
    """Run the tests and return the first failure, or ``None``.

    Raise ``RuntimeError`` if no test runs, or if the code cannot run at all.
    """
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *tests]
    environment = {
        **os.environ,
        "PYTHONDONTWRITEBYTECODE": "1",
        # Tests that catch a defect do so without the slower development mode.
        "PYTHONDEVMODE": "",
        "PYTHONPATH": str(copy),
        # Their default place is relative to the checkout.
        "TOKENAUTH_TEST_VECTORS": str(vectors.VECTORS),
        # pytest shortens the lines of its summary.
        "COLUMNS": "400",
    }
    try:
        ended = subprocess.run(
            command,
            cwd=copy,
            env=environment,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"timeout after {timeout} s"
    if ended.returncode == 0:
        return None
    return failure_in(ended.stdout, ended.stderr)


def failure_in(output: str, errors: str = "") -> str:
    """Return the first failed test of pytest's ``output``, or raise ``RuntimeError`` as above."""
    # Above the summary are log records, which may begin with ERROR too.
    failed = FAILURE.search(output.rpartition("short test summary info")[2])
    if failed is None:
        raise RuntimeError(f"pytest ran no test:\n{output}{errors}")
    test, error = failed.groups()
    if "::" not in test or (error and BROKEN.match(error)):
        raise RuntimeError(f"the code cannot run: {test} {error}\n{output}")
    return test


def line(number: int, result: Result) -> str:
    """Return the two lines of a result."""
    caught = result.test or "MISSED"
    head = f"{number:>2}  {result.defect.file:<28} {result.defect.what}"
    return f"{head}\n    {result.seconds:5.1f} s  {caught}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
