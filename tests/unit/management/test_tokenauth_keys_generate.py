"""manage.py tokenauth_keys: the first key, and those that follow."""

from __future__ import annotations

import json
import re
import stat
from datetime import timedelta
from io import StringIO

import pytest
import time_machine
from django.core.management import CommandError, call_command

from django_tokenauth.keys.files import list_files, read_file
from django_tokenauth.keys.generating import make_jwk
from tests.support.clock import NOW
from tests.support.keys_command import (
    MARGIN,
    MAX_AGE,
    OUTLIVED,
    SECONDS,
    listed,
    only_file,
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


class TestGenerate:
    def test_it_makes_a_key_that_signs_at_once(self, folder):
        [line] = run("generate")
        path = only_file(folder)
        jwk = read_file(path).jwk
        assert line == f"Created {path}: key {jwk['kid']} (EdDSA), signs now."
        assert (jwk["iat"], jwk["nbf"]) == (SECONDS, SECONDS)
        assert stat.S_IMODE(path.stat().st_mode) == 0o600

    @pytest.mark.parametrize(
        "algorithm", ["RS256", "PS512", "ES256", "ES384", "ES512", "EdDSA", "HS256"]
    )
    def test_of_the_algorithm_that_is_named(self, folder, algorithm):
        run("generate", "--algorithm", algorithm)
        assert read_file(only_file(folder)).jwk["alg"] == algorithm

    def test_or_else_of_the_one_in_the_settings(self, folder, settings):
        settings.TOKENAUTH = {"KEY_DIRECTORY": folder, "ALGORITHM": "ES256"}
        run("generate")
        assert read_file(only_file(folder)).jwk["alg"] == "ES256"

    def test_the_folder_can_be_another(self, folder, tmp_path):
        run("generate", "--directory", str(tmp_path / "other"))
        assert only_file(tmp_path / "other")
        assert not folder.exists()

    def test_a_second_time_it_refuses_and_names_rotate(self, folder):
        run("generate")
        kid = only_file(folder).stem
        assert refused("generate") == (
            f"The key {kid} signs already. To create the next key, use rotate: it signs when every "
            "service has seen it."
        )

    def test_without_a_folder_it_says_what_to_set(self, settings):
        settings.TOKENAUTH = {}
        assert refused("generate") == (
            "TOKENAUTH has no KEY_DIRECTORY. Set it, or give --directory. For the setting KEYS, "
            "use --print."
        )

    def test_printed_it_is_a_jwk_for_the_settings_and_no_file(self, folder, settings):
        [line] = run("generate", "--print", "--algorithm", "ES256")
        jwk = json.loads(line)
        assert not folder.exists()
        assert jwk["alg"] == "ES256"
        assert jwk["nbf"] == SECONDS
        settings.TOKENAUTH = {"KEYS": [jwk]}
        assert run("list")[1].split()[:3] == [jwk["kid"], "ES256", "signs"]

    def test_a_folder_that_cannot_be_made_is_an_error_with_its_name(self, tmp_path):
        (tmp_path / "file").write_text("")
        said = refused("generate", "--directory", str(tmp_path / "file" / "keys"))
        assert "Not a directory" in said

    def test_a_disk_that_fails_is_an_error_with_the_name(self, tmp_path):
        long = tmp_path / ("x" * 300)
        said = refused("generate", "--directory", str(long))
        assert "File name too long" in said


class TestRotate:
    def test_the_next_key_signs_when_all_others_have_seen_it(self, folder):
        put(folder, "a")
        made, ends = run("rotate")
        [path] = [folder / name for name in list_files(folder) if name != "a.jwk"]
        assert made == (
            f"Created {path}: key {path.stem} (EdDSA), signs from 2026-11-23 12:06:00 UTC."
        )
        assert read_file(path).jwk["nbf"] == SECONDS + MAX_AGE + MARGIN
        assert ends == "Ends 2026-11-23 12:12:00 UTC: a"
        assert read_file(folder / "a.jwk").jwk["exp"] == SECONDS + MAX_AGE + MARGIN + OUTLIVED

    def test_it_follows_the_algorithm_of_the_key_before(self, folder):
        put(folder, "a", algorithm="ES384")
        run("rotate")
        assert {read_file(folder / name).jwk["alg"] for name in list_files(folder)} == {"ES384"}

    def test_a_change_of_algorithm_is_a_rotation(self, folder):
        put(folder, "a", algorithm="ES384")
        run("rotate", "--algorithm", "EdDSA")
        algorithms = {read_file(folder / name).key.algorithm for name in list_files(folder)}
        assert algorithms == {"ES384", "EdDSA"}

    def test_the_delay_can_be_longer_and_not_shorter(self, folder):
        put(folder, "a")
        for options in ((), ("--print",)):
            assert refused("rotate", "--delay", str(MAX_AGE + 3), *options) == (
                "A delay of 303 seconds is too short: services may cache the published keys for "
                "JWKS_MAX_AGE. At least 304 seconds are needed. If a key was stolen, use --now."
            )
        run("rotate", "--delay", "86400")
        assert max(read_file(folder / name).jwk["nbf"] for name in list_files(folder)) == (
            SECONDS + 86400
        )

    def test_a_longer_max_age_makes_it_wait_longer(self, folder, settings):
        settings.TOKENAUTH = {"KEY_DIRECTORY": folder, "JWKS_MAX_AGE": timedelta(hours=1)}
        put(folder, "a")
        run("rotate")
        assert max(read_file(folder / name).jwk["nbf"] for name in list_files(folder)) == (
            SECONDS + 3600 + MARGIN
        )

    def test_what_has_ended_is_removed_and_said(self, folder):
        put(folder, "a", SECONDS - 50, exp=SECONDS)
        put(folder, "b")
        lines = run("rotate")
        assert lines[-1] == f"Deleted {folder / 'a.jwk'}: its key had ended."
        assert "a.jwk" not in list_files(folder)

    def test_of_a_stolen_key_nothing_is_left(self, folder):
        put(folder, "a")
        made, ends = run("rotate", "--now")
        assert made.endswith("signs from 2026-11-23 12:00:00 UTC.")
        assert ends == "Ends 2026-11-23 12:00:00 UTC: a"
        assert [row["state"] for row in listed()] == ["ended", "signs"]

    def test_now_and_later_are_not_said_together(self, folder):
        with pytest.raises(CommandError, match="not allowed with argument --now"):
            run("rotate", "--now", "--delay", "900")

    def test_printed_it_is_for_the_settings_and_signs_later(self, folder):
        put(folder, "a")
        [line] = run("rotate", "--print")
        assert json.loads(line)["nbf"] == SECONDS + MAX_AGE + MARGIN
        assert list(list_files(folder)) == ["a.jwk"]

    @pytest.mark.parametrize("algorithm", ["ES256", "HS384", "EdDSA"])
    def test_printed_it_is_of_the_algorithm_of_those_in_the_settings(self, settings, algorithm):
        jwks = [make_jwk(algorithm, now=SECONDS, not_before=SECONDS - 5)]
        settings.TOKENAUTH = {"KEYS": jwks, "ALGORITHM": "RS256"}
        [line] = run("rotate", "--print")
        assert json.loads(line)["alg"] == algorithm
        settings.TOKENAUTH = {"KEYS": [*jwks, json.loads(line)]}
        assert [row["state"] for row in listed()] == ["signs", "next"]

    def test_printed_for_a_project_with_a_derived_secret_it_is_a_key_pair(self, settings):
        settings.TOKENAUTH = {}
        assert json.loads(run("generate", "--print")[0])["alg"] == "EdDSA"

    def test_printed_for_a_stolen_one_it_signs_at_once(self, folder):
        [line] = run("rotate", "--print", "--now")
        assert json.loads(line)["nbf"] == SECONDS

    def test_while_one_waits_it_refuses(self, folder):
        put(folder, "a")
        run("rotate")
        assert re.fullmatch(
            r"The key \S+ is already the next key and has not signed yet\. To take it back, use "
            r"retire\.",
            refused("rotate"),
        )


class TestPrinting:
    def test_the_key_goes_to_standard_output_and_words_to_standard_error(self, settings):
        settings.TOKENAUTH = {}
        output, errors = StringIO(), StringIO()
        with time_machine.travel(NOW, tick=False):
            call_command("tokenauth_keys", "generate", "--print", stdout=output, stderr=errors)
        assert json.loads(output.getvalue())["d"] not in errors.getvalue()
        assert "signs from 2026-11-23 12:00:00 UTC." in errors.getvalue()
