"""KeyDirectory: files that change during a read, and threads that use the keys during a poll."""

from __future__ import annotations

from threading import Event, Thread

import pytest

from django_tokenauth.keys import directory as key_directory
from django_tokenauth.keys import files as key_files
from django_tokenauth.keys.directory import POLL_INTERVAL, STALE_AFTER, KeyDirectory
from django_tokenauth.keys.files import read_files
from tests.support.key_folder import NOW, key_error, put


class TestReadDuringRotation:
    """The files change while a process reads them."""

    @pytest.fixture
    def rotating(self, tmp_path):
        """A key folder that is rotated during the first two reads of a file."""
        put(tmp_path, "old")
        load, steps = key_files.read_file, iter(range(2))

        def loading(*arguments):
            loaded = load(*arguments)
            for step in steps:
                # A whole ``rotate --now`` happens between the listing and the read.
                put(tmp_path, f"new{step}")
                put(tmp_path, "old", exp=NOW)
                break
            return loaded

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(key_files, "read_file", loading)
            yield tmp_path

    def test_key_directory_start_during_rotation_reads_the_new_key(self, rotating):
        assert KeyDirectory(rotating).at(NOW).signing.kid == "new1"

    def test_changing_key_file_is_read_three_times_per_start_or_poll(self, tmp_path):
        put(tmp_path, "a")
        put(tmp_path, "b", nbf=NOW - 500)
        load, reads = key_files.read_file, []

        def loading(path, *arguments):
            reads.append(path.stem)
            if path.stem == "a":
                put(tmp_path, "a", filler="x" * len(reads))
            return load(path, *arguments)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(key_files, "read_file", loading)
            assert KeyDirectory(tmp_path).at(NOW + 50).signing.kid == "a"
        # Three reads at the start and three at the poll. The other file is read once.
        assert (reads.count("a"), reads.count("b")) == (6, 1)


class TestVanishingFiles:
    """A file is listed, and deleted before it is read."""

    @pytest.fixture
    def vanishing(self, tmp_path):
        """A folder of three files, one of which is deleted after each listing."""
        for name in ("a", "b", "c"):
            put(tmp_path, name)
        listed = key_files.list_files

        def listing(directory):
            names = listed(directory)
            (directory / "b.jwk").unlink(missing_ok=True)
            return names

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(key_files, "list_files", listing)
            patch.setattr(key_directory, "list_files", listing)
            yield tmp_path

    def test_key_directory_start_skips_a_vanished_file(self, vanishing):
        assert list(KeyDirectory(vanishing).at(NOW).verifying) == ["a", "c"]

    def test_read_files_skips_a_vanished_file(self, vanishing):
        assert [file.key.kid for file in read_files(vanishing)] == ["a", "c"]

    def test_key_directory_with_only_vanished_files_is_rejected(self, vanishing):
        (vanishing / "a.jwk").unlink()
        (vanishing / "c.jwk").unlink()
        assert "There is no key file" in str(key_error(KeyDirectory, vanishing))


class TestAtInThreads:
    """One thread polls the files while other threads need keys."""

    @pytest.fixture
    def kids_during_poll(self, tmp_path, monkeypatch):
        """Return a function that returns the kids of one thread during the poll of another."""
        monkeypatch.setattr(key_directory, "_LOCK_TIMEOUT", 60)
        put(tmp_path)
        source = KeyDirectory(tmp_path)
        source.at(NOW)
        put(tmp_path, "b")
        polling, resume = Event(), Event()
        read = source._read

        def slow_read(listed):
            polling.set()
            assert resume.wait(60)
            return read(listed)

        source._read = slow_read

        def kids(now, *, waiting):
            names = []
            first = Thread(target=source.at, args=(now,))
            second = Thread(target=lambda: names.extend(source.at(now).verifying))
            first.start()
            assert polling.wait(60)
            second.start()
            # A waiting thread returns only after ``resume``, so the join has a short timeout.
            second.join(0.2 if waiting else 60)
            resume.set()
            first.join()
            second.join()
            return names

        return kids

    def test_thread_gets_recent_keys_without_waiting_for_a_poll(self, kids_during_poll):
        assert kids_during_poll(NOW + POLL_INTERVAL, waiting=False) == ["a"]

    def test_threads_wait_two_seconds_in_thirty_for_a_hanging_poll(self, tmp_path):
        put(tmp_path, "a")
        source = KeyDirectory(tmp_path)
        source.at(NOW)
        timeouts = []

        class HeldLock:
            """A lock held by a thread whose poll hangs."""

            def acquire(self, timeout):
                timeouts.append(timeout)
                return False

        source._lock = HeldLock()
        for seconds in (0, 0, 1, 29, 30):
            assert list(source.at(NOW + 3600 + seconds).verifying) == ["a"]
        assert timeouts == [2, 0, 0, 0, 2]

    @pytest.mark.parametrize("seconds", [STALE_AFTER, 3600])
    def test_thread_waits_for_a_poll_when_keys_are_stale(self, kids_during_poll, seconds):
        assert kids_during_poll(NOW + seconds, waiting=True) == ["a", "b"]
