"""Expiry of keys: replace a stolen key at once, or retire an old key."""

from __future__ import annotations

from threading import Event, Thread

import pytest

from django_tokenauth.keys import rotating as key_rotation
from django_tokenauth.keys.drafts import Access
from django_tokenauth.keys.files import read_file, write_jwk
from django_tokenauth.keys.generating import make_key
from django_tokenauth.keys.rotating import (
    replace_now,
    retire,
)
from tests.support.full_disk import full_after
from tests.support.key_rotations import (
    DRAIN_TIME,
    NOW,
    SETTINGS,
    key_error,
    public,
    put,
    rotated,
    states,
)


class TestReplaceNow:
    def test_replace_now_expires_all_other_keys(self, tmp_path):
        put(tmp_path, "a", exp=NOW + 50)
        put(tmp_path, "b", NOW - 5)
        put(tmp_path, "next", NOW + 50)
        put(tmp_path, "old", NOW - 5000, exp=NOW - 5)
        replacement = replace_now(tmp_path, SETTINGS, "EdDSA", now=NOW + 0.5)
        expired = dict.fromkeys(("a", "b", "next"), "expired")
        assert states(tmp_path) == {**expired, replacement.new.key.kid: "signs"}
        assert {file.key.kid for file in replacement.expiring} == expired.keys()
        assert replacement.removed == (tmp_path / "old.jwk",)

    def test_replace_now_without_disk_space_for_exp_deletes_key_file(self, tmp_path):
        put(tmp_path, "stolen")
        with full_after(writes=1):
            replacement = replace_now(tmp_path, SETTINGS, "EdDSA", now=NOW)
        assert states(tmp_path) == {replacement.new.key.kid: "signs"}
        [expiring] = replacement.expiring
        assert (expiring.path, expiring.jwk["kid"]) == (tmp_path / "stolen.jwk", "stolen")
        assert (expiring.key.kid, expiring.key.expires_at) == ("stolen", NOW)

    def test_replace_now_without_disk_space_for_key_changes_no_key(self, tmp_path):
        put(tmp_path, "stolen")
        with full_after(writes=0), pytest.raises(OSError, match="No space left"):
            replace_now(tmp_path, SETTINGS, "EdDSA", now=NOW)
        assert states(tmp_path) == {"stolen": "signs"}

    def test_replace_now_waits_for_a_rotation_that_is_writing(self, tmp_path, monkeypatch):
        put(tmp_path, "stolen")
        write, replaced, writing = key_rotation.write_jwk, Event(), Event()

        def slow_write(path, jwk, **options):
            if path.name == "stolen.jwk" and not writing.is_set():
                # The rotation has read the expiry that it replaces. Without a lock, the other
                # command would run to completion here.
                writing.set()
                replaced.wait(0.5)
            write(path, jwk, **options)

        monkeypatch.setattr(key_rotation, "write_jwk", slow_write)
        rotation = Thread(target=rotated, args=(tmp_path,))
        rotation.start()
        assert writing.wait(60)
        replace_now(tmp_path, SETTINGS, "EdDSA", now=NOW)
        replaced.set()
        rotation.join()
        assert read_file(tmp_path / "stolen.jwk").jwk["exp"] == NOW

    def test_replace_now_expires_keys_after_an_unwritable_key_file(self, tmp_path, monkeypatch):
        for name in ("a", "b", "c"):
            put(tmp_path, name)

        def make(*arguments, **options):
            # Another process damages files during the slow step.
            (tmp_path / "a.jwk").write_text("{")
            (tmp_path / "b.jwk").unlink()
            (tmp_path / "b.jwk").mkdir()
            return make_key(*arguments, **options)

        monkeypatch.setattr(key_rotation, "make_key", make)
        replacement = replace_now(tmp_path, SETTINGS, "EdDSA", now=NOW)
        assert [file.key.kid for file in replacement.expiring] == ["c"]
        assert [file.key.kid for file in replacement.without_expiry] == ["a", "b"]
        assert read_file(tmp_path / "c.jwk").jwk["exp"] == NOW


class TestRetire:
    def test_retired_key_verifies_until_its_last_token_expires(self, tmp_path):
        put(tmp_path, "a")
        put(tmp_path, "b", NOW + 100)
        put(tmp_path, "c", NOW + 200)
        retired = retire(tmp_path, SETTINGS, "a", now=NOW).retired
        assert retired.key.expires_at == NOW + 100 + DRAIN_TIME
        assert read_file(tmp_path / "a.jwk").jwk["exp"] == NOW + 100 + DRAIN_TIME

    def test_retired_former_key_expires_after_lifetime_and_margins(self, tmp_path):
        put(tmp_path, "a", NOW - 5000)
        put(tmp_path, "b", NOW - 4000)
        retired = retire(tmp_path, SETTINGS, "a", now=NOW + 0.5).retired
        assert retired.key.expires_at == NOW + 1 + DRAIN_TIME

    def test_retire_at_once_sets_exp_to_now(self, tmp_path):
        put(tmp_path, "a", NOW - 5000)
        put(tmp_path, "b")
        retirement = retire(tmp_path, SETTINGS, "a", now=NOW + 0.5, at_once=True)
        assert retirement.retired.key.expires_at == NOW
        assert states(tmp_path)["a"] == "expired"

    @pytest.mark.parametrize("at_once", [False, True])
    def test_retire_of_next_key_expires_it_before_it_signs(self, tmp_path, at_once):
        put(tmp_path, "a")
        put(tmp_path, "next", NOW + 50)
        retirement = retire(tmp_path, SETTINGS, "next", now=NOW, at_once=at_once)
        assert (retirement.retired.key.kid, retirement.kept_signing) == ("next", None)
        assert states(tmp_path, NOW + 50) == {"a": "signs", "next": "expired"}

    @pytest.mark.parametrize("at_once", [False, True])
    def test_retire_of_next_key_removes_exp_of_current_key(self, tmp_path, at_once):
        put(tmp_path, "a")
        next_kid = rotated(tmp_path).new.key.kid
        assert "exp" in read_file(tmp_path / "a.jwk").jwk
        retirement = retire(tmp_path, SETTINGS, next_kid, now=NOW + 5, at_once=at_once)
        assert (retirement.retired.key.kid, retirement.kept_signing.key.kid) == (next_kid, "a")
        assert retirement.kept_signing.key.expires_at is None
        assert "exp" not in read_file(tmp_path / "a.jwk").jwk
        assert states(tmp_path, NOW + 10**7) == {"a": "signs", next_kid: "expired"}
        rotated(tmp_path, now=NOW + 10)

    def test_retire_of_only_future_key_is_rejected(self, tmp_path):
        put(tmp_path, "next", NOW + 50)
        error = key_error(retire, tmp_path, SETTINGS, "next", now=NOW, at_once=True)
        assert str(error) == "Without the key next no key signs."

    @pytest.mark.parametrize("at_once", [False, True])
    def test_retire_does_not_extend_the_exp_of_an_expired_key(self, tmp_path, at_once):
        put(tmp_path, "stolen")
        replace_now(tmp_path, SETTINGS, "EdDSA", now=NOW)
        retirement = retire(tmp_path, SETTINGS, "stolen", now=NOW + 5, at_once=at_once)
        assert retirement.retired.key.expires_at == NOW
        assert read_file(tmp_path / "stolen.jwk").jwk["exp"] == NOW
        assert states(tmp_path, NOW + 5)["stolen"] == "expired"

    @pytest.mark.parametrize("at_once", [False, True])
    def test_retire_of_only_signing_key_is_rejected(self, tmp_path, at_once):
        put(tmp_path, "a")
        error = key_error(retire, tmp_path, SETTINGS, "a", now=NOW, at_once=at_once)
        assert str(error) == "Without the key a no key signs."
        assert error.hint == "Create the next key with rotate, or at once with rotate --now."
        assert "exp" not in read_file(tmp_path / "a.jwk").jwk

    def test_retire_at_once_before_the_next_key_signs_is_rejected(self, tmp_path):
        put(tmp_path, "a")
        put(tmp_path, "b", NOW + 50)
        error = key_error(retire, tmp_path, SETTINGS, "a", now=NOW, at_once=True)
        assert str(error) == "Without the key a no key signs."

    def test_retire_finds_key_by_unique_kid_prefix(self, tmp_path):
        put(tmp_path, "abcd", NOW - 5000)
        put(tmp_path, "abd")
        assert retire(tmp_path, SETTINGS, "abc", now=NOW).retired.key.kid == "abcd"

    @pytest.mark.parametrize(
        ("kid", "message"),
        [
            ("ab", "More than one key has a kid that begins with 'ab'."),
            ("x", "No key has a kid that begins with 'x'."),
        ],
    )
    def test_retire_with_ambiguous_or_unknown_kid_is_rejected(self, tmp_path, kid, message):
        put(tmp_path, "abc", NOW - 5000)
        put(tmp_path, "abd")
        error = key_error(retire, tmp_path, SETTINGS, kid, now=NOW)
        assert str(error) == message
        assert error.hint == "To show all keys, use list."

    def test_retire_of_public_key_of_another_owner_is_rejected(self, tmp_path, monkeypatch):
        # Only root could create a file of another owner, so the private keys get another owner.
        put(tmp_path, "a")
        write_jwk(tmp_path / "public.jwk", {**public(), "kid": "public"})
        other = (tmp_path / "a.jwk").stat().st_uid + 1
        monkeypatch.setattr(
            key_rotation, "access_of", lambda *arguments: Access(other, None, 0o600)
        )
        error = key_error(retire, tmp_path, SETTINGS, "public", now=NOW)
        assert str(error) == (
            "The key public is a public key of another user, who decides when it expires."
        )
        assert error.hint == "To reject its tokens now, delete its file."
        assert "exp" not in read_file(tmp_path / "public.jwk").jwk

    def test_retire_prefers_exact_kid_to_prefix(self, tmp_path):
        put(tmp_path, "k", NOW - 5000)
        put(tmp_path, "k2")
        assert retire(tmp_path, SETTINGS, "k", now=NOW).retired.key.kid == "k"

    def test_retire_does_not_count_a_public_key_as_next_key(self, tmp_path):
        put(tmp_path, "a")
        write_jwk(tmp_path / "public.jwk", {**public(), "kid": "public", "nbf": NOW + 5})
        error = key_error(retire, tmp_path, SETTINGS, "a", now=NOW)
        assert str(error) == "Without the key a no key signs."
