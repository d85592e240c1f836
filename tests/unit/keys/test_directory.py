"""A folder of keys, as a running process follows it."""

from __future__ import annotations

import logging
from threading import Thread

import pytest

from django_tokenauth.keys import files as key_files
from django_tokenauth.keys.directory import POLL_INTERVAL, KeyDirectory
from django_tokenauth.keys.files import write_jwk
from django_tokenauth.keys.loading import load_key
from tests.support.key_folder import NOW, put, put_text, refused
from tests.support.sample_keys import private_jwk, private_key


class Clock:
    """The time at which a process asks; each step is long enough for it to look again."""

    def __init__(self, directory):
        self.keys = KeyDirectory(directory)
        self.now = float(NOW)

    def later(self, seconds=POLL_INTERVAL):
        self.now += seconds
        return self.keys.at(self.now)

    def kids(self, seconds=POLL_INTERVAL):
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
        assert str(error) == (
            f"The key folder {tmp_path}/missing cannot be read (No such file or directory)."
        )
        assert "tokenauth_keys generate" in error.hint

    def test_so_is_one_without_a_key(self, tmp_path):
        error = refused(KeyDirectory, tmp_path)
        assert str(error) == "There is no key file in KEY_DIRECTORY."
        assert "tokenauth_keys generate" in error.hint

    @pytest.mark.standard("rfc7517-5-4")
    def test_one_bad_file_is_a_fault_whatever_the_others_are(self, tmp_path):
        put(tmp_path)
        put_text(tmp_path, "{")
        assert "bad.jwk" in str(refused(KeyDirectory, tmp_path))

    @pytest.mark.standard("rfc7517-4.5-1")
    @pytest.mark.attack(9, 15)
    def test_duplicates_and_mixed_families_are_faults(self, tmp_path):
        put(tmp_path, "a")
        put(tmp_path, "b", kid="a")
        assert refused(KeyDirectory, tmp_path).check_id == "E003"
        put(tmp_path, "b", "HS256")
        assert refused(KeyDirectory, tmp_path).check_id == "E001"


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
        assert clock.kids(POLL_INTERVAL - 0.1) == ["a"]
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

    @pytest.mark.promise(20)
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
            Thread(target=lambda at=at: got.append(directory.at(NOW + at * POLL_INTERVAL)))
            for at in range(16)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert {tuple(keys.verifying) for keys in got} == {("a",)}
        assert len(got) == 16


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
            "The current keys stay in use: The key file bad.jwk is not a JWK. It must"
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
        [error] = self.faults(caplog)
        assert error == (
            f"The current keys stay in use: The key folder {tmp_path} cannot be read (No such file "
            "or directory)."
        )
        away.rename(tmp_path)
        put(tmp_path, "c")
        assert clock.kids() == ["a", "b", "c"]

    def test_an_emptied_folder_leaves_none(self, clock, tmp_path):
        for path in tmp_path.iterdir():
            path.unlink()
        keys = clock.later()
        assert (keys.signing, dict(keys.verifying)) == (None, {})
