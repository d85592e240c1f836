"""Generating and rotating keys in a key folder."""

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
    DRAIN_TIME,
    MIN_DELAY,
    NOW,
    SETTINGS,
    key_error,
    public,
    put,
    rotated,
    states,
)
from tests.support.raw_tokens import read_settings
from tests.support.sample_keys import generated_jwk

OLD, NEW = ".0123456789abcdef.jwk", ".00000000000000ff.jwk"


def rotated_to(folder, algorithm):
    return rotate(folder, SETTINGS, algorithm, now=NOW, delay=MIN_DELAY)


def replaced_by(folder, algorithm):
    return replace_now(folder, SETTINGS, algorithm, now=NOW)


class TestShortestDelay:
    @pytest.mark.parametrize(
        ("max_age", "seconds"),
        [(timedelta(minutes=5), 304), (timedelta(seconds=1.2), 6)],
    )
    def test_shortest_rotation_delay_is_jwks_max_age_plus_two_polls(self, max_age, seconds):
        assert shortest_delay(read_settings(JWKS_MAX_AGE=max_age)) == seconds


class TestDefaultAlgorithm:
    def test_default_algorithm_is_the_algorithm_of_the_newest_key(self, tmp_path):
        write_jwk(tmp_path / "a.jwk", {**generated_jwk("RS256"), "nbf": NOW})
        write_jwk(tmp_path / "b.jwk", make_jwk("ES384", now=NOW, not_before=NOW + 1))
        keys = [file.key for file in read_files(tmp_path)]
        for order in (keys, keys[::-1]):
            assert default_algorithm(SETTINGS, order) == "ES384"

    @pytest.mark.standard("rfc9068-2.1-2")
    @pytest.mark.parametrize(
        ("setting", "default"), [("HS256", "EdDSA"), ("ES256", "ES256"), ("RS512", "RS512")]
    )
    def test_default_algorithm_without_keys_is_asymmetric(self, setting, default):
        assert default_algorithm(read_settings(ALGORITHM=setting), []) == default


class TestGenerate:
    def test_generated_first_key_signs_at_once(self, tmp_path):
        generated = generate(tmp_path / "new" / "keys", SETTINGS, "ES256", now=NOW + 0.9)
        assert states(tmp_path / "new" / "keys", NOW) == {generated.key.kid: "signs"}
        assert generated.path.name == f"{generated.key.kid}.jwk"
        assert read_file(generated.path).jwk["iat"] == NOW
        assert generated.key.algorithm == "ES256"

    def test_generated_key_folder_has_mode_700(self, tmp_path):
        generated = generate(tmp_path / "keys", SETTINGS, "EdDSA", now=NOW)
        assert stat.S_IMODE((tmp_path / "keys").stat().st_mode) == 0o700
        assert stat.S_IMODE(generated.path.stat().st_mode) == 0o600

    def test_generate_is_rejected_while_a_key_signs(self, tmp_path):
        put(tmp_path, "a")
        error = key_error(generate, tmp_path, SETTINGS, "EdDSA", now=NOW)
        assert str(error) == "The key a signs already."
        assert error.hint == (
            "To create the next key, use rotate: it signs when every service has seen it."
        )
        assert states(tmp_path) == {"a": "signs"}

    @pytest.mark.parametrize(
        "changes", [{"exp": NOW}, {"not_before": NOW + 500}], ids=["expired", "future"]
    )
    def test_generate_is_accepted_while_no_key_signs(self, tmp_path, changes):
        put(tmp_path, "a", **changes)
        generated = generate(tmp_path, SETTINGS, "EdDSA", now=NOW)
        assert states(tmp_path)[generated.key.kid] == "signs"

    def test_generate_of_incompatible_key_writes_no_file(self, tmp_path):
        put(tmp_path, "a", exp=NOW)
        assert key_error(generate, tmp_path, SETTINGS, "HS256", now=NOW).check_id == "E001"
        assert [path.name for path in tmp_path.iterdir()] == ["a.jwk"]


class TestRotate:
    def test_rotate_publishes_next_key_before_it_signs(self, tmp_path):
        put(tmp_path, "a")
        generated = rotated(tmp_path, NOW + 0.5).new
        start = NOW + 1 + MIN_DELAY
        assert generated.key.not_before == start
        assert states(tmp_path, start - 1) == {"a": "signs", generated.key.kid: "next"}
        assert states(tmp_path, start) == {"a": "verifies", generated.key.kid: "signs"}

    def test_rotate_keeps_old_key_until_its_last_token_expires(self, tmp_path):
        put(tmp_path, "a")
        rotation = rotated(tmp_path)
        expiry = NOW + MIN_DELAY + DRAIN_TIME
        assert [(file.key.kid, file.key.expires_at) for file in rotation.expiring] == [
            ("a", expiry)
        ]
        assert rotation.expiring[0].path == tmp_path / "a.jwk"
        assert read_file(tmp_path / "a.jwk").jwk["exp"] == expiry
        assert states(tmp_path, expiry - 1)["a"] == "verifies"
        assert states(tmp_path, expiry)["a"] == "expired"

    def test_replaced_key_verifies_the_longest_access_tokens(self, tmp_path):
        put(tmp_path, "a", NOW - 2000)
        settings = read_settings(MAX_ACCESS_TOKEN_LIFETIME=timedelta(hours=1))
        rotate(tmp_path, settings, None, now=NOW, delay=MIN_DELAY)
        assert read_file(tmp_path / "a.jwk").jwk["exp"] == NOW + MIN_DELAY + 3600 + MARGIN

    def test_rotate_keeps_an_earlier_exp_of_a_key(self, tmp_path):
        put(tmp_path, "a", NOW - 2000, exp=NOW + 5)
        put(tmp_path, "same", NOW - 2000, exp=NOW + MIN_DELAY + DRAIN_TIME)
        put(tmp_path, "b")
        assert [file.key.kid for file in rotated(tmp_path).expiring] == ["b"]
        assert read_file(tmp_path / "a.jwk").jwk["exp"] == NOW + 5

    def test_rotate_sets_no_exp_for_public_keys(self, tmp_path):
        put(tmp_path, "a")
        write_jwk(tmp_path / "public.jwk", {**public(), "kid": "public"})
        assert [file.key.kid for file in rotated(tmp_path).expiring] == ["a"]
        assert "exp" not in read_file(tmp_path / "public.jwk").jwk

    def test_rotate_keeps_an_earlier_exp_written_concurrently(self, tmp_path, monkeypatch):
        put(tmp_path, "stolen")

        def make(*arguments, **options):
            # Another process expires the key during the slow step of the rotation.
            retire_stolen()
            return make_key(*arguments, **options)

        def retire_stolen():
            jwk = read_file(tmp_path / "stolen.jwk").jwk
            write_jwk(tmp_path / "stolen.jwk", {**jwk, "exp": NOW})

        monkeypatch.setattr(key_rotation, "make_key", make)
        [expired] = rotated(tmp_path).expiring
        assert expired.key.expires_at == NOW
        assert read_file(tmp_path / "stolen.jwk").jwk["exp"] == NOW

    def test_rotate_skips_a_key_file_deleted_concurrently(self, tmp_path, monkeypatch):
        for name in ("a", "gone", "z"):
            put(tmp_path, name)

        def make(*arguments, **options):
            (tmp_path / "gone.jwk").unlink()
            return make_key(*arguments, **options)

        monkeypatch.setattr(key_rotation, "make_key", make)
        rotation = rotated(tmp_path)
        assert [file.key.kid for file in rotation.expiring] == ["a", "z"]
        assert rotation.without_expiry == ()

    def test_rotate_reports_a_key_file_damaged_concurrently(self, tmp_path, monkeypatch):
        put(tmp_path, "a")
        put(tmp_path, "b")

        def make(*arguments, **options):
            (tmp_path / "a.jwk").write_text("{")
            return make_key(*arguments, **options)

        monkeypatch.setattr(key_rotation, "make_key", make)
        rotation = rotated(tmp_path)
        assert [file.key.kid for file in rotation.expiring] == ["b"]
        assert [file.key.kid for file in rotation.without_expiry] == ["a"]
        assert read_file(rotation.new.path).key.kid == rotation.new.key.kid

    def test_rotate_sets_exp_of_key_file_without_alg(self, tmp_path):
        jwk = make_jwk("EdDSA", now=NOW, not_before=NOW - 5)
        del jwk["alg"]
        write_jwk(tmp_path / "a.jwk", jwk)
        assert rotated(tmp_path).expiring[0].key.kid == jwk["kid"]

    def test_rotate_deletes_old_temporary_files(self, tmp_path):
        put(tmp_path, "a")
        for name, age in ((OLD, MARGIN + 1), (NEW, MARGIN - 1), (".own.jwk", 10**6)):
            (tmp_path / name).write_text("{}")
            os.utime(tmp_path / name, (NOW - age, NOW - age))
        rotated(tmp_path)
        assert sorted(path.name for path in tmp_path.glob(".*")) == [NEW, ".own.jwk"]

    @pytest.mark.parametrize(("before", "after"), [("HS256", "EdDSA"), ("ES256", "HS512")])
    @pytest.mark.parametrize("rotation", [rotated_to, replaced_by])
    def test_rotation_between_hmac_and_key_pairs_is_rejected(
        self, tmp_path, before, after, rotation
    ):
        write_jwk(tmp_path / "a.jwk", make_jwk(before, now=NOW, not_before=NOW - 5))
        error = key_error(rotation, tmp_path, after)
        assert error.check_id == "E001"
        assert str(error) == (
            f"A key for {after} cannot be beside the keys in the folder: secrets (HS256, HS384, "
            "HS512) and key pairs exclude each other."
        )
        assert error.hint == "Create it in another folder, and set KEY_DIRECTORY to that."
        assert [path.name for path in tmp_path.iterdir()] == ["a.jwk"]

    def test_rotate_deletes_files_of_expired_keys(self, tmp_path):
        put(tmp_path, "a", NOW - 2000, exp=NOW)
        put(tmp_path, "b")
        rotation = rotated(tmp_path)
        assert rotation.removed == (tmp_path / "a.jwk",)
        assert states(tmp_path).keys() == {"b", rotation.new.key.kid}

    @pytest.mark.attack(167)
    def test_rotate_with_delay_below_minimum_is_rejected(self, tmp_path):
        put(tmp_path, "a")
        error = key_error(rotated, tmp_path, delay=MIN_DELAY - 1)
        assert str(error) == (
            f"A delay of {MIN_DELAY - 1} seconds is too short: services may cache the published "
            f"keys for JWKS_MAX_AGE. At least {MIN_DELAY} seconds are needed."
        )
        assert error.hint == "If a key was stolen, use --now."
        assert states(tmp_path) == {"a": "signs"}

    def test_rotate_before_the_next_key_signs_is_rejected(self, tmp_path):
        put(tmp_path, "a")
        next_kid = rotated(tmp_path).new.key.kid
        error = key_error(rotated, tmp_path, now=NOW + MIN_DELAY - 1)
        assert str(error) == f"The key {next_kid} is already the next key and has not signed yet."
        assert error.hint == "To cancel it, use retire."
        rotated(tmp_path, now=NOW + MIN_DELAY)
        assert len(states(tmp_path)) == 3

    def test_repeated_rotations_leave_no_time_without_signing_key(self, tmp_path):
        generate(tmp_path, SETTINGS, "EdDSA", now=NOW)
        step = MIN_DELAY + DRAIN_TIME + 1
        for number in range(5):
            rotated(tmp_path, now=NOW + number * step)
            keys = KeySchedule([file.key for file in read_files(tmp_path)])
            assert not keys.has_gaps(NOW + number * step)
            assert len(states(tmp_path)) == 2

    def test_rotate_completes_an_interrupted_rotation(self, tmp_path):
        put(tmp_path, "a")
        put(tmp_path, "b", NOW - 10)
        rotation = rotated(tmp_path)
        assert {file.key.kid for file in rotation.expiring} == {"a", "b"}

    @pytest.mark.parametrize("before", [{}, {"exp": NOW}, {"not_before": NOW - 5, "exp": NOW - 1}])
    def test_rotate_without_signing_key_is_rejected(self, tmp_path, before):
        if before:
            put(tmp_path, "a", **before)
        error = key_error(rotated, tmp_path)
        assert str(error) == "No key signs now."
        assert error.hint == "To create one that signs at once, use generate."
        assert len(read_files(tmp_path)) == len(before and [before])

    def test_rotate_rejects_key_expiring_before_next_key_signs(self, tmp_path):
        put(tmp_path, "a", exp=NOW + MIN_DELAY)
        error = key_error(rotated, tmp_path, delay=MIN_DELAY)
        assert str(error) == "The key a expires before the next key would sign."
        assert error.hint == "Give a shorter --delay if JWKS_MAX_AGE permits it, or use --now."
        assert states(tmp_path) == {"a": "signs"}
        put(tmp_path, "a", exp=NOW + MIN_DELAY + 1)
        rotated(tmp_path, delay=MIN_DELAY)

    def test_rotate_without_disk_space_for_exp_reports_the_key(self, tmp_path):
        put(tmp_path, "a", NOW - 2000)
        put(tmp_path, "b")
        with full_after(writes=2):
            rotation = rotated(tmp_path)
        assert [file.key.kid for file in rotation.expiring] == ["a"]
        assert [file.key.kid for file in rotation.without_expiry] == ["b"]
        expiry = rotation.expiring[0].key.expires_at
        assert states(tmp_path, expiry) == {
            "a": "expired",
            "b": "verifies",
            rotation.new.key.kid: "signs",
        }

    def test_rotate_without_disk_space_for_new_key_changes_no_key(self, tmp_path):
        put(tmp_path, "a")
        with full_after(writes=0), pytest.raises(OSError, match="No space left"):
            rotated(tmp_path)
        assert "exp" not in read_file(tmp_path / "a.jwk").jwk
        assert states(tmp_path) == {"a": "signs"}
