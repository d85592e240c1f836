"""The command: arguments, rounds in one process or several, progress, and the exit code."""

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
from tests.campaigns.fuzz.campaign import BATCH, BATCHES, Failure, Tally, number_of, run_round, told
from tests.campaigns.fuzz.inputs import Input, from_text
from tests.campaigns.fuzz.project import populate, standing_still
from tests.campaigns.fuzz.registry import TARGETS, target
from tests.campaigns.fuzz.targets import everything_logged

Pool = ProcessPoolExecutor | None

SECONDS_BETWEEN_LINES = 3
ABOUT = "Gives mutated tokens, headers and bodies to the code that reads them."
EXAMPLES = """
examples:
  python -m tests.campaigns.fuzz                                        a minute or two
  python -m tests.campaigns.fuzz --iterations 1000000 --processes 2     before a release
  python -m tests.campaigns.fuzz --target refresh --target access --seed 7
  python -m tests.campaigns.fuzz --target access --again TEXT           one input of a failure

The database is SQLite in memory; nothing is sent over a network. The exit code is 0 if everything
held, 1 if something failed, 2 for arguments that make no sense.
"""
# For the life of a process: its settings and its clock.
_still = ExitStack()


def prepare() -> None:
    """Give this process its database, its settings and its clock."""
    call_command("migrate", verbosity=0, run_syncdb=True)
    _still.enter_context(standing_still())
    atexit.register(_still.close)
    populate()


def one_round(name: str, number: int, batches: int) -> Tally:
    """One round in this process."""
    return run_round(name, target(name), number, batches=batches)


def rounds(name: str, wanted: int, arguments: argparse.Namespace, pool: Pool) -> Iterator[Tally]:
    """Round after round of a target, as many at a time as there are processes."""
    # The first batch of a round is the simplest input, over and over.
    batches = min(BATCHES, 2 + wanted // BATCH[1])
    turn = 0
    running: set[Future[Tally]] = set()
    try:
        while True:
            if pool is None:
                yield one_round(name, number_of(arguments.seed, name, turn), batches)
                turn += 1
                continue
            while len(running) < arguments.processes:
                number = number_of(arguments.seed, name, turn)
                running.add(pool.submit(one_round, name, number, batches))
                turn += 1
            done, running = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                yield future.result()
    finally:
        for future in running:
            future.cancel()


def run_target(name: str, wanted: int, arguments: argparse.Namespace, pool: Pool) -> Tally:
    """Give ``wanted`` inputs to a target, and say every few seconds how far it is."""
    tally, last = Tally(), perf_counter()
    for tallied in rounds(name, wanted, arguments, pool):
        tally.add(tallied)
        finished = tally.tried >= wanted or tally.failures
        if finished or perf_counter() > last + SECONDS_BETWEEN_LINES:
            last = perf_counter()
            done = f"{tally.tried:,} of {wanted:,}"
            say(f"{name:<17} {done:>22}, {len(tally.failures)} failures")
        if finished:
            break
    return tally


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def again(name: str, given: Input) -> int:
    """Try one input, as it was printed."""
    with everything_logged() as log:
        try:
            outcome = target(name).check(given, log)
        except Exception as error:  # noqa: BLE001
            say(report.failure(Failure(name, told(error), given)))
            say("".join(traceback.format_exception(error)))
            return 1
    say(f"{name}: {outcome}, as it should be")
    return 0


def parsed(arguments: list[str]) -> argparse.Namespace:
    listed = "\n".join(f"  {name:<17} {entry.about}" for name, entry in TARGETS.items())
    parser = argparse.ArgumentParser(
        prog="python -m tests.campaigns.fuzz",
        description=f"{ABOUT}\n\ntargets:\n{listed}",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--iterations",
        type=positive,
        default=100_000,
        metavar="N",
        help="inputs in all, shared out among the targets (100,000)",
    )
    parser.add_argument(
        "--processes", type=positive, default=1, metavar="P", help="processes at work (1)"
    )
    parser.add_argument(
        "--seed", type=int, default=0, metavar="S", help="another one gives other inputs (0)"
    )
    parser.add_argument(
        "--target",
        action="append",
        choices=TARGETS,
        metavar="NAME",
        help="this target only; may be given more than once (all)",
    )
    parser.add_argument(
        "--again", type=one_input, metavar="TEXT", help="try one input that failed before"
    )
    found = parser.parse_args(arguments)
    if found.again is not None and len(found.target or ()) != 1:
        parser.error("--again needs the one --target that the input is for.")
    return found


def one_input(text: str) -> Input:
    try:
        return from_text(text)
    except (ValueError, TypeError, AttributeError):
        raise argparse.ArgumentTypeError("give the text that a failure printed") from None


def positive(text: str) -> int:
    if (number := int(text)) < 1:
        raise argparse.ArgumentTypeError("give a whole number above zero")
    return number


def main(options: list[str]) -> int:
    arguments = parsed(options)
    if arguments.again is not None:
        prepare()
        return again(arguments.target[0], arguments.again)
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
            wanted = -(-arguments.iterations * share // sum(shares.values()))
            tallies[name] = run_target(name, wanted, arguments, pool)
    say(f"\n{report.table(tallies)}")
    say(f"seed {arguments.seed}, {perf_counter() - started:,.0f} s on the wall clock")
    failed = [found for tally in tallies.values() for found in tally.failures]
    for found in failed:
        say(f"\n{report.failure(found)}")
    # It would be easy to agree about nothing.
    idle = [name for name, tally in tallies.items() if not tally.outcomes["accepted"]]
    for name in idle:
        say(f"\nFAILED {name}: not one input was accepted")
    return int(bool(failed or idle))
