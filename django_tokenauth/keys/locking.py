"""A lock on the key folder, so that two commands do not change its keys at the same time."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event

from ..errors import InvalidKey

try:
    import fcntl
except ImportError:  # pragma: no cover - Windows
    fcntl = None  # type: ignore[assignment]

#: The name of the lock file on systems that cannot lock a folder.
LOCK_FILE = ".lock"
# Maximum wait for the lock, in seconds. Another command may need some seconds to generate an RSA
# key.
_TIMEOUT = 30.0
_PAUSE = 0.05


@contextmanager
def lock(directory: Path) -> Iterator[None]:
    """Hold the lock on *directory* during the ``with`` block. A missing folder needs no lock.

    The system releases the lock of a folder when the process exits. On systems that cannot lock a
    folder (Windows, some NFS servers), a lock file replaces the lock and remains after a crash.
    Raises :class:`InvalidKey` if another process holds the lock for 30 seconds.
    """
    if not directory.is_dir():
        yield
        return
    release = _lock_folder(directory) or _create_lock_file(directory / LOCK_FILE)
    try:
        yield
    finally:
        release()


def _lock_folder(directory: Path) -> Callable[[], None] | None:
    """Lock the folder and return the function that releases the lock.

    Return ``None`` if the system cannot lock a folder.
    """
    try:
        descriptor = os.open(directory, os.O_RDONLY)
    except OSError:
        return None
    try:
        _retry(
            lambda: fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB),
            BlockingIOError,
            InvalidKey(
                f"Another command is changing the keys in {directory}.",
                "Wait until it has finished, and run this command again. To invalidate a stolen "
                "key at once, delete its file: a deletion needs no lock.",
            ),
        )
    except (OSError, AttributeError):
        os.close(descriptor)
        return None
    except InvalidKey:
        os.close(descriptor)
        raise
    return lambda: os.close(descriptor)


def _create_lock_file(path: Path) -> Callable[[], None]:
    def create() -> None:
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))

    try:
        _retry(
            create,
            FileExistsError,
            InvalidKey(
                f"Another command is changing the keys: the lock file {path} exists.",
                "Wait until it has finished. If no command runs, delete the file.",
            ),
        )
    except OSError as error:
        error.filename = str(path)
        raise
    return lambda: path.unlink(missing_ok=True)


def _retry(attempt: Callable[[], object], busy: type[OSError], error: InvalidKey) -> None:
    """Retry *attempt* while it raises *busy*, and raise *error* after the timeout."""
    for _ in range(int(_TIMEOUT / _PAUSE)):
        try:
            attempt()
        except busy:
            Event().wait(_PAUSE)
        else:
            return
    raise error
