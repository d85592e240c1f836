"""``manage.py tokenauth_keys``: unusable files, full disks and invalid settings."""

from __future__ import annotations

import errno
import re

import pytest
from django.core.management import CommandError

from tests.support.full_disk import full_after
from tests.support.keys_command import (
    SECONDS,
    command_error,
    list_keys,
    put,
    run,
)
from tests.support.other_users import NOBODY, needs_root, public_folder, run_as

RUN_AS_OWNER = "Run the command as the user that owns the folder."


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

    @pytest.mark.parametrize("action", [("generate",), ("rotate", "--now")])
    def test_keys_action_with_full_disk_names_the_file(self, folder, action):
        if action != ("generate",):
            put(folder, "a")
        with full_after(writes=0):
            message = command_error(*action)
        assert re.fullmatch(rf"{folder}/\S+\.jwk: No space left on device\.", message)

    def test_keys_publish_with_full_disk_names_the_file(self, folder, tmp_path):
        put(folder, "a")
        output = tmp_path / "jwks.json"
        with full_after(writes=0):
            message = command_error("publish", "--output", str(output))
        assert re.fullmatch(r"\S+ cannot be written: No space left on device\.", message)

    def test_keys_rotate_without_permission_advises_to_run_as_owner(self, folder):
        put(folder, "a")
        with full_after(writes=0, number=errno.EACCES):
            message = command_error("rotate")
        assert message.endswith(f"Permission denied. {RUN_AS_OWNER}")

    def test_keys_rotate_with_full_disk_names_key_without_exp(self, folder):
        put(folder, "a")
        with full_after(writes=1):
            assert command_error("rotate") == (
                "The new key was created, but the expiry of a could not be written. When the "
                "file is valid and the disk has space, run: manage.py tokenauth_keys retire KID"
            )
        assert [row["state"] for row in list_keys()] == ["signs", "next"]
        assert run("retire", "a") == ["Expires 2026-11-23 12:12:00 UTC: a"]

    def test_keys_rotate_with_full_disk_names_each_key_without_exp(self, folder):
        put(folder, "a", SECONDS - 50)
        put(folder, "b")
        with full_after(writes=1):
            assert "the expiry of a, b could not be written." in command_error("rotate")

    def test_keys_rotate_with_delay_above_a_year_is_rejected(self, folder):
        put(folder, "a")
        for delay in (366 * 86400 + 1, 10**12):
            message = command_error("rotate", "--delay", str(delay))
            assert message == "The delay is longer than a year. Give a shorter --delay."
        assert [row["state"] for row in list_keys()] == ["signs"]

    def test_keys_rotate_with_now_replaces_an_expired_key(self, folder):
        put(folder, "a", SECONDS - 50, exp=SECONDS - 1)
        assert [row["state"] for row in list_keys()] == ["expired"]
        assert len(run("rotate", "--now")) == 2
        assert [row["state"] for row in list_keys()] == ["signs"]

    @ACTIONS
    def test_keys_action_with_an_empty_directory_option_is_rejected(
        self, tmp_path, monkeypatch, action
    ):
        monkeypatch.chdir(tmp_path)
        with pytest.raises(CommandError, match=r"argument --directory: the path is empty\.$"):
            run(*action, "--directory", "")
        assert list(tmp_path.iterdir()) == []

    @pytest.mark.parametrize("name", ["file", "file/keys", "x" * 300])
    @pytest.mark.parametrize("action", [("generate",), ("rotate", "--now")])
    def test_keys_action_with_an_impossible_folder_is_rejected(self, tmp_path, action, name):
        (tmp_path / "file").touch()
        directory = str(tmp_path / name)
        message = command_error(*action, "--directory", directory)
        assert message.startswith(f"{directory}: ")
        assert message.endswith(". Give the path of a folder, in KEY_DIRECTORY or --directory.")

    @pytest.mark.parametrize("options", [(), ("--now",)])
    def test_keys_retire_with_an_empty_kid_retires_no_key(self, folder, options):
        """A variable of a shell script that is not set would name the only other key."""
        put(folder, "a")
        before = [path.read_text() for path in folder.iterdir()]
        assert command_error("retire", *options, "") == (
            "The kid is empty. Give the kid of a key, or its beginning."
        )
        assert [path.read_text() for path in folder.iterdir()] == before

    def test_keys_publish_with_an_empty_output_option_is_rejected(self, folder):
        put(folder, "a")
        with pytest.raises(CommandError, match=r"argument --output: the path is empty\.$"):
            run("publish", "--output", "")

    def test_keys_list_of_an_empty_folder_names_directory_option(self, tmp_path):
        [line] = run("list", "--directory", str(tmp_path))
        assert line.endswith(f"run manage.py tokenauth_keys generate --directory {tmp_path}.")

    def test_keys_command_with_invalid_setting_is_rejected(self, settings):
        settings.TOKENAUTH = {"KEY_DIRECTROY": "/keys"}
        assert "KEY_DIRECTORY" in command_error("list")

    def test_keys_command_with_invalid_key_in_settings_is_rejected(self, settings):
        settings.TOKENAUTH = {"KEYS": [{"kty": "OKP"}]}
        assert command_error("list").startswith("A JWK cannot be read")


@needs_root
class TestOtherUsers:
    """Errors of a user who may not read or change the folder."""

    def error(self, settings, mode, *action):
        with public_folder() as parent:
            folder = parent / "keys"
            settings.TOKENAUTH = {"KEY_DIRECTORY": folder}
            put(folder, "a")
            folder.chmod(mode)
            (folder / "a.jwk").chmod(0o644)
            return run_as(NOBODY, NOBODY, lambda: command_error(*action)).replace(str(parent), "")

    @pytest.mark.parametrize("action", [("generate",), ("rotate",), ("retire", "a")])
    def test_key_change_in_unreadable_folder_advises_to_run_as_owner(self, settings, action):
        message = self.error(settings, 0o700, *action)
        assert message == f"/keys/.lock: Permission denied. {RUN_AS_OWNER}"

    def test_keys_rotate_in_read_only_folder_advises_to_run_as_owner(self, settings):
        message = self.error(settings, 0o755, "rotate")
        assert re.fullmatch(rf"/keys/\S+: Permission denied\. {RUN_AS_OWNER}", message)

    @pytest.mark.parametrize("action", ["list", "publish"])
    def test_key_list_in_unreadable_folder_advises_to_run_as_owner(self, settings, action):
        assert self.error(settings, 0o700, action) == (
            "The key folder /keys cannot be read (Permission denied). Run this as the user that "
            "owns the folder. Commands that need no key accept --skip-checks."
        )
