"""What a key goes through in a folder of keys: made, signing, followed by the next one, ended.

Nothing here tells a running process. Each follows the files (see
:class:`~django_tokenauth.keys.directory.KeyDirectory`) and goes by the times that stand in them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from enum import StrEnum
from math import ceil
from pathlib import Path
from typing import Any

from ..conf.settings import HMAC_ALGORITHMS, Settings
from ..errors import InvalidKey
from .directory import POLL_INTERVAL
from .files import SUFFIX, check_kids, list_files, read_jwk, read_key, remove_drafts, write_jwk
from .generating import make_jwk
from .loading import Key, load_key
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


#: Seconds that are added to each wait: for answers under way, and clocks that differ a little.
MARGIN = 60
_LONGEST_DELAY = 366 * 86400


@dataclass(frozen=True, slots=True)
class Retirement:
    """The key that ends, and the one that signs and has no end any more, because it ended next."""

    ended: KeyFile
    kept_signing: KeyFile | None = None


@dataclass(frozen=True, slots=True)
class Rotation:
    """What a rotation did: the key that it made, those that got an end, the files that are gone.

    ``without_expiry`` are those to which no end could be written.
    """

    made: KeyFile
    ending: tuple[KeyFile, ...]
    removed: tuple[Path, ...]
    without_expiry: tuple[KeyFile, ...] = ()


def shortest_delay(settings: Settings) -> int:
    """The seconds from the making of a key until others that cache the keys have seen it.

    Running processes see, and show, a new file within twice ``POLL_INTERVAL``.
    """
    return ceil(settings.jwks_max_age.total_seconds() + 2 * POLL_INTERVAL)


def usual_delay(settings: Settings) -> int:
    """The seconds after which a new key signs if nothing else is said."""
    return ceil(settings.jwks_max_age.total_seconds()) + MARGIN


def check_delay(settings: Settings, delay: int) -> None:
    """Raise :class:`InvalidKey` if a key that signs after ``delay`` seconds would be too early."""
    shortest = shortest_delay(settings)
    if delay < shortest:
        raise InvalidKey(
            f"{delay} seconds are too few, {shortest} are needed: others may keep the keys for "
            "JWKS_MAX_AGE, and running processes look for new ones every few seconds.",
            "--now is for a key that was stolen.",
        )
    if delay > _LONGEST_DELAY:
        raise InvalidKey("The next key would begin in more than a year.", "Give a shorter --delay.")


def usual_algorithm(settings: Settings, keys: Iterable[Key]) -> str:
    """For the next key: that of the youngest, or else the one that is set, or else EdDSA.

    Keys with times are for services that verify, and nobody should share a secret with them.
    """
    youngest = max(keys, key=lambda key: key.not_before, default=None)
    if youngest is not None:
        return youngest.algorithm
    return "EdDSA" if settings.algorithm in HMAC_ALGORITHMS else settings.algorithm


def generate(directory: Path, algorithm: str, *, now: float) -> KeyFile:
    """Make a first key, which signs from ``now`` on. Raises :class:`InvalidKey`, ``OSError``."""
    files = read_files(directory)
    signing = KeySchedule([file.key for file in files]).at(now).signing
    if signing is not None:
        raise InvalidKey(
            f"The key {signing.kid} signs already.",
            "rotate makes the next one, and lets it sign when everybody has seen it.",
        )
    return _add(directory, algorithm, files, now=now, not_before=int(now))


def rotate(
    directory: Path, settings: Settings, algorithm: str, *, now: float, delay: int
) -> Rotation:
    """Make the next key, which signs ``delay`` seconds after ``now``, and end those before it.

    They verify until the last token that they signed has expired. Files of keys that have ended are
    removed. Raises :class:`InvalidKey`, also if there were a time at which no key signs, and
    ``OSError`` if the next key cannot be written: then nothing is done.
    """
    check_delay(settings, delay)
    files = read_files(directory)
    start = ceil(now) + delay
    _check_it_follows(files, start, now)
    made = _add(directory, algorithm, files, now=now, not_before=start)
    end = start + _token_drain_time(settings)
    ending, without_expiry = [], []
    for file in files:
        # A public key was put there by somebody else, who knows for how long.
        if file.key.can_sign and _ends_later(file.key, end):
            # With the next key in its place nothing is lost: one without an end verifies longer. To
            # undo it could leave keys with an end and none that follows.
            try:
                ending.append(_end(file, end))
            except FileNotFoundError:
                # Somebody has removed it meanwhile.
                continue
            except OSError:
                without_expiry.append(file)
    return Rotation(made, tuple(ending), _clear(directory, files, now), tuple(without_expiry))


def _check_it_follows(files: Iterable[KeyFile], start: int, now: float) -> None:
    """Raise :class:`InvalidKey` if a key that begins at ``start`` does not follow another one."""
    schedule = KeySchedule([file.key for file in files])
    keys = schedule.at(now)
    for file in files:
        if state_of(file.key, keys, now) is State.NEXT:
            raise InvalidKey(
                f"The key {file.key.kid} is the next one already, and has not begun.",
                "retire takes it back.",
            )
    if keys.signing is None:
        raise InvalidKey("No key signs now.", "generate makes one that signs at once.")
    if schedule.at(start).signing is None:
        raise InvalidKey(
            f"The key {keys.signing.kid} ends before the next one would begin.",
            "Give a shorter --delay if JWKS_MAX_AGE allows it, or --now.",
        )


def replace_now(directory: Path, algorithm: str, *, now: float) -> Rotation:
    """Make a key that signs from ``now`` on, and end all others at once: one was stolen.

    Services that have not seen it yet refuse its tokens until they ask for the keys again. Raises
    :class:`InvalidKey`, ``OSError``.
    """
    files = read_files(directory)
    made = _add(directory, algorithm, files, now=now, not_before=int(now))
    ending = [_stop(file, int(now)) for file in files if _ends_later(file.key, int(now))]
    return Rotation(made, tuple(ending), _clear(directory, files, now))


def _stop(file: KeyFile, end: int) -> KeyFile:
    try:
        return _end(file, end)
    except OSError:
        # What cannot be written can still be removed, also on a full disk. That ends a key too.
        file.path.unlink(missing_ok=True)
        return KeyFile(file.path, replace(file.key, expires_at=end))


def retire(
    directory: Path, settings: Settings, kid: str, *, now: float, at_once: bool = False
) -> Retirement:
    """Give the key ``kid`` (or the only one that begins so) an end.

    That is when the last token that it may have signed has expired, or ``at_once``; an end that
    comes sooner stays. A key that has not begun is taken back: it ends at once, and the one that
    signs goes on. Raises :class:`InvalidKey`, also if then nobody could sign any more, ``OSError``.
    """
    files = read_files(directory)
    found = [file for file in files if file.key.kid == kid] or [
        file for file in files if file.key.kid.startswith(kid)
    ]
    if len(found) != 1:
        many = "More than one" if found else "No"
        raise InvalidKey(f"{many} key has a kid that begins so.", "list shows all of them.")
    [file] = found
    is_next = file.key.can_sign and file.key.not_before > now
    end = int(now)
    if not at_once and not is_next:
        successors = [other.key.not_before for other in files if _follows(other.key, file.key)]
        stops_signing = max(now, min(successors, default=now))
        end = ceil(stops_signing) + _token_drain_time(settings)
    if not _ends_later(file.key, end):
        return Retirement(file)
    others = [other for other in files if other is not file]
    left = [replace(file.key, expires_at=end), *(other.key for other in others)]
    if not KeySchedule(left).gaps(now):
        return Retirement(_end(file, end))
    signing = KeySchedule(left).at(now).signing
    if not is_next or signing is None:
        raise InvalidKey(
            f"Without the key {file.key.kid} none signs.",
            "rotate makes the next one; rotate --now does so at once.",
        )
    [kept_signing] = [_end(other, None) for other in others if other.key.kid == signing.kid]
    return Retirement(_end(file, end), kept_signing)


def _follows(other: Key, key: Key) -> bool:
    return other.can_sign and other.not_before > key.not_before


def _token_drain_time(settings: Settings) -> int:
    return ceil((settings.access_token_lifetime + settings.leeway).total_seconds()) + MARGIN


def _add(
    directory: Path, algorithm: str, files: Iterable[KeyFile], *, now: float, not_before: int
) -> KeyFile:
    jwk = make_jwk(algorithm, now=int(now), not_before=not_before)
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    made = KeyFile(directory / f"{jwk['kid']}{SUFFIX}", _as_key(jwk))
    # Before it is written: running processes would not take it, nor anything after it.
    if any(_is_secret(file.key) != _is_secret(made.key) for file in files):
        raise InvalidKey(
            f"A key for {algorithm} cannot stand beside those in the folder: secrets (HS256, "
            "HS384, HS512) and key pairs never share one.",
            "Make it in another folder, and set KEY_DIRECTORY to that.",
            check_id="E001",
        )
    write_jwk(made.path, jwk)
    return made


def _end(file: KeyFile, end: int | None) -> KeyFile:
    """Write ``end`` into the file, or take it out; one that comes sooner stays."""
    jwk = read_jwk(file.path)
    # Somebody else may have ended it since it was read: it may have been stolen.
    now_there = _as_key(jwk)
    if end is not None and not _ends_later(now_there, end):
        return KeyFile(file.path, now_there)
    jwk.pop("exp", None)
    write_jwk(file.path, jwk if end is None else {**jwk, "exp": end})
    return KeyFile(file.path, replace(file.key, expires_at=end))


def _ends_later(key: Key, end: int) -> bool:
    return key.expires_at is None or key.expires_at > end


def _clear(directory: Path, files: Iterable[KeyFile], now: float) -> tuple[Path, ...]:
    """Remove the files of keys that have ended, and give their paths; and what crashes left."""
    remove_drafts(directory, now - MARGIN)
    ended = [file.path for file in files if file.key.has_ended(now)]
    for path in ended:
        path.unlink(missing_ok=True)
    return tuple(ended)


def _is_secret(key: Key) -> bool:
    return key.public_jwk is None


def _as_key(jwk: Mapping[str, Any]) -> Key:
    # What it is for follows from its own alg, or else from its type.
    return load_key(jwk, "EdDSA")
