"""The keys in a folder, and what each of them does at a time."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from ..errors import InvalidKey
from .files import check_kids, list_files, read_key
from .loading import Key
from .schedule import KeySchedule, KeySet


class State(StrEnum):
    """What a key does at a time."""

    NEXT = "next"  #: published and known, and will sign
    SIGNS = "signs"
    VERIFIES = "verifies"  #: has signed, or never will
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class KeyFile:
    """A key with the file that it stands in."""

    path: Path
    key: Key


def state_of(key: Key, keys: KeySet, now: float) -> State:
    """What ``key`` does at ``now``, when the keys are ``keys``."""
    if key.has_ended(now):
        return State.ENDED
    if keys.signing is not None and key.kid == keys.signing.kid:
        return State.SIGNS
    return State.NEXT if key.can_sign and key.not_before > now else State.VERIFIES


def read_files(directory: Path) -> list[KeyFile]:
    """The keys in ``directory``, in the order in which they sign.

    Raises :class:`InvalidKey` for a folder or a file that cannot be read, and for keys that may not
    stand together.
    """
    try:
        names = list_files(directory)
    except FileNotFoundError:
        names = {}
    except OSError as fault:
        raise InvalidKey(f"The folder of keys cannot be read ({fault.strerror}).") from None
    keys = {}
    for name in names:
        # One that went since it was listed is gone.
        with suppress(FileNotFoundError):
            keys[name] = read_key(directory / name)
    check_kids(keys)
    KeySchedule(keys.values())
    files = [KeyFile(directory / name, key) for name, key in keys.items()]
    return sorted(files, key=lambda file: file.key.not_before)
