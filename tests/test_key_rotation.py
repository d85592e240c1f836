"""What a key goes through in a folder of keys."""

from __future__ import annotations

import stat
from datetime import timedelta

import pytest

from django_tokenauth.errors import InvalidKey
from django_tokenauth.key_files import LOOK_EVERY, read_jwk, write_jwk
from django_tokenauth.key_making import make_jwk
from django_tokenauth.key_rotation import (
    MARGIN,
    State,
    generate,
    read_files,
    replace_now,
    retire,
    rotate,
    shortest_delay,
    state_of,
    usual_algorithm,
)
from django_tokenauth.key_schedule import KeySchedule
from tests.full_disk import full_after
from tests.tokens_made_by_hand import read_settings

NOW = 1_700_000_000
LIFETIME, LEEWAY, MAX_AGE = 300, 10, 600
SHORTEST = MAX_AGE + int(2 * LOOK_EVERY)
SETTINGS = read_settings(
    ACCESS_TOKEN_LIFETIME=timedelta(seconds=LIFETIME),
    LEEWAY=timedelta(seconds=LEEWAY),
    JWKS_MAX_AGE=timedelta(seconds=MAX_AGE),
)
OUTLIVED = LIFETIME + LEEWAY + MARGIN


def put(folder, name, not_before=NOW - 1000, **changes):
    """A key file whose name is its kid."""
    jwk = {**make_jwk("EdDSA", now=NOW, not_before=not_before), "kid": name, **changes}
    write_jwk(folder / f"{name}.jwk", jwk)


def states(folder, now=NOW):
    """What each key does, by its kid."""
    files = read_files(folder)
    keys = KeySchedule([file.key for file in files]).at(now)
    return {file.key.kid: str(state_of(file.key, keys, now)) for file in files}


def rotated(folder, now=NOW, delay=SHORTEST):
    return rotate(folder, SETTINGS, "EdDSA", now=now, delay=delay)


def refused(act, *arguments, **options):
    with pytest.raises(InvalidKey) as caught:
        act(*arguments, **options)
    return caught.value


class TestReadFiles:
    def test_they_come_in_the_order_in_which_they_sign(self, tmp_path):
        put(tmp_path, "c", NOW)
        put(tmp_path, "a", NOW + 5)
        put(tmp_path, "b", NOW - 5)
        assert [file.key.kid for file in read_files(tmp_path)] == ["b", "c", "a"]
        assert read_files(tmp_path)[0].path == tmp_path / "b.jwk"

    def test_a_folder_that_is_not_there_has_none(self, tmp_path):
        assert read_files(tmp_path / "none") == []

    def test_a_folder_that_cannot_be_read_is_refused(self, tmp_path):
        (tmp_path / "file").write_text("")
        error = refused(read_files, tmp_path / "file")
        assert str(error) == "The folder of keys cannot be read (Not a directory)."

    def test_keys_that_may_not_stand_together_are_refused(self, tmp_path):
        put(tmp_path, "a")
        put(tmp_path, "b", kid="a")
        assert refused(read_files, tmp_path).number == "E003"


class TestStateOf:
    def test_one_signs_and_the_others_wait_verify_or_have_ended(self, tmp_path):
        put(tmp_path, "ended", NOW - 900, exp=NOW)
        put(tmp_path, "before", NOW - 800, exp=NOW + 1)
        put(tmp_path, "signs", NOW)
        put(tmp_path, "next", NOW + 1)
        write_jwk(tmp_path / "public.jwk", {**public(), "kid": "public", "nbf": NOW + 5})
        assert states(tmp_path) == {
            "ended": "ended",
            "before": "verifies",
            "signs": "signs",
            "next": "next",
            "public": "verifies",
        }

    def test_where_none_signs_none_is_said_to(self, tmp_path):
        put(tmp_path, "next", NOW + 1)
        assert states(tmp_path) == {"next": State.NEXT}


def public():
    jwk = make_jwk("EdDSA", now=NOW, not_before=NOW)
    return {name: jwk[name] for name in ("kty", "crv", "x")}


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
        assert usual_algorithm(SETTINGS, reversed(read_files(tmp_path))) == "ES384"

    @pytest.mark.parametrize(
        ("is_set", "usual"), [("HS256", "EdDSA"), ("ES256", "ES256"), ("RS512", "RS512")]
    )
    def test_without_one_it_is_what_is_set_if_that_has_key_pairs(self, is_set, usual):
        assert usual_algorithm(read_settings(ALGORITHM=is_set), []) == usual


class TestGenerate:
    def test_the_first_key_signs_at_once(self, tmp_path):
        made = generate(tmp_path / "new" / "keys", "ES256", now=NOW + 0.9)
        assert states(tmp_path / "new" / "keys", NOW) == {made.key.kid: "signs"}
        assert made.path.name == f"{made.key.kid}.jwk"
        assert read_jwk(made.path)["iat"] == NOW
        assert made.key.algorithm == "ES256"

    def test_the_folder_is_for_its_owner_only(self, tmp_path):
        made = generate(tmp_path / "keys", "EdDSA", now=NOW)
        assert stat.S_IMODE((tmp_path / "keys").stat().st_mode) == 0o700
        assert stat.S_IMODE(made.path.stat().st_mode) == 0o600

    def test_where_one_signs_already_it_refuses(self, tmp_path):
        put(tmp_path, "a")
        error = refused(generate, tmp_path, "EdDSA", now=NOW)
        assert str(error) == "The key a signs already."
        assert error.hint == (
            "rotate makes the next one, and lets it sign when everybody has seen it."
        )
        assert states(tmp_path) == {"a": "signs"}

    @pytest.mark.parametrize(
        "others", [{"exp": NOW}, {"not_before": NOW + 500}], ids=["ended", "later"]
    )
    def test_where_none_signs_now_it_helps(self, tmp_path, others):
        put(tmp_path, "a", **others)
        made = generate(tmp_path, "EdDSA", now=NOW)
        assert states(tmp_path)[made.key.kid] == "signs"

    def test_a_key_that_does_not_fit_the_others_is_not_written(self, tmp_path):
        put(tmp_path, "a", exp=NOW)
        assert refused(generate, tmp_path, "HS256", now=NOW).number == "E001"
        assert [path.name for path in tmp_path.iterdir()] == ["a.jwk"]


class TestRotate:
    def test_the_next_key_is_published_and_signs_later(self, tmp_path):
        put(tmp_path, "a")
        made = rotated(tmp_path, NOW + 0.5).made
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
        assert read_jwk(tmp_path / "a.jwk")["exp"] == end
        assert states(tmp_path, end - 1)["a"] == "verifies"
        assert states(tmp_path, end)["a"] == "ended"

    def test_an_end_that_comes_sooner_stays(self, tmp_path):
        put(tmp_path, "a", NOW - 2000, exp=NOW + 5)
        put(tmp_path, "same", NOW - 2000, exp=NOW + SHORTEST + OUTLIVED)
        put(tmp_path, "b")
        assert [file.key.kid for file in rotated(tmp_path).ending] == ["b"]
        assert read_jwk(tmp_path / "a.jwk")["exp"] == NOW + 5

    def test_files_of_keys_that_have_ended_go(self, tmp_path):
        put(tmp_path, "a", NOW - 2000, exp=NOW)
        put(tmp_path, "b")
        done = rotated(tmp_path)
        assert done.removed == (tmp_path / "a.jwk",)
        assert states(tmp_path).keys() == {"b", done.made.key.kid}

    @pytest.mark.attack(167)
    def test_before_others_can_have_seen_the_key_it_does_not_sign(self, tmp_path):
        put(tmp_path, "a")
        error = refused(rotated, tmp_path, delay=SHORTEST - 1)
        assert str(error) == (
            f"{SHORTEST - 1} seconds are too few, {SHORTEST} are needed: others may keep the keys "
            "for JWKS_MAX_AGE, and running processes look for new ones every few seconds."
        )
        assert error.hint == "--now is for a key that was stolen."
        assert states(tmp_path) == {"a": "signs"}

    def test_while_one_waits_no_other_is_made(self, tmp_path):
        put(tmp_path, "a")
        waits = rotated(tmp_path).made.key.kid
        error = refused(rotated, tmp_path, now=NOW + SHORTEST - 1)
        assert str(error) == f"The key {waits} is the next one already, and has not begun."
        assert error.hint == "retire takes it back."
        rotated(tmp_path, now=NOW + SHORTEST)
        assert len(states(tmp_path)) == 3

    def test_many_rotations_leave_no_time_without_a_key_that_signs(self, tmp_path):
        generate(tmp_path, "EdDSA", now=NOW)
        step = SHORTEST + OUTLIVED + 1
        for number in range(5):
            rotated(tmp_path, now=NOW + number * step)
            keys = KeySchedule([file.key for file in read_files(tmp_path)])
            assert not keys.gaps(NOW + number * step)
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
        assert error.hint == "generate makes one that signs at once."
        assert len(read_files(tmp_path)) == len(before and [before])

    def test_a_key_that_ends_before_the_next_one_would_begin_is_no_start(self, tmp_path):
        put(tmp_path, "a", exp=NOW + SHORTEST)
        error = refused(rotated, tmp_path, delay=SHORTEST)
        assert str(error) == "The key a ends before the next one would begin."
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
        assert [file.key.kid for file in done.endless] == ["b"]
        end = done.ending[0].key.expires_at
        assert states(tmp_path, end) == {"a": "ended", "b": "verifies", done.made.key.kid: "signs"}

    def test_where_the_next_key_cannot_be_written_nothing_is_done(self, tmp_path):
        put(tmp_path, "a")
        with full_after(writes=0), pytest.raises(OSError, match="No space left"):
            rotated(tmp_path)
        assert "exp" not in read_jwk(tmp_path / "a.jwk")
        assert states(tmp_path) == {"a": "signs"}


class TestReplaceNow:
    def test_a_new_key_signs_and_all_others_are_worth_nothing(self, tmp_path):
        put(tmp_path, "a", exp=NOW + 50)
        put(tmp_path, "b", NOW - 5)
        put(tmp_path, "next", NOW + 50)
        put(tmp_path, "old", NOW - 5000, exp=NOW - 5)
        done = replace_now(tmp_path, "EdDSA", now=NOW + 0.5)
        ended = dict.fromkeys(("a", "b", "next"), "ended")
        assert states(tmp_path) == {**ended, done.made.key.kid: "signs"}
        assert {file.key.kid for file in done.ending} == ended.keys()
        assert done.removed == (tmp_path / "old.jwk",)

    def test_where_an_end_cannot_be_written_the_file_goes(self, tmp_path):
        put(tmp_path, "stolen")
        with full_after(writes=1):
            done = replace_now(tmp_path, "EdDSA", now=NOW)
        assert states(tmp_path) == {done.made.key.kid: "signs"}
        assert [(file.key.kid, file.key.expires_at) for file in done.ending] == [("stolen", NOW)]

    def test_where_no_new_key_can_be_written_nothing_is_done(self, tmp_path):
        put(tmp_path, "stolen")
        with full_after(writes=0), pytest.raises(OSError, match="No space left"):
            replace_now(tmp_path, "EdDSA", now=NOW)
        assert states(tmp_path) == {"stolen": "signs"}


class TestRetire:
    def test_a_key_with_a_successor_verifies_until_its_last_token_has_expired(self, tmp_path):
        put(tmp_path, "a")
        put(tmp_path, "b", NOW + 100)
        put(tmp_path, "c", NOW + 200)
        ended = retire(tmp_path, SETTINGS, "a", now=NOW).ended
        assert ended.key.expires_at == NOW + 100 + OUTLIVED
        assert read_jwk(tmp_path / "a.jwk")["exp"] == NOW + 100 + OUTLIVED

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
        assert (done.ended.key.kid, done.goes_on) == ("next", None)
        assert states(tmp_path, NOW + 50) == {"a": "signs", "next": "ended"}

    @pytest.mark.parametrize("at_once", [False, True])
    def test_then_the_one_that_it_would_have_followed_goes_on(self, tmp_path, at_once):
        put(tmp_path, "a")
        waits = rotated(tmp_path).made.key.kid
        assert "exp" in read_jwk(tmp_path / "a.jwk")
        done = retire(tmp_path, SETTINGS, waits, now=NOW + 5, at_once=at_once)
        assert (done.ended.key.kid, done.goes_on.key.kid) == (waits, "a")
        assert done.goes_on.key.expires_at is None
        assert "exp" not in read_jwk(tmp_path / "a.jwk")
        assert states(tmp_path, NOW + 10**7) == {"a": "signs", waits: "ended"}
        rotated(tmp_path, now=NOW + 10)

    def test_the_only_key_that_is_to_come_stays(self, tmp_path):
        put(tmp_path, "next", NOW + 50)
        error = refused(retire, tmp_path, SETTINGS, "next", now=NOW, at_once=True)
        assert str(error) == "Without the key next none signs."

    @pytest.mark.parametrize("at_once", [False, True])
    def test_a_key_that_has_ended_does_not_come_back(self, tmp_path, at_once):
        put(tmp_path, "stolen")
        replace_now(tmp_path, "EdDSA", now=NOW)
        done = retire(tmp_path, SETTINGS, "stolen", now=NOW + 5, at_once=at_once)
        assert done.ended.key.expires_at == NOW
        assert read_jwk(tmp_path / "stolen.jwk")["exp"] == NOW
        assert states(tmp_path, NOW + 5)["stolen"] == "ended"

    @pytest.mark.parametrize("at_once", [False, True])
    def test_the_only_key_that_signs_stays(self, tmp_path, at_once):
        put(tmp_path, "a")
        error = refused(retire, tmp_path, SETTINGS, "a", now=NOW, at_once=at_once)
        assert str(error) == "Without the key a none signs."
        assert error.hint == "rotate makes the next one; rotate --now does so at once."
        assert "exp" not in read_jwk(tmp_path / "a.jwk")

    def test_the_key_that_signs_until_another_begins_does_not_end_before(self, tmp_path):
        put(tmp_path, "a")
        put(tmp_path, "b", NOW + 50)
        error = refused(retire, tmp_path, SETTINGS, "a", now=NOW, at_once=True)
        assert str(error) == "Without the key a none signs."

    def test_the_beginning_of_its_name_is_enough(self, tmp_path):
        put(tmp_path, "abc", NOW - 5000)
        put(tmp_path, "abd")
        assert retire(tmp_path, SETTINGS, "abc", now=NOW).ended.key.kid == "abc"

    @pytest.mark.parametrize(
        ("kid", "message"),
        [
            ("ab", "More than one key has a kid that begins so."),
            ("x", "No key has a kid that begins so."),
        ],
    )
    def test_it_must_fit_one_key(self, tmp_path, kid, message):
        put(tmp_path, "abc", NOW - 5000)
        put(tmp_path, "abd")
        error = refused(retire, tmp_path, SETTINGS, kid, now=NOW)
        assert str(error) == message
        assert error.hint == "list shows all of them."

    def test_a_whole_name_is_that_key_also_where_others_begin_so(self, tmp_path):
        put(tmp_path, "k", NOW - 5000)
        put(tmp_path, "k2")
        assert retire(tmp_path, SETTINGS, "k", now=NOW).ended.key.kid == "k"

    def test_a_public_key_is_no_successor(self, tmp_path):
        put(tmp_path, "a")
        write_jwk(tmp_path / "public.jwk", {**public(), "kid": "public", "nbf": NOW + 5})
        error = refused(retire, tmp_path, SETTINGS, "a", now=NOW)
        assert str(error) == "Without the key a none signs."
