"""Keys with times, and their files: what is said of them when deployed, and where nothing is."""

from __future__ import annotations

import subprocess
import time
from datetime import timedelta

import pytest

from django_tokenauth.keys.files import write_jwk
from django_tokenauth.keys.generating import make_jwk
from tests.support.sample_keys import private_jwk, private_key, public_jwk
from tests.support.system_checks import URL, deployed, found, make_good, said

DAY = 86400


@pytest.fixture(autouse=True)
def _good_project(settings):
    make_good(settings)


@pytest.fixture
def folder(tmp_path, settings):
    folder = tmp_path / "keys"
    folder.mkdir(mode=0o700)
    settings.TOKENAUTH = {**URL, "KEY_DIRECTORY": folder}
    return folder


def dated(begins=-DAY, ends=None, algorithm="EdDSA", **changes):
    """A key whose times are that many seconds from now. It was made when it begins, or now."""
    now = int(time.time())
    made = {} if ends is None else {"exp": now + ends}
    jwk = make_jwk(algorithm, now=now + min(begins, 0), not_before=now + begins)
    return {**jwk, **made, **changes}


def put(folder, **times):
    jwk = dated(**times)
    path = folder / f"{jwk['kid']}.jwk"
    write_jwk(path, jwk)
    return path


class TestExposed:
    def test_files_for_their_owner_only_are_good(self, folder):
        put(folder)
        assert deployed() == []

    @pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602, 0o644, 0o666])
    def test_a_file_that_others_have_rights_to(self, folder, mode):
        path = put(folder)
        path.chmod(mode)
        assert found() == []
        assert deployed() == ["W011"]
        assert f"permissions for {path}." in said("W011")
        assert f"chmod -R go= {folder}" in said("W011")

    def test_a_folder_that_others_can_write_into(self, folder):
        put(folder)
        folder.chmod(0o777)
        assert deployed() == ["W011"]
        assert f"permissions for {folder}." in said("W011")

    def test_the_remedy_helps(self, folder):
        put(folder).chmod(0o644)
        folder.chmod(0o755)
        assert deployed() == ["W011"]
        subprocess.run(["chmod", "-R", "go=", folder], check=True)  # noqa: S603, S607
        assert deployed() == []

    @pytest.mark.parametrize("name", ["STATIC_ROOT", "MEDIA_ROOT"])
    def test_a_folder_that_is_shown_to_everybody(self, folder, settings, name):
        put(folder)
        setattr(settings, name, str(folder.parent))
        assert deployed() == ["W011"]
        assert f"KEY_DIRECTORY is in {name}" in said("W011")

    @pytest.mark.parametrize("name", ["STATIC_ROOT", "MEDIA_ROOT"])
    def test_a_way_around_a_link_does_not_hide_it(self, folder, settings, name):
        put(folder)
        link = folder.parent / "link"
        link.symlink_to(folder.parent, target_is_directory=True)
        setattr(settings, name, str(link))
        assert deployed() == ["W011"]

    def test_a_folder_beside_it_is_good(self, folder, settings):
        put(folder)
        settings.STATIC_ROOT = str(folder.parent / "keys-static")
        settings.MEDIA_ROOT = folder.parent / "media"
        assert deployed() == []


class TestAgeing:
    def test_a_key_of_half_a_year_is_good(self, folder):
        put(folder, begins=-179 * DAY)
        assert deployed() == []

    def test_an_older_one_should_be_followed_by_another(self, folder):
        put(folder, begins=-181 * DAY)
        assert found() == []
        assert deployed() == ["W012"]
        assert "older than 180 days" in said("W012")
        assert "tokenauth_keys rotate" in said("W012")

    def test_where_the_next_one_waits_nothing_is_said(self, folder):
        put(folder, begins=-181 * DAY)
        put(folder, begins=3600, iat=int(time.time()))
        assert deployed() == []

    def test_of_keys_without_times_nothing_is_known(self, folder):
        write_jwk(folder / "a.jwk", private_jwk(private_key("EdDSA")))
        assert deployed() == []

    def test_one_that_ends_should_be_followed_by_another(self, folder):
        put(folder, ends=7 * DAY)
        assert deployed() == ["W012"]
        assert "no key follows it" in said("W012")

    def test_one_that_ends_after_the_next_one_begins_is_good(self, folder):
        put(folder, ends=7200)
        put(folder, begins=3600, iat=int(time.time()))
        assert deployed() == []

    def test_one_that_ends_before_the_next_one_begins_is_not(self, folder):
        put(folder, ends=3600)
        put(folder, begins=7200, iat=int(time.time()))
        assert deployed() == ["W012"]

    def test_where_none_signs_now_the_error_is_enough(self, folder):
        put(folder, ends=-1)
        assert found() == ["E002"]
        assert deployed() == ["E002"]
        assert "No key signs now" in said("E002")
        assert "tokenauth_keys list" in said("E002")

    def test_keys_in_the_settings_count_too(self, settings):
        settings.TOKENAUTH = {**URL, "KEYS": [dated(-181 * DAY)]}
        assert deployed() == ["W012"]

    def test_a_service_that_only_verifies_has_nothing_to_rotate(self, settings):
        public = {**public_jwk(private_key("EdDSA")), "nbf": int(time.time()) - 400 * DAY}
        settings.TOKENAUTH = {**URL, "KEYS": [public]}
        assert deployed() == ["W019"]


class TestPublishedLate:
    @pytest.mark.attack(167)
    @pytest.mark.parametrize("ahead", [60, 290])
    def test_a_key_that_begins_before_others_have_seen_it(self, folder, ahead):
        put(folder)
        put(folder, begins=ahead, iat=int(time.time()))
        assert found() == []
        assert deployed() == ["W018"]
        assert "JWKS_MAX_AGE" in said("W018")

    def test_a_longer_max_age_makes_it_wait_longer(self, folder, settings):
        put(folder)
        put(folder, begins=310, iat=int(time.time()))
        assert deployed() == []
        settings.TOKENAUTH = {**settings.TOKENAUTH, "JWKS_MAX_AGE": timedelta(hours=1)}
        assert deployed() == ["W018"]

    def test_one_that_has_begun_already_is_past_help(self, folder):
        put(folder, begins=-1)
        assert deployed() == []

    def test_of_a_key_that_does_not_say_when_it_was_made_nothing_is_known(self, folder):
        put(folder)
        put(folder, begins=60, iat="yesterday")
        assert deployed() == []

    def test_keys_in_the_settings_count_too(self, settings):
        settings.TOKENAUTH = {**URL, "KEYS": [dated(), dated(60, iat=int(time.time()))]}
        assert deployed() == ["W018"]


class TestSilence:
    def test_where_the_settings_are_wrong_only_that_is_said(self, settings):
        settings.TOKENAUTH = {"KEY_DIRECTORY": "keys"}
        assert deployed() == ["E008"]

    def test_where_the_keys_are_wrong_only_that_is_said(self, folder):
        put(folder, begins=-181 * DAY)
        (folder / "bad.jwk").write_text("{")
        assert deployed() == ["E002"]

    def test_where_there_is_no_folder_only_that_is_said(self, folder):
        folder.rmdir()
        assert deployed() == ["E002"]


class TestSecrets:
    """Secrets in files and in KEYS are looked at as those in SIGNING_KEY."""

    GUESSABLE = "x" * 43

    def test_one_in_a_file_that_is_easy_to_guess(self, folder):
        put(folder, algorithm="HS256", k=self.GUESSABLE)
        assert deployed() == ["W001"]
        assert said("W001").startswith("KEY_DIRECTORY contains a guessable secret")

    def test_one_in_the_settings_that_is_easy_to_guess(self, settings):
        settings.TOKENAUTH = {**URL, "KEYS": [dated(algorithm="HS256", k=self.GUESSABLE)]}
        assert deployed() == ["W001"]
        assert said("W001").startswith("KEYS contains a guessable secret")

    def test_one_that_was_made_by_us_is_good(self, folder):
        put(folder, algorithm="HS256")
        assert deployed() == []
