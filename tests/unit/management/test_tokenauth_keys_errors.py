"""manage.py tokenauth_keys: what it says of files that it cannot use, or write."""

from __future__ import annotations

import re

import pytest

from tests.support.full_disk import full_after
from tests.support.keys_command import (
    SECONDS,
    listed,
    put,
    refused,
    run,
)


@pytest.fixture
def folder(tmp_path, settings):
    """The folder that the settings name. It is not there yet."""
    folder = tmp_path / "keys"
    settings.TOKENAUTH = {"KEY_DIRECTORY": folder}
    return folder


class TestFaults:
    """What each action says of files with which no process would start."""

    ACTIONS = pytest.mark.parametrize(
        "action", [("generate",), ("list",), ("rotate",), ("retire", "a"), ("publish",)]
    )

    @ACTIONS
    def test_a_file_that_is_no_jwk(self, folder, action):
        put(folder, "a")
        (folder / "bad.jwk").write_text('{"kty": "OKP", "d": "swordfish"')
        said = refused(*action)
        assert said.startswith("The key file bad.jwk is not a JWK.")
        assert "swordfish" not in said

    @ACTIONS
    def test_a_file_that_cannot_be_read(self, folder, action):
        put(folder, "a")
        (folder / "bad.jwk").mkdir()
        said = refused(*action)
        assert said.startswith("The key file bad.jwk cannot be read (Is a directory).")
        assert "0600" in said

    @ACTIONS
    def test_two_keys_of_one_name(self, folder, action):
        put(folder, "a")
        put(folder, "b", kid="a")
        assert refused(*action) == (
            "The key files a.jwk and b.jwk have the same kid (a). Delete one of them, or move it "
            "out of the folder."
        )

    @ACTIONS
    def test_secrets_beside_public_keys(self, folder, action):
        put(folder, "a")
        put(folder, "b", algorithm="HS256")
        assert refused(*action).startswith("Secrets (HS256, HS384, HS512) and key pairs")

    @ACTIONS
    def test_times_that_are_none(self, folder, action):
        put(folder, "a", exp="tomorrow")
        assert refused(*action).startswith("The key file a.jwk: The nbf or exp of a JWK")

    @pytest.mark.parametrize("action", [("generate",), ("rotate",), ("rotate", "--now")])
    def test_a_full_disk_is_an_error_with_the_name_of_the_file(self, folder, action):
        if action != ("generate",):
            put(folder, "a")
        with full_after(writes=0):
            said = refused(*action)
        assert re.fullmatch(rf"{folder}/\S+\.jwk: No space left on device\.", said)

    def test_an_end_for_which_there_is_no_room_is_an_error_after_the_next_key(self, folder):
        put(folder, "a")
        with full_after(writes=1):
            assert refused("rotate") == (
                "The next key was created, but the end of a could not be written. When the disk "
                "has space, run: manage.py tokenauth_keys retire KID"
            )
        assert [row["state"] for row in listed()] == ["signs", "next"]
        assert run("retire", "a") == ["Ends 2026-11-23 12:12:00 UTC: a"]

    def test_a_start_in_a_time_that_no_clock_shows(self, folder):
        put(folder, "a")
        for delay in (366 * 86400 + 1, 10**12):
            said = refused("rotate", "--delay", str(delay))
            assert said == "The delay is longer than a year. Give a shorter --delay."
        assert [row["state"] for row in listed()] == ["signs"]

    def test_expired_keys_are_listed_as_such_and_do_not_stop_a_rotation(self, folder):
        put(folder, "a", SECONDS - 50, exp=SECONDS - 1)
        assert [row["state"] for row in listed()] == ["ended"]
        assert len(run("rotate", "--now")) == 2
        assert [row["state"] for row in listed()] == ["signs"]

    def test_settings_that_are_wrong(self, settings):
        settings.TOKENAUTH = {"KEY_DIRECTROY": "/keys"}
        assert "KEY_DIRECTORY" in refused("list")

    def test_keys_in_the_settings_that_are_wrong(self, settings):
        settings.TOKENAUTH = {"KEYS": [{"kty": "OKP"}]}
        assert refused("list").startswith("A JWK cannot be read")
