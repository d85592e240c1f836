"""Deployment checks of dated keys and of key files."""

from __future__ import annotations

import subprocess
import time
from datetime import timedelta

import pytest

from django_tokenauth.keys.files import write_jwk
from django_tokenauth.keys.generating import make_jwk
from tests.support.sample_keys import private_jwk, private_key, public_jwk
from tests.support.system_checks import (
    URL,
    check_ids,
    configure_clean_project,
    deploy_check_ids,
    message_of,
)

DAY = 86400


@pytest.fixture(autouse=True)
def _clean_project(settings):
    configure_clean_project(settings)


def dated(start=-DAY, expiry=None, algorithm="EdDSA", **changes):
    """Return a JWK with times in seconds from now, made at its start or now."""
    now = int(time.time())
    exp = {} if expiry is None else {"exp": now + expiry}
    jwk = make_jwk(algorithm, now=now + min(start, 0), not_before=now + start)
    return {**jwk, **exp, **changes}


def put(folder, **times):
    jwk = dated(**times)
    path = folder / f"{jwk['kid']}.jwk"
    write_jwk(path, jwk)
    return path


class TestPermissions:
    def test_key_file_with_mode_600_passes_deploy_check(self, folder):
        put(folder)
        assert deploy_check_ids() == []

    @pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602, 0o644, 0o666])
    def test_deploy_check_warns_of_key_file_open_to_group_or_others(self, folder, mode):
        path = put(folder)
        path.chmod(mode)
        assert check_ids() == []
        assert deploy_check_ids() == ["W011"]
        assert f"permissions for {path}." in message_of("W011")
        assert f"chmod -R go= {folder}" in message_of("W011")

    def test_deploy_check_warns_of_key_folder_writable_by_all_users(self, folder):
        put(folder)
        folder.chmod(0o777)
        assert deploy_check_ids() == ["W011"]
        assert f"permissions for {folder}." in message_of("W011")

    def test_deploy_check_hint_repairs_permissions_of_key_files(self, folder):
        put(folder).chmod(0o644)
        folder.chmod(0o755)
        assert deploy_check_ids() == ["W011"]
        subprocess.run(["chmod", "-R", "go=", folder], check=True)  # noqa: S603, S607
        assert deploy_check_ids() == []

    @pytest.mark.parametrize("name", ["STATIC_ROOT", "MEDIA_ROOT"])
    def test_deploy_check_warns_of_key_folder_in_public_folder(self, folder, settings, name):
        put(folder)
        setattr(settings, name, str(folder.parent))
        assert deploy_check_ids() == ["W011"]
        assert f"KEY_DIRECTORY is in {name}" in message_of("W011")

    @pytest.mark.parametrize("name", ["STATIC_ROOT", "MEDIA_ROOT"])
    def test_deploy_check_follows_symlinks_to_public_folder(self, folder, settings, name):
        put(folder)
        link = folder.parent / "link"
        link.symlink_to(folder.parent, target_is_directory=True)
        setattr(settings, name, str(link))
        assert deploy_check_ids() == ["W011"]

    def test_key_folder_beside_public_folder_passes_deploy_check(self, folder, settings):
        put(folder)
        settings.STATIC_ROOT = str(folder.parent / "keys-static")
        settings.MEDIA_ROOT = folder.parent / "media"
        assert deploy_check_ids() == []


class TestKeyAge:
    def test_key_179_days_old_passes_deploy_check(self, folder):
        put(folder, start=-179 * DAY)
        assert deploy_check_ids() == []

    def test_deploy_check_warns_of_key_older_than_180_days(self, folder):
        put(folder, start=-181 * DAY)
        assert check_ids() == []
        assert deploy_check_ids() == ["W012"]
        assert "older than 180 days" in message_of("W012")
        assert "tokenauth_keys rotate" in message_of("W012")

    def test_old_key_with_published_next_key_passes_deploy_check(self, folder):
        put(folder, start=-181 * DAY)
        put(folder, start=3600, iat=int(time.time()))
        assert deploy_check_ids() == []

    def test_key_without_nbf_and_exp_passes_deploy_check(self, folder):
        write_jwk(folder / "a.jwk", private_jwk(private_key("EdDSA")))
        assert deploy_check_ids() == []

    def test_deploy_check_warns_of_expiring_key_without_next_key(self, folder):
        put(folder, expiry=7 * DAY)
        assert deploy_check_ids() == ["W012"]
        assert "no key follows it" in message_of("W012")

    def test_expiring_key_with_next_key_passes_deploy_check(self, folder):
        put(folder, expiry=7200)
        put(folder, start=3600, iat=int(time.time()))
        assert deploy_check_ids() == []

    def test_deploy_check_warns_of_gap_between_signing_keys(self, folder):
        put(folder, expiry=3600)
        put(folder, start=7200, iat=int(time.time()))
        assert deploy_check_ids() == ["W012"]

    def test_key_folder_with_only_an_expired_key_is_a_check_error(self, folder):
        put(folder, expiry=-1)
        assert check_ids() == ["E002"]
        assert deploy_check_ids() == ["E002"]
        assert "No key signs now" in message_of("E002")
        assert "tokenauth_keys list" in message_of("E002")

    def test_deploy_check_warns_of_old_key_in_keys_setting(self, settings):
        settings.TOKENAUTH = {**URL, "KEYS": [dated(-181 * DAY)]}
        assert deploy_check_ids() == ["W012"]

    def test_old_public_key_passes_deploy_check_of_key_age(self, settings):
        public = {**public_jwk(private_key("EdDSA")), "nbf": int(time.time()) - 400 * DAY}
        settings.TOKENAUTH = {**URL, "KEYS": [public]}
        assert deploy_check_ids() == ["W019"]


class TestPublicationDelay:
    @pytest.mark.attack(167)
    @pytest.mark.parametrize("start", [60, 290])
    def test_deploy_check_warns_of_key_signing_before_jwks_max_age(self, folder, start):
        put(folder)
        put(folder, start=start, iat=int(time.time()))
        assert check_ids() == []
        assert deploy_check_ids() == ["W018"]
        assert "JWKS_MAX_AGE" in message_of("W018")

    def test_longer_jwks_max_age_makes_nbf_of_next_key_too_early(self, folder, settings):
        put(folder)
        put(folder, start=310, iat=int(time.time()))
        assert deploy_check_ids() == []
        settings.TOKENAUTH = {**settings.TOKENAUTH, "JWKS_MAX_AGE": timedelta(hours=1)}
        assert deploy_check_ids() == ["W018"]

    def test_key_that_already_signs_passes_deploy_check(self, folder):
        put(folder, start=-1)
        assert deploy_check_ids() == []

    def test_key_without_valid_iat_passes_deploy_check(self, folder):
        put(folder)
        put(folder, start=60, iat="yesterday")
        assert deploy_check_ids() == []

    def test_deploy_check_warns_of_too_early_nbf_in_keys_setting(self, settings):
        settings.TOKENAUTH = {**URL, "KEYS": [dated(), dated(60, iat=int(time.time()))]}
        assert deploy_check_ids() == ["W018"]


class TestInvalidKeys:
    def test_deploy_checks_of_keys_skip_an_invalid_key_directory(self, settings):
        settings.TOKENAUTH = {"KEY_DIRECTORY": "keys"}
        assert deploy_check_ids() == ["E008"]

    def test_deploy_checks_of_keys_skip_folder_with_invalid_file(self, folder):
        put(folder, start=-181 * DAY)
        (folder / "bad.jwk").write_text("{")
        assert deploy_check_ids() == ["E002"]

    def test_deploy_checks_of_keys_skip_a_missing_key_folder(self, folder):
        folder.rmdir()
        assert deploy_check_ids() == ["E002"]


class TestSecrets:
    """Secrets in files and in KEYS are checked like those in SIGNING_KEY."""

    GUESSABLE = "x" * 43

    def test_deploy_check_warns_of_guessable_secret_in_key_file(self, folder):
        put(folder, algorithm="HS256", k=self.GUESSABLE)
        assert deploy_check_ids() == ["W001"]
        assert message_of("W001").startswith("KEY_DIRECTORY contains a guessable secret")

    def test_deploy_check_warns_of_guessable_secret_in_keys_setting(self, settings):
        settings.TOKENAUTH = {**URL, "KEYS": [dated(algorithm="HS256", k=self.GUESSABLE)]}
        assert deploy_check_ids() == ["W001"]
        assert message_of("W001").startswith("KEYS contains a guessable secret")

    def test_generated_secret_in_key_file_passes_deploy_check(self, folder):
        put(folder, algorithm="HS256")
        assert deploy_check_ids() == []
