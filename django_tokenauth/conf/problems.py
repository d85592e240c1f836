"""A problem of the settings, as the system checks report it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Problem:
    """A problem of ``TOKENAUTH``, reported by the system check ``tokenauth.<check_id>``.

    ``unusable`` contains the fields of :class:`Settings` that other checks cannot use.
    """

    check_id: str
    message: str
    hint: str
    unusable: tuple[str, ...] = ()
