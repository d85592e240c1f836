"""``manage.py tokenauth_keys``: unusable files, full disks and invalid settings."""

from __future__ import annotations

import re

import pytest

from tests.support.full_disk import full_after
from tests.support.keys_command import (
    SECONDS,
    command_error,
    list_keys,
    put,
    run,
)


@pytest.fixture
def folder(tmp_path, settings):
    """Return the key folder of the settings, which does not exist yet."""
    folder = tmp_path / "keys"
    settings.TOKENAUTH = {"KEY_DIRECTORY": folder}
    return folder


class TestErrors:
    """Errors of each action with invalid key files."""

    ACTIONS = pytest.mark.parametrize(
        "action", [("generate",), ("list",), ("rotate",), ("retire", "a"), ("publish",)]
    )

    @ACTIONS
    def test_keys_action_rejects_malformed_key_file(self, folder, action):
        put(folder, "a")
        (folder / "bad.jwk").write_text('{"kty": "OKP", "d": "swordfish"')
        message = command_error(*action)
        assert message.startswith("The key file bad.jwk is not a JWK.")
        assert "swordfish" not in message

    @ACTIONS
    def test_keys_action_rejects_unreadable_key_file(self, folder, action):
        put(folder, "a")
        (folder / "bad.jwk").mkdir()
        message = command_error(*action)
        assert message.startswith("The key file bad.jwk cannot be read (Is a directory).")
        assert "0600" in message

    @ACTIONS
    def test_keys_action_rejects_duplicate_kid(self, folder, action):
        put(folder, "a")
        put(folder, "b", kid="a")
        assert command_error(*action) == (
            "The key files a.jwk and b.jwk have the same kid (a). Delete one of them, or move it "
            "out of the folder."
        )

    @ACTIONS
    def test_keys_action_rejects_hmac_secret_beside_key_pair(self, folder, action):
        put(folder, "a")
        put(folder, "b", algorithm="HS256")
        assert command_error(*action).startswith("Secrets (HS256, HS384, HS512) and key pairs")

    @ACTIONS
    def test_keys_action_rejects_key_with_invalid_time(self, folder, action):
        put(folder, "a", exp="tomorrow")
        assert command_error(*action).startswith("The key file a.jwk: The nbf or exp of a JWK")

    @pytest.mark.parametrize("action", [("generate",), ("rotate",), ("rotate", "--now")])
    def test_keys_action_with_full_disk_names_the_file(self, folder, action):
        if action != ("generate",):
            put(folder, "a")
        with full_after(writes=0):
            message = command_error(*action)
        assert re.fullmatch(rf"{folder}/\S+\.jwk: No space left on device\.", message)

    def test_keys_rotate_with_full_disk_names_key_without_end(self, folder):
        put(folder, "a")
        with full_after(writes=1):
            assert command_error("rotate") == (
                "The new key was created, but the end of a could not be written. When the disk "
                "has space, run: manage.py tokenauth_keys retire KID"
            )
        assert [row["state"] for row in list_keys()] == ["signs", "next"]
        assert run("retire", "a") == ["Ends 2026-11-23 12:12:00 UTC: a"]

    def test_keys_rotate_with_delay_above_a_year_is_rejected(self, folder):
        put(folder, "a")
        for delay in (366 * 86400 + 1, 10**12):
            message = command_error("rotate", "--delay", str(delay))
            assert message == "The delay is longer than a year. Give a shorter --delay."
        assert [row["state"] for row in list_keys()] == ["signs"]

    def test_keys_rotate_with_now_replaces_an_expired_key(self, folder):
        put(folder, "a", SECONDS - 50, exp=SECONDS - 1)
        assert [row["state"] for row in list_keys()] == ["ended"]
        assert len(run("rotate", "--now")) == 2
        assert [row["state"] for row in list_keys()] == ["signs"]

    def test_keys_command_with_invalid_setting_is_rejected(self, settings):
        settings.TOKENAUTH = {"KEY_DIRECTROY": "/keys"}
        assert "KEY_DIRECTORY" in command_error("list")

    def test_keys_command_with_invalid_key_in_settings_is_rejected(self, settings):
        settings.TOKENAUTH = {"KEYS": [{"kty": "OKP"}]}
        assert command_error("list").startswith("A JWK cannot be read")
