"""The key folder as a process follows it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable, Mapping
from contextlib import suppress
from math import inf
from pathlib import Path

from ..errors import InvalidKey
from .files import _list_at_start, _load, _Loaded, _Stamp, check_kids, list_files
from .loading import Key
from .schedule import KeySchedule, KeySet

#: How often a process looks whether the files have changed, in seconds: within twice that, a new
#: key is known and a removed one is worth nothing.
POLL_INTERVAL = 2.0
#: What was known that many seconds ago is too old to go on with while another thread looks: so long
#: a process that nobody asked anything may have slept. Shorter than the margin of a rotation.
STALE_AFTER = 30.0
# How long others wait for that look. A disk may hang, and then they go on with what they know.
_LOCK_TIMEOUT = 2.0
_Files = dict[str, tuple[_Stamp, _Loaded]]


logger = logging.getLogger("django_tokenauth")


class KeyDirectory:
    """The keys in a folder, as it is now: a source of keys that follows the files.

    A process that runs goes on with what it has while a file cannot be read or does not fit the
    others: nothing new is taken then, and the log says why. A file that is gone is gone all the
    same, with its key. Raises :class:`InvalidKey` if there is any fault at the start.
    """

    def __init__(self, directory: Path, verifiers: Iterable[Key] = ()) -> None:
        self._directory = directory
        self._verifiers = tuple(verifiers)
        self._files: _Files = {}
        self._fault = ""
        self._lock = threading.Lock()
        self._looked_at = -inf
        self._gave_up_at = -inf
        self._take(self._read(_list_at_start(directory)))

    def at(self, now: float) -> KeySet:
        """The keys at ``now``: see :class:`~django_tokenauth.keys.schedule.KeySource`."""
        if self._age(now) >= POLL_INTERVAL:
            # One thread looks, and the others do not wait for it unless what they know is too old.
            # If that takes long the disk hangs, and they do not all wait again and again.
            waits = self._age(now) >= STALE_AFTER <= abs(now - self._gave_up_at)
            if self._lock.acquire(timeout=_LOCK_TIMEOUT if waits else 0):
                try:
                    if self._age(now) >= POLL_INTERVAL:
                        self._look()
                        self._looked_at = now
                finally:
                    self._lock.release()
            elif waits:
                self._gave_up_at = now
        return self._schedule.at(now)

    def _age(self, now: float) -> float:
        # In both directions, so that a clock that was set back stops nothing.
        return abs(now - self._looked_at)

    def _look(self) -> None:
        try:
            listed = list_files(self._directory)
        except OSError as fault:
            self._say(f"KEY_DIRECTORY cannot be read ({fault.strerror})")
            return
        known = {name: stamp for name, (stamp, _) in self._files.items()}
        if listed == known and not self._fault:
            return
        try:
            self._take(self._read(listed))
        except InvalidKey as error:
            self._say(f"{error} {error.hint}")
            kept = {name: file for name, file in self._files.items() if name in listed}
            if kept.keys() != self._files.keys():
                self._take(kept)
        else:
            self._fault = ""

    def _read(self, listed: Mapping[str, _Stamp], times: int = 3) -> _Files:
        files = {}
        for name, stamp in listed.items():
            before, known = self._files.get(name, (None, None))
            # One that went since it was listed is gone.
            with suppress(FileNotFoundError):
                if known is None or before != stamp:
                    known = _load(self._directory / name, known)
                files[name] = (stamp, known)
        # Of a rotation that went on meanwhile only one half may have been seen: the end of the key
        # before, and not the key that follows.
        with suppress(OSError):
            if times > 1 and (later := list_files(self._directory)) != listed:
                return self._read(later, times - 1)
        if not files:
            raise InvalidKey(
                "There is no key file in KEY_DIRECTORY.",
                "manage.py tokenauth_keys generate makes a first one.",
            )
        return files

    def _take(self, files: _Files) -> None:
        keys = {name: key for name, (_, (_, key)) in files.items()}
        check_kids(keys)
        self._schedule = KeySchedule(keys.values(), self._verifiers)
        self._files = files

    def _say(self, fault: str) -> None:
        if fault != self._fault:
            self._fault = fault
            logger.error("the keys stay as they were: %s", fault)
