"""The files and folders that rotations create, replace, delete and list."""

from __future__ import annotations

import stat

import pytest

from django_tokenauth.keys import files as key_files
from django_tokenauth.keys import rotating as key_rotation
from django_tokenauth.keys.files import read_file, write_jwk
from django_tokenauth.keys.generating import make_key
from django_tokenauth.keys.rotating import check_delay, generate, replace_now, retire
from tests.support.key_rotations import (
    DRAIN_TIME,
    NOW,
    SETTINGS,
    key_error,
    public,
    put,
    rotated,
)

YEAR = 366 * 86400


@pytest.fixture
def calls(monkeypatch):
    """Count the calls that list the key folder and load a key from a file."""
    calls = dict.fromkeys(("list_files", "load_key"), 0)

    def counted(name):
        function = getattr(key_files, name)

        def call(*arguments):
            calls[name] += 1
            return function(*arguments)

        return call

    for name in calls:
        monkeypatch.setattr(key_files, name, counted(name))
    return calls


def during_generation(monkeypatch, change):
    """Call ``change`` as another process would, during the slow step of a rotation."""

    def make(*arguments, **options):
        change()
        return make_key(*arguments, **options)

    monkeypatch.setattr(key_rotation, "make_key", make)


class TestDelay:
    def test_rotation_delay_of_a_year_is_accepted(self):
        check_delay(SETTINGS, YEAR)
        error = key_error(check_delay, SETTINGS, YEAR + 1)
        assert str(error) == "The delay is longer than a year."


class TestResults:
    def test_rotation_results_contain_the_written_jwks(self, tmp_path):
        put(tmp_path, "a")
        rotation = rotated(tmp_path)
        for file in (rotation.new, *rotation.expiring):
            assert file.jwk == read_file(file.path).jwk
            assert file.stamp is None

    def test_replace_now_in_a_missing_folder_creates_folder_and_key(self, tmp_path):
        folder = tmp_path / "new" / "keys"
        replacement = replace_now(folder, SETTINGS, now=NOW)
        assert replacement.new.key.algorithm == "EdDSA"
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert [path.name for path in folder.iterdir()] == [replacement.new.path.name]

    def test_replace_now_keeps_the_mode_of_a_public_key_file(self, tmp_path):
        put(tmp_path, "a")
        write_jwk(tmp_path / "public.jwk", {**public(), "kid": "public"})
        (tmp_path / "public.jwk").chmod(0o644)
        replace_now(tmp_path, SETTINGS, "EdDSA", now=NOW)
        assert read_file(tmp_path / "public.jwk").jwk["exp"] == NOW
        assert stat.S_IMODE((tmp_path / "public.jwk").stat().st_mode) == 0o644

    def test_rotate_lets_the_server_group_read_the_expiry(self, tmp_path):
        for name in ("a", "b"):
            put(tmp_path, name)
        (tmp_path / "a.jwk").chmod(0o640)
        (tmp_path / "b.jwk").chmod(0o600)
        rotated(tmp_path)
        assert stat.S_IMODE((tmp_path / "b.jwk").stat().st_mode) == 0o640

    def test_retire_of_key_that_just_started_lets_its_tokens_expire(self, tmp_path):
        put(tmp_path, "a", NOW)
        put(tmp_path, "b", NOW)
        retired = retire(tmp_path, SETTINGS, "b", now=NOW).retired
        assert retired.key.expires_at == NOW + DRAIN_TIME


class TestCalls:
    def test_generate_lists_the_key_folder_once(self, tmp_path, calls):
        generate(tmp_path, SETTINGS, "EdDSA", now=NOW)
        assert calls == {"list_files": 1, "load_key": 0}

    def test_rotate_lists_the_folder_once_and_loads_each_key_once(self, tmp_path, calls):
        put(tmp_path, "a", NOW - 2000)
        put(tmp_path, "b")
        calls.update(list_files=0, load_key=0)
        rotated(tmp_path)
        assert calls == {"list_files": 1, "load_key": 2}


class TestConcurrentDeletion:
    def test_replace_now_expires_a_key_whose_file_was_just_deleted(self, tmp_path, monkeypatch):
        put(tmp_path, "stolen")
        during_generation(monkeypatch, (tmp_path / "stolen.jwk").unlink)
        replacement = replace_now(tmp_path, SETTINGS, "EdDSA", now=NOW)
        assert [file.key.kid for file in replacement.expiring] == ["stolen"]
        assert replacement.without_expiry == ()

    def test_rotate_reports_as_removed_only_files_that_are_gone(self, tmp_path, monkeypatch):
        for name in ("folder", "gone", "old"):
            put(tmp_path, name, NOW - 2000, exp=NOW)
        put(tmp_path, "signs")

        def change():
            (tmp_path / "gone.jwk").unlink()
            (tmp_path / "folder.jwk").unlink()
            (tmp_path / "folder.jwk").mkdir()

        during_generation(monkeypatch, change)
        assert rotated(tmp_path).removed == (tmp_path / "gone.jwk", tmp_path / "old.jwk")
