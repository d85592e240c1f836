"""A folder of keys in which the files change while a process reads them, or others ask."""

from __future__ import annotations

from threading import Event, Thread

import pytest

from django_tokenauth.keys import directory as key_directory
from django_tokenauth.keys import files as key_files
from django_tokenauth.keys.directory import POLL_INTERVAL, STALE_AFTER, KeyDirectory
from django_tokenauth.keys.files import read_files
from tests.support.key_folder import NOW, put, refused


class TestARotationMeanwhile:
    """The files change while one process reads them."""

    @pytest.fixture
    def rotating(self, tmp_path):
        """Begins a rotation when the keys are read for the first time, and again so often."""
        put(tmp_path, "old")
        load, left = key_files.read_file, iter(range(2))

        def loading(*arguments):
            loaded = load(*arguments)
            for turn in left:
                # Between the listing and this, all of ``rotate --now``.
                put(tmp_path, f"new{turn}")
                put(tmp_path, "old", exp=NOW)
                break
            return loaded

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(key_files, "read_file", loading)
            yield tmp_path

    def test_a_start_sees_the_whole_of_it(self, rotating):
        assert KeyDirectory(rotating).at(NOW).signing.kid == "new1"

    def test_one_that_never_comes_to_rest_is_taken_as_it_is(self, tmp_path):
        put(tmp_path, "a")
        load, turns = key_files.read_file, []

        def loading(path, *arguments):
            turns.append(path.name)
            put(tmp_path, "a", filler="x" * len(turns))
            return load(path, *arguments)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(key_files, "read_file", loading)
            assert KeyDirectory(tmp_path).at(NOW + 50).signing.kid == "a"
        # Three times at the start, and three times at the look that was due.
        assert len(turns) == 6


class TestFilesThatGo:
    """A file that is there when the folder is listed, and not any more when it is read."""

    @pytest.fixture
    def going(self, tmp_path):
        """A folder of two files, of which one goes as soon as they were listed."""
        put(tmp_path, "a")
        put(tmp_path, "b")
        listed = key_files.list_files

        def listing(directory):
            names = listed(directory)
            (directory / "b.jwk").unlink(missing_ok=True)
            return names

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(key_files, "list_files", listing)
            patch.setattr(key_directory, "list_files", listing)
            yield tmp_path

    def test_a_start_goes_on_with_the_others(self, going):
        assert list(KeyDirectory(going).at(NOW).verifying) == ["a"]

    def test_so_do_the_checks_and_the_command(self, going):
        assert [file.key.kid for file in read_files(going)] == ["a"]

    def test_without_others_there_is_no_key(self, going):
        (going / "a.jwk").unlink()
        assert "There is no key file" in str(refused(KeyDirectory, going))


class TestThreads:
    """One looks at the files, and the others ask at the same time."""

    @pytest.fixture
    def looking(self, tmp_path, monkeypatch):
        """A source of keys whose first thread is held up in the midst of its look.

        Gives the source and what the keys are called that another thread finds meanwhile.
        """
        monkeypatch.setattr(key_directory, "_LOCK_TIMEOUT", 60)
        put(tmp_path)
        source = KeyDirectory(tmp_path)
        source.at(NOW)
        put(tmp_path, "b")
        held, go_on = Event(), Event()
        read = source._read

        def slowly(listed):
            held.set()
            assert go_on.wait(60)
            return read(listed)

        source._read = slowly

        def found(now, *, waits):
            names = []
            first = Thread(target=source.at, args=(now,))
            second = Thread(target=lambda: names.extend(source.at(now).verifying))
            first.start()
            assert held.wait(60)
            second.start()
            # One that does not wait comes back by itself; one that does is let go soon.
            second.join(0.2 if waits else 60)
            go_on.set()
            first.join()
            second.join()
            return names

        return found

    def test_what_was_known_a_moment_ago_is_good_enough(self, looking):
        assert looking(NOW + POLL_INTERVAL, waits=False) == ["a"]

    def test_where_the_disk_hangs_they_do_not_wait_again_and_again(self, tmp_path, monkeypatch):
        monkeypatch.setattr(key_directory, "_LOCK_TIMEOUT", 0.05)
        put(tmp_path, "a")
        source = KeyDirectory(tmp_path)
        source.at(NOW)
        waited = []

        class Held:
            """The lock that a thread holds whose look does not come back."""

            def acquire(self, timeout):
                waited.append(timeout)
                return False

        source._lock = Held()
        for seconds in (0, 0, 1, STALE_AFTER - 1, STALE_AFTER):
            assert list(source.at(NOW + 3600 + seconds).verifying) == ["a"]
        assert waited == [0.05, 0, 0, 0, 0.05]

    @pytest.mark.parametrize("slept", [STALE_AFTER, 3600])
    def test_after_a_sleep_all_wait_for_what_is_there_now(self, looking, slept):
        assert looking(NOW + slept, waits=True) == ["a", "b"]
