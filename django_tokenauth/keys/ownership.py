"""The owners and modes of key files, and a check that the server can read the files.

The server is expected to run as the owner of the private keys, or as another user that may read
them. The server misses a change in a key file that it cannot read.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from stat import S_IMODE, S_ISREG
from typing import TYPE_CHECKING

from ..errors import InvalidKey
from .drafts import PERMISSIONS, Access

try:
    import pwd
except ImportError:  # pragma: no cover - Windows has no module pwd
    pwd = None  # type: ignore[assignment]

if TYPE_CHECKING:
    from .files import KeyFile

_OWNER_ONLY = 0o600
_GROUP_READ = 0o040
_ALL_READ = 0o004
_ENTER = 0o1
# A shell script that prints the index of each unreadable path. Index 0 is the folder, and the
# indexes of the files start at 1. The redirection in the script opens the file, so access control
# lists and mandatory access control apply too.
_OPEN_ALL = """
[ -r "$0" ] && [ -x "$0" ] || echo 0
n=0
for file; do n=$((n + 1)); ( : < "$file" ) 2>/dev/null || echo "$n"; done
"""
_TIMEOUT = 10.0


@dataclass(frozen=True, slots=True)
class ServerUser:
    """The user that a server runs as when it reads the key files."""

    uid: int
    groups: tuple[int, ...]

    def __str__(self) -> str:
        return f"the user {_name(self.uid)}"


@dataclass(frozen=True, slots=True)
class GroupMember(ServerUser):
    """Any member of a group that may read the private keys."""

    def __str__(self) -> str:
        return f"a member of the group {self.groups[0]}"


@dataclass(frozen=True, slots=True)
class AnyUser(ServerUser):
    """Any user of the machine, if all users may read a private key."""

    def __str__(self) -> str:
        return "any user"


def access_of(directory: Path, files: Iterable[KeyFile]) -> Access:
    """Return the owner, group and mode of a new private key beside *files* in *directory*.

    The new file gets the owner and group of an existing private key, and the read permission of its
    group. If several users own private keys, the order of preference is: the folder's owner unless
    it is root, other users, root. Among files of equally preferred owners, a file that its group
    can read is preferred, then the newest key. Without a private key, the folder's owner owns the
    new file. If the folder's owner is not root and no other user can open the folder, the folder's
    owner always owns the new file. If root owns a folder without a private key and only one group
    can list the folder, that group may read the new file.
    """
    folder = directory.stat()
    closed = folder.st_uid != 0 and folder.st_mode & 0o077 == 0
    examples = [
        (
            (
                status.st_uid == folder.st_uid != 0,
                status.st_uid != 0,
                status.st_mode & _GROUP_READ,
                file.key.not_before,
            ),
            status,
        )
        for file in files
        if file.key.can_sign
        and (status := _existing(file.path)) is not None
        and (not closed or status.st_uid == folder.st_uid)
    ]
    if examples:
        _, example = max(examples, key=lambda example: example[0])
        mode = _OWNER_ONLY | (example.st_mode & _GROUP_READ & PERMISSIONS)
        return Access(example.st_uid, example.st_gid, mode)
    for_group = folder.st_uid == 0 != folder.st_gid and folder.st_mode & 0o057 == 0o050
    mode = _OWNER_ONLY | (_GROUP_READ if for_group else 0)
    return Access(folder.st_uid, folder.st_gid if for_group else None, mode)


def replaced_access(path: Path, *, is_private: bool) -> Access | None:
    """Return the owner, group and mode for replacing the file *path*, or ``None`` if it is missing.

    The file of a public key keeps its mode, because all users may read a public key.
    """
    status = _existing(path)
    if status is None:
        return None
    kept = (_GROUP_READ if is_private else 0o777) & PERMISSIONS
    return Access(status.st_uid, status.st_gid, _OWNER_ONLY | (status.st_mode & kept))


def access_for_expiry(access: Access, path: Path) -> Access:
    """Return *access*, adjusted for writing the expiry of a private key to its file *path*.

    A file that all users may read stays readable for all users: the server may run as any user and
    must read the expiry. A new key is never readable by all users.
    """
    status = _existing(path)
    if status is None or status.st_uid != access.owner:
        return access
    return replace(access, mode=access.mode | (status.st_mode & _ALL_READ & PERMISSIONS))


def is_of_other_owner(file: KeyFile, access: Access) -> bool:
    """Return whether *file* is a public key whose owner is not the owner in *access*."""
    status = _existing(file.path)
    return not file.key.can_sign and status is not None and status.st_uid != access.owner


def unreadable_files(directory: Path, files: Mapping[str, KeyFile]) -> Iterator[InvalidKey]:
    """Yield an error for each of the *files* in *directory* that the server cannot read.

    If this process may start a process of the server's user, as root may, that process opens the
    files. Without this permission, the owners and modes of the files determine the result.
    """
    paths = [directory, *(file.path for file in files.values())]
    closed: dict[Path, ServerUser] = {}
    for user in _server_users(directory, files.values()):
        for path in _closed_to(user, paths):
            closed.setdefault(path, user)
    for path, user in closed.items():
        text = f"as {user}, who cannot read {path}{_describe(path)}."
        if isinstance(user, AnyUser):
            yield InvalidKey(
                f"All users can read a private key. The server may run {text}",
                f"If it runs as the owner: chmod -R go= {directory}. Otherwise, give it the file.",
            )
        else:
            yield InvalidKey(
                f"The server runs {text}",
                "Correct its owner or its mode: a server that starts now rejects the folder.",
            )


def _server_users(directory: Path, files: Collection[KeyFile]) -> Iterator[ServerUser]:
    access = access_of(directory, files)
    owner = directory.stat().st_uid if access.owner is None else access.owner
    group = directory.stat().st_gid if access.group is None else access.group
    yield ServerUser(owner, _groups_of(owner, group))
    # An arbitrary user other than the owner, without additional permissions.
    other = 65534 if owner != 65534 else 65533
    member, anyone = GroupMember(other, (group,)), AnyUser(other, (other,))
    # If the group cannot open the folder, the server runs as the owner.
    if access.mode & _GROUP_READ and _reaches(member, directory):
        yield member
    open_keys = (file for file in files if file.key.can_sign and _permits(anyone, file.path))
    if any(open_keys) and _reaches(anyone, directory):
        yield anyone


def _groups_of(uid: int, group: int) -> tuple[int, ...]:
    """Return the groups of the user *uid*, or *group* for a user without a passwd entry."""
    with suppress(KeyError, AttributeError):
        entry = pwd.getpwuid(uid)
        return (entry.pw_gid, *os.getgrouplist(entry.pw_name, entry.pw_gid))
    return (group,)


def _name(uid: int) -> str:
    with suppress(KeyError, AttributeError):
        return pwd.getpwuid(uid).pw_name
    return str(uid)


def _closed_to(user: ServerUser, paths: list[Path]) -> list[Path]:
    """Return the *paths* (the folder and its files) that *user* cannot open."""
    # root can read all files.
    opened = [] if user.uid == 0 or not PERMISSIONS else _open_as(user, paths)
    return [path for path in paths if not _permits(user, path)] if opened is None else opened


def _open_as(user: ServerUser, paths: list[Path]) -> list[Path] | None:
    """Open *paths* in a process of *user*, and return the paths that cannot be opened.

    Return ``None`` if this process cannot start a process of *user*.
    """
    identity = {} if user.uid == os.geteuid() else {"user": user.uid, "group": user.groups[0]}
    groups = {"extra_groups": user.groups} if identity else {}
    try:
        result = subprocess.run(  # type: ignore[call-overload]  # noqa: S603
            ["/bin/sh", "-c", _OPEN_ALL, *map(str, paths)],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            check=True,
            timeout=_TIMEOUT,
            cwd="/",
            **identity,
            **groups,
        )
    except (OSError, ValueError, OverflowError, subprocess.SubprocessError):
        return None
    return [paths[int(number)] for number in result.stdout.split()]


def _reaches(user: ServerUser, directory: Path) -> bool:
    parents = directory.resolve().parents
    return _permits(user, directory) and all(_permits(user, each, _ENTER) for each in parents)


def _permits(user: ServerUser, path: Path, needed: int | None = None) -> bool:
    try:
        status = path.stat()
    except OSError:
        return False
    if status.st_uid == user.uid:
        granted = status.st_mode >> 6
    elif status.st_gid in user.groups:
        granted = status.st_mode >> 3
    else:
        granted = status.st_mode
    if needed is None:
        needed = 0o5 if path.is_dir() else 0o4
    return granted & needed == needed


def _describe(path: Path) -> str:
    with suppress(OSError):
        status = path.stat()
        return f" (owner {_name(status.st_uid)}, mode {S_IMODE(status.st_mode):04o})"
    return ""


def _existing(path: Path) -> os.stat_result | None:
    with suppress(OSError):
        status = path.stat()
        if S_ISREG(status.st_mode):
            return status
    return None
