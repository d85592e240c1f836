"""The types and limits of arguments of commands."""

from __future__ import annotations

import re
from argparse import ArgumentTypeError
from datetime import timedelta

from django.core.management.base import CommandError
from django.utils.dateparse import parse_duration

#: Maximum of ``--batch-size``. Some databases cannot use a number that is much larger.
MAX_BATCH = 1_000_000

_NUMBER = re.compile(r"([0-9]+)([smhd]?)")
_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}


def check_batch_size(size: int) -> None:
    """Raise ``CommandError`` unless *size* is a valid ``--batch-size``."""
    if size < 1:
        raise CommandError("--batch-size must be at least 1.")
    if size > MAX_BATCH:
        raise CommandError(f"--batch-size must be at most {MAX_BATCH}.")


def duration(text: str) -> timedelta:
    """Return the duration *text*: ``30m``, ``12h``, ``7d``, seconds, or a format of Django.

    Raises ``ArgumentTypeError`` unless *text* is a positive duration of whole seconds.
    """
    found: timedelta | None = None
    try:
        if match := _NUMBER.fullmatch(text):
            found = timedelta(seconds=int(match[1]) * _SECONDS[match[2]])
        else:
            found = parse_duration(text)
    except (ValueError, OverflowError):
        # The number is too large.
        pass
    if not found or found < timedelta(0) or found.microseconds:
        raise ArgumentTypeError(
            f"{text!r} is not a duration. Write 30m, 12h, 7d, or a number of seconds."
        )
    return found
