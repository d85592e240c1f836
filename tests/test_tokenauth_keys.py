"""manage.py tokenauth_keys."""

from __future__ import annotations

import json
import os
import re
import stat
from datetime import timedelta
from io import StringIO

import pytest
import time_machine
from django.core.management import CommandError, call_command

from django_tokenauth.key_files import list_files, read_jwk, write_jwk
from django_tokenauth.key_making import make_jwk
from django_tokenauth.key_rotation import MARGIN
from tests.clock import NOW, after
from tests.sample_keys import private_jwk, private_key, public_jwk

SECONDS = int(NOW.timestamp())
MAX_AGE = 300
OUTLIVED = 300 + MARGIN


@pytest.fixture
def folder(tmp_path, settings):
    """The folder that the settings name. It is not there yet."""
    folder = tmp_path / "keys"
    settings.TOKENAUTH = {"KEY_DIRECTORY": folder}
    return folder


@pytest.fixture
def run():
    """Runs the command and gives the lines that it prints on standard output and error."""

    def run(*arguments, now=NOW):
        output, errors = StringIO(), StringIO()
        with time_machine.travel(now, tick=False):
            call_command("tokenauth_keys", *arguments, stdout=output, stderr=errors, no_color=True)
        assert errors.getvalue() == "" or "--print" in arguments, (
            "only what must not get into a file goes to standard error"
        )
        return output.getvalue().splitlines()

    return run


def refused(run, *arguments, **options):
    """What the command says where it refuses."""
    with pytest.raises(CommandError) as caught:
        run(*arguments, **options)
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
    return str(caught.value)


def put(folder, name, not_before=SECONDS - 10, algorithm="EdDSA", **changes):
    folder.mkdir(exist_ok=True)
    jwk = {**make_jwk(algorithm, now=SECONDS, not_before=not_before), "kid": name, **changes}
    write_jwk(folder / f"{name}.jwk", jwk)
    return jwk


def only_file(folder):
    [name] = list_files(folder)
    return folder / name


class TestGenerate:
    def test_it_makes_a_key_that_signs_at_once(self, folder, run):
        [line] = run("generate")
        path = only_file(folder)
        jwk = read_jwk(path)
        assert line == f"Made {path}: key {jwk['kid']} is for EdDSA, and signs from now on."
        assert (jwk["iat"], jwk["nbf"]) == (SECONDS, SECONDS)
        assert stat.S_IMODE(path.stat().st_mode) == 0o600

    @pytest.mark.parametrize(
        "algorithm", ["RS256", "PS512", "ES256", "ES384", "ES512", "EdDSA", "HS256"]
    )
    def test_of_the_algorithm_that_is_named(self, folder, run, algorithm):
        run("generate", "--algorithm", algorithm)
        assert read_jwk(only_file(folder))["alg"] == algorithm

    def test_or_else_of_the_one_in_the_settings(self, folder, run, settings):
        settings.TOKENAUTH = {"KEY_DIRECTORY": folder, "ALGORITHM": "ES256"}
        run("generate")
        assert read_jwk(only_file(folder))["alg"] == "ES256"

    def test_the_folder_can_be_another(self, folder, run, tmp_path):
        run("generate", "--directory", str(tmp_path / "other"))
        assert only_file(tmp_path / "other")
        assert not folder.exists()

    def test_a_second_time_it_refuses_and_names_rotate(self, folder, run):
        run("generate")
        kid = only_file(folder).stem
        assert refused(run, "generate") == (
            f"The key {kid} signs already. rotate makes the next one, and lets it sign when "
            "everybody has seen it."
        )

    def test_without_a_folder_it_says_what_to_set(self, run, settings):
        settings.TOKENAUTH = {}
        assert refused(run, "generate") == (
            "TOKENAUTH has no KEY_DIRECTORY. Set it, or give --directory; --print makes a key for "
            "the setting KEYS."
        )

    def test_printed_it_is_a_jwk_for_the_settings_and_no_file(self, folder, run, settings):
        [line] = run("generate", "--print", "--algorithm", "ES256")
        jwk = json.loads(line)
        assert not folder.exists()
        assert jwk["alg"] == "ES256"
        assert jwk["nbf"] == SECONDS
        settings.TOKENAUTH = {"KEYS": [jwk]}
        assert run("list")[1].split()[:3] == [jwk["kid"], "ES256", "signs"]

    def test_a_folder_that_cannot_be_made_is_an_error_with_its_name(self, run, tmp_path):
        (tmp_path / "file").write_text("")
        said = refused(run, "generate", "--directory", str(tmp_path / "file" / "keys"))
        assert "Not a directory" in said

    def test_a_disk_that_fails_is_an_error_with_the_name(self, run, tmp_path):
        long = tmp_path / ("x" * 300)
        said = refused(run, "generate", "--directory", str(long))
        assert "File name too long" in said


class TestRotate:
    def test_the_next_key_signs_when_all_others_have_seen_it(self, folder, run):
        put(folder, "a")
        made, ends = run("rotate")
        [path] = [folder / name for name in list_files(folder) if name != "a.jwk"]
        assert made == (
            f"Made {path}: key {path.stem} is for EdDSA, and signs from 2026-11-23 12:06:00 UTC on."
        )
        assert read_jwk(path)["nbf"] == SECONDS + MAX_AGE + MARGIN
        assert ends == "Ends 2026-11-23 12:12:00 UTC: a"
        assert read_jwk(folder / "a.jwk")["exp"] == SECONDS + MAX_AGE + MARGIN + OUTLIVED

    def test_it_follows_the_algorithm_of_the_key_before(self, folder, run):
        put(folder, "a", algorithm="ES384")
        run("rotate")
        assert {read_jwk(folder / name)["alg"] for name in list_files(folder)} == {"ES384"}

    def test_a_change_of_algorithm_is_a_rotation(self, folder, run):
        put(folder, "a", algorithm="ES384")
        run("rotate", "--algorithm", "EdDSA")
        assert {read_jwk(folder / name)["alg"] for name in list_files(folder)} == {"ES384", "EdDSA"}

    def test_the_delay_can_be_longer_and_not_shorter(self, folder, run):
        put(folder, "a")
        assert refused(run, "rotate", "--delay", str(MAX_AGE - 1)) == (
            "299 seconds are too few: others may keep the keys for 300 (JWKS_MAX_AGE), and would "
            "refuse what the next one signs. --now is for a key that was stolen."
        )
        run("rotate", "--delay", "86400")
        assert max(read_jwk(folder / name)["nbf"] for name in list_files(folder)) == (
            SECONDS + 86400
        )

    def test_a_longer_max_age_makes_it_wait_longer(self, folder, run, settings):
        settings.TOKENAUTH = {"KEY_DIRECTORY": folder, "JWKS_MAX_AGE": timedelta(hours=1)}
        put(folder, "a")
        run("rotate")
        assert max(read_jwk(folder / name)["nbf"] for name in list_files(folder)) == (
            SECONDS + 3600 + MARGIN
        )

    def test_what_has_ended_is_removed_and_said(self, folder, run):
        put(folder, "a", SECONDS - 50, exp=SECONDS)
        put(folder, "b")
        lines = run("rotate")
        assert lines[-1] == f"Removed {folder / 'a.jwk'}, which had ended."
        assert "a.jwk" not in list_files(folder)

    def test_of_a_stolen_key_nothing_is_left(self, folder, run):
        put(folder, "a")
        made, ends = run("rotate", "--now")
        assert made.endswith("and signs from 2026-11-23 12:00:00 UTC on.")
        assert ends == "Ends 2026-11-23 12:00:00 UTC: a"
        assert [row["state"] for row in listed(run)] == ["ended", "signs"]

    def test_now_and_later_are_not_said_together(self, folder, run):
        with pytest.raises(CommandError, match="not allowed with argument --now"):
            run("rotate", "--now", "--delay", "900")

    def test_printed_it_is_for_the_settings_and_signs_later(self, folder, run):
        put(folder, "a")
        [line] = run("rotate", "--print")
        assert json.loads(line)["nbf"] == SECONDS + MAX_AGE + MARGIN
        assert list(list_files(folder)) == ["a.jwk"]

    def test_while_one_waits_it_refuses(self, folder, run):
        put(folder, "a")
        run("rotate")
        assert re.fullmatch(
            r"The key \S+ is the next one already, and has not begun\.", refused(run, "rotate")
        )


class TestPrinting:
    def test_the_key_goes_to_standard_output_and_words_to_standard_error(self, settings):
        settings.TOKENAUTH = {}
        output, errors = StringIO(), StringIO()
        with time_machine.travel(NOW, tick=False):
            call_command("tokenauth_keys", "generate", "--print", stdout=output, stderr=errors)
        assert json.loads(output.getvalue())["d"] not in errors.getvalue()
        assert "Signs from 2026-11-23 12:00:00 UTC on" in errors.getvalue()


def listed(run, **options):
    return json.loads("\n".join(run("list", "--json", **options)))


class TestList:
    def test_it_is_a_table_that_people_can_read(self, folder, run):
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

    def test_it_is_json_for_programs(self, folder, run):
        put(folder, "a", SECONDS - 50, exp=SECONDS + 5)
        put(folder, "b", algorithm="ES256")
        assert listed(run) == [
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

    def test_a_key_without_times_signs_always(self, folder, run):
        folder.mkdir()
        write_jwk(folder / "a.jwk", {**private_jwk(private_key("EdDSA")), "kid": "a"})
        assert run("list")[1].split() == ["a", "EdDSA", "signs", "always", "not", "set"]

    @pytest.mark.parametrize("json", [(), ("--json",)])
    def test_no_private_part_is_shown(self, folder, run, json):
        jwk = put(folder, "a", algorithm="RS256")
        secret = put(folder.with_name("secret"), "s", algorithm="HS256")["k"]
        shown = "\n".join(run("list", *json))
        shown += "\n".join(run("list", *json, "--directory", str(folder.with_name("secret"))))
        assert [name for name in ("d", "p", "q", "dp", "dq", "qi") if jwk[name] in shown] == []
        assert secret not in shown

    def test_keys_in_the_settings_are_listed_too(self, run, settings):
        first = make_jwk("EdDSA", now=SECONDS, not_before=SECONDS - 5)
        second = make_jwk("EdDSA", now=SECONDS, not_before=SECONDS + 60)
        settings.TOKENAUTH = {"KEYS": {"keys": [second, first]}}
        assert [(row["kid"], row["state"], row["file"]) for row in listed(run)] == [
            (first["kid"], "signs", None),
            (second["kid"], "next", None),
        ]
        later = listed(run, now=after(seconds=60))
        assert [row["state"] for row in later] == ["verifies", "signs"]

    def test_so_is_a_key_that_follows_from_the_secret_key(self, run, settings):
        settings.TOKENAUTH = {}
        assert [(row["alg"], row["state"]) for row in listed(run)] == [("HS256", "signs")]

    def test_an_empty_folder_is_an_empty_table(self, folder, run):
        assert len(run("list")) == 1
        assert listed(run) == []


class TestRetire:
    def test_it_says_when_the_key_ends(self, folder, run):
        put(folder, "a", SECONDS - 50)
        put(folder, "b")
        assert run("retire", "a") == ["Ends 2026-11-23 12:06:00 UTC: a"]
        assert read_jwk(folder / "a.jwk")["exp"] == SECONDS + OUTLIVED

    def test_it_can_be_now(self, folder, run):
        put(folder, "a", SECONDS - 50)
        put(folder, "b")
        assert run("retire", "a", "--now") == ["Ends 2026-11-23 12:00:00 UTC: a"]
        assert [row["state"] for row in listed(run)] == ["ended", "signs"]

    def test_the_last_one_stays(self, folder, run):
        put(folder, "a")
        assert refused(run, "retire", "a") == (
            "Without the key a none signs. rotate makes the next one; rotate --now does so at once."
        )

    def test_a_name_that_no_key_has_is_an_error(self, folder, run):
        put(folder, "a")
        assert refused(run, "retire", "b") == (
            "No key has a kid that begins so. list shows all of them."
        )


class TestPublish:
    def test_it_is_the_public_half_of_all_that_have_not_ended(self, folder, run):
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

    def test_it_can_be_a_file_that_another_service_reads(self, folder, run, settings, tmp_path):
        put(folder, "a")
        output = tmp_path / "jwks.json"
        output.write_text("before")
        assert run("publish", "--output", str(output)) == [f"Wrote 1 public key to {output}."]
        assert sorted(path.name for path in tmp_path.iterdir()) == ["jwks.json", "keys"]
        settings.TOKENAUTH = {"KEYS": output.read_text()}
        assert [(row["kid"], row["private"]) for row in listed(run)] == [("a", False)]

    def test_it_counts_what_it_wrote(self, folder, run, tmp_path):
        put(folder, "a")
        put(folder, "b", SECONDS + 60)
        output = tmp_path / "jwks.json"
        assert run("publish", "--output", str(output)) == [f"Wrote 2 public keys to {output}."]

    def test_a_file_that_cannot_be_written_is_an_error(self, folder, run, tmp_path):
        put(folder, "a")
        said = refused(run, "publish", "--output", str(tmp_path / "none" / "jwks.json"))
        assert said.endswith("No such file or directory.")

    def test_what_is_in_the_way_stays_and_nothing_is_left_beside_it(self, folder, run, tmp_path):
        put(folder, "a")
        (tmp_path / "jwks.json").mkdir()
        said = refused(run, "publish", "--output", str(tmp_path / "jwks.json"))
        assert said.endswith("Is a directory.")
        assert sorted(path.name for path in tmp_path.iterdir()) == ["jwks.json", "keys"]

    def test_secrets_are_shown_to_nobody(self, folder, run):
        secret = put(folder, "a", algorithm="HS256")["k"]
        said = refused(run, "publish")
        assert said.startswith("There is no public key: the keys are secrets")
        assert secret not in said

    def test_where_all_have_ended_there_is_none_to_show(self, folder, run):
        put(folder, "a", SECONDS - 50, exp=SECONDS)
        assert refused(run, "publish").startswith("There is no key that has not ended.")


def shown(jwk, *names):
    return {name: jwk[name] for name in names}


class TestFaults:
    """What each action says of files with which no process would start."""

    ACTIONS = pytest.mark.parametrize(
        "action", [("generate",), ("list",), ("rotate",), ("retire", "a"), ("publish",)]
    )

    @ACTIONS
    def test_a_file_that_is_no_jwk(self, folder, run, action):
        put(folder, "a")
        (folder / "bad.jwk").write_text('{"kty": "OKP", "d": "swordfish"')
        said = refused(run, *action)
        assert said.startswith("The key file bad.jwk is not a JWK.")
        assert "swordfish" not in said

    @ACTIONS
    def test_a_file_that_cannot_be_read(self, folder, run, action):
        put(folder, "a")
        (folder / "bad.jwk").mkdir()
        said = refused(run, *action)
        assert said.startswith("The key file bad.jwk cannot be read (Is a directory).")
        assert "0600" in said

    @ACTIONS
    def test_two_keys_of_one_name(self, folder, run, action):
        put(folder, "a")
        put(folder, "b", kid="a")
        assert refused(run, *action).startswith("Two keys have the same kid.")

    @ACTIONS
    def test_secrets_beside_public_keys(self, folder, run, action):
        put(folder, "a")
        put(folder, "b", algorithm="HS256")
        assert refused(run, *action).startswith("Secrets (HS256, HS384, HS512) and asymmetric")

    @ACTIONS
    def test_times_that_are_none(self, folder, run, action):
        put(folder, "a", exp="tomorrow")
        assert refused(run, *action).startswith("The key file a.jwk: The nbf or exp of a JWK")

    def test_expired_keys_are_listed_as_such_and_do_not_stop_a_rotation(self, folder, run):
        put(folder, "a", SECONDS - 50, exp=SECONDS - 1)
        assert [row["state"] for row in listed(run)] == ["ended"]
        assert len(run("rotate", "--now")) == 2
        assert [row["state"] for row in listed(run)] == ["signs"]

    def test_settings_that_are_wrong(self, run, settings):
        settings.TOKENAUTH = {"KEY_DIRECTROY": "/keys"}
        assert "KEY_DIRECTORY" in refused(run, "list")

    def test_keys_in_the_settings_that_are_wrong(self, run, settings):
        settings.TOKENAUTH = {"KEYS": [{"kty": "OKP"}]}
        assert refused(run, "list").startswith("A JWK cannot be read")


class TestCommandLine:
    def test_it_wants_an_action(self, run):
        assert "the following arguments are required: ACTION" in refused(run)

    @pytest.mark.parametrize(
        ("arguments", "says"),
        [
            ((), ("generate", "list", "rotate", "retire", "publish", "once: makes the first key")),
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

    def test_it_works_before_there_is_any_key(self, folder, run):
        # The system checks would say that there is none, so they are not asked.
        assert not os.path.lexists(folder)
        assert run("generate")
