"""The key folder: one JWK (RFC 7517) per file, written by one process at a time.

Files are independent: after an error in one file, the other files are still read. A process that
reads a private key can sign tokens, so by default only the owner can read a key file.
"""

from __future__ import annotations

import errno
import json
import os
import stat
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from .. import _strict_json as strict_json
from ..errors import InvalidKey
from .drafts import Access, write_atomically
from .loading import Key, load_key, with_times
from .ownership import access_of, replaced_access
from .schedule import KeySchedule

#: The suffix of key files. Files in the key folder with another suffix are ignored.
SUFFIX = ".jwk"
_MAX_BYTES = 65536
# Without O_NONBLOCK, opening a pipe would wait for a writer and stop the polling.
_NONBLOCK = getattr(os, "O_NONBLOCK", 0)

#: Inode, size and times of a file: every write changes at least one of them.
Stamp = tuple[int, int, int, int]
_UNREACHABLE: Stamp = (0, 0, 0, 0)


@dataclass(frozen=True, slots=True, eq=False)
class KeyFile:
    """A key file: its path, the JWK in it, and the key.

    ``stamp`` comes from the listing of the folder, and is ``None`` for a file that this process
    wrote.
    """

    path: Path
    jwk: Mapping[str, Any] = field(repr=False)
    key: Key
    stamp: Stamp | None = None


@dataclass(frozen=True, slots=True)
class Reading:
    """The result of reading the key folder: the usable files by name, and all errors."""

    files: Mapping[str, KeyFile]
    errors: tuple[InvalidKey, ...]


_NO_FILES: Mapping[str, KeyFile] = MappingProxyType({})


def list_files(directory: Path) -> dict[str, Stamp]:
    """Return the names of the key files, sorted, each with its stamp. Raises ``OSError``."""
    with os.scandir(directory) as entries:
        # The name of a temporary file begins with a dot.
        names = sorted(
            entry.name
            for entry in entries
            if entry.name.endswith(SUFFIX) and not entry.name.startswith(".")
        )
    return find_files(directory, names)


def find_files(directory: Path, names: Iterable[str]) -> dict[str, Stamp]:
    """Return the stamps of the key files *names*. Files that do not exist are omitted."""
    stamps = {}
    for name in names:
        # Another process may delete a key file at any time.
        with suppress(FileNotFoundError):
            stamps[name] = _stamp(directory / name)
    return stamps


def _stamp(path: Path) -> Stamp:
    # List a symbolic link even if it points to itself or into another user's folder. Reading the
    # link reports the error, and the other files are read too.
    for look in (path.stat, path.lstat):
        try:
            status = look()
        except FileNotFoundError:
            raise
        except OSError:
            continue
        return status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns
    return _UNREACHABLE


def read_file(path: Path, previous: KeyFile | None = None, stamp: Stamp | None = None) -> KeyFile:
    """Return the key file at *path*.

    If the JWK differs from the JWK of *previous* only in its times, the key is not loaded again.
    Raises :class:`InvalidKey`, which names the file, and ``FileNotFoundError``.
    """
    jwk = _read_jwk(path)
    try:
        # Loading an RSA key takes a tenth of a second, in which no other thread runs. A rotation
        # changes only the times of existing keys.
        if previous is not None and _without_times(jwk) == _without_times(previous.jwk):
            key = with_times(previous.key, jwk)
        else:
            # A JWK without alg gets the default algorithm of its key type.
            key = load_key(jwk, "EdDSA")
    except InvalidKey as error:
        raise InvalidKey(
            f"The key file {path.name}: {error}", error.hint, check_id=error.check_id
        ) from None
    return KeyFile(path, jwk, key, stamp)


def read_listed(
    directory: Path, listed: Mapping[str, Stamp], known: Mapping[str, KeyFile] = _NO_FILES
) -> Reading:
    """Read the key files in *directory* that have the names and stamps in *listed*.

    Files of *known* with the same stamp are not read again. Files that were deleted after the
    listing are omitted. If a file is rejected, its key in *known* stays, unless the file contains
    another key. An earlier ``exp`` in the rejected file applies to the known key.
    """
    files, errors = {}, []
    for name, stamp in listed.items():
        file = known.get(name)
        if file is None or file.stamp != stamp:
            try:
                file = read_file(directory / name, file, stamp)
            except FileNotFoundError:
                continue
            except InvalidKey as error:
                errors.append(error)
                file = _kept(file)
        if file is not None:
            files[name] = file
    return Reading(files, tuple(errors))


def _kept(known: KeyFile | None) -> KeyFile | None:
    """Return *known* if its key stays in use after the file was rejected, otherwise ``None``.

    A file with an incomplete JSON object keeps its known key, because a write may be in progress. A
    complete object with another key removes the known key.
    """
    if known is None:
        return None
    try:
        jwk = _read_jwk(known.path)
    except (InvalidKey, FileNotFoundError):
        return known
    if _without_times(jwk) != _without_times(known.jwk):
        return None
    expiry = jwk.get("exp")
    if type(expiry) is int and (known.key.expires_at is None or expiry < known.key.expires_at):
        return replace(known, key=replace(known.key, expires_at=expiry))
    return known


def read_folder(directory: Path) -> Reading:
    """Read all key files in *directory*. Treat a missing folder as an empty folder.

    Raises :class:`InvalidKey` if the folder cannot be listed.
    """
    try:
        listed = list_files(directory)
    except FileNotFoundError:
        return Reading(_NO_FILES, ())
    except OSError as error:
        raise unreadable_folder(directory, error) from None
    return read_listed(directory, listed)


def read_files(directory: Path) -> list[KeyFile]:
    """Return the key files in *directory* in the order in which their keys sign.

    Treat a missing folder as an empty folder. Raises :class:`InvalidKey` for a folder or file that
    cannot be read, and for keys that cannot be in one key set.
    """
    reading = read_folder(directory)
    for error in reading.errors:
        raise error
    check_kids(reading.files)
    KeySchedule([file.key for file in reading.files.values()])
    return in_signing_order(reading.files.values())


def in_signing_order(files: Iterable[KeyFile]) -> list[KeyFile]:
    """Return *files* in the order in which their keys sign."""
    return sorted(files, key=lambda file: file.key.not_before)


def unreadable_folder(directory: Path, error: OSError) -> InvalidKey:
    """Return the error for a key folder whose listing raised *error*."""
    if isinstance(error, FileNotFoundError):
        hint = "Create it with a first key: manage.py tokenauth_keys generate"
    elif isinstance(error, PermissionError):
        hint = (
            "Run this as the user that owns the folder. Commands that need no key accept "
            "--skip-checks."
        )
    else:
        hint = "It must be a folder that the user of this process can list."
    return InvalidKey(f"The key folder {directory} cannot be read ({error.strerror}).", hint)


def check_kids(files: Mapping[str, KeyFile]) -> None:
    """Raise :class:`InvalidKey` if two of the *files* (by name) have the same ``kid``."""
    names: dict[str, str] = {}
    for name, file in files.items():
        kid = file.key.kid
        if kid in names:
            raise InvalidKey(
                f"The key files {names[kid]} and {name} have the same kid ({kid}).",
                "Delete one of them, or move it out of the folder.",
                check_id="E003",
            )
        names[kid] = name


def _read_jwk(path: Path) -> dict[str, Any]:
    try:
        with open(path, "rb", opener=_open_to_read) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise OSError(errno.EINVAL, "Not a regular file")
            value = strict_json.loads(file.read(_MAX_BYTES))
    except FileNotFoundError:
        raise
    except OSError as error:
        raise InvalidKey(
            f"The key file {path.name} cannot be read ({error.strerror}).",
            "Its owner must be the user of this process, and its mode 0600.",
        ) from None
    except strict_json.Malformed:
        value = None
    if not isinstance(value, dict):
        raise InvalidKey(
            f"The key file {path.name} is not a JWK.",
            "It must be one JSON object (RFC 7517), as manage.py tokenauth_keys writes it.",
        )
    return value


def _open_to_read(path: str, flags: int) -> int:
    return os.open(path, flags | _NONBLOCK)


def _without_times(jwk: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in jwk.items() if name not in ("nbf", "exp")}


def write_jwk(path: Path, jwk: Mapping[str, Any], *, like: Access | None = None) -> None:
    """Write *jwk* to the file *path*, atomically and durably.

    The file gets the owner, group and mode of *like*. By default, a replaced file keeps its owner
    and group, and a new file gets the owner and group of
    :func:`~django_tokenauth.keys.ownership.access_of`. Without *like*, the file of a private key
    has the mode 0600, or 0640 if the group may read the file. Raises ``OSError`` with the name of
    the file.
    """
    data = json.dumps(jwk, indent=1).encode() + b"\n"
    access = like or replaced_access(path, is_private="d" in jwk or "k" in jwk)
    if access is None:
        access = access_of(path.parent, read_folder(path.parent).files.values())
    write_atomically(path, data, access)
