"""The key folder as a running process follows it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from math import inf
from pathlib import Path

from ..errors import InvalidKey
from .files import (
    KeyFile,
    Reading,
    Stamp,
    check_kids,
    find_files,
    list_files,
    read_listed,
    unreadable_folder,
)
from .loading import Key
from .schedule import KeySchedule, KeySet, make_key_set

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

    ``verifiers`` are keys from elsewhere that verify and never sign. The constructor raises
    :class:`InvalidKey` for the first problem. Later, an error in one file does not affect the
    others. A file that cannot be read, or does not fit the keys in use, is logged as an error. It
    adds no key, and a key that was loaded from it keeps its expiry.
    """

    def __init__(self, directory: Path, verifiers: Iterable[Key] = ()) -> None:
        self._directory = directory
        self._verifiers = tuple(verifiers)
        self._files: Mapping[str, KeyFile] = {}
        # The keys in use, and the names of their files by kid.
        self._keys: list[Key] = []
        self._names: dict[str, str] = {}
        self._errors: list[str] = []
        self._lock = threading.Lock()
        self._polled_at = -inf
        self._timed_out_at = -inf
        try:
            listed = list_files(directory)
        except OSError as error:
            raise unreadable_folder(directory, error) from None
        reading = self._read(listed)
        for problem in (*reading.errors, *_no_files(reading)):
            raise problem
        check_kids(reading.files)
        KeySchedule([file.key for file in reading.files.values()], self._verifiers)
        self._use(reading.files)

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
        errors = []
        try:
            listed = list_files(self._directory)
        except OSError as error:
            errors.append(f"{unreadable_folder(self._directory, error)}")
            if isinstance(error, (FileNotFoundError, NotADirectoryError)):
                # The whole folder is away, for example an unmounted disk. The keys stay in use.
                self._report(errors)
                return
            # The files in use may still be reached by their names.
            listed = find_files(self._directory, self._files)
        known = {name: file.stamp for name, file in self._files.items()}
        if errors or self._errors or listed != known:
            reading = self._read(listed)
            problems = (*reading.errors, *_no_files(reading), *self._use(reading.files))
            self._report(errors + [f"{problem} {problem.hint}" for problem in problems])

    def _read(self, listed: Mapping[str, Stamp]) -> Reading:
        reading = read_listed(self._directory, listed, self._files)
        for _ in range(_MAX_READS - 1):
            # During a rotation, one reading may see the end of the old key and miss the new key.
            # Read until the listing is stable.
            with suppress(OSError):
                later = list_files(self._directory)
                if later == listed:
                    break
                listed, reading = later, read_listed(self._directory, later, reading.files)
        return reading

    def _use(self, files: Mapping[str, KeyFile]) -> list[InvalidKey]:
        """Use the keys of *files* that fit each other, and return the errors of the others."""
        errors: list[InvalidKey] = []
        files = dict(files)
        names: dict[str, str] = {}
        # Files in use go first: a new file cannot displace their keys.
        in_use = {(name, kid) for kid, name in self._names.items()}
        for name in sorted(files, key=lambda name: (name, files[name].key.kid) not in in_use):
            key = files[name].key
            if key.kid in names:
                # The earlier end stays, also after the file that named it was deleted.
                files[names[key.kid]] = _ending(files[names[key.kid]], key.expires_at)
            others = [files[other].key for other in names.values()]
            try:
                make_key_set(None, [*self._verifiers, *others, key])
            except InvalidKey as error:
                errors.append(InvalidKey(f"The key file {name} is not used. {error}", error.hint))
            else:
                names[key.kid] = name
        keys = [files[name].key for name in names.values()]
        # Without a change, the key set and the cache of verified tokens stay.
        if keys != self._keys:
            self._schedule = KeySchedule(keys, self._verifiers)
        self._files, self._keys, self._names = files, keys, names
        return errors

    def _report(self, errors: list[str]) -> None:
        """Log each of *errors* once while it lasts."""
        for error in errors:
            if error not in self._errors:
                logger.error("Key folder error: %s", error)
        self._errors = errors


def _no_files(reading: Reading) -> list[InvalidKey]:
    if reading.files or reading.errors:
        return []
    return [
        InvalidKey(
            "There is no key file in KEY_DIRECTORY.",
            "Create a first key: manage.py tokenauth_keys generate",
        )
    ]


def _ending(file: KeyFile, end: int | None) -> KeyFile:
    """Return *file* with the earlier one of its end and *end*."""
    current = file.key.expires_at
    if end is None or (current is not None and current <= end):
        return file
    return replace(file, key=replace(file.key, expires_at=end))
