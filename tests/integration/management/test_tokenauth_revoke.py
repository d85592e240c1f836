"""``manage.py tokenauth_revoke``: selected sessions, confirmation, progress and errors."""

from __future__ import annotations

import builtins
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from django_tokenauth import services, signals
from django_tokenauth.management.commands import tokenauth_revoke
from django_tokenauth.management.sessions import counted
from django_tokenauth.models import RevokedReason, Session
from tests.support.clock import NOW, after
from tests.support.session_rows import create_session
from tests.support.signal_capture import received

HOUR = timedelta(hours=1)


@pytest.fixture(autouse=True)
def _now(time_machine):
    time_machine.move_to(NOW, tick=False)


@pytest.fixture
def rows(alice, bob):
    """Store four active sessions, two revoked sessions and one expired session."""
    for user, client, hours in (
        (alice, "phone", 1),
        (alice, "reports", 3),
        (bob, "phone", 3),
        (None, "phone", 5),
    ):
        create_session(user, client_id=client, created_at=NOW - timedelta(hours=hours))
    create_session(alice, client_id="phone", revoked_at=after(hours=-1), idle_expires_at=NOW)
    create_session(bob, client_id="phone", revoked_at=after(hours=-1))
    create_session(bob, client_id="phone", idle_expires_at=NOW)


def run(*arguments):
    """Run the command and return the printed lines."""
    output = StringIO()
    call_command("tokenauth_revoke", *arguments, stdout=output, no_color=True)
    return output.getvalue().splitlines()


def revoked():
    """Return username, client and hours of the sessions that the command revoked."""
    found = Session.objects.filter(revoked_reason=RevokedReason.ADMIN).order_by("-created_at")
    return [
        (
            row.user and row.user.username,
            row.client_id,
            (NOW - row.created_at) // timedelta(hours=1),
        )
        for row in found
    ]


ALICE = [("alice", "phone", 1), ("alice", "reports", 3)]
ALL = [*ALICE, ("bob", "phone", 3), (None, "phone", 5)]


@pytest.mark.usefixtures("rows")
class TestSelection:
    @pytest.mark.parametrize(
        ("options", "expected"),
        [
            (["--user", "alice"], ALICE),
            (["--client", "reports"], ALICE[1:]),
            (["--before", "2026-11-23T09:30:00Z"], [("alice", "reports", 3), *ALL[2:]]),
            (["--before", "2026-11-23T10:30+01:00", "--user", "alice"], ALICE[1:]),
            (["--user", "bob", "--client", "reports"], []),
            (["--before", "2026-11-23"], []),
            (["--before", "2026-11-23T12:00:00Z"], ALL),
            (["--all"], ALL),
            (["--all", "--before", "2026-11-23 08:00Z"], ALL[3:]),
        ],
        ids=str,
    )
    def test_revoke_command_revokes_sessions_that_match_all_options(self, options, expected):
        assert run(*options, "--no-input") == [
            f"Done: {counted(len(expected), 'session')} signed out."
        ]
        assert sorted(revoked(), key=str) == sorted(expected, key=str)
        for session in Session.objects.filter(revoked_reason=RevokedReason.ADMIN):
            assert session.revoked_at == session.idle_expires_at == NOW

    def test_revoke_command_reads_before_option_in_local_time_zone(self, settings):
        settings.TIME_ZONE = "Asia/Seoul"
        run("--before", "2026-11-23T18:30:00", "--no-input")
        assert len(revoked()) == 3

    def test_revoke_dry_run_revokes_no_session(self):
        assert run("--all", "--dry-run") == ["4 sessions would be signed out."]
        assert revoked() == []

    def test_revoke_dry_run_of_one_session_prints_the_singular(self):
        assert run("--client", "reports", "--dry-run") == ["1 session would be signed out."]

    def test_repeated_revoke_command_revokes_no_session(self):
        run("--all", "--no-input")
        assert run("--all", "--no-input") == ["Done: 0 sessions signed out."]

    def test_revoke_command_sends_signals_and_one_audit_event(self):
        with received(signals.session_revoked) as revoked, received(signals.audit_event) as audits:
            run("--all", "--no-input")
        assert len({call["session"].pk for call in revoked}) == len(revoked) == 4
        assert [(call["action"], call["count"], len(call["ids"])) for call in audits] == [
            ("sessions.revoke", 4, 4)
        ]


@pytest.mark.usefixtures("rows")
class TestConfirmation:
    def reply(self, monkeypatch, text):
        asked = []

        def read(prompt):
            asked.append(prompt)
            if text is None:
                raise EOFError
            return text

        monkeypatch.setattr(builtins, "input", read)
        return asked

    @pytest.mark.parametrize("text", ["y", "YES", " y "])
    def test_revoke_command_revokes_sessions_after_the_reply_yes(self, monkeypatch, text):
        asked = self.reply(monkeypatch, text)
        run("--user", "alice")
        assert asked == ["Sign out 2 sessions? [y/N] "]
        assert len(revoked()) == 2

    @pytest.mark.parametrize("text", ["", "n", "no", "alice"])
    def test_revoke_command_without_the_reply_yes_revokes_nothing(self, monkeypatch, text):
        self.reply(monkeypatch, text)
        with pytest.raises(CommandError, match=r"^Nothing was changed\.$"):
            run("--user", "alice")
        assert revoked() == []

    def test_revoke_command_without_a_terminal_revokes_nothing(self, monkeypatch):
        self.reply(monkeypatch, None)
        with pytest.raises(CommandError) as error:
            run("--user", "alice")
        assert str(error.value) == (
            "There is no terminal to confirm this. Nothing was changed. Use --no-input."
        )
        assert revoked() == []

    def test_revoke_command_interrupted_at_prompt_revokes_nothing(self, monkeypatch):
        def interrupt(prompt):
            raise KeyboardInterrupt

        monkeypatch.setattr(builtins, "input", interrupt)
        with pytest.raises(CommandError, match=r"^Nothing was changed\.$") as error:
            run("--user", "alice")
        assert error.value.returncode == 130
        assert revoked() == []

    def test_revoke_command_without_matches_skips_confirmation(self, monkeypatch):
        asked = self.reply(monkeypatch, None)
        assert run("--user", "bob", "--client", "reports") == ["Done: 0 sessions signed out."]
        assert asked == []


class TestBatches:
    def test_revoke_command_prints_its_progress(self, alice, monkeypatch):
        monkeypatch.setattr("django_tokenauth.sessions.store.BATCH_SIZE", 2)
        monkeypatch.setattr(tokenauth_revoke, "PROGRESS", 6)
        for _ in range(13):
            create_session(alice)
        assert run("--all", "--no-input") == [
            "6 of 13 sessions signed out",
            "12 of 13 sessions signed out",
            "Done: 13 sessions signed out.",
        ]

    def test_revoke_command_names_at_most_max_ids_in_audit_event(self, alice, monkeypatch):
        monkeypatch.setattr("django_tokenauth.sessions.store.BATCH_SIZE", 2)
        monkeypatch.setattr(tokenauth_revoke, "MAX_IDS", 3)
        for _ in range(5):
            create_session(alice)
        with received(signals.audit_event) as audits:
            run("--all", "--noinput")
        assert [(call["count"], len(set(call["ids"]))) for call in audits] == [(5, 3)]

    def test_revoked_signal_of_revoke_command_contains_loaded_user(
        self, alice, bob, django_assert_num_queries
    ):
        for user in (alice, bob):
            create_session(user)
        with received(signals.session_revoked) as calls:
            run("--all", "--no-input")
        with django_assert_num_queries(0):
            assert {call["session"].user for call in calls} == {alice, bob}

    def test_interrupted_revoke_command_can_be_run_again(self, alice, monkeypatch):
        monkeypatch.setattr("django_tokenauth.sessions.store.BATCH_SIZE", 2)
        for _ in range(5):
            create_session(alice)
        calls = []

        def interrupt(**keywords):
            calls.append(keywords)
            if len(calls) == 4:
                raise KeyboardInterrupt

        signals.session_revoked.connect(interrupt)
        try:
            with (
                received(signals.audit_event) as audits,
                pytest.raises(CommandError) as error,
            ):
                run("--all", "--no-input")
        finally:
            signals.session_revoked.disconnect(interrupt)
        assert str(error.value) == (
            "Interrupted: 2 of 5 sessions are signed out. To continue, run the command again."
        )
        assert error.value.returncode == 130
        assert [call["count"] for call in audits] == [2]
        # The second batch was written before the interruption.
        assert run("--all", "--no-input") == ["Done: 1 session signed out."]

    @pytest.mark.attack(192)
    def test_each_revocation_statement_has_at_most_500_session_ids(self, alice, settings):
        """Each function revokes 600 sessions. Drivers and databases limit the parameters."""
        settings.TOKENAUTH = {"MAX_SESSIONS_PER_USER": 1}
        most = []

        def count(execute, sql, params, many, context):
            most.append(len(params or ()))
            return execute(sql, params, many, context)

        def fill():
            template = create_session(alice)
            Session.objects.all().delete()
            fields = {
                field.attname: getattr(template, field.attname)
                for field in Session._meta.concrete_fields
                if not field.primary_key
            }
            Session.objects.bulk_create(Session(**fields) for _ in range(600))

        for revoke in REVOCATIONS:
            fill()
            with received(signals.session_revoked) as calls, connection.execute_wrapper(count):
                revoke(alice)
            assert Session.objects.filter(revoked_at=None).count() <= 1
            assert len({call["session"].pk for call in calls}) == len(calls) == 600
        assert 500 < max(most) < 520


def _save_inactive(user):
    user.is_active = False
    user.save()
    user.is_active = True
    user.save()


REVOCATIONS = [
    lambda user: run("--all", "--no-input"),
    lambda user: call_service("sign_out_everywhere", user),
    lambda user: call_service("revoke_sessions", Session.objects.all()),
    lambda user: call_service("sign_in", user),
    _save_inactive,
]


def call_service(name, *arguments):
    extra = {"reason": RevokedReason.ADMIN} if name == "revoke_sessions" else {}
    getattr(services, name)(*arguments, **extra)


ALL_USERS = "--all means every user and client. Remove it, or --user and --client."


class TestErrors:
    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ([], "Say which sessions: --user, --client, --before or --all."),
            (["--all", "--user", "alice"], ALL_USERS),
            (["--all", "--client", "phone"], ALL_USERS),
            *(
                (
                    ["--user", name],
                    f"There is no user '{name}', or more than one. Give the username of one user.",
                )
                for name in ("carol", "")
            ),
            (
                ["--client", "tv"],
                (
                    "There is no client 'tv': no session has it, and CLIENTS does not list it. "
                    "Known clients: django-tokenauth, reports."
                ),
            ),
            (
                # A byte of the command line that is not UTF-8.
                ["--client", "\udcff"],
                (
                    "There is no client '\\udcff': no session has it, and CLIENTS does not list "
                    "it. Known clients: django-tokenauth, reports."
                ),
            ),
            *(
                (
                    ["--before", time],
                    (
                        f"Error: argument --before: '{time}' is not a time. Write "
                        "2026-11-23T12:00:00Z, or a date such as 2026-11-23."
                    ),
                )
                for time in ("yesterday", "2026-13-01", "9999-12-31T23:59:59-12:00")
            ),
            (
                ["--before", "2026-11-23T12:00:01Z"],
                "--before is in the future. Correct it, or use --all for all sessions.",
            ),
        ],
        ids=lambda value: " ".join(value) if isinstance(value, list) else "",
    )
    def test_revoke_command_with_invalid_options_names_the_problem(
        self, alice, settings, options, message
    ):
        settings.TOKENAUTH = {"CLIENTS": {"reports": None}}
        create_session(alice, client_id="phone")
        with pytest.raises(CommandError) as error:
            run(*options, "--no-input")
        assert str(error.value) == message
        assert revoked() == []

    @pytest.mark.django_db
    def test_revoke_command_accepts_a_client_of_the_settings(self, settings):
        settings.TOKENAUTH = {"CLIENTS": {"reports": None}}
        assert run("--client", "reports", "--no-input") == ["Done: 0 sessions signed out."]

    def test_revoke_command_in_stateless_mode_is_an_error(self, settings):
        settings.TOKENAUTH = {"STATELESS_REFRESH": True}
        with pytest.raises(CommandError) as error:
            run("--all")
        assert str(error.value) == (
            "STATELESS_REFRESH stores no sessions. To reject older tokens, set NOT_BEFORE."
        )

    def test_revoke_command_help_describes_its_options(self, capsys, monkeypatch):
        monkeypatch.setenv("COLUMNS", "1000")
        with pytest.raises(SystemExit):
            call_command("tokenauth_revoke", "--help")
        printed = " ".join(capsys.readouterr().out.split())
        for phrase in (
            " Sign out all sessions that match every given option.",
            "--user USERNAME sessions of this user",
            "--client CLIENT_ID sessions of this client",
            (
                "--before TIME sessions that started before this time, in ISO 8601; without an "
                "offset it is a time of TIME_ZONE"
            ),
            "--all sessions of all users and clients",
            "--dry-run print the number of sessions and change nothing",
            "--no-input, --noinput do not ask for confirmation",
            "manage.py tokenauth_revoke --user alice",
        ):
            assert phrase in printed
