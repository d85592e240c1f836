"""``manage.py tokenauth_keys``: generate and rotate."""

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
    DRAIN_TIME,
    MARGIN,
    MAX_AGE,
    SECONDS,
    command_error,
    list_keys,
    only_file,
    put,
    run,
)


@pytest.fixture
def folder(tmp_path, settings):
    """Return the key folder of the settings, which does not exist yet."""
    folder = tmp_path / "keys"
    settings.TOKENAUTH = {"KEY_DIRECTORY": folder}
    return folder


class TestGenerate:
    def test_keys_generate_creates_a_signing_key_file(self, folder):
        [line] = run("generate")
        path = only_file(folder)
        jwk = read_file(path).jwk
        assert line == f"Created {path}: key {jwk['kid']} (EdDSA), signs now."
        assert (jwk["iat"], jwk["nbf"]) == (SECONDS, SECONDS)
        assert stat.S_IMODE(path.stat().st_mode) == 0o600

    @pytest.mark.parametrize(
        "algorithm", ["RS256", "PS512", "ES256", "ES384", "ES512", "EdDSA", "HS256"]
    )
    def test_keys_generate_uses_the_algorithm_option(self, folder, algorithm):
        run("generate", "--algorithm", algorithm)
        assert read_file(only_file(folder)).jwk["alg"] == algorithm

    def test_keys_generate_uses_an_asymmetric_algorithm_setting(self, folder, settings):
        settings.TOKENAUTH = {"KEY_DIRECTORY": folder, "ALGORITHM": "ES256"}
        run("generate")
        assert read_file(only_file(folder)).jwk["alg"] == "ES256"

    def test_keys_generate_uses_the_directory_option(self, folder, tmp_path):
        run("generate", "--directory", str(tmp_path / "other"))
        assert only_file(tmp_path / "other")
        assert not folder.exists()

    def test_keys_generate_while_a_key_signs_is_rejected(self, folder):
        run("generate")
        kid = only_file(folder).stem
        assert command_error("generate") == (
            f"The key {kid} signs already. To create the next key, use rotate: it signs when every "
            "service has seen it."
        )

    def test_keys_generate_without_key_directory_is_rejected(self, settings):
        settings.TOKENAUTH = {}
        assert command_error("generate") == (
            "TOKENAUTH has no KEY_DIRECTORY. Set it, or give --directory. For the setting KEYS, "
            "use --print."
        )

    def test_keys_generate_with_print_writes_no_file(self, folder, settings):
        [line] = run("generate", "--print", "--algorithm", "ES256")
        jwk = json.loads(line)
        assert not folder.exists()
        assert jwk["alg"] == "ES256"
        assert (jwk["iat"], jwk["nbf"]) == (SECONDS, SECONDS)
        settings.TOKENAUTH = {"KEYS": [jwk]}
        assert run("list")[1].split()[:3] == [jwk["kid"], "ES256", "signs"]

    def test_keys_generate_in_folder_below_a_file_is_rejected(self, tmp_path):
        (tmp_path / "file").write_text("")
        message = command_error("generate", "--directory", str(tmp_path / "file" / "keys"))
        assert "Not a directory" in message

    def test_keys_generate_with_too_long_folder_name_is_rejected(self, tmp_path):
        folder = tmp_path / ("x" * 300)
        message = command_error("generate", "--directory", str(folder))
        assert "File name too long" in message


class TestRotate:
    def test_keys_rotate_creates_next_key_and_sets_exp_of_old_key(self, folder):
        put(folder, "a")
        created, expiring = run("rotate")
        [path] = [folder / name for name in list_files(folder) if name != "a.jwk"]
        assert created == (
            f"Created {path}: key {path.stem} (EdDSA), signs from 2026-11-23 12:06:00 UTC."
        )
        assert read_file(path).jwk["nbf"] == SECONDS + MAX_AGE + MARGIN
        assert expiring == "Expires 2026-11-23 12:12:00 UTC: a"
        assert read_file(folder / "a.jwk").jwk["exp"] == SECONDS + MAX_AGE + MARGIN + DRAIN_TIME

    def test_keys_rotate_keeps_the_algorithm_of_the_old_key(self, folder):
        put(folder, "a", algorithm="ES384")
        run("rotate")
        assert {read_file(folder / name).jwk["alg"] for name in list_files(folder)} == {"ES384"}

    @pytest.mark.parametrize("options", [(), ("--now",)])
    def test_keys_rotate_uses_the_algorithm_option(self, folder, options):
        put(folder, "a", algorithm="ES384")
        run("rotate", *options, "--algorithm", "EdDSA")
        algorithms = {read_file(folder / name).key.algorithm for name in list_files(folder)}
        assert algorithms == {"ES384", "EdDSA"}

    def test_keys_rotate_below_the_minimum_delay_is_rejected(self, folder):
        put(folder, "a")
        for options in ((), ("--print",)):
            assert command_error("rotate", "--delay", str(MAX_AGE + 3), *options) == (
                "A delay of 303 seconds is too short: services may cache the published keys for "
                "JWKS_MAX_AGE. At least 304 seconds are needed. If a key was stolen, use --now."
            )
        run("rotate", "--delay", "86400")
        assert max(read_file(folder / name).jwk["nbf"] for name in list_files(folder)) == (
            SECONDS + 86400
        )

    def test_keys_rotate_delays_next_key_by_jwks_max_age_and_margin(self, folder, settings):
        settings.TOKENAUTH = {"KEY_DIRECTORY": folder, "JWKS_MAX_AGE": timedelta(hours=1)}
        put(folder, "a")
        run("rotate")
        assert max(read_file(folder / name).jwk["nbf"] for name in list_files(folder)) == (
            SECONDS + 3600 + MARGIN
        )

    def test_keys_rotate_deletes_files_of_expired_keys(self, folder):
        put(folder, "a", SECONDS - 50, exp=SECONDS)
        put(folder, "b")
        lines = run("rotate")
        assert lines[-1] == f"Deleted {folder / 'a.jwk'}: its key had expired."
        assert "a.jwk" not in list_files(folder)

    def test_keys_rotate_with_now_expires_the_old_key_at_once(self, folder):
        put(folder, "a")
        created, expiring = run("rotate", "--now")
        assert created.endswith("signs from 2026-11-23 12:00:00 UTC.")
        assert expiring == "Expires 2026-11-23 12:00:00 UTC: a"
        assert [row["state"] for row in list_keys()] == ["expired", "signs"]

    def test_keys_rotate_with_now_and_delay_is_rejected(self, folder):
        with pytest.raises(CommandError, match="not allowed with argument --now"):
            run("rotate", "--now", "--delay", "900")

    def test_keys_rotate_with_print_writes_no_file(self, folder):
        put(folder, "a")
        [line] = run("rotate", "--print")
        assert json.loads(line)["nbf"] == SECONDS + MAX_AGE + MARGIN
        assert list(list_files(folder)) == ["a.jwk"]

    @pytest.mark.parametrize("algorithm", ["ES256", "HS384", "EdDSA"])
    def test_keys_rotate_with_print_keeps_algorithm_of_keys_setting(self, settings, algorithm):
        jwks = [make_jwk(algorithm, now=SECONDS, not_before=SECONDS - 5)]
        settings.TOKENAUTH = {"KEYS": jwks, "ALGORITHM": "RS256"}
        [line] = run("rotate", "--print")
        assert json.loads(line)["alg"] == algorithm
        settings.TOKENAUTH = {"KEYS": [*jwks, json.loads(line)]}
        assert [row["state"] for row in list_keys()] == ["signs", "next"]

    def test_keys_rotate_with_print_ignores_algorithm_of_key_folder(self, folder):
        put(folder, "a", algorithm="ES384")
        assert json.loads(run("rotate", "--print")[0])["alg"] == "EdDSA"

    def test_keys_generate_with_print_makes_a_key_pair_by_default(self, settings):
        settings.TOKENAUTH = {}
        assert json.loads(run("generate", "--print")[0])["alg"] == "EdDSA"

    def test_keys_rotate_with_print_and_now_signs_at_once(self, folder):
        [line] = run("rotate", "--print", "--now")
        assert json.loads(line)["nbf"] == SECONDS

    def test_keys_rotate_before_the_next_key_signs_is_rejected(self, folder):
        put(folder, "a")
        run("rotate")
        assert re.fullmatch(
            r"The key \S+ is already the next key and has not signed yet\. To cancel it, use "
            r"retire\.",
            command_error("rotate"),
        )


class TestPrint:
    def test_keys_generate_with_print_writes_messages_to_stderr(self, settings):
        settings.TOKENAUTH = {}
        output, errors = StringIO(), StringIO()
        with time_machine.travel(NOW, tick=False):
            call_command("tokenauth_keys", "generate", "--print", stdout=output, stderr=errors)
        assert json.loads(output.getvalue())["d"] not in errors.getvalue()
        assert "In KEYS, the key signs from 2026-11-23 12:00:00 UTC." in errors.getvalue()
