"""``manage.py tokenauth_token``: an access token for development."""

from __future__ import annotations

import shlex
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection

from django_tokenauth import services
from django_tokenauth.models import Session
from django_tokenauth.sessions.log_ids import log_id
from django_tokenauth.signals import audit_event
from django_tokenauth.test import TokenClient
from tests.support.signal_capture import received

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _development(settings):
    settings.DEBUG = True
    settings.TOKENAUTH = {"SCOPES": ["notes:read", "notes:write"]}


def run(*arguments):
    """Run the command. Return the lines of its output and of its error output."""
    output, errors = StringIO(), StringIO()
    call_command("tokenauth_token", *arguments, stdout=output, stderr=errors, no_color=True)
    return output.getvalue().splitlines(), errors.getvalue().splitlines()


def error(*arguments):
    with pytest.raises(CommandError) as caught:
        run(*arguments)
    return str(caught.value)


def status_with(token, path="/notes/", method="get"):
    client = TokenClient()
    client.use_token(token)
    return getattr(client, method)(path).status_code


class TestToken:
    def test_standard_output_is_a_token_that_works(self, alice):
        [token], notes = run("alice")
        assert status_with(token, method="post") == 201
        assert notes == [
            "Access token of alice, valid for 300 seconds. Scopes: notes:read, notes:write."
        ]

    @pytest.mark.parametrize(
        "arguments",
        [
            ("--scope", "notes:read"),
            ("--scope=notes:read", "--scope=notes:read"),
        ],
    )
    def test_token_has_only_the_given_scopes(self, alice, arguments):
        [token], notes = run("alice", *arguments)
        assert (status_with(token), status_with(token, method="post")) == (200, 403)
        assert notes[0].endswith("Scopes: notes:read.")

    @pytest.mark.parametrize(
        "arguments",
        [
            ("--scope", "notes:read", "--scope", "notes:write"),
            ("--scope", "notes:read notes:write"),
        ],
        ids=["repeated", "one string"],
    )
    def test_several_scopes_can_be_given(self, alice, arguments):
        [token], _ = run("alice", *arguments)
        assert status_with(token, method="post") == 201

    def test_project_without_scopes_gets_a_token(self, alice, settings):
        settings.TOKENAUTH = {}
        [token], notes = run("alice")
        assert status_with(token, "/who/") == 200
        assert notes[0].endswith("Scopes: none.")

    def test_session_is_listed_with_the_name_of_the_command(self, alice):
        run("alice", "--client-id", "phone")
        [session] = services.list_sessions(alice)
        assert (session.device_name, session.client_id) == ("tokenauth_token", "phone")

    def test_client_defaults_to_the_issuer(self, alice):
        run("alice")
        assert Session.objects.get().client_id == "django-tokenauth"

    def test_refresh_token_is_printed_in_a_second_line(self, alice):
        [_, refresh_token], _ = run("alice", "--refresh")
        assert services.refresh(refresh_token).user == alice

    def test_stateless_refresh_prints_a_token(self, alice, settings):
        settings.TOKENAUTH = {"STATELESS_REFRESH": True}
        with received(audit_event) as events:
            [token], _ = run("alice")
        assert status_with(token, "/who/") == 200
        assert events[0]["ids"] == ()

    def test_audit_event_names_the_session_and_no_token(self, alice):
        with received(audit_event) as events:
            [token], _ = run("alice")
        assert events == [
            {
                "sender": None,
                "action": "tokens.print",
                "actor": None,
                "count": 1,
                "ids": (log_id(Session.objects.get().pk),),
                "request": None,
            }
        ]
        assert token not in repr(events)


class TestCurl:
    @pytest.mark.parametrize(
        ("argument", "url"),
        [
            ((), "http://127.0.0.1:8000/"),
            (("/notes/?a=1&b='2'",), "http://127.0.0.1:8000/notes/?a=1&b='2'"),
            (("https://api.example.com/",), "https://api.example.com/"),
        ],
    )
    def test_curl_command_is_quoted_for_a_shell(self, alice, argument, url):
        [command], _ = run("alice", "--curl", *argument)
        curl, include, option, header, address = shlex.split(command)
        assert (curl, include, option, address) == ("curl", "-i", "-H", url)
        name, _, token = header.partition(": Bearer ")
        assert name == "Authorization"
        assert status_with(token) == 200

    def test_invalid_url_is_reported_before_a_sign_in(self, alice):
        assert error("alice", "--curl", "notes") == (
            "--curl must be followed by a URL, such as http://127.0.0.1:8000/notes/, or a path, "
            "such as /notes/. It is 'notes'."
        )
        assert not Session.objects.exists()

    def test_curl_and_refresh_exclude_each_other(self, alice):
        with pytest.raises(CommandError, match="not allowed with argument"):
            run("alice", "--curl", "--refresh")


class TestDebug:
    def test_command_refuses_to_run_without_debug(self, alice, settings):
        settings.DEBUG = False
        assert error("alice") == (
            "DEBUG is off, so this may be a production server, and the token would sign in as the "
            "user. Run the command with the settings of your development server, or add --force."
        )
        assert not Session.objects.exists()

    def test_force_prints_a_token_without_debug(self, alice, settings):
        settings.DEBUG = False
        [token], _ = run("alice", "--force")
        assert status_with(token) == 200


class TestErrors:
    def test_unknown_user_is_reported(self, alice):
        assert error("carol") == (
            "There is no user 'carol', or more than one. Give the username of one user, or create "
            "the user with manage.py createsuperuser."
        )

    def test_inactive_user_is_reported(self, alice):
        type(alice).objects.update(is_active=False)
        assert error("alice") == (
            "User 'alice' is inactive, so the server would reject the token. Set is_active, or "
            "give another user."
        )

    def test_unknown_scope_is_reported_with_the_known_ones(self, alice):
        assert error("alice", "--scope", "notes:red", "--scope", "notes:read") == (
            "SCOPES does not contain 'notes:red'. It contains notes:read, notes:write."
        )

    def test_scope_without_scopes_setting_is_reported(self, alice, settings):
        settings.TOKENAUTH = {}
        assert error("alice", "--scope", "notes:read") == (
            "SCOPES does not contain 'notes:read'. It is empty. Add the scopes of your API to "
            "SCOPES of TOKENAUTH."
        )

    def test_scope_that_the_policy_denies_is_reported(self, alice, settings):
        settings.TOKENAUTH = {
            "SCOPES": ["notes:read", "notes:write"],
            "SCOPE_POLICY": lambda user, scopes, request: scopes & {"notes:read"},
        }
        assert error("alice", "--scope", "notes:write") == (
            "SCOPE_POLICY grants alice none of these scopes. Name other scopes, or give the user "
            "the rights that SCOPE_POLICY requires."
        )
        _, notes = run("alice", "--scope", "notes:write", "--scope", "notes:read")
        assert notes[1] == "SCOPE_POLICY did not grant notes:write."

    def test_invalid_client_id_is_reported(self, alice):
        assert error("alice", "--client-id", " phone").startswith(
            "--client-id must be a string of 1 to 255 printable characters"
        )

    def test_user_that_changes_during_the_sign_in_is_reported(self, alice, settings):
        def claims(user, session, request):
            type(user).objects.update(password="another")
            return {}

        settings.TOKENAUTH = {"EXTRA_CLAIMS": claims}
        assert error("alice") == "The user was changed during the sign-in. Run the command again."

    def test_database_outage_is_reported(self, alice):
        def fail(execute, sql, params, many, context):
            if sql.startswith("INSERT"):
                raise OperationalError("the connection was closed")
            return execute(sql, params, many, context)

        with connection.execute_wrapper(fail):
            assert error("alice") == (
                "The database does not respond. Start it, and run the command again."
            )


def test_help_shows_examples_and_the_username_field(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "1000")
    with pytest.raises(SystemExit):
        call_command("tokenauth_token", "--help")
    help_text = " ".join(capsys.readouterr().out.split())
    for phrase in (
        "Print an access token for development, without a password.",
        "USER the username of the user",
        "TOKEN=$(manage.py tokenauth_token alice --scope notes:read --scope notes:write)",
        "--force print a token although DEBUG is off",
        "--lifetime DURATION the lifetime of the token, such as 30m, 12h, 7d,",
        "--host HOST the host of the tenant, if ISSUER or AUDIENCE is a function of the request",
    ):
        assert phrase in help_text
