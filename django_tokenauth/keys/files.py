"""The key folder: one JWK (RFC 7517) per file, read by every process and written by one.

A writer creates a temporary file and renames it, so that a key file is always complete. A process
that reads a private key can sign tokens, so each file is readable by its owner only.
"""

from __future__ import annotations

import json
import os
import re
import secrets
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from .. import _strict_json as strict_json
from ..errors import InvalidKey
from .loading import Key, load_key, with_times
from .schedule import KeySchedule

#: The suffix of key files. Other files in the folder are ignored.
SUFFIX = ".jwk"
_MAX_BYTES = 65536
_TEMPORARY = re.compile(rf"\.[0-9a-f]{{16}}{re.escape(SUFFIX)}")
# The permissions of Windows differ: there, every file seems to have this one.
_GROUP_READ = 0 if os.name == "nt" else 0o040

#: Inode, size and times of a file. Every write changes at least one of them.
Stamp = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True, eq=False)
class KeyFile:
    """A key file: its path, the JWK in it, and the key.

    ``stamp`` is that of the folder's listing, ``None`` for a file that this process wrote.
    """

    path: Path
    jwk: Mapping[str, Any] = field(repr=False)
    key: Key
    stamp: Stamp | None = None


_NO_FILES: Mapping[str, KeyFile] = MappingProxyType({})


def list_files(directory: Path) -> dict[str, Stamp]:
    """Return the names of the key files, sorted, each with its stamp. Raises ``OSError``."""
    stamps = {}
    with os.scandir(directory) as entries:
        for entry in entries:
            # The name of a temporary file begins with a dot.
            if entry.name.endswith(SUFFIX) and not entry.name.startswith("."):
                # Another process may delete the file at any time.
                with suppress(FileNotFoundError):
                    status = entry.stat()
                    stamps[entry.name] = (
                        status.st_ino,
                        status.st_size,
                        status.st_mtime_ns,
                        status.st_ctime_ns,
                    )
    return dict(sorted(stamps.items()))


def read_file(path: Path, previous: KeyFile | None = None, stamp: Stamp | None = None) -> KeyFile:
    """Return the key file at *path*.

    If the JWK differs from *previous* in its times only, the key is not loaded again. Raises
    :class:`InvalidKey`, which names the file, and ``FileNotFoundError``.
    """
    jwk = _read_jwk(path)
    try:
        # Loading an RSA key takes a tenth of a second, in which no other thread runs. A rotation
        # changes only the times of existing keys.
        if previous is not None and _without_times(jwk) == _without_times(previous.jwk):
            key = with_times(previous.key, jwk)
        else:
            # A JWK without alg has the usual algorithm of its type.
            key = load_key(jwk, "EdDSA")
    except InvalidKey as error:
        raise InvalidKey(
            f"The key file {path.name}: {error}", error.hint, check_id=error.check_id
        ) from None
    return KeyFile(path, jwk, key, stamp)


def read_listed(
    directory: Path, listed: Mapping[str, Stamp], known: Mapping[str, KeyFile] = _NO_FILES
) -> dict[str, KeyFile]:
    """Return the key files in *directory* by name, for the names and stamps in *listed*.

    Files of *known* with the same stamp are not read again. Files that were deleted after the
    listing are omitted. Raises :class:`InvalidKey`, which names the file.
    """
    files = {}
    for name, stamp in listed.items():
        file = known.get(name)
        with suppress(FileNotFoundError):
            if file is None or file.stamp != stamp:
                file = read_file(directory / name, file, stamp)
            files[name] = file
    return files


def read_files(directory: Path) -> list[KeyFile]:
    """Return the key files in *directory* in the order in which their keys sign.

    A missing folder has none. Raises :class:`InvalidKey` for a folder or file that cannot be read,
    and for keys that exclude each other.
    """
    try:
        listed = list_files(directory)
    except FileNotFoundError:
        return []
    except OSError as error:
        raise unreadable_folder(directory, error) from None
    files = read_listed(directory, listed)
    check_kids(files)
    KeySchedule([file.key for file in files.values()])
    return sorted(files.values(), key=lambda file: file.key.not_before)


def unreadable_folder(directory: Path, error: OSError) -> InvalidKey:
    """Return the error for a key folder whose listing raised *error*."""
    if isinstance(error, FileNotFoundError):
        hint = "Create it with a first key: manage.py tokenauth_keys generate"
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
        with path.open("rb") as file:
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


def _without_times(jwk: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in jwk.items() if name not in ("nbf", "exp")}


def write_jwk(path: Path, jwk: Mapping[str, Any], *, like: Path | None = None) -> None:
    """Write *jwk* to the file *path*, atomically and durably.

    The mode is 0600. Owner, group and the group's permission to read are copied from the replaced
    file. A new file copies them from the key file *like*, by default any in the folder. The first
    file gets the owner of the folder. Raises ``OSError`` with the name of the file.
    """
    temporary = path.with_name(f".{secrets.token_hex(8)}{SUFFIX}")
    text = json.dumps(jwk, indent=1).encode() + b"\n"
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            _copy_ownership(descriptor, path, like)
            file.write(text)
            file.flush()
            os.fsync(descriptor)
        temporary.replace(path)
        _fsync_directory(path.parent)
    except OSError as error:
        # The error of a full disk, for example, names no file.
        error.filename = str(path)
        raise
    finally:
        temporary.unlink(missing_ok=True)


def _copy_ownership(descriptor: int, path: Path, like: Path | None) -> None:
    # root or another member of the group may write a file that the server must read.
    example = _existing(path) or _existing(like) or _any_file(path.parent)
    if example is None:
        owner, group, mode = path.parent.stat().st_uid, -1, 0
    else:
        owner, group, mode = example.st_uid, example.st_gid, example.st_mode
    current = os.fstat(descriptor)
    if current.st_uid != owner or group not in (-1, current.st_gid):
        os.fchown(descriptor, owner, group)
    if mode & _GROUP_READ:
        os.fchmod(descriptor, 0o640)


def _existing(path: Path | None) -> os.stat_result | None:
    return path.stat() if path is not None and path.is_file() else None


def _any_file(directory: Path) -> os.stat_result | None:
    found = (_existing(directory / name) for name in list_files(directory))
    return next((status for status in found if status is not None), None)


def _fsync_directory(directory: Path) -> None:
    """Make a rename durable: after a power failure, the replaced file must not reappear."""
    # Some systems cannot open a directory.
    with suppress(OSError):
        descriptor = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def delete_temporary_files(directory: Path, before: float) -> None:
    """Delete temporary files of interrupted writes that are older than *before*.

    They may contain private keys. *before* is in seconds since the epoch.
    """
    for path in directory.glob(f".*{SUFFIX}"):
        with suppress(FileNotFoundError):
            if _TEMPORARY.fullmatch(path.name) and path.stat().st_mtime < before:
                path.unlink()
