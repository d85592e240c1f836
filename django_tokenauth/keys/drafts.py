"""Atomic writes: a complete temporary file (the draft) replaces the file."""

from __future__ import annotations

import os
import re
import secrets
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

#: The permission bits of a mode. On Windows, the mode of a file does not show who can read the
#: file, so the bits are ignored.
PERMISSIONS = 0 if os.name == "nt" else 0o777
_DRAFT = re.compile(r"\.[0-9a-f]{16}(\.[a-z]+)?")
# With O_CREAT and O_EXCL, open() fails if the path is a symbolic link (POSIX). Windows lacks
# O_NOFOLLOW.
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0)


@dataclass(frozen=True, slots=True)
class Access:
    """The owner, the group and the mode of a file.

    ``None`` keeps the owner or the group that the system gives to a new file.
    """

    owner: int | None
    group: int | None
    mode: int


def write_atomically(path: Path, data: bytes, access: Access) -> None:
    """Write *data* to the file *path*, atomically and durably.

    The draft has a random name, so no other user can place a file or a link at its path in advance.
    Raises ``OSError`` with *path* as the ``filename``.
    """
    draft = path.with_name(f".{secrets.token_hex(8)}{path.suffix}")
    try:
        descriptor = os.open(draft, _CREATE, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                _set_access(descriptor, access)
                file.write(data)
                file.flush()
                os.fsync(descriptor)
            draft.replace(path)
        finally:
            draft.unlink(missing_ok=True)
        _fsync_directory(path.parent)
    except OSError as error:
        # Some errors, such as the error of a full disk, name no file.
        error.filename = str(path)
        raise


def delete_drafts(directory: Path, suffix: str, before: float) -> None:
    """Delete the drafts in *directory* with *suffix* that were last modified before *before*.

    The draft of an interrupted write may contain a private key. *before* is in seconds since the
    epoch. A draft that cannot be deleted stays.
    """
    for path in directory.glob(f".*{suffix}"):
        with suppress(OSError):
            if _DRAFT.fullmatch(path.name) and path.stat().st_mtime < before:
                path.unlink()


def _set_access(descriptor: int, access: Access) -> None:
    current = os.fstat(descriptor)
    owner = current.st_uid if access.owner is None else access.owner
    group = current.st_gid if access.group is None else access.group
    if (owner, group) != (current.st_uid, current.st_gid):
        os.fchown(descriptor, owner, group)
    # fchmod() runs after fchown(), which may clear mode bits, and is needed because the umask
    # changes the mode of open().
    if access.mode != 0o600:
        os.fchmod(descriptor, access.mode)


def _fsync_directory(directory: Path) -> None:
    """Make a rename durable: after a power failure, the replaced file must not reappear."""
    # Some systems cannot open a directory.
    with suppress(OSError):
        descriptor = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
