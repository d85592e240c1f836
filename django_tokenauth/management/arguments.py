"""The types of arguments of commands."""

from __future__ import annotations

import re
from argparse import ArgumentTypeError
from datetime import timedelta

from django.utils.dateparse import parse_duration

_NUMBER = re.compile(r"([0-9]+)([smhd]?)")
_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}


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
