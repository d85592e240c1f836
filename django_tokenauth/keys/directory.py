"""The key folder, which each running process polls for changes."""

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

#: Minimum number of seconds between two listings of the key folder by a process. A process with
#: steady requests notices a new or deleted key within twice ``POLL_INTERVAL``.
POLL_INTERVAL = 2.0
#: The age of a key set, in seconds, at which other threads wait for the polling thread. The key set
#: of a process without requests becomes older than ``STALE_AFTER``. ``STALE_AFTER`` is less than
#: ``rotating.MARGIN``.
STALE_AFTER = 30.0
# Maximum wait for the polling thread, in seconds. If the disk hangs, the waiting threads continue
# with the loaded keys.
_LOCK_TIMEOUT = 2.0
# Maximum number of readings of a key folder that changes during each reading.
_MAX_READS = 3

logger = logging.getLogger("django_tokenauth")


class KeyDirectory:
    """A source of keys that follows the files in the key folder.

    ``verifiers`` are the keys of ``VERIFYING_KEYS``, which never sign. The constructor raises
    :class:`InvalidKey` for the first problem. During polling, an error in one file does not affect
    the other files. A file that cannot be read, or whose key is incompatible with the keys in use,
    is logged as an error. A rejected file adds no key. If a loaded file is rejected later, its
    loaded key stays in use until the key expires. The loaded key is removed if the file now
    contains a complete JSON object without that key.
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
            # One thread polls. Other threads wait for the polling thread only if their keys are
            # stale, and not right after a timeout, which indicates a hanging disk.
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
        # The age is absolute, so that polling continues after the clock is set back.
        return abs(now - self._polled_at)

    def _poll(self) -> None:
        errors = []
        try:
            listed = list_files(self._directory)
        except OSError as error:
            errors.append(f"{unreadable_folder(self._directory, error)}")
            if isinstance(error, (FileNotFoundError, NotADirectoryError)):
                # The key folder is missing, for example because its disk is not mounted. The loaded
                # keys stay in use.
                self._report(errors)
                return
            # A process may be able to read the files in use by name, even if it cannot list the
            # folder.
            listed = find_files(self._directory, self._files)
        known = {name: file.stamp for name, file in self._files.items()}
        if errors or self._errors or listed != known:
            reading = self._read(listed)
            problems = (*reading.errors, *_no_files(reading), *self._use(reading.files))
            self._report(errors + [f"{problem} {problem.hint}" for problem in problems])

    def _read(self, listed: Mapping[str, Stamp]) -> Reading:
        reading = read_listed(self._directory, listed, self._files)
        for _ in range(_MAX_READS - 1):
            # During a rotation, one reading may contain the expiry of the old key and miss the new
            # key. Read the folder again if its listing has changed.
            with suppress(OSError):
                later = list_files(self._directory)
                if later == listed:
                    break
                listed, reading = later, read_listed(self._directory, later, reading.files)
        return reading

    def _use(self, files: Mapping[str, KeyFile]) -> list[InvalidKey]:
        """Use the compatible keys of *files*, and return an error for each incompatible key."""
        errors: list[InvalidKey] = []
        files = dict(files)
        names: dict[str, str] = {}
        # Files in use come first, so that a new file cannot replace the key of a file in use.
        in_use = {(name, kid) for kid, name in self._names.items()}
        for name in sorted(files, key=lambda name: (name, files[name].key.kid) not in in_use):
            key = files[name].key
            if key.kid in names:
                # If two files have the same kid, the earlier expiry applies, even after its file is
                # deleted.
                files[names[key.kid]] = _with_expiry(files[names[key.kid]], key.expires_at)
            others = [files[other].key for other in names.values()]
            try:
                make_key_set(None, [*self._verifiers, *others, key])
            except InvalidKey as error:
                errors.append(InvalidKey(f"The key file {name} is not used. {error}", error.hint))
            else:
                names[key.kid] = name
        keys = [files[name].key for name in names.values()]
        # If no key changed, the key set and the cache of verified tokens stay.
        if keys != self._keys:
            self._schedule = KeySchedule(keys, self._verifiers)
        self._files, self._keys, self._names = files, keys, names
        return errors

    def _report(self, errors: list[str]) -> None:
        """Log each of *errors* that the previous poll did not report."""
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


def _with_expiry(file: KeyFile, expiry: int | None) -> KeyFile:
    """Return *file* with *expiry* as the expiry of its key, unless the key expires earlier."""
    current = file.key.expires_at
    if expiry is None or (current is not None and current <= expiry):
        return file
    return replace(file, key=replace(file.key, expires_at=expiry))
