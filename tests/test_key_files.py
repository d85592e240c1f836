"""A folder of keys: what is read, how it is written, and how a running process follows it."""

from __future__ import annotations

import json
import logging
import os
import stat
from threading import Thread

import pytest

from django_tokenauth.errors import InvalidKey
from django_tokenauth.key_files import (
    LOOK_EVERY,
    KeyDirectory,
    list_files,
    read_jwk,
    read_key,
    write_jwk,
)
from django_tokenauth.key_making import make_jwk
from django_tokenauth.keys import load_key
from tests.sample_keys import private_jwk, private_key, public_jwk

NOW = 1_700_000_000


def put(folder, name="a", algorithm="EdDSA", **changes):
    """A key file with a key of its own; its kid is its name."""
    jwk = {**make_jwk(algorithm, now=NOW, not_before=NOW - 100), "kid": name, **changes}
    write_jwk(folder / f"{name}.jwk", jwk)
    return jwk


def put_text(folder, text, name="bad.jwk"):
    (folder / name).write_bytes(text if isinstance(text, bytes) else text.encode())


def refused(read, *arguments):
    with pytest.raises(InvalidKey) as caught:
        read(*arguments)
    error = caught.value
    assert error.__suppress_context__ or error.__context__ is None
    return error


class TestWriteJwk:
    def test_its_owner_alone_can_read_it(self, tmp_path):
        before = os.umask(0)
        try:
            put(tmp_path)
        finally:
            os.umask(before)
        assert stat.S_IMODE((tmp_path / "a.jwk").stat().st_mode) == 0o600

    def test_it_replaces_the_file_as_a_whole(self, tmp_path):
        put(tmp_path)
        before = (tmp_path / "a.jwk").stat().st_ino
        jwk = put(tmp_path)
        assert read_jwk(tmp_path / "a.jwk") == jwk
        assert (tmp_path / "a.jwk").stat().st_ino != before

    def test_nothing_else_is_left(self, tmp_path):
        put(tmp_path)
        assert [path.name for path in tmp_path.iterdir()] == ["a.jwk"]

    def test_a_failure_leaves_what_was_there(self, tmp_path):
        (tmp_path / "a.jwk").mkdir()
        with pytest.raises(OSError, match="directory"):
            put(tmp_path)
        assert [path.name for path in tmp_path.iterdir()] == ["a.jwk"]

    def test_a_reader_never_sees_half_of_it(self, tmp_path):
        put(tmp_path, algorithm="RS256")
        seen, going = [], True

        def read():
            while going:
                seen.append(read_jwk(tmp_path / "a.jwk")["kid"])

        reader = Thread(target=read)
        reader.start()
        for _ in range(200):
            write_jwk(tmp_path / "a.jwk", {"kid": "a", "filler": "x" * 5000})
        going = False
        reader.join()
        assert set(seen) == {"a"}


class TestReadJwk:
    @pytest.mark.parametrize(
        "text",
        [
            "",
            "{",
            "[]",
            '"a"',
            '{"kty": "OKP", "kty": "oct"}',
            b"\xff",
            '{"a": NaN}',
            json.dumps({"a": "x" * 70000}),
        ],
    )
    def test_what_is_no_json_object_is_refused_by_its_name(self, tmp_path, text):
        put_text(tmp_path, text)
        assert str(refused(read_jwk, tmp_path / "bad.jwk")) == "The key file bad.jwk is not a JWK."

    def test_a_file_that_cannot_be_read_is_named_with_the_reason(self, tmp_path):
        (tmp_path / "bad.jwk").mkdir()
        error = refused(read_jwk, tmp_path / "bad.jwk")
        assert str(error) == "The key file bad.jwk cannot be read (Is a directory)."
        assert "0600" in error.hint


class TestReadKey:
    def test_a_key_that_cannot_be_used_is_refused_by_the_name_of_its_file(self, tmp_path):
        jwk = put(tmp_path, "short", "HS256", k="c2hvcnQ")
        error = refused(read_key, tmp_path / "short.jwk")
        assert str(error).startswith("The key file short.jwk: The secret for HS256 is too short")
        assert error.number == "E002"
        assert "at least 32 random bytes" in error.hint
        assert jwk["k"] not in str(error)

    def test_its_number_is_that_of_the_fault(self, tmp_path):
        put_text(tmp_path, json.dumps({**public_jwk(private_key("EdDSA")), "kid": "ä"}))
        assert refused(read_key, tmp_path / "bad.jwk").number == "E003"

    @pytest.mark.parametrize("algorithm", ["EdDSA", "ES384", "RS256"])
    def test_what_a_key_pair_is_for_follows_from_its_type(self, tmp_path, algorithm):
        write_jwk(tmp_path / "a.jwk", private_jwk(private_key(algorithm)))
        assert read_key(tmp_path / "a.jwk").algorithm == algorithm

    def test_a_secret_is_for_hs256_unless_it_says_so(self, tmp_path):
        jwk = put(tmp_path, algorithm="HS512")
        assert read_key(tmp_path / "a.jwk").algorithm == "HS512"
        del jwk["alg"]
        write_jwk(tmp_path / "a.jwk", jwk)
        assert read_key(tmp_path / "a.jwk").algorithm == "HS256"


class TestListFiles:
    def test_only_key_files_that_are_done_are_listed_by_name(self, tmp_path):
        for name in ("b.jwk", "a.jwk", ".draft.jwk", "README", "a.jwk.bak"):
            put_text(tmp_path, "{}", name)
        assert list(list_files(tmp_path)) == ["a.jwk", "b.jwk"]

    def test_a_link_stands_for_its_file_and_one_to_nothing_for_none(self, tmp_path):
        # As volumes of containers are laid out.
        put_text(tmp_path, "{}", "elsewhere")
        (tmp_path / "a.jwk").symlink_to(tmp_path / "elsewhere")
        (tmp_path / "b.jwk").symlink_to(tmp_path / "nothing")
        before = list_files(tmp_path)
        assert list(before) == ["a.jwk"]
        put_text(tmp_path, "{} ", "elsewhere")
        assert list_files(tmp_path) != before

    @pytest.mark.parametrize("change", ["content", "mode", "times"])
    def test_any_change_of_a_file_shows(self, tmp_path, change):
        put_text(tmp_path, "{}", "a.jwk")
        path = tmp_path / "a.jwk"
        before = list_files(tmp_path)
        if change == "content":
            put(tmp_path)
        elif change == "mode":
            path.chmod(0o400)
        else:
            os.utime(path, (1, 1))
        assert list_files(tmp_path) != before


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
