"""manage.py tokenauth_keys: what it shows, ends and publishes."""

from __future__ import annotations

import json
import os

import pytest
from django.core.management import CommandError, call_command

from django_tokenauth.keys.files import read_file, write_jwk
from django_tokenauth.keys.generating import make_jwk
from tests.support.clock import after
from tests.support.keys_command import (
    OUTLIVED,
    SECONDS,
    listed,
    put,
    refused,
    run,
)
from tests.support.sample_keys import private_jwk, private_key, public_jwk


@pytest.fixture
def folder(tmp_path, settings):
    """The folder that the settings name. It is not there yet."""
    folder = tmp_path / "keys"
    settings.TOKENAUTH = {"KEY_DIRECTORY": folder}
    return folder


class TestList:
    def test_it_is_a_table_that_people_can_read(self, folder):
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

    def test_it_is_json_for_programs(self, folder):
        put(folder, "a", SECONDS - 50, exp=SECONDS + 5)
        put(folder, "b", algorithm="ES256")
        assert listed() == [
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

    def test_a_key_without_times_signs_always(self, folder):
        folder.mkdir()
        write_jwk(folder / "a.jwk", {**private_jwk(private_key("EdDSA")), "kid": "a"})
        assert run("list")[1].split() == ["a", "EdDSA", "signs", "always", "not", "set"]

    @pytest.mark.standard("rfc7517-9.2-1")
    @pytest.mark.parametrize("json", [(), ("--json",)])
    def test_no_private_part_is_shown(self, folder, json):
        jwk = put(folder, "a", algorithm="RS256")
        secret = put(folder.with_name("secret"), "s", algorithm="HS256")["k"]
        shown = "\n".join(run("list", *json))
        shown += "\n".join(run("list", *json, "--directory", str(folder.with_name("secret"))))
        assert [name for name in ("d", "p", "q", "dp", "dq", "qi") if jwk[name] in shown] == []
        assert secret not in shown

    def test_keys_in_the_settings_are_listed_too(self, settings):
        first = make_jwk("EdDSA", now=SECONDS, not_before=SECONDS - 5)
        second = make_jwk("EdDSA", now=SECONDS, not_before=SECONDS + 60)
        settings.TOKENAUTH = {"KEYS": {"keys": [second, first]}}
        assert [(row["kid"], row["state"], row["file"]) for row in listed()] == [
            (first["kid"], "signs", None),
            (second["kid"], "next", None),
        ]
        later = listed(now=after(seconds=60))
        assert [row["state"] for row in later] == ["verifies", "signs"]

    def test_so_is_a_key_that_follows_from_the_secret_key(self, settings):
        settings.TOKENAUTH = {}
        assert [(row["alg"], row["state"]) for row in listed()] == [("HS256", "signs")]

    def test_an_empty_folder_is_an_empty_table(self, folder):
        assert len(run("list")) == 1
        assert listed() == []

    def test_keys_that_only_verify_stand_beside_those_in_the_folder(self, folder, settings):
        put(folder, "a")
        settings.TOKENAUTH = {
            "KEY_DIRECTORY": folder,
            "VERIFYING_KEYS": [{**public_jwk(private_key("ES256")), "kid": "further"}],
        }
        assert [(row["kid"], row["state"], row["file"] is None) for row in listed()] == [
            ("a", "signs", False),
            ("further", "verifies", True),
        ]
        assert [key["kid"] for key in json.loads("\n".join(run("publish")))["keys"]] == [
            "a",
            "further",
        ]
        # Of another folder the settings say nothing.
        published = json.loads("\n".join(run("publish", "--directory", str(folder))))
        assert [key["kid"] for key in published["keys"]] == ["a"]


class TestRetire:
    def test_it_says_when_the_key_ends(self, folder):
        put(folder, "a", SECONDS - 50)
        put(folder, "b")
        assert run("retire", "a") == ["Ends 2026-11-23 12:06:00 UTC: a"]
        assert read_file(folder / "a.jwk").jwk["exp"] == SECONDS + OUTLIVED

    def test_it_can_be_now(self, folder):
        put(folder, "a", SECONDS - 50)
        put(folder, "b")
        assert run("retire", "a", "--now") == ["Ends 2026-11-23 12:00:00 UTC: a"]
        assert [row["state"] for row in listed()] == ["ended", "signs"]

    def test_the_next_key_is_taken_back_and_the_one_before_it_goes_on(self, folder):
        put(folder, "a")
        run("rotate")
        [waits] = [row["kid"] for row in listed() if row["state"] == "next"]
        assert run("retire", waits) == [
            f"Ends 2026-11-23 12:00:00 UTC: {waits}",
            "Keeps signing: a",
        ]
        assert [(row["kid"], row["state"], row["exp"]) for row in listed()] == [
            ("a", "signs", None),
            (waits, "ended", SECONDS),
        ]

    def test_the_last_one_stays(self, folder):
        put(folder, "a")
        assert refused("retire", "a") == (
            "Without the key a no key signs. Create the next key with rotate, or at once with "
            "rotate --now."
        )

    def test_a_name_that_no_key_has_is_an_error(self, folder):
        put(folder, "a")
        assert refused("retire", "b") == (
            "No key has a kid that begins with 'b'. To show all keys, use list."
        )


class TestPublish:
    @pytest.mark.standard("rfc7517-5-1")
    def test_it_is_the_public_half_of_all_that_have_not_ended(self, folder):
        put(folder, "ended", SECONDS - 50, exp=SECONDS)
        signs = put(folder, "signs")
        later = put(folder, "next", SECONDS + 60, algorithm="ES256")
        published = json.loads("\n".join(run("publish")))
        assert published == {
            "keys": [
                {**shown(signs, "kty", "crv", "x"), "kid": "signs", "alg": "EdDSA", "use": "sig"},
                {**shown(later, "kty", "crv", "x", "y"), "kid": "next", "alg": "ES256"}
                | {"use": "sig"},
            ]
        }

    def test_it_can_be_a_file_that_another_service_reads(self, folder, settings, tmp_path):
        put(folder, "a")
        output = tmp_path / "jwks.json"
        output.write_text("before")
        assert run("publish", "--output", str(output)) == [f"Wrote 1 public key to {output}."]
        assert sorted(path.name for path in tmp_path.iterdir()) == ["jwks.json", "keys"]
        settings.TOKENAUTH = {"KEYS": output.read_text()}
        assert [(row["kid"], row["private"]) for row in listed()] == [("a", False)]

    def test_it_counts_what_it_wrote(self, folder, tmp_path):
        put(folder, "a")
        put(folder, "b", SECONDS + 60)
        output = tmp_path / "jwks.json"
        assert run("publish", "--output", str(output)) == [f"Wrote 2 public keys to {output}."]

    def test_a_file_that_cannot_be_written_is_an_error(self, folder, tmp_path):
        put(folder, "a")
        said = refused("publish", "--output", str(tmp_path / "none" / "jwks.json"))
        assert said.endswith("No such file or directory.")

    def test_what_is_in_the_way_stays_and_nothing_is_left_beside_it(self, folder, tmp_path):
        put(folder, "a")
        (tmp_path / "jwks.json").mkdir()
        said = refused("publish", "--output", str(tmp_path / "jwks.json"))
        assert said.endswith("Is a directory.")
        assert sorted(path.name for path in tmp_path.iterdir()) == ["jwks.json", "keys"]

    @pytest.mark.standard("rfc7517-9.2-1")
    def test_secrets_are_shown_to_nobody(self, folder):
        secret = put(folder, "a", algorithm="HS256")["k"]
        said = refused("publish")
        assert said.startswith("There is no public key: the keys are secrets")
        assert secret not in said

    def test_where_all_have_ended_there_is_none_to_show(self, folder):
        put(folder, "a", SECONDS - 50, exp=SECONDS)
        assert refused("publish").startswith("There is no key to publish.")


def shown(jwk, *names):
    return {name: jwk[name] for name in names}


class TestCommandLine:
    def test_it_wants_an_action(self):
        with pytest.raises(CommandError, match="the following arguments are required: ACTION"):
            run()

    @pytest.mark.parametrize(
        ("arguments", "says"),
        [
            ((), ("generate", "list", "rotate", "retire", "publish", "once: create the first key")),
            (("generate",), ("--algorithm NAME", "--print", "--directory FOLDER")),
            (("rotate",), ("--delay SECONDS", "--now", "JWKS_MAX_AGE", "A key was stolen")),
            (("retire",), ("kid", "--now", "End it at once")),
            (("list",), ("--json", "Print a list of JSON objects")),
            (("publish",), ("--output FILE", "JWK Set")),
        ],
    )
    def test_its_help_helps(self, capsys, arguments, says):
        with pytest.raises(SystemExit) as caught:
            call_command("tokenauth_keys", *arguments, "--help")
        assert caught.value.code == 0
        text = " ".join(capsys.readouterr().out.split())
        assert [phrase for phrase in says if phrase not in text] == []

    def test_it_works_before_there_is_any_key(self, folder):
        # The system checks would say that there is none, so they are not asked.
        assert not os.path.lexists(folder)
        assert run("generate")
