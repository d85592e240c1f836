"""What a key goes through in a folder of keys."""

from __future__ import annotations

import os
import stat
from datetime import timedelta

import pytest

from django_tokenauth.keys import rotating as key_rotation
from django_tokenauth.keys.files import read_file, read_files, write_jwk
from django_tokenauth.keys.generating import make_jwk, make_key
from django_tokenauth.keys.rotating import (
    MARGIN,
    default_algorithm,
    generate,
    replace_now,
    rotate,
    shortest_delay,
)
from django_tokenauth.keys.schedule import KeySchedule
from tests.support.full_disk import full_after
from tests.support.key_rotations import (
    NOW,
    OUTLIVED,
    SETTINGS,
    SHORTEST,
    public,
    put,
    refused,
    rotated,
    states,
)
from tests.support.raw_tokens import read_settings

OLD, NEW = ".0123456789abcdef.jwk", ".00000000000000ff.jwk"


def rotated_to(folder, algorithm):
    return rotate(folder, SETTINGS, algorithm, now=NOW, delay=SHORTEST)


def replaced_by(folder, algorithm):
    return replace_now(folder, SETTINGS, algorithm, now=NOW)


class TestShortestDelay:
    @pytest.mark.parametrize(
        ("max_age", "seconds"),
        [(timedelta(minutes=5), 304), (timedelta(seconds=1.2), 6)],
    )
    def test_others_have_seen_the_key_once_all_processes_show_it(self, max_age, seconds):
        assert shortest_delay(read_settings(JWKS_MAX_AGE=max_age)) == seconds


class TestUsualAlgorithm:
    def test_it_is_that_of_the_youngest_key(self, tmp_path):
        write_jwk(tmp_path / "a.jwk", make_jwk("RS256", now=NOW, not_before=NOW))
        write_jwk(tmp_path / "b.jwk", make_jwk("ES384", now=NOW, not_before=NOW + 1))
        assert (
            default_algorithm(SETTINGS, [file.key for file in reversed(read_files(tmp_path))])
            == "ES384"
        )

    @pytest.mark.standard("rfc9068-2.1-2")
    @pytest.mark.parametrize(
        ("is_set", "usual"), [("HS256", "EdDSA"), ("ES256", "ES256"), ("RS512", "RS512")]
    )
    def test_without_one_it_is_what_is_set_if_that_has_key_pairs(self, is_set, usual):
        assert default_algorithm(read_settings(ALGORITHM=is_set), []) == usual


class TestGenerate:
    def test_the_first_key_signs_at_once(self, tmp_path):
        made = generate(tmp_path / "new" / "keys", SETTINGS, "ES256", now=NOW + 0.9)
        assert states(tmp_path / "new" / "keys", NOW) == {made.key.kid: "signs"}
        assert made.path.name == f"{made.key.kid}.jwk"
        assert read_file(made.path).jwk["iat"] == NOW
        assert made.key.algorithm == "ES256"

    def test_the_folder_is_for_its_owner_only(self, tmp_path):
        made = generate(tmp_path / "keys", SETTINGS, "EdDSA", now=NOW)
        assert stat.S_IMODE((tmp_path / "keys").stat().st_mode) == 0o700
        assert stat.S_IMODE(made.path.stat().st_mode) == 0o600

    def test_where_one_signs_already_it_refuses(self, tmp_path):
        put(tmp_path, "a")
        error = refused(generate, tmp_path, SETTINGS, "EdDSA", now=NOW)
        assert str(error) == "The key a signs already."
        assert error.hint == (
            "To create the next key, use rotate: it signs when every service has seen it."
        )
        assert states(tmp_path) == {"a": "signs"}

    @pytest.mark.parametrize(
        "others", [{"exp": NOW}, {"not_before": NOW + 500}], ids=["ended", "later"]
    )
    def test_where_none_signs_now_it_helps(self, tmp_path, others):
        put(tmp_path, "a", **others)
        made = generate(tmp_path, SETTINGS, "EdDSA", now=NOW)
        assert states(tmp_path)[made.key.kid] == "signs"

    def test_a_key_that_does_not_fit_the_others_is_not_written(self, tmp_path):
        put(tmp_path, "a", exp=NOW)
        assert refused(generate, tmp_path, SETTINGS, "HS256", now=NOW).check_id == "E001"
        assert [path.name for path in tmp_path.iterdir()] == ["a.jwk"]


class TestRotate:
    def test_the_next_key_is_published_and_signs_later(self, tmp_path):
        put(tmp_path, "a")
        made = rotated(tmp_path, NOW + 0.5).new
        start = NOW + 1 + SHORTEST
        assert made.key.not_before == start
        assert states(tmp_path, start - 1) == {"a": "signs", made.key.kid: "next"}
        assert states(tmp_path, start) == {"a": "verifies", made.key.kid: "signs"}

    def test_the_key_before_it_verifies_until_its_last_token_has_expired(self, tmp_path):
        put(tmp_path, "a")
        done = rotated(tmp_path)
        end = NOW + SHORTEST + OUTLIVED
        assert [(file.key.kid, file.key.expires_at) for file in done.ending] == [("a", end)]
        assert done.ending[0].path == tmp_path / "a.jwk"
        assert read_file(tmp_path / "a.jwk").jwk["exp"] == end
        assert states(tmp_path, end - 1)["a"] == "verifies"
        assert states(tmp_path, end)["a"] == "ended"

    def test_an_end_that_comes_sooner_stays(self, tmp_path):
        put(tmp_path, "a", NOW - 2000, exp=NOW + 5)
        put(tmp_path, "same", NOW - 2000, exp=NOW + SHORTEST + OUTLIVED)
        put(tmp_path, "b")
        assert [file.key.kid for file in rotated(tmp_path).ending] == ["b"]
        assert read_file(tmp_path / "a.jwk").jwk["exp"] == NOW + 5

    def test_a_public_key_keeps_the_end_that_its_owner_gave_it(self, tmp_path):
        put(tmp_path, "a")
        write_jwk(tmp_path / "public.jwk", {**public(), "kid": "public"})
        assert [file.key.kid for file in rotated(tmp_path).ending] == ["a"]
        assert "exp" not in read_file(tmp_path / "public.jwk").jwk

    def test_an_end_that_was_written_meanwhile_stays_if_it_is_sooner(self, tmp_path, monkeypatch):
        put(tmp_path, "stolen")

        def make(*arguments, **options):
            # What takes long in a rotation, and meanwhile somebody ends the key.
            retire_stolen()
            return make_key(*arguments, **options)

        def retire_stolen():
            jwk = read_file(tmp_path / "stolen.jwk").jwk
            write_jwk(tmp_path / "stolen.jwk", {**jwk, "exp": NOW})

        monkeypatch.setattr(key_rotation, "make_key", make)
        [ended] = rotated(tmp_path).ending
        assert ended.key.expires_at == NOW
        assert read_file(tmp_path / "stolen.jwk").jwk["exp"] == NOW

    def test_a_file_that_was_removed_meanwhile_needs_no_end(self, tmp_path, monkeypatch):
        put(tmp_path, "a")
        put(tmp_path, "gone")

        def make(*arguments, **options):
            (tmp_path / "gone.jwk").unlink()
            return make_key(*arguments, **options)

        monkeypatch.setattr(key_rotation, "make_key", make)
        done = rotated(tmp_path)
        assert [file.key.kid for file in done.ending] == ["a"]
        assert done.without_expiry == ()

    def test_a_file_without_alg_can_be_ended_too(self, tmp_path):
        jwk = make_jwk("EdDSA", now=NOW, not_before=NOW - 5)
        del jwk["alg"]
        write_jwk(tmp_path / "a.jwk", jwk)
        assert rotated(tmp_path).ending[0].key.kid == jwk["kid"]

    def test_what_a_crash_left_goes_once_it_is_old(self, tmp_path):
        put(tmp_path, "a")
        for name, age in ((OLD, MARGIN + 1), (NEW, MARGIN - 1), (".own.jwk", 10**6)):
            (tmp_path / name).write_text("{}")
            os.utime(tmp_path / name, (NOW - age, NOW - age))
        rotated(tmp_path)
        assert sorted(path.name for path in tmp_path.glob(".*")) == [NEW, ".own.jwk"]

    @pytest.mark.parametrize(("before", "after"), [("HS256", "EdDSA"), ("ES256", "HS512")])
    @pytest.mark.parametrize("act", [rotated_to, replaced_by])
    def test_secrets_and_key_pairs_share_no_folder(self, tmp_path, before, after, act):
        write_jwk(tmp_path / "a.jwk", make_jwk(before, now=NOW, not_before=NOW - 5))
        error = refused(act, tmp_path, after)
        assert error.check_id == "E001"
        assert f"A key for {after} cannot be beside the keys in the folder" in str(error)
        assert "another folder" in error.hint
        assert [path.name for path in tmp_path.iterdir()] == ["a.jwk"]

    def test_files_of_keys_that_have_ended_go(self, tmp_path):
        put(tmp_path, "a", NOW - 2000, exp=NOW)
        put(tmp_path, "b")
        done = rotated(tmp_path)
        assert done.removed == (tmp_path / "a.jwk",)
        assert states(tmp_path).keys() == {"b", done.new.key.kid}

    @pytest.mark.attack(167)
    def test_before_others_can_have_seen_the_key_it_does_not_sign(self, tmp_path):
        put(tmp_path, "a")
        error = refused(rotated, tmp_path, delay=SHORTEST - 1)
        assert str(error) == (
            f"A delay of {SHORTEST - 1} seconds is too short: services may cache the published "
            f"keys for JWKS_MAX_AGE. At least {SHORTEST} seconds are needed."
        )
        assert error.hint == "If a key was stolen, use --now."
        assert states(tmp_path) == {"a": "signs"}

    def test_while_one_waits_no_other_is_made(self, tmp_path):
        put(tmp_path, "a")
        waits = rotated(tmp_path).new.key.kid
        error = refused(rotated, tmp_path, now=NOW + SHORTEST - 1)
        assert str(error) == f"The key {waits} is already the next key and has not signed yet."
        assert error.hint == "To take it back, use retire."
        rotated(tmp_path, now=NOW + SHORTEST)
        assert len(states(tmp_path)) == 3

    def test_many_rotations_leave_no_time_without_a_key_that_signs(self, tmp_path):
        generate(tmp_path, SETTINGS, "EdDSA", now=NOW)
        step = SHORTEST + OUTLIVED + 1
        for number in range(5):
            rotated(tmp_path, now=NOW + number * step)
            keys = KeySchedule([file.key for file in read_files(tmp_path)])
            assert not keys.has_gaps(NOW + number * step)
            assert len(states(tmp_path)) == 2

    def test_one_that_was_cut_off_before_the_ends_is_mended_by_the_next(self, tmp_path):
        put(tmp_path, "a")
        put(tmp_path, "b", NOW - 10)
        done = rotated(tmp_path)
        assert {file.key.kid for file in done.ending} == {"a", "b"}

    @pytest.mark.parametrize("before", [{}, {"exp": NOW}, {"not_before": NOW - 5, "exp": NOW - 1}])
    def test_where_none_signs_it_would_leave_it_so_for_long(self, tmp_path, before):
        if before:
            put(tmp_path, "a", **before)
        error = refused(rotated, tmp_path)
        assert str(error) == "No key signs now."
        assert error.hint == "To create one that signs at once, use generate."
        assert len(read_files(tmp_path)) == len(before and [before])

    def test_a_key_that_ends_before_the_next_one_would_begin_is_no_start(self, tmp_path):
        put(tmp_path, "a", exp=NOW + SHORTEST)
        error = refused(rotated, tmp_path, delay=SHORTEST)
        assert str(error) == "The key a ends before the next key would sign."
        assert "--now" in error.hint
        assert states(tmp_path) == {"a": "signs"}
        put(tmp_path, "a", exp=NOW + SHORTEST + 1)
        rotated(tmp_path, delay=SHORTEST)

    def test_where_an_end_cannot_be_written_the_key_verifies_on_and_nothing_is_lost(self, tmp_path):
        put(tmp_path, "a", NOW - 2000)
        put(tmp_path, "b")
        with full_after(writes=2):
            done = rotated(tmp_path)
        assert [file.key.kid for file in done.ending] == ["a"]
        assert [file.key.kid for file in done.without_expiry] == ["b"]
        end = done.ending[0].key.expires_at
        assert states(tmp_path, end) == {"a": "ended", "b": "verifies", done.new.key.kid: "signs"}

    def test_where_the_next_key_cannot_be_written_nothing_is_done(self, tmp_path):
        put(tmp_path, "a")
        with full_after(writes=0), pytest.raises(OSError, match="No space left"):
            rotated(tmp_path)
        assert "exp" not in read_file(tmp_path / "a.jwk").jwk
        assert states(tmp_path) == {"a": "signs"}
