"""Rotation of the keys in a folder: generate, rotate, replace and retire.

Each running process follows the key files (see
:class:`~django_tokenauth.keys.directory.KeyDirectory`) and uses the times in the files. A lock lets
one process at a time change the folder, so no process overwrites the expiry that another process
wrote.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from enum import StrEnum
from math import ceil
from pathlib import Path

from ..conf.settings import HMAC_ALGORITHMS, Settings
from ..errors import InvalidKey
from .directory import POLL_INTERVAL
from .drafts import Access, delete_drafts
from .files import (
    SUFFIX,
    KeyFile,
    in_signing_order,
    read_file,
    read_files,
    read_folder,
    write_jwk,
)
from .generating import make_key
from .loading import Key
from .locking import lock
from .ownership import access_for_expiry, access_of, is_of_other_owner
from .schedule import KeySchedule, KeySet

#: Seconds added to the default delay of a new key and to the expiry of an old key. ``MARGIN``
#: covers responses in transit and clock differences.
MARGIN = 60
_MAX_DELAY = 366 * 86400


class State(StrEnum):
    """The state of a key at a given time."""

    NEXT = "next"  #: published; signs later
    SIGNS = "signs"
    VERIFIES = "verifies"  #: has signed, or never signs
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class Rotation:
    """The result of a rotation.

    ``new`` is the new key, and ``expiring`` are the keys whose expiry was written. ``removed`` are
    the paths of deleted files. For the keys ``without_expiry``, the expiry could not be written.
    ``unchanged`` are the public keys whose files belong to a user other than the owner of the
    private keys. These public keys still verify. Only :func:`replace_now` sets ``unchanged``.
    """

    new: KeyFile
    expiring: tuple[KeyFile, ...]
    removed: tuple[Path, ...]
    without_expiry: tuple[KeyFile, ...] = ()
    unchanged: tuple[KeyFile, ...] = ()


@dataclass(frozen=True, slots=True)
class Retirement:
    """The result of a retirement.

    ``retired`` is the retired key. If the expiry of the signing key was removed because the next
    key was retired, ``kept_signing`` is the signing key.
    """

    retired: KeyFile
    kept_signing: KeyFile | None = None


def state_of(key: Key, keys: KeySet, now: float) -> State:
    """Return the state of *key* at *now*, where *keys* is the key set of that time."""
    if key.has_expired(now):
        return State.EXPIRED
    if keys.signing is not None and key.kid == keys.signing.kid:
        return State.SIGNS
    return State.NEXT if key.can_sign and key.not_before > now else State.VERIFIES


def shortest_delay(settings: Settings) -> int:
    """Return the number of seconds after which every service has seen a new key.

    Running processes publish a new key within twice ``POLL_INTERVAL``. Caches of the published keys
    expire after ``JWKS_MAX_AGE``.
    """
    return ceil(settings.jwks_max_age.total_seconds() + 2 * POLL_INTERVAL)


def default_delay(settings: Settings) -> int:
    """Return the default delay, in seconds, after which a new key signs."""
    return ceil(settings.jwks_max_age.total_seconds()) + MARGIN


def check_delay(settings: Settings, delay: int) -> None:
    """Raise :class:`InvalidKey` if *delay* (seconds) is too short or longer than a year."""
    shortest = shortest_delay(settings)
    if delay < shortest:
        raise InvalidKey(
            f"A delay of {delay} seconds is too short: services may cache the published keys for "
            f"JWKS_MAX_AGE. At least {shortest} seconds are needed.",
            "If a key was stolen, use --now.",
        )
    if delay > _MAX_DELAY:
        raise InvalidKey("The delay is longer than a year.", "Give a shorter --delay.")


def default_algorithm(settings: Settings, keys: Iterable[Key]) -> str:
    """Return the algorithm of the next key: that of the newest key in *keys* that can sign.

    Without a key that can sign, the default is ``ALGORITHM``, or EdDSA if ``ALGORITHM`` is HMAC:
    services that verify tokens should not share a secret.
    """
    newest = max(
        (key for key in keys if key.can_sign), key=lambda key: key.not_before, default=None
    )
    if newest is not None:
        return newest.algorithm
    return "EdDSA" if settings.algorithm in HMAC_ALGORITHMS else settings.algorithm


def generate(
    directory: Path, settings: Settings, algorithm: str | None = None, *, now: float
) -> KeyFile:
    """Create a first key, which signs from *now* on (seconds since the epoch).

    *algorithm* defaults to :func:`default_algorithm`. Raises :class:`InvalidKey` if a key signs
    already, and ``OSError``.
    """
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    with lock(directory):
        files = read_files(directory)
        signing = KeySchedule([file.key for file in files]).at(now).signing
        if signing is not None:
            raise InvalidKey(
                f"The key {signing.kid} signs already.",
                "To create the next key, use rotate: it signs when every service has seen it.",
            )
        return _add(directory, settings, algorithm, files, now=now, not_before=int(now))


def rotate(
    directory: Path, settings: Settings, algorithm: str | None = None, *, now: float, delay: int
) -> Rotation:
    """Create the next key, which signs *delay* seconds after *now*, and expire the older keys.

    An older private key verifies until the last token that it signed has expired. Files of expired
    keys are deleted. *algorithm* defaults to :func:`default_algorithm`. Raises :class:`InvalidKey`,
    also if the signing key expires before the next key signs. Raises ``OSError`` if the next key
    cannot be written. On error, the key folder is unchanged.
    """
    check_delay(settings, delay)
    with lock(directory):
        files = read_files(directory)
        start = ceil(now) + delay
        _check_successor(files, start, now)
        new = _add(directory, settings, algorithm, files, now=now, not_before=start)
        expiry = start + _token_drain_time(settings)
        access = access_of(directory, files)
        expiring, without_expiry = [], []
        for file in files:
            # The service that owns a public key decides when the key expires.
            if file.key.can_sign and _expires_later(file.key, expiry):
                # If the expiry cannot be written, the key verifies for longer. Undoing the rotation
                # could leave keys with an expiry and without a successor.
                try:
                    expiring.append(_write_expiry(file, expiry, access))
                except FileNotFoundError:
                    # Another process has deleted the file.
                    continue
                except (OSError, InvalidKey):
                    without_expiry.append(file)
        removed = _clean_up(directory, files, now)
    return Rotation(new, tuple(expiring), removed, tuple(without_expiry))


def replace_now(
    directory: Path, settings: Settings, algorithm: str | None = None, *, now: float
) -> Rotation:
    """Create a key that signs from *now* on, and expire the other keys, because one was stolen.

    Services reject the tokens of the new key until they fetch the published keys again. A file that
    cannot be read is skipped. A public key whose owner is not the owner of the private keys stays
    valid, because another service owns the key. *algorithm* defaults to :func:`default_algorithm`.
    Raises :class:`InvalidKey` and ``OSError``.
    """
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    with lock(directory):
        files = in_signing_order(read_folder(directory).files.values())
        access = access_of(directory, files)
        # Secrets and key pairs cannot be in one key set. Servers are assumed to use the family of
        # the oldest key.
        fitting = [file for file in files if _is_symmetric(file) == _is_symmetric(files[0])]
        new = _add(directory, settings, algorithm, fitting, now=now, not_before=int(now))
        valid = [file for file in files if _expires_later(file.key, int(now))]
        unchanged = tuple(file for file in valid if is_of_other_owner(file, access))
        expiring, without_expiry = [], []
        for file in [file for file in valid if file not in unchanged]:
            # An error in one file must not prevent the expiry of the remaining keys.
            try:
                expiring.append(_write_expiry_or_delete(file, int(now), access))
            except (OSError, InvalidKey):
                without_expiry.append(file)
        removed = _clean_up(directory, files, now)
    return Rotation(new, tuple(expiring), removed, tuple(without_expiry), unchanged)


def retire(
    directory: Path, settings: Settings, kid: str, *, now: float, at_once: bool = False
) -> Retirement:
    """Set the expiry of the key *kid*, or of the only key whose ``kid`` begins with *kid*.

    The key expires when the last token that it may have signed has expired, or at *now* if
    *at_once*. An earlier expiry stays unchanged. The next key, which has not signed yet, expires at
    once. If no other key would sign, the expiry of the signing key is removed. If *at_once*, files
    that cannot be read are skipped. Raises ``OSError``. Raises :class:`InvalidKey`, also if no key
    would sign after the expiry.
    """
    with lock(directory):
        if at_once:
            files = in_signing_order(read_folder(directory).files.values())
        else:
            files = read_files(directory)
        return _retire(directory, files, settings, kid, now=now, at_once=at_once)


def _retire(
    directory: Path,
    files: list[KeyFile],
    settings: Settings,
    kid: str,
    *,
    now: float,
    at_once: bool,
) -> Retirement:
    access = access_of(directory, files)
    file = _find(files, kid)
    is_next = file.key.can_sign and file.key.not_before > now
    if is_of_other_owner(file, access):
        raise InvalidKey(
            f"The key {file.key.kid} is a public key of another user, who decides when it expires.",
            "To reject its tokens now, delete its file.",
        )
    expiry = int(now)
    if not at_once and not is_next:
        successors = [other.key.not_before for other in files if _follows(other.key, file.key)]
        stops_signing = max(now, min(successors, default=now))
        expiry = ceil(stops_signing) + _token_drain_time(settings)
    if not _expires_later(file.key, expiry):
        return Retirement(file)
    others = [other for other in files if other is not file]
    remaining = [replace(file.key, expires_at=expiry), *(other.key for other in others)]
    if not KeySchedule(remaining).has_gaps(now):
        return Retirement(_write_expiry(file, expiry, access))
    signing = KeySchedule(remaining).at(now).signing
    if not is_next or signing is None:
        raise InvalidKey(
            f"Without the key {file.key.kid} no key signs.",
            "Create the next key with rotate, or at once with rotate --now.",
        )
    [kept_signing] = [
        _write_expiry(other, None, access) for other in others if other.key.kid == signing.kid
    ]
    return Retirement(_write_expiry(file, expiry, access), kept_signing)


def _find(files: Iterable[KeyFile], kid: str) -> KeyFile:
    if not kid:
        # A kid that is not set in a script would be the beginning of every kid.
        raise InvalidKey("The kid is empty.", "Give the kid of a key, or its beginning.")
    matches = [file for file in files if file.key.kid == kid] or [
        file for file in files if file.key.kid.startswith(kid)
    ]
    if len(matches) != 1:
        many = "More than one" if matches else "No"
        raise InvalidKey(
            f"{many} key has a kid that begins with {kid!r}.", "To show all keys, use list."
        )
    return matches[0]


def _follows(other: Key, key: Key) -> bool:
    return other.can_sign and other.not_before > key.not_before


def _check_successor(files: Iterable[KeyFile], start: int, now: float) -> None:
    """Raise :class:`InvalidKey` unless a key signs until *start* and there is no next key."""
    schedule = KeySchedule([file.key for file in files])
    keys = schedule.at(now)
    for file in files:
        if state_of(file.key, keys, now) is State.NEXT:
            raise InvalidKey(
                f"The key {file.key.kid} is already the next key and has not signed yet.",
                "To cancel it, use retire.",
            )
    if keys.signing is None:
        raise InvalidKey("No key signs now.", "To create one that signs at once, use generate.")
    if schedule.at(start).signing is None:
        raise InvalidKey(
            f"The key {keys.signing.kid} expires before the next key would sign.",
            "Give a shorter --delay if JWKS_MAX_AGE permits it, or use --now.",
        )


def _token_drain_time(settings: Settings) -> int:
    """Return the seconds until the tokens of a key that stops signing have expired."""
    return ceil((settings.max_access_token_lifetime + settings.leeway).total_seconds()) + MARGIN


def _add(
    directory: Path,
    settings: Settings,
    algorithm: str | None,
    files: list[KeyFile],
    *,
    now: float,
    not_before: int,
) -> KeyFile:
    """Write a new key to *directory*, which contains *files*."""
    algorithm = algorithm or default_algorithm(settings, [file.key for file in files])
    # Check the algorithm before the file is written. Running processes would reject a key of the
    # other family of algorithms. New processes and later commands would reject a folder with both
    # families.
    if any(_is_symmetric(file) != (algorithm in HMAC_ALGORITHMS) for file in files):
        raise InvalidKey(
            f"A key for {algorithm} cannot be beside the keys in the folder: secrets (HS256, "
            "HS384, HS512) and key pairs exclude each other.",
            "Create it in another folder, and set KEY_DIRECTORY to that.",
            check_id="E001",
        )
    jwk, key = make_key(algorithm, now=int(now), not_before=not_before)
    new = KeyFile(directory / f"{key.kid}{SUFFIX}", jwk, key)
    write_jwk(new.path, jwk, like=access_of(directory, files))
    return new


def _write_expiry(file: KeyFile, expiry: int | None, access: Access) -> KeyFile:
    """Write *expiry* as the ``exp`` of the key, or remove the ``exp`` if *expiry* is ``None``.

    An earlier ``exp`` stays unchanged. The file of a private key gets *access*, so that the server
    can read the expiry.
    """
    # Read the file again: another process may have written an earlier expiry because the key was
    # stolen.
    current = read_file(file.path, file)
    if expiry is not None and not _expires_later(current.key, expiry):
        return current
    jwk = {name: value for name, value in current.jwk.items() if name != "exp"}
    if expiry is not None:
        jwk["exp"] = expiry
    like = access_for_expiry(access, file.path) if file.key.can_sign else None
    write_jwk(file.path, jwk, like=like)
    return KeyFile(file.path, jwk, replace(current.key, expires_at=expiry))


def _write_expiry_or_delete(file: KeyFile, expiry: int, access: Access) -> KeyFile:
    try:
        return _write_expiry(file, expiry, access)
    except OSError:
        # On a full disk, a file can still be deleted, which also invalidates its key.
        file.path.unlink(missing_ok=True)
        return KeyFile(file.path, file.jwk, replace(file.key, expires_at=expiry))


def _is_symmetric(file: KeyFile) -> bool:
    return file.key.secret is not None


def _expires_later(key: Key, expiry: int) -> bool:
    return key.expires_at is None or key.expires_at > expiry


def _clean_up(directory: Path, files: Iterable[KeyFile], now: float) -> tuple[Path, ...]:
    """Delete old drafts and files of expired keys. Return the paths of the deleted key files.

    Files of public keys of other owners stay. A deletion error is ignored, because the change of
    the keys is already complete.
    """
    delete_drafts(directory, SUFFIX, now - MARGIN)
    access = access_of(directory, files)
    deleted = []
    for file in files:
        if file.key.has_expired(now) and not is_of_other_owner(file, access):
            with suppress(OSError):
                file.path.unlink(missing_ok=True)
                deleted.append(file.path)
    return tuple(deleted)
