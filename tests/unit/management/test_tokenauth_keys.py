"""``manage.py tokenauth_keys``: list, retire and publish."""

from __future__ import annotations

import json
import os
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from django_tokenauth.keys.files import read_file, write_jwk
from django_tokenauth.keys.generating import make_jwk
from tests.support.clock import after
from tests.support.keys_command import (
    DRAIN_TIME,
    SECONDS,
    command_error,
    list_keys,
    put,
    run,
)
from tests.support.sample_keys import private_jwk, private_key, public_jwk


@pytest.fixture
def folder(tmp_path, settings):
    """Return the key folder of the settings, which does not exist yet."""
    folder = tmp_path / "keys"
    settings.TOKENAUTH = {"KEY_DIRECTORY": folder}
    return folder


class TestList:
    def test_keys_list_prints_state_and_times_of_each_key(self, folder):
        put(folder, "before", SECONDS - 500, exp=SECONDS + 60)
        put(folder, "signs", SECONDS - 50, algorithm="ES256")
        put(folder, "next", SECONDS + 60)
        write_jwk(folder / "public.jwk", {**public_jwk(private_key("EdDSA")), "kid": "public"})
        assert run("list") == [
            "KID     ALGORITHM  STATE     SIGNS FROM               VERIFIES UNTIL",
            "public  EdDSA      verifies  never                    not set",
            "before  EdDSA      verifies  2026-11-23 11:51:40 UTC  2026-11-23 12:01:00 UTC",
            "signs   ES256      signs     2026-11-23 11:59:10 UTC  not set",
            "next    EdDSA      next      2026-11-23 12:01:00 UTC  not set",
        ]

    def test_keys_list_with_json_prints_state_times_and_file(self, folder):
        put(folder, "a", SECONDS - 50, exp=SECONDS + 5)
        put(folder, "b", algorithm="ES256")
        assert list_keys() == [
            {
                "kid": "a",
                "alg": "EdDSA",
                "state": "verifies",
                "private": True,
                "nbf": SECONDS - 50,
                "exp": SECONDS + 5,
                "file": str(folder / "a.jwk"),
            },
            {
                "kid": "b",
                "alg": "ES256",
                "state": "signs",
                "private": True,
                "nbf": SECONDS - 10,
                "exp": None,
                "file": str(folder / "b.jwk"),
            },
        ]

    def test_keys_list_with_json_indents_the_output(self, folder):
        put(folder, "a")
        assert run("list", "--json")[:3] == ["[", "  {", '    "kid": "a",']

    def test_keys_list_shows_utc_times_in_another_time_zone(self, folder, settings):
        settings.TIME_ZONE = "Asia/Seoul"
        put(folder, "a", SECONDS)
        assert "2026-11-23 12:00:00 UTC" in run("list")[1]

    def test_keys_list_shows_key_without_nbf_as_always_signing(self, folder):
        folder.mkdir()
        write_jwk(folder / "a.jwk", {**private_jwk(private_key("EdDSA")), "kid": "a"})
        assert run("list")[1].split() == ["a", "EdDSA", "signs", "always", "not", "set"]

    @pytest.mark.standard("rfc7517-9.2-1")
    @pytest.mark.parametrize("json", [(), ("--json",)])
    def test_keys_list_shows_no_private_member(self, folder, json):
        jwk = put(folder, "a", algorithm="RS256")
        secret = put(folder.with_name("secret"), "s", algorithm="HS256")["k"]
        output = "\n".join(run("list", *json))
        output += "\n".join(run("list", *json, "--directory", str(folder.with_name("secret"))))
        assert [name for name in ("d", "p", "q", "dp", "dq", "qi") if jwk[name] in output] == []
        assert secret not in output

    def test_keys_list_includes_keys_of_the_settings(self, settings):
        first = make_jwk("EdDSA", now=SECONDS, not_before=SECONDS - 5)
        second = make_jwk("EdDSA", now=SECONDS, not_before=SECONDS + 60)
        settings.TOKENAUTH = {"KEYS": {"keys": [second, first]}}
        assert [(row["kid"], row["state"], row["file"]) for row in list_keys()] == [
            (first["kid"], "signs", None),
            (second["kid"], "next", None),
        ]
        later = list_keys(now=after(seconds=60))
        assert [row["state"] for row in later] == ["verifies", "signs"]

    def test_keys_list_includes_the_derived_key(self, settings):
        settings.TOKENAUTH = {}
        assert [(row["alg"], row["state"]) for row in list_keys()] == [("HS256", "signs")]

    @pytest.mark.parametrize("exists", [True, False])
    def test_keys_list_without_keys_names_the_generate_command(self, folder, exists):
        if exists:
            folder.mkdir()
        [line] = run("list")
        assert line.startswith(f"There is no key in {folder}. To create the first one, run ")
        assert line.endswith(" manage.py tokenauth_keys generate.")
        other = folder.with_name("other")
        assert run("list", "--directory", str(other))[0].startswith(f"There is no key in {other}.")
        assert list_keys() == []

    def test_keys_list_and_publish_include_verifying_keys(self, folder, settings):
        put(folder, "a")
        settings.TOKENAUTH = {
            "KEY_DIRECTORY": folder,
            "VERIFYING_KEYS": [{**public_jwk(private_key("ES256")), "kid": "verifying"}],
        }
        assert [(row["kid"], row["state"], row["file"] is None) for row in list_keys()] == [
            ("a", "signs", False),
            ("verifying", "verifies", True),
        ]
        assert [key["kid"] for key in json.loads("\n".join(run("publish")))["keys"]] == [
            "a",
            "verifying",
        ]
        # The option --directory excludes VERIFYING_KEYS, which belong to KEY_DIRECTORY.
        published = json.loads("\n".join(run("publish", "--directory", str(folder))))
        assert [key["kid"] for key in published["keys"]] == ["a"]

    @pytest.mark.parametrize("algorithm", ["HS256", "HS512"])
    def test_keys_list_shows_algorithm_of_verifying_secrets(self, folder, settings, algorithm):
        put(folder, "a", algorithm=algorithm)
        settings.TOKENAUTH = {
            "KEY_DIRECTORY": folder,
            "ALGORITHM": algorithm,
            "VERIFYING_KEYS": ["0123456789abcdef" * 4],
        }
        assert [row["alg"] for row in list_keys()] == [algorithm] * 2


class TestRetire:
    def test_keys_retire_prints_the_expiry_of_the_key(self, folder):
        put(folder, "a", SECONDS - 50)
        put(folder, "b")
        assert run("retire", "a") == ["Expires 2026-11-23 12:06:00 UTC: a"]
        assert read_file(folder / "a.jwk").jwk["exp"] == SECONDS + DRAIN_TIME

    def test_keys_retire_with_now_expires_the_key_at_once(self, folder):
        put(folder, "a", SECONDS - 50)
        put(folder, "b")
        assert run("retire", "a", "--now") == ["Expires 2026-11-23 12:00:00 UTC: a"]
        assert [row["state"] for row in list_keys()] == ["expired", "signs"]

    def test_keys_retire_of_next_key_keeps_current_key_signing(self, folder):
        put(folder, "a")
        run("rotate")
        [next_kid] = [row["kid"] for row in list_keys() if row["state"] == "next"]
        assert run("retire", next_kid) == [
            f"Expires 2026-11-23 12:00:00 UTC: {next_kid}",
            "Keeps signing: a",
        ]
        assert [(row["kid"], row["state"], row["exp"]) for row in list_keys()] == [
            ("a", "signs", None),
            (next_kid, "expired", SECONDS),
        ]

    def test_keys_retire_of_only_signing_key_is_rejected(self, folder):
        put(folder, "a")
        assert command_error("retire", "a") == (
            "Without the key a no key signs. Create the next key with rotate, or at once with "
            "rotate --now."
        )

    def test_keys_retire_of_unknown_kid_is_rejected(self, folder):
        put(folder, "a")
        assert command_error("retire", "b") == (
            "No key has a kid that begins with 'b'. To show all keys, use list."
        )


class TestPublish:
    @pytest.mark.standard("rfc7517-5-1")
    def test_keys_publish_prints_public_members_of_unexpired_keys(self, folder):
        put(folder, "expired", SECONDS - 50, exp=SECONDS)
        signs = put(folder, "signs")
        later = put(folder, "next", SECONDS + 60, algorithm="ES256")
        published = json.loads("\n".join(run("publish")))
        assert published == {
            "keys": [
                {**select(signs, "kty", "crv", "x"), "kid": "signs", "alg": "EdDSA", "use": "sig"},
                {**select(later, "kty", "crv", "x", "y"), "kid": "next", "alg": "ES256"}
                | {"use": "sig"},
            ]
        }

    def test_keys_publish_writes_a_file_for_another_service(self, folder, settings, tmp_path):
        put(folder, "a")
        output = tmp_path / "jwks.json"
        output.write_text("old")
        assert run("publish", "--output", str(output)) == [f"Wrote 1 public key to {output}."]
        assert sorted(path.name for path in tmp_path.iterdir()) == ["jwks.json", "keys"]
        settings.TOKENAUTH = {"KEYS": output.read_text()}
        assert [(row["kid"], row["private"]) for row in list_keys()] == [("a", False)]

    @pytest.mark.parametrize("form", ["jwks", "pem"])
    def test_keys_publish_prints_the_same_text_as_it_writes(self, folder, tmp_path, form):
        put(folder, "a")
        printed = StringIO()
        call_command("tokenauth_keys", "publish", "--format", form, stdout=printed)
        run("publish", "--format", form, "--output", str(tmp_path / "file"))
        assert (tmp_path / "file").read_text() == printed.getvalue()

    def test_keys_publish_prints_the_number_of_keys(self, folder, tmp_path):
        put(folder, "a")
        put(folder, "b", SECONDS + 60)
        output = tmp_path / "jwks.json"
        assert run("publish", "--output", str(output)) == [f"Wrote 2 public keys to {output}."]

    def test_keys_publish_to_missing_folder_is_rejected(self, folder, tmp_path):
        put(folder, "a")
        output = tmp_path / "none" / "jwks.json"
        message = command_error("publish", "--output", str(output))
        assert message == (
            f"{output} cannot be written: No such file or directory. FILE must be the path of a "
            "file in an existing folder."
        )

    def test_keys_publish_to_path_below_a_file_is_rejected(self, folder, tmp_path):
        put(folder, "a")
        (tmp_path / "file").touch()
        output = tmp_path / "file" / "jwks.json"
        message = command_error("publish", "--output", str(output))
        assert message == (
            f"{output} cannot be written: Not a directory. FILE must be the path of a file in an "
            "existing folder."
        )

    def test_keys_publish_to_a_name_that_is_too_long_is_rejected(self, folder, tmp_path):
        put(folder, "a")
        message = command_error("publish", "--output", str(tmp_path / ("x" * 300)))
        assert "cannot be written: File name too long. FILE must be " in message

    def test_keys_publish_jwks_to_a_folder_path_is_rejected(self, folder, tmp_path):
        put(folder, "a")
        (tmp_path / "jwks.json").mkdir()
        message = command_error("publish", "--output", str(tmp_path / "jwks.json"))
        assert "cannot be written: Is a directory. FILE must be " in message
        assert sorted(path.name for path in tmp_path.iterdir()) == ["jwks.json", "keys"]

    @pytest.mark.standard("rfc7517-9.2-1")
    def test_keys_publish_of_hmac_secrets_is_rejected(self, folder):
        secret = put(folder, "a", algorithm="HS256")["k"]
        message = command_error("publish")
        assert message.startswith("There is no public key: the keys are secrets")
        assert secret not in message

    def test_keys_publish_of_only_expired_keys_is_rejected(self, folder):
        put(folder, "a", SECONDS - 50, exp=SECONDS)
        assert command_error("publish").startswith("There is no key to publish.")


def select(jwk, *names):
    return {name: jwk[name] for name in names}


class TestCommandLine:
    def test_keys_command_requires_an_action(self):
        with pytest.raises(CommandError, match="the following arguments are required: ACTION"):
            run()

    def test_keys_generate_runs_without_any_key(self, folder):
        # The command skips the system checks, which report a missing key as an error.
        assert not os.path.lexists(folder)
        assert run("generate")
