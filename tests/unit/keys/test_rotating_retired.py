"""How keys end: one was stolen, or is not needed any more."""

from __future__ import annotations

import pytest

from django_tokenauth.keys.files import read_file, write_jwk
from django_tokenauth.keys.rotating import (
    replace_now,
    retire,
)
from tests.support.full_disk import full_after
from tests.support.key_rotations import (
    NOW,
    OUTLIVED,
    SETTINGS,
    public,
    put,
    refused,
    rotated,
    states,
)


class TestReplaceNow:
    def test_a_new_key_signs_and_all_others_are_worth_nothing(self, tmp_path):
        put(tmp_path, "a", exp=NOW + 50)
        put(tmp_path, "b", NOW - 5)
        put(tmp_path, "next", NOW + 50)
        put(tmp_path, "old", NOW - 5000, exp=NOW - 5)
        done = replace_now(tmp_path, SETTINGS, "EdDSA", now=NOW + 0.5)
        ended = dict.fromkeys(("a", "b", "next"), "ended")
        assert states(tmp_path) == {**ended, done.new.key.kid: "signs"}
        assert {file.key.kid for file in done.ending} == ended.keys()
        assert done.removed == (tmp_path / "old.jwk",)

    def test_where_an_end_cannot_be_written_the_file_goes(self, tmp_path):
        put(tmp_path, "stolen")
        with full_after(writes=1):
            done = replace_now(tmp_path, SETTINGS, "EdDSA", now=NOW)
        assert states(tmp_path) == {done.new.key.kid: "signs"}
        assert [(file.key.kid, file.key.expires_at) for file in done.ending] == [("stolen", NOW)]

    def test_where_no_new_key_can_be_written_nothing_is_done(self, tmp_path):
        put(tmp_path, "stolen")
        with full_after(writes=0), pytest.raises(OSError, match="No space left"):
            replace_now(tmp_path, SETTINGS, "EdDSA", now=NOW)
        assert states(tmp_path) == {"stolen": "signs"}


class TestRetire:
    def test_a_key_with_a_successor_verifies_until_its_last_token_has_expired(self, tmp_path):
        put(tmp_path, "a")
        put(tmp_path, "b", NOW + 100)
        put(tmp_path, "c", NOW + 200)
        ended = retire(tmp_path, SETTINGS, "a", now=NOW).ended
        assert ended.key.expires_at == NOW + 100 + OUTLIVED
        assert read_file(tmp_path / "a.jwk").jwk["exp"] == NOW + 100 + OUTLIVED

    def test_one_that_has_not_signed_for_long_ends_by_now_and_that_time(self, tmp_path):
        put(tmp_path, "a", NOW - 5000)
        put(tmp_path, "b", NOW - 4000)
        ended = retire(tmp_path, SETTINGS, "a", now=NOW + 0.5).ended
        assert ended.key.expires_at == NOW + 1 + OUTLIVED

    def test_at_once_means_now(self, tmp_path):
        put(tmp_path, "a", NOW - 5000)
        put(tmp_path, "b")
        done = retire(tmp_path, SETTINGS, "a", now=NOW + 0.5, at_once=True)
        assert done.ended.key.expires_at == NOW
        assert states(tmp_path)["a"] == "ended"

    @pytest.mark.parametrize("at_once", [False, True])
    def test_the_next_key_can_be_taken_back(self, tmp_path, at_once):
        put(tmp_path, "a")
        put(tmp_path, "next", NOW + 50)
        done = retire(tmp_path, SETTINGS, "next", now=NOW, at_once=at_once)
        assert (done.ended.key.kid, done.kept_signing) == ("next", None)
        assert states(tmp_path, NOW + 50) == {"a": "signs", "next": "ended"}

    @pytest.mark.parametrize("at_once", [False, True])
    def test_then_the_one_that_it_would_have_followed_goes_on(self, tmp_path, at_once):
        put(tmp_path, "a")
        waits = rotated(tmp_path).new.key.kid
        assert "exp" in read_file(tmp_path / "a.jwk").jwk
        done = retire(tmp_path, SETTINGS, waits, now=NOW + 5, at_once=at_once)
        assert (done.ended.key.kid, done.kept_signing.key.kid) == (waits, "a")
        assert done.kept_signing.key.expires_at is None
        assert "exp" not in read_file(tmp_path / "a.jwk").jwk
        assert states(tmp_path, NOW + 10**7) == {"a": "signs", waits: "ended"}
        rotated(tmp_path, now=NOW + 10)

    def test_the_only_key_that_is_to_come_stays(self, tmp_path):
        put(tmp_path, "next", NOW + 50)
        error = refused(retire, tmp_path, SETTINGS, "next", now=NOW, at_once=True)
        assert str(error) == "Without the key next no key signs."

    @pytest.mark.parametrize("at_once", [False, True])
    def test_a_key_that_has_ended_does_not_come_back(self, tmp_path, at_once):
        put(tmp_path, "stolen")
        replace_now(tmp_path, SETTINGS, "EdDSA", now=NOW)
        done = retire(tmp_path, SETTINGS, "stolen", now=NOW + 5, at_once=at_once)
        assert done.ended.key.expires_at == NOW
        assert read_file(tmp_path / "stolen.jwk").jwk["exp"] == NOW
        assert states(tmp_path, NOW + 5)["stolen"] == "ended"

    @pytest.mark.parametrize("at_once", [False, True])
    def test_the_only_key_that_signs_stays(self, tmp_path, at_once):
        put(tmp_path, "a")
        error = refused(retire, tmp_path, SETTINGS, "a", now=NOW, at_once=at_once)
        assert str(error) == "Without the key a no key signs."
        assert error.hint == "Create the next key with rotate, or at once with rotate --now."
        assert "exp" not in read_file(tmp_path / "a.jwk").jwk

    def test_the_key_that_signs_until_another_begins_does_not_end_before(self, tmp_path):
        put(tmp_path, "a")
        put(tmp_path, "b", NOW + 50)
        error = refused(retire, tmp_path, SETTINGS, "a", now=NOW, at_once=True)
        assert str(error) == "Without the key a no key signs."

    def test_the_beginning_of_its_name_is_enough(self, tmp_path):
        put(tmp_path, "abc", NOW - 5000)
        put(tmp_path, "abd")
        assert retire(tmp_path, SETTINGS, "abc", now=NOW).ended.key.kid == "abc"

    @pytest.mark.parametrize(
        ("kid", "message"),
        [
            ("ab", "More than one key has a kid that begins with 'ab'."),
            ("x", "No key has a kid that begins with 'x'."),
        ],
    )
    def test_it_must_fit_one_key(self, tmp_path, kid, message):
        put(tmp_path, "abc", NOW - 5000)
        put(tmp_path, "abd")
        error = refused(retire, tmp_path, SETTINGS, kid, now=NOW)
        assert str(error) == message
        assert error.hint == "To show all keys, use list."

    def test_a_whole_name_is_that_key_also_where_others_begin_so(self, tmp_path):
        put(tmp_path, "k", NOW - 5000)
        put(tmp_path, "k2")
        assert retire(tmp_path, SETTINGS, "k", now=NOW).ended.key.kid == "k"

    def test_a_public_key_is_no_successor(self, tmp_path):
        put(tmp_path, "a")
        write_jwk(tmp_path / "public.jwk", {**public(), "kid": "public", "nbf": NOW + 5})
        error = refused(retire, tmp_path, SETTINGS, "a", now=NOW)
        assert str(error) == "Without the key a no key signs."
