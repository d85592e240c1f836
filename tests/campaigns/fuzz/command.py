"""The command: its options, rounds in one or several processes, progress, and the exit code."""

from __future__ import annotations

import argparse
import atexit
import multiprocessing
import sys
import traceback
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from contextlib import ExitStack
from time import perf_counter

from django.core.management import call_command

from tests.campaigns.fuzz import report
from tests.campaigns.fuzz.campaign import (
    BATCH,
    BATCHES,
    Failure,
    Tally,
    describe_error,
    run_round,
    seed_of_round,
)
from tests.campaigns.fuzz.inputs import Input, from_text
from tests.campaigns.fuzz.project import fixed_project, populate
from tests.campaigns.fuzz.registry import TARGETS, target
from tests.campaigns.fuzz.targets import capture_logs

Pool = ProcessPoolExecutor | None

PROGRESS_INTERVAL = 3
DESCRIPTION = "Send mutated tokens, headers and bodies to the code that reads them."
EXAMPLES = """
examples:
  python -m tests.campaigns.fuzz                                        the default run
  python -m tests.campaigns.fuzz --iterations 1000000 --processes 2     before a release
  python -m tests.campaigns.fuzz --target refresh --target access --seed 7
  python -m tests.campaigns.fuzz --target access --replay TEXT          replay a failure

The database is SQLite in memory, and there is no network traffic. The exit code is 0 without
failures, 1 with failures, and 2 for invalid options.
"""
# The settings and the clock of this process.
_fixed = ExitStack()


def prepare() -> None:
    """Set up the database, the settings and the clock of this process."""
    call_command("migrate", verbosity=0, run_syncdb=True)
    _fixed.enter_context(fixed_project())
    atexit.register(_fixed.close)
    populate()


def one_round(name: str, round_seed: int, batches: int) -> Tally:
    """Run one round in this process."""
    return run_round(name, target(name), round_seed, batches=batches)


def rounds(
    name: str, iterations: int, arguments: argparse.Namespace, pool: Pool
) -> Iterator[Tally]:
    """Yield the results of rounds, as many at a time as there are processes."""
    # The first batch of a round repeats the simplest input.
    batches = min(BATCHES, 2 + iterations // BATCH[1])
    number = 0
    running: set[Future[Tally]] = set()
    try:
        while True:
            if pool is None:
                yield one_round(name, seed_of_round(arguments.seed, name, number), batches)
                number += 1
                continue
            while len(running) < arguments.processes:
                round_seed = seed_of_round(arguments.seed, name, number)
                running.add(pool.submit(one_round, name, round_seed, batches))
                number += 1
            done, running = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                yield future.result()
    finally:
        for future in running:
            future.cancel()


def run_target(name: str, iterations: int, arguments: argparse.Namespace, pool: Pool) -> Tally:
    """Send ``iterations`` inputs to a target and print the progress."""
    tally, last = Tally(), perf_counter()
    for result in rounds(name, iterations, arguments, pool):
        tally.add(result)
        finished = tally.inputs >= iterations or tally.failures
        if finished or perf_counter() > last + PROGRESS_INTERVAL:
            last = perf_counter()
            done = f"{tally.inputs:,} of {iterations:,}"
            print_line(f"{name:<17} {done:>22}, {len(tally.failures)} failures")
        if finished:
            break
    return tally


def print_line(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def replay(name: str, case: Input) -> int:
    """Replay one printed input and return the exit code."""
    with capture_logs() as log:
        try:
            outcome = target(name).check(case, log)
        except Exception as error:  # noqa: BLE001
            print_line(report.describe(Failure(name, describe_error(error), case)))
            print_line("".join(traceback.format_exception(error)))
            return 1
    print_line(f"{name}: {outcome}, as expected")
    return 0


def parse_options(arguments: list[str]) -> argparse.Namespace:
    listed = "\n".join(f"  {name:<17} {entry.description}" for name, entry in TARGETS.items())
    parser = argparse.ArgumentParser(
        prog="python -m tests.campaigns.fuzz",
        description=f"{DESCRIPTION}\n\ntargets:\n{listed}",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--iterations",
        type=positive,
        default=100_000,
        metavar="N",
        help="number of inputs of all targets (100,000)",
    )
    parser.add_argument(
        "--processes", type=positive, default=1, metavar="P", help="number of processes (1)"
    )
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="seed of the inputs (0)")
    parser.add_argument(
        "--target",
        action="append",
        choices=TARGETS,
        metavar="NAME",
        help="run only this target; can be repeated (all)",
    )
    parser.add_argument("--replay", type=one_input, metavar="TEXT", help="replay one failing input")
    options = parser.parse_args(arguments)
    if options.replay is not None and len(options.target or ()) != 1:
        parser.error("--replay needs one --target, that of the input.")
    return options


def one_input(text: str) -> Input:
    try:
        return from_text(text)
    except (ValueError, TypeError, AttributeError):
        raise argparse.ArgumentTypeError("must be the text that a failure printed") from None


def positive(text: str) -> int:
    if (number := int(text)) < 1:
        raise argparse.ArgumentTypeError("must be a positive integer")
    return number


def main(options: list[str]) -> int:
    arguments = parse_options(options)
    if arguments.replay is not None:
        prepare()
        return replay(arguments.target[0], arguments.replay)
    shares = {name: TARGETS[name].share for name in arguments.target or TARGETS}
    tallies = {}
    started = perf_counter()
    with ExitStack() as stack:
        pool = None
        if arguments.processes > 1:
            fork = multiprocessing.get_context("fork")
            pool = ProcessPoolExecutor(arguments.processes, fork, initializer=prepare)
            stack.enter_context(pool)
        else:
            prepare()
        for name, share in shares.items():
            iterations = -(-arguments.iterations * share // sum(shares.values()))
            tallies[name] = run_target(name, iterations, arguments, pool)
    print_line(f"\n{report.table(tallies)}")
    print_line(f"seed {arguments.seed}, {perf_counter() - started:,.0f} s elapsed")
    failures = [each for tally in tallies.values() for each in tally.failures]
    for failure in failures:
        print_line(f"\n{report.describe(failure)}")
    # Without an accepted input, the comparison proves nothing.
    idle = [name for name, tally in tallies.items() if not tally.outcomes["accepted"]]
    for name in idle:
        print_line(f"\nFAILED {name}: no input was accepted")
    return int(bool(failures or idle))
