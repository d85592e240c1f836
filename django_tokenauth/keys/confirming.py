"""Confirm that a change of the key folder takes effect: read the folder as a server reads it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from ..errors import InvalidKey
from .files import KeyFile, read_folder
from .loading import Key
from .ownership import unreadable_files
from .schedule import KeySchedule


def find_problems(
    directory: Path,
    verifiers: Iterable[Key],
    *,
    now: float,
    new: KeyFile | None = None,
    expiring: Iterable[KeyFile] = (),
) -> Iterator[InvalidKey]:
    """Yield the reasons why a change of the keys in *directory* will not take effect.

    The *new* key must sign from its ``not_before`` on. Each key in *expiring* must stop verifying
    at its expiry. The server must be able to read each key file. *verifiers* are the keys of
    ``VERIFYING_KEYS``, and *now* is in seconds since the epoch. Raises :class:`InvalidKey` if the
    folder cannot be listed.
    """
    reading = read_folder(directory)
    yield from reading.errors
    yield from unreadable_files(directory, reading.files)
    try:
        schedule = KeySchedule([file.key for file in reading.files.values()], verifiers)
    except InvalidKey as error:
        yield error
        return
    for file in expiring:
        # The expires_at of a key in *expiring* is never None.
        expiry = max(now, file.key.expires_at or 0)
        if file.key.kid in schedule.at(expiry).verifying:
            yield InvalidKey(
                f"The key {file.key.kid} still verifies after its expiry.",
                "Remove it from VERIFYING_KEYS, or run the command again.",
            )
    if new is not None:
        signing = schedule.at(max(now, new.key.not_before)).signing
        if signing is None or signing.kid != new.key.kid:
            yield InvalidKey(
                f"The new key {new.key.kid} does not sign.", "To show all keys, use list."
            )
