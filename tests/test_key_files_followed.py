"""A folder of keys, as a running process follows it."""

from __future__ import annotations

import logging
from threading import Event, Thread

import pytest

from django_tokenauth import key_files, key_states
from django_tokenauth.key_files import (
    LOOK_EVERY,
    TOO_OLD,
    KeyDirectory,
    read_jwks,
    write_jwk,
)
from django_tokenauth.key_states import read_files
from django_tokenauth.keys import load_key
from tests.sample_keys import private_jwk, private_key
from tests.test_key_files import NOW, put, put_text, refused


class Clock:
    """The time at which a process asks; each step is long enough for it to look again."""

    def __init__(self, directory):
        self.keys = KeyDirectory(directory)
        self.now = float(NOW)

    def later(self, seconds=LOOK_EVERY):
        self.now += seconds
        return self.keys.at(self.now)

    def kids(self, seconds=LOOK_EVERY):
        return list(self.later(seconds).verifying)


class TestAtTheStart:
    def test_all_keys_of_the_folder_verify_and_the_youngest_signs(self, tmp_path):
        put(tmp_path, "a", nbf=NOW - 200)
        put(tmp_path, "b", nbf=NOW - 100)
        put(tmp_path, "c", nbf=NOW + 100)
        keys = KeyDirectory(tmp_path).at(NOW)
        assert (keys.signing.kid, list(keys.verifying)) == ("b", ["a", "b", "c"])

    def test_further_keys_verify_and_do_not_sign(self, tmp_path):
        put(tmp_path, "a")
        further = load_key({**private_jwk(private_key("EdDSA")), "kid": "z"}, "EdDSA")
        keys = KeyDirectory(tmp_path, [further]).at(NOW)
        assert (keys.signing.kid, list(keys.verifying)) == ("a", ["a", "z"])

    def test_a_folder_that_is_missing_is_a_fault_with_a_way_out(self, tmp_path):
        error = refused(KeyDirectory, tmp_path / "missing")
        assert str(error) == "KEY_DIRECTORY cannot be read (No such file or directory)."
        assert "tokenauth_keys generate" in error.hint

    def test_so_is_one_without_a_key(self, tmp_path):
        error = refused(KeyDirectory, tmp_path)
        assert str(error) == "There is no key file in KEY_DIRECTORY."
        assert "tokenauth_keys generate" in error.hint

    def test_one_bad_file_is_a_fault_whatever_the_others_are(self, tmp_path):
        put(tmp_path)
        put_text(tmp_path, "{")
        assert "bad.jwk" in str(refused(KeyDirectory, tmp_path))

    @pytest.mark.attack(9, 15)
    def test_duplicates_and_mixed_families_are_faults(self, tmp_path):
        put(tmp_path, "a")
        put(tmp_path, "b", kid="a")
        assert refused(KeyDirectory, tmp_path).number == "E003"
        put(tmp_path, "b", "HS256")
        assert refused(KeyDirectory, tmp_path).number == "E001"


class TestWhileItRuns:
    def test_a_new_file_is_seen(self, tmp_path):
        put(tmp_path, "a")
        clock = Clock(tmp_path)
        assert clock.kids() == ["a"]
        put(tmp_path, "b")
        assert clock.kids() == ["a", "b"]

    def test_but_not_before_it_is_time_to_look(self, tmp_path):
        put(tmp_path, "a")
        clock = Clock(tmp_path)
        assert clock.kids() == ["a"]
        put(tmp_path, "b")
        assert clock.kids(LOOK_EVERY - 0.1) == ["a"]
        assert clock.kids(0.1) == ["a", "b"]

    def test_a_clock_that_was_set_back_does_not_stop_it(self, tmp_path):
        put(tmp_path, "a")
        clock = Clock(tmp_path)
        assert clock.kids() == ["a"]
        put(tmp_path, "b")
        assert clock.kids(-3600) == ["a", "b"]

    def test_nothing_changes_while_the_files_do_not(self, tmp_path):
        put(tmp_path)
        clock = Clock(tmp_path)
        assert clock.later() is clock.later()

    @pytest.mark.attack(168, 169)
    def test_a_file_that_is_gone_takes_its_key_with_it(self, tmp_path):
        put(tmp_path, "a")
        put(tmp_path, "b")
        clock = Clock(tmp_path)
        assert clock.kids() == ["a", "b"]
        (tmp_path / "b.jwk").unlink()
        assert clock.kids() == ["a"]

    def test_an_end_that_is_written_into_a_file_counts(self, tmp_path):
        jwk = put(tmp_path, "a")
        clock = Clock(tmp_path)
        assert clock.kids() == ["a"]
        write_jwk(tmp_path / "a.jwk", {**jwk, "exp": NOW})
        assert clock.kids() == []

    def test_a_key_that_got_an_end_is_not_made_anew(self, tmp_path, monkeypatch):
        jwk = put(tmp_path, "a")
        clock = Clock(tmp_path)
        before = clock.later().verifying["a"]
        monkeypatch.delattr(key_files, "load_key")
        write_jwk(tmp_path / "a.jwk", {**jwk, "exp": NOW + 10**6})
        after = clock.later().verifying["a"]
        assert after.expires_at == NOW + 10**6
        assert after.verify(b"message", before.sign(b"message"))

    def test_another_key_under_the_same_name_is_made_anew(self, tmp_path):
        put(tmp_path, "a")
        clock = Clock(tmp_path)
        before = clock.later().verifying["a"]
        put(tmp_path, "a")
        assert not clock.later().verifying["a"].verify(b"message", before.sign(b"message"))

    def test_keys_that_did_not_change_are_not_read_again(self, tmp_path):
        put(tmp_path, "a")
        clock = Clock(tmp_path)
        before = clock.later().verifying["a"]
        put(tmp_path, "b")
        assert clock.later().verifying["a"] is before

    def test_several_threads_are_given_keys_while_one_looks(self, tmp_path):
        put(tmp_path, "a")
        directory, got = KeyDirectory(tmp_path), []
        threads = [
            Thread(target=lambda at=at: got.append(directory.at(NOW + at * LOOK_EVERY)))
            for at in range(16)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert {tuple(keys.verifying) for keys in got} == {("a",)}
        assert len(got) == 16


class TestARotationMeanwhile:
    """The files change while one process reads them."""

    @pytest.fixture
    def rotating(self, tmp_path):
        """Begins a rotation when the keys are read for the first time, and again so often."""
        put(tmp_path, "old")
        load, left = key_files._load, iter(range(2))

        def loading(path, known):
            loaded = load(path, known)
            for turn in left:
                # Between the listing and this, all of ``rotate --now``.
                put(tmp_path, f"new{turn}")
                put(tmp_path, "old", exp=NOW)
                break
            return loaded

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(key_files, "_load", loading)
            yield tmp_path

    def test_a_start_sees_the_whole_of_it(self, rotating):
        assert KeyDirectory(rotating).at(NOW).signing.kid == "new1"

    def test_one_that_never_comes_to_rest_is_taken_as_it_is(self, tmp_path):
        put(tmp_path, "a")
        load, turns = key_files._load, []

        def loading(path, known):
            turns.append(path.name)
            put(tmp_path, "a", filler="x" * len(turns))
            return load(path, known)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(key_files, "_load", loading)
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
            patch.setattr(key_states, "list_files", listing)
            yield tmp_path

    def test_a_start_goes_on_with_the_others(self, going):
        assert list(KeyDirectory(going).at(NOW).verifying) == ["a"]

    def test_so_do_the_checks_and_the_command(self, going):
        assert [jwk["kid"] for jwk in read_jwks(going)] == ["a"]
        put(going, "b")
        assert [file.key.kid for file in read_files(going)] == ["a"]

    def test_without_others_there_is_no_key(self, going):
        (going / "a.jwk").unlink()
        assert "There is no key file" in str(refused(KeyDirectory, going))


class TestThreads:
    """One looks at the files, and the others ask at the same time."""

    @pytest.fixture
    def looking(self, tmp_path):
        """A source of keys whose first thread is held up in the midst of its look.

        Gives the source and what the keys are called that another thread finds meanwhile.
        """
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

        def found(now):
            names = []
            first = Thread(target=source.at, args=(now,))
            second = Thread(target=lambda: names.extend(source.at(now).verifying))
            first.start()
            assert held.wait(60)
            second.start()
            # One that does not wait is done by then; one that does is let go after this.
            second.join(0.2)
            go_on.set()
            first.join()
            second.join()
            return names

        return found

    def test_what_was_known_a_moment_ago_is_good_enough(self, looking):
        assert looking(NOW + LOOK_EVERY) == ["a"]

    def test_where_the_disk_hangs_they_do_not_wait_again_and_again(self, tmp_path, monkeypatch):
        monkeypatch.setattr(key_files, "_PATIENCE", 0.05)
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
        for seconds in (0, 0, 1, TOO_OLD - 1, TOO_OLD):
            assert list(source.at(NOW + 3600 + seconds).verifying) == ["a"]
        assert waited == [0.05, 0, 0, 0, 0.05]

    @pytest.mark.parametrize("slept", [TOO_OLD, 3600])
    def test_after_a_sleep_all_wait_for_what_is_there_now(self, looking, slept):
        assert looking(NOW + slept) == ["a", "b"]


class TestFaultsWhileItRuns:
    @pytest.fixture
    def clock(self, tmp_path):
        put(tmp_path, "a")
        put(tmp_path, "b")
        clock = Clock(tmp_path)
        clock.later()
        return clock

    def faults(self, caplog):
        return [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]

    def test_a_bad_file_changes_nothing_and_is_logged_once(self, clock, tmp_path, caplog):
        put_text(tmp_path, "{")
        before = clock.later()
        assert clock.later() is before
        assert list(before.verifying) == ["a", "b"]
        [said] = self.faults(caplog)
        assert said.startswith(
            "the keys stay as they were: The key file bad.jwk is not a JWK. It has"
        )

    def test_nothing_new_is_taken_beside_it_until_it_is_mended(self, clock, tmp_path, caplog):
        put_text(tmp_path, "{")
        put(tmp_path, "c")
        assert clock.kids() == ["a", "b"]
        (tmp_path / "bad.jwk").unlink()
        assert clock.kids() == ["a", "b", "c"]
        put_text(tmp_path, "{")
        clock.later()
        assert len(self.faults(caplog)) == 2

    def test_one_that_comes_back_is_logged_again(self, clock, tmp_path, caplog):
        for _ in range(2):
            put_text(tmp_path, "{")
            clock.later()
            (tmp_path / "bad.jwk").unlink()
            clock.later()
        assert len(self.faults(caplog)) == 2

    @pytest.mark.attack(169)
    def test_a_file_that_goes_takes_its_key_with_it_all_the_same(self, clock, tmp_path):
        put_text(tmp_path, "{")
        assert clock.kids() == ["a", "b"]
        (tmp_path / "b.jwk").unlink()
        assert clock.kids() == ["a"]

    def test_a_file_that_turns_bad_keeps_the_key_that_it_had(self, clock, tmp_path):
        put_text(tmp_path, "{", "b.jwk")
        assert clock.kids() == ["a", "b"]

    def test_keys_that_do_not_fit_the_others_are_not_taken(self, clock, tmp_path, caplog):
        put(tmp_path, "c", "HS256")
        assert clock.kids() == ["a", "b"]
        assert "in one key set" in self.faults(caplog)[0]

    def test_a_folder_that_is_gone_leaves_the_keys(self, clock, tmp_path, caplog):
        away = tmp_path.with_name(f"{tmp_path.name}-away")
        tmp_path.rename(away)
        assert clock.kids() == ["a", "b"]
        assert clock.kids() == ["a", "b"]
        assert self.faults(caplog) == [
            "the keys stay as they were: KEY_DIRECTORY cannot be read (No such file or directory)"
        ]
        away.rename(tmp_path)
        put(tmp_path, "c")
        assert clock.kids() == ["a", "b", "c"]

    def test_an_emptied_folder_leaves_none(self, clock, tmp_path):
        for path in tmp_path.iterdir():
            path.unlink()
        keys = clock.later()
        assert (keys.signing, dict(keys.verifying)) == (None, {})
