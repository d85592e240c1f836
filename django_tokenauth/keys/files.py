"""A folder of keys: one JWK (RFC 7517) in each file, read by every process and written by one.

A file is whole or not there: it is written under another name and renamed. Whoever can read a file
can sign as this server, so it is readable by its owner only.
"""

from __future__ import annotations

import json
import logging
import os
import re
import secrets
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from .. import _strict_json as strict_json
from ..errors import InvalidKey
from .loading import Key, load_key, with_times

logger = logging.getLogger("django_tokenauth")

#: What the name of a key file ends with; other files in the folder are not looked at.
SUFFIX = ".jwk"
_MAX_BYTES = 65536
_DRAFT = re.compile(rf"\.[0-9a-f]{{16}}{re.escape(SUFFIX)}")
# On Windows there are other rights, and all files seem to have this one.
_GROUP_READS = 0 if os.name == "nt" else 0o040

# What tells a file from a later one of the same name: no writer can leave all of it as it was.
_Stamp = tuple[int, int, int, int]
# A JWK as it stands in a file, and the key that was made of it.
_Loaded = tuple[Mapping[str, Any], Key]


def read_jwk(path: Path) -> dict[str, Any]:
    """The JWK in the file ``path``.

    Raises :class:`InvalidKey`, which names the file, and ``FileNotFoundError``.
    """
    try:
        with path.open("rb") as file:
            value = strict_json.loads(file.read(_MAX_BYTES))
    except FileNotFoundError:
        raise
    except OSError as fault:
        raise InvalidKey(
            f"The key file {path.name} cannot be read ({fault.strerror}).",
            "Give it to the user that runs this process; others must not read it (mode 0600).",
        ) from None
    except strict_json.Malformed:
        value = None
    if not isinstance(value, dict):
        raise InvalidKey(
            f"The key file {path.name} is not a JWK.",
            "It has to be one JSON object (RFC 7517); manage.py tokenauth_keys writes such files.",
        )
    return value


def read_key(path: Path) -> Key:
    """The key in the file ``path``. Raises what :func:`read_jwk` does."""
    return _load(path, None)[1]


def _load(path: Path, known: _Loaded | None) -> _Loaded:
    """The JWK in the file and its key, which is not made anew if it is the one that was known."""
    jwk = read_jwk(path)
    try:
        # To make an RSA key takes a tenth of a second, in which no other thread runs, and in each
        # rotation keys only get an end.
        if known is not None and _timeless(jwk) == _timeless(known[0]):
            return jwk, with_times(known[1], jwk)
        # What a JWK without alg is for follows from its type, whatever is named here.
        return jwk, load_key(jwk, "EdDSA")
    except InvalidKey as error:
        raise InvalidKey(
            f"The key file {path.name}: {error}", error.hint, check_id=error.check_id
        ) from None


def _timeless(jwk: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in jwk.items() if name not in ("nbf", "exp")}


def list_files(directory: Path) -> dict[str, _Stamp]:
    """The names of the key files, each with what changes when it does. Raises ``OSError``."""
    found = {}
    with os.scandir(directory) as entries:
        for entry in entries:
            # A name that begins with a dot is one that is being written.
            if entry.name.endswith(SUFFIX) and not entry.name.startswith("."):
                # It may go in the midst of this, and then it is not there.
                with suppress(FileNotFoundError):
                    status = entry.stat()
                    found[entry.name] = (
                        status.st_ino,
                        status.st_size,
                        status.st_mtime_ns,
                        status.st_ctime_ns,
                    )
    return dict(sorted(found.items()))


def read_jwks(directory: Path) -> list[dict[str, Any]]:
    """The JWKs in the key files. Raises :class:`InvalidKey`, as a start with them would."""
    jwks = []
    for name in _list_at_start(directory):
        with suppress(FileNotFoundError):
            jwks.append(read_jwk(directory / name))
    return jwks


def check_kids(keys: Mapping[str, Key]) -> None:
    """Raise :class:`InvalidKey` if two of the files, by whose names the keys go, are of one kid."""
    names: dict[str, str] = {}
    for name, key in keys.items():
        if key.kid in names:
            raise InvalidKey(
                f"The key files {names[key.kid]} and {name} have the same kid ({key.kid}).",
                "Remove one of them, or move it out of the folder.",
                check_id="E003",
            )
        names[key.kid] = name


def _list_at_start(directory: Path) -> dict[str, _Stamp]:
    try:
        return list_files(directory)
    except OSError as fault:
        raise InvalidKey(
            f"KEY_DIRECTORY cannot be read ({fault.strerror}).",
            "manage.py tokenauth_keys generate makes it, with a first key.",
        ) from None


def write_jwk(path: Path, jwk: Mapping[str, Any]) -> None:
    """Write ``jwk`` into the file ``path``, all of it or nothing, for whoever reads the others.

    The mode is 0600, and owner, group and the group's right to read are those of the file that it
    replaces, or else of another key file beside it. A first one belongs to the owner of the folder.
    Raises ``OSError``, which names the file.
    """
    draft = path.with_name(f".{secrets.token_hex(8)}{SUFFIX}")
    text = json.dumps(jwk, indent=1).encode() + b"\n"
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            _copy_ownership(descriptor, path)
            file.write(text)
            file.flush()
            os.fsync(descriptor)
        draft.replace(path)
        _fsync_directory(path.parent)
    except OSError as fault:
        # That of a full disk, for one, names none.
        fault.filename = str(path)
        raise
    finally:
        draft.unlink(missing_ok=True)


def _fsync_directory(directory: Path) -> None:
    """After a power cut a file that was replaced is not to come back."""
    # Not every system lets a folder be opened.
    with suppress(OSError):
        descriptor = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def remove_drafts(directory: Path, before: float) -> None:
    """Remove what writers left that died on the way; older than ``before``, a time in seconds.

    Such a file has a private key, and nobody looks at it.
    """
    for path in directory.glob(f".*{SUFFIX}"):
        with suppress(FileNotFoundError):
            if _DRAFT.fullmatch(path.name) and path.stat().st_mtime < before:
                path.unlink()


def _copy_ownership(descriptor: int, path: Path) -> None:
    """Whoever writes the file may be root, or one of a group, and not the server that reads it."""
    beside = [path, *(path.with_name(name) for name in list_files(path.parent))]
    example = next((other for other in beside if other.is_file()), None)
    if example is None:
        owner, group, mode = path.parent.stat().st_uid, -1, 0
    else:
        status = example.stat()
        owner, group, mode = status.st_uid, status.st_gid, status.st_mode
    if os.fstat(descriptor).st_uid != owner or group not in (-1, os.fstat(descriptor).st_gid):
        os.fchown(descriptor, owner, group)
    if mode & _GROUP_READS:
        os.fchmod(descriptor, 0o640)
