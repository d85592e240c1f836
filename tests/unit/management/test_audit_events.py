"""``audit_event`` of the commands that change keys and clients."""

from __future__ import annotations

import json
from contextlib import suppress
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from django_tokenauth.signals import audit_event
from tests.support.full_disk import full_after
from tests.support.keys_command import SECONDS, command_error, list_keys, put, run
from tests.support.signal_capture import failing_receivers, received


@pytest.fixture
def events():
    with received(audit_event) as calls:
        yield calls


@pytest.fixture
def folder(tmp_path, settings):
    settings.TOKENAUTH = {"KEY_DIRECTORY": tmp_path / "keys"}
    return tmp_path / "keys"


def event(action, *ids):
    common = {"sender": None, "actor": None, "request": None}
    return {**common, "action": action, "count": len(ids), "ids": ids}


def kids():
    return [row["kid"] for row in list_keys()]


class TestKeys:
    def test_audit_event_of_generate_names_the_key(self, folder, events):
        run("generate")
        assert events == [event("keys.generate", *kids())]

    @pytest.mark.parametrize(
        ("arguments", "action"), [([], "keys.rotate"), (["--now"], "keys.replace")]
    )
    def test_audit_event_of_rotate_names_new_and_old_keys(self, folder, events, arguments, action):
        put(folder, "a")
        run("rotate", *arguments)
        [new] = set(kids()) - {"a"}
        assert events == [event(action, new, "a")]

    def test_audit_event_of_retire_names_the_retired_key(self, folder, events):
        put(folder, "a", SECONDS - 50)
        put(folder, "b")
        run("retire", "a")
        assert events == [event("keys.retire", "a")]

    @pytest.mark.parametrize("action", ["generate", "rotate"])
    def test_audit_event_of_a_printed_key_contains_no_secret(self, folder, events, action):
        jwk = json.loads("\n".join(run(action, "--print")))
        assert events == [event("keys.print", jwk["kid"])]
        assert jwk["d"] not in repr(events)

    def test_audit_event_of_rotate_is_sent_if_exp_cannot_be_written(self, folder, events):
        put(folder, "a")
        with full_after(1):
            assert "The new key was created" in command_error("rotate")
        [new] = set(kids()) - {"a"}
        assert events == [event("keys.rotate", new)]

    @pytest.mark.parametrize(
        "arguments", [["list"], ["publish"], ["retire", "unknown"], ["generate"], ["retire", "a"]]
    )
    def test_audit_event_is_not_sent_without_a_key_change(self, folder, events, arguments):
        put(folder, "a")
        with suppress(CommandError):
            call_command("tokenauth_keys", *arguments, stdout=StringIO())
        assert events == []
        assert kids() == ["a"]

    def test_failing_audit_event_receiver_does_not_stop_key_changes(self, folder, caplog):
        with failing_receivers():
            run("generate")
            run("rotate")
        assert len(kids()) == 2
        assert "a receiver of another app" in caplog.text


class TestClients:
    def test_audit_event_of_a_client_secret_contains_no_secret(self, events):
        output = StringIO()
        call_command("tokenauth_client", "reports", stdout=output)
        assert events == [event("clients.generate_secret", "reports")]
        assert output.getvalue().splitlines()[1] not in repr(events)

    def test_audit_event_is_logged_without_the_client_name(self, caplog):
        caplog.set_level("INFO", logger="django_tokenauth")
        call_command("tokenauth_client", "reports", stdout=StringIO())
        assert caplog.messages == ["clients.generate_secret by a command: 1"]
