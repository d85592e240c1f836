"""How long a refused sign-in takes, for each reason: ``python -m benchmarks.sign_in_cost --help``.

Who has an account must not be told by the time of an answer (CWE-208). The tests compare the work
behind the answers; this measures the time, over the whole view and with a real password hasher. All
reasons take their turns in one run, so that what slows the machine down slows all of them. The time
of the processor is there too, because what else the machine does hardly changes it.
"""

from __future__ import annotations

import argparse
import logging
import random
import statistics
import time
from collections.abc import Iterable
from http import HTTPStatus

import django
from django.conf import settings
from django.contrib.auth import get_user_model, hashers
from django.core.management import call_command
from django.test import Client

RIGHT, WRONG = "correct horse", "another horse"

#: What is sent for each reason. The first is what the others are compared with; the second differs
#: from it in nothing that could matter, so its ratio is the noise.
REASONS = {
    "wrong password": ("alice", WRONG),
    "wrong password of another user": ("bob", WRONG),
    "unknown name": ("nobody", RIGHT),
    "inactive, right password": ("inactive", RIGHT),
    "inactive, wrong password": ("inactive", WRONG),
    "unusable password": ("unusable", RIGHT),
    "stored with half the rounds": ("older", WRONG),
}
LINE = "{:<32}{:>11}{:>8}{:>13}{:>8}"


def prepare(hasher: str) -> None:
    """A project in memory that throttles nobody, with its users."""
    settings.configure(
        SECRET_KEY="the secret key of a benchmark, longer than 32 bytes",  # noqa: S106
        ALLOWED_HOSTS=["testserver"],
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
        INSTALLED_APPS=[
            "django.contrib.auth",
            "django.contrib.contenttypes",
            "rest_framework",
            "django_tokenauth",
        ],
        PASSWORD_HASHERS=[f"django.contrib.auth.hashers.{hasher}"],
        ROOT_URLCONF="django_tokenauth.urls",
        TOKENAUTH={"SIGN_IN_RATE_USER": None, "SIGN_IN_RATE_IP": None},
    )
    django.setup()
    logging.disable()
    call_command("migrate", verbosity=0)
    users = get_user_model().objects
    for name in ("alice", "bob"):
        users.create_user(name, password=RIGHT)
    users.create_user("inactive", password=RIGHT, is_active=False)
    users.create_user("unusable")
    preferred = hashers.get_hasher()
    if isinstance(preferred, hashers.PBKDF2PasswordHasher):
        stored = preferred.encode(RIGHT, preferred.salt(), preferred.iterations // 2)
        users.create(username="older", password=stored)
    else:
        del REASONS["stored with half the rounds"]


def refuse(username: str, password: str) -> tuple[float, float]:
    """The milliseconds that the refusal of a sign-in takes: by the clock, and of the processor."""
    client, body = Client(), {"username": username, "password": password}
    start = time.perf_counter(), time.process_time()
    answer = client.post("/token/", body, content_type="application/json")
    end = time.perf_counter(), time.process_time()
    if answer.status_code != HTTPStatus.BAD_REQUEST:
        raise SystemExit(f"{username} was answered {answer.status_code}.")
    return (end[0] - start[0]) * 1000, (end[1] - start[1]) * 1000


def measure(rounds: int) -> dict[str, list[tuple[float, float]]]:
    taken: dict[str, list[tuple[float, float]]] = {reason: [] for reason in REASONS}
    for number in range(rounds + 1):
        for reason in random.sample(list(REASONS), len(REASONS)):
            milliseconds = refuse(*REASONS[reason])
            # The first round warms up what is loaded only once.
            if number:
                taken[reason].append(milliseconds)
    return taken


def table(taken: dict[str, list[tuple[float, float]]]) -> Iterable[str]:
    yield LINE.format("medians of the refusals for", "clock ms", "ratio", "processor ms", "ratio")
    medians = {
        reason: [statistics.median(kind) for kind in zip(*times, strict=True)]
        for reason, times in taken.items()
    }
    first = next(iter(medians.values()))
    for reason, (clock, processor) in medians.items():
        ratios = f"{clock / first[0]:.3f}", f"{processor / first[1]:.3f}"
        yield LINE.format(reason, f"{clock:.1f}", ratios[0], f"{processor:.1f}", ratios[1])


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.sign_in_cost",
        description="Measure how long a refused sign-in takes, for each reason.",
        epilog="The ratios are to the first line. The second line is as good as the first: by how "
        "much its ratio differs from 1 is the noise of this run.",
    )
    parser.add_argument(
        "--rounds", type=int, default=30, help="how often each is refused (default: %(default)s)"
    )
    parser.add_argument(
        "--hasher",
        default="PBKDF2PasswordHasher",
        help="a class of django.contrib.auth.hashers (default: Django's, %(default)s)",
    )
    options = parser.parse_args()
    if options.rounds < 1:
        parser.error("--rounds is at least 1.")
    prepare(options.hasher)
    for line in table(measure(options.rounds)):
        print(line, flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
