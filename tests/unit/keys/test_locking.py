"""The lock on the key folder: between threads, between processes, and without system support."""

from __future__ import annotations

import errno
import stat
import subprocess
import sys
from threading import Event, Thread
from types import SimpleNamespace

import pytest

from django_tokenauth.errors import InvalidKey
from django_tokenauth.keys import locking
from django_tokenauth.keys.locking import LOCK_FILE, lock


@pytest.fixture
def unsupported(monkeypatch):
    """Let the system reject locks on folders, as some NFS servers do."""

    def flock(*arguments):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(locking.fcntl, "flock", flock)


@pytest.fixture
def impatient(monkeypatch):
    monkeypatch.setattr(locking, "_TIMEOUT", 0.1)


def lock_error(folder):
    with pytest.raises(InvalidKey) as caught, lock(folder):
        pass
    return caught.value


def enters_after_release(folder):
    """Return whether a second thread enters the lock only after the first one has left it."""
    entered, left = Event(), []

    def second():
        with lock(folder):
            left.append("second")

    with lock(folder):
        thread = Thread(target=second)
        thread.start()
        entered.wait(0.2)
        left.append("first")
    thread.join()
    return left == ["first", "second"]


class TestFolderLock:
    def test_second_thread_waits_for_the_key_folder_lock(self, tmp_path):
        assert enters_after_release(tmp_path)
        assert list(tmp_path.iterdir()) == []

    @pytest.mark.usefixtures("impatient")
    def test_held_key_folder_lock_is_an_error_after_the_timeout(self, tmp_path):
        with lock(tmp_path):
            error = lock_error(tmp_path)
        assert str(error) == f"Another command is changing the keys in {tmp_path}."
        assert error.hint == (
            "Wait until it has finished, and run this command again. To invalidate a stolen "
            "key at once, delete its file: a deletion needs no lock."
        )
        with lock(tmp_path):
            pass

    def test_held_key_folder_lock_is_awaited_for_30_seconds(self, tmp_path, monkeypatch):
        waits = []
        monkeypatch.setattr(locking, "Event", lambda: SimpleNamespace(wait=waits.append))
        with lock(tmp_path):
            lock_error(tmp_path)
        assert sum(waits) == pytest.approx(30)

    def test_key_folder_lock_is_released_after_an_error(self, tmp_path):
        with pytest.raises(ValueError, match="x"), lock(tmp_path):
            raise ValueError("x")
        with lock(tmp_path):
            pass

    def test_key_folder_lock_of_a_killed_process_is_released(self, tmp_path):
        code = (
            "import sys, time, pathlib; from django_tokenauth.keys.locking import lock\n"
            "with lock(pathlib.Path(sys.argv[1])): print('locked', flush=True); time.sleep(600)"
        )
        with subprocess.Popen(  # noqa: S603
            [sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE
        ) as process:
            assert process.stdout.readline() == b"locked\n"
            process.kill()
        with lock(tmp_path):
            pass

    def test_lock_of_missing_key_folder_creates_no_file(self, tmp_path):
        with lock(tmp_path / "missing"):
            assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("unsupported")
class TestLockFile:
    def test_second_thread_waits_for_the_lock_file(self, tmp_path):
        assert enters_after_release(tmp_path)
        assert list(tmp_path.iterdir()) == []

    @pytest.mark.usefixtures("impatient")
    def test_error_for_existing_lock_file_names_the_file(self, tmp_path):
        (tmp_path / LOCK_FILE).write_text("")
        error = lock_error(tmp_path)
        assert str(error) == (
            f"Another command is changing the keys: the lock file {tmp_path / LOCK_FILE} exists."
        )
        assert error.hint == "Wait until it has finished. If no command runs, delete the file."

    def test_lock_release_ignores_a_deleted_lock_file(self, tmp_path):
        with lock(tmp_path):
            (tmp_path / LOCK_FILE).unlink()
        assert list(tmp_path.iterdir()) == []

    def test_lock_file_has_mode_600(self, tmp_path):
        with lock(tmp_path):
            assert stat.S_IMODE((tmp_path / LOCK_FILE).stat().st_mode) == 0o600

    @pytest.mark.usefixtures("impatient")
    def test_error_for_uncreatable_lock_file_names_the_file(self, tmp_path, monkeypatch):
        monkeypatch.setattr(locking, "LOCK_FILE", "x" * 300)
        with pytest.raises(OSError, match="too long") as caught, lock(tmp_path):
            pass
        assert caught.value.filename == str(tmp_path / ("x" * 300))

    def test_key_folder_that_cannot_be_opened_uses_a_lock_file(self, tmp_path, monkeypatch):
        real = locking.os.open

        def opening(path, flags, *arguments):
            # As on Windows.
            if path == tmp_path:
                raise PermissionError(errno.EACCES, "Permission denied")
            return real(path, flags, *arguments)

        monkeypatch.setattr(locking.os, "open", opening)
        with lock(tmp_path):
            assert [path.name for path in tmp_path.iterdir()] == [LOCK_FILE]
