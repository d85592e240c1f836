"""The key folder as a running process follows it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable, Mapping
from contextlib import suppress
from math import inf
from pathlib import Path

from ..errors import InvalidKey
from .files import (
    KeyFile,
    Stamp,
    check_kids,
    list_files,
    read_listed,
    unreadable_folder,
)
from .loading import Key
from .schedule import KeySchedule, KeySet

#: How often a process lists the folder, in seconds. A new or deleted key is noticed within twice
#: that time.
POLL_INTERVAL = 2.0
#: The age of a key set, in seconds, at which other threads wait for the polling thread. An idle
#: process reaches it. It is less than the margin of a rotation.
STALE_AFTER = 30.0
# How long they wait, in seconds. If the disk hangs, they continue with the keys that they have.
_LOCK_TIMEOUT = 2.0
# How often the folder is read if it changes during each reading.
_MAX_READS = 3

logger = logging.getLogger("django_tokenauth")


class KeyDirectory:
    """A source of keys that follows the files in a folder.

    ``verifiers`` are keys from elsewhere that verify and never sign. At the start, each problem
    raises :class:`InvalidKey`. Later, a process keeps its keys while a file cannot be read or does
    not fit the others, and logs an error. It always drops the key of a deleted file.
    """

    def __init__(self, directory: Path, verifiers: Iterable[Key] = ()) -> None:
        self._directory = directory
        self._verifiers = tuple(verifiers)
        self._files: Mapping[str, KeyFile] = {}
        self._error = ""
        self._lock = threading.Lock()
        self._polled_at = -inf
        self._timed_out_at = -inf
        try:
            listed = list_files(directory)
        except OSError as error:
            raise unreadable_folder(directory, error) from None
        self._use(self._read(listed))

    def at(self, now: float) -> KeySet:
        """Return the keys at *now*: see :class:`~django_tokenauth.keys.schedule.KeySource`."""
        if self._age(now) >= POLL_INTERVAL:
            # One thread polls. The others wait for it only if their keys are stale, and not again
            # right after a timeout: then the disk hangs.
            waits = self._age(now) >= STALE_AFTER <= abs(now - self._timed_out_at)
            if self._lock.acquire(timeout=_LOCK_TIMEOUT if waits else 0):
                try:
                    if self._age(now) >= POLL_INTERVAL:
                        self._poll()
                        self._polled_at = now
                finally:
                    self._lock.release()
            elif waits:
                self._timed_out_at = now
        return self._schedule.at(now)

    def _age(self, now: float) -> float:
        # Absolute, so that a clock that is set back does not stop the polling.
        return abs(now - self._polled_at)

    def _poll(self) -> None:
        try:
            listed = list_files(self._directory)
        except OSError as error:
            self._report(str(unreadable_folder(self._directory, error)))
            return
        if not self._error and listed == {name: file.stamp for name, file in self._files.items()}:
            return
        try:
            self._use(self._read(listed))
        except InvalidKey as error:
            self._report(f"{error} {error.hint}")
            kept = {name: file for name, file in self._files.items() if name in listed}
            if kept.keys() != self._files.keys():
                self._use(kept)
        else:
            self._error = ""

    def _read(self, listed: Mapping[str, Stamp]) -> Mapping[str, KeyFile]:
        files = read_listed(self._directory, listed, self._files)
        for _ in range(_MAX_READS - 1):
            # During a rotation, one reading may see the end of the old key and miss the new key.
            # Read until the listing is stable.
            with suppress(OSError):
                later = list_files(self._directory)
                if later == listed:
                    break
                listed, files = later, read_listed(self._directory, later, files)
        if not files:
            raise InvalidKey(
                "There is no key file in KEY_DIRECTORY.",
                "Create a first key: manage.py tokenauth_keys generate",
            )
        return files

    def _use(self, files: Mapping[str, KeyFile]) -> None:
        check_kids(files)
        self._schedule = KeySchedule([file.key for file in files.values()], self._verifiers)
        self._files = files

    def _report(self, error: str) -> None:
        """Log *error* once while it lasts."""
        if error != self._error:
            self._error = error
            logger.error("The current keys stay in use: %s", error)
