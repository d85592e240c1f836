"""``manage.py tokenauth_session``: show the session that a log record names."""

from __future__ import annotations

import re
import uuid
from io import StringIO

import pytest
import time_machine
from django.core.management import call_command
from django.core.management.base import CommandError

from django_tokenauth import services
from django_tokenauth.models import RevokedReason, Session
from django_tokenauth.sessions.log_ids import log_id
from tests.support.clock import NOW, after
from tests.support.session_rows import create_session

UNKNOWN = "0123456789ab"


def run(*arguments, now=NOW):
    """Run the command. Return the lines of its output and of its error output."""
    output, errors = StringIO(), StringIO()
    with time_machine.travel(now, tick=False):
        call_command("tokenauth_session", *arguments, stdout=output, stderr=errors, no_color=True)
    return output.getvalue().splitlines(), errors.getvalue().splitlines()


def shown(*arguments, **options):
    """Return the values of the shown session by name."""
    lines = run(*arguments, **options)[0]
    return dict(re.fullmatch(r"(.+?): *(.*)", line).groups() for line in lines if line)


@pytest.fixture
def phone(alice):
    return create_session(
        alice,
        client_id="web",
        device_name="phone",
        user_agent="Firefox",
        ip="192.0.2.1",
        last_user_agent="Safari",
        last_ip="198.51.100.1",
        scope="notes:read",
        generation=4,
    )


def form_of_log(session):
    return log_id(session.pk)


def form_of_api(session):
    return str(session.pk)


def upper_form(session):
    return f" {session.pk.hex.upper()} "


class TestFound:
    @pytest.mark.parametrize("form", [form_of_log, form_of_api, upper_form])
    def test_session_command_shows_user_device_and_times(self, alice, phone, form):
        create_session(alice)
        assert shown(form(phone)) == {
            "Session": str(phone.pk),
            "In the log": log_id(phone.pk),
            "State": "active",
            "User": f"alice (id {alice.pk})",
            "Client": "web",
            "Device name": "phone",
            "User agent": "Firefox",
            "IP address": "192.0.2.1",
            "Last user agent": "Safari",
            "Last IP address": "198.51.100.1",
            "Scope": "notes:read",
            "Signed in": "2026-11-23 12:00:00 UTC",
            "Last refreshed": "2026-11-23 12:00:00 UTC",
            "Idle expiry": "2026-12-07 12:00:00 UTC",
            "Absolute expiry": "2027-02-21 12:00:00 UTC",
            "Refreshes": "3",
        }

    def test_session_command_shows_the_last_step_up(self, alice):
        session = create_session(alice, authenticated_at=after(hours=1))
        assert shown(form_of_api(session))["Signed in again"] == "2026-11-23 13:00:00 UTC"

    def test_session_command_shows_the_audiences(self, alice):
        session = create_session(alice, audiences="self https://notes.example.com")
        assert shown(str(session.pk))["Audiences"] == "self https://notes.example.com"

    def test_session_command_finds_the_session_of_a_log_line(self, alice, caplog):
        caplog.set_level("INFO", logger="django_tokenauth")
        pair = services.sign_in(alice, now=NOW)
        [line] = caplog.messages
        wanted = re.fullmatch(r"user \d+ signed in, session (\S+)", line).group(1)
        assert shown(wanted)["Session"] == str(pair.session.pk)

    def test_session_command_finds_log_ids_of_a_fallback_key(self, phone, settings):
        wanted, old = log_id(phone.pk), settings.SECRET_KEY
        settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "the next secret", [old]
        assert shown(wanted)["Session"] == str(phone.pk)

    @pytest.mark.parametrize(("seconds", "state"), [(-1, "active"), (0, "expired")])
    def test_session_command_shows_expired_at_the_idle_expiry(self, phone, seconds, state):
        assert shown(log_id(phone.pk), now=after(days=14, seconds=seconds))["State"] == state

    def test_session_command_shows_revocation_by_not_before(self, phone, settings):
        settings.TOKENAUTH = {"NOT_BEFORE": after(seconds=1)}
        assert shown(log_id(phone.pk))["State"] == "revoked by NOT_BEFORE"

    def test_session_command_shows_unknown_for_missing_ip_addresses(self, alice):
        values = shown(str(create_session(alice).pk))
        assert values["IP address"] == values["Last IP address"] == "unknown"

    def test_session_command_reads_session_and_user_in_one_statement(
        self, phone, django_assert_num_queries
    ):
        with django_assert_num_queries(1):
            run(str(phone.pk))

    def test_session_command_shows_reason_and_time_of_revocation(self, phone):
        services.revoke_sessions(Session.objects.all(), RevokedReason.ADMIN, now=NOW)
        assert shown(log_id(phone.pk))["State"] == "revoked (admin) 2026-11-23 12:00:00 UTC"

    def test_session_command_shows_sessions_of_deleted_users(self, alice, phone):
        alice.delete()
        assert shown(log_id(phone.pk))["User"] == "deleted"

    def test_session_command_with_use_tz_false_shows_times_in_utc(self, alice, settings):
        settings.USE_TZ = False
        naive = NOW.replace(tzinfo=None)
        times = ("created_at", "refreshed_at", "idle_expires_at", "absolute_expires_at")
        session = create_session(alice, **dict.fromkeys(times, naive))
        assert shown(log_id(session.pk))["Signed in"] == "2026-11-23 12:00:00 UTC"

    def test_session_command_escapes_control_characters(self, alice):
        session = create_session(
            alice, device_name="\x1b[2Jphone\r\nUser: bob", user_agent="\x9b1m"
        )
        lines, _ = run(str(session.pk))
        assert r"Device name:      \x1b[2Jphone\r\nUser: bob" in lines
        assert r"User agent:       \x9b1m" in lines
        assert "Scope:" in lines

    def test_session_command_reports_progress_after_a_full_batch(self, alice, phone):
        for _ in range(4):
            create_session(alice)
        lines, progress = run(log_id(phone.pk), "--batch-size", "2")
        assert f"Session:          {phone.pk}" in lines
        assert progress == [f"{number} sessions searched" for number in (2, 4, 5)]
        assert run(log_id(phone.pk))[1] == []


class TestNotFound:
    @pytest.mark.django_db
    def test_session_command_with_unknown_log_id_is_an_error(self):
        message = (
            f"There is no session {UNKNOWN}. Rows of expired and revoked sessions are "
            "deleted after SESSION_RETENTION. If SECRET_KEY was replaced since the record was "
            "logged, the old one must be in SECRET_KEY_FALLBACKS."
        )
        with pytest.raises(CommandError, match=f"^{re.escape(message)}$"):
            run(UNKNOWN)

    @pytest.mark.django_db
    def test_session_command_with_unknown_id_is_an_error(self):
        with pytest.raises(CommandError, match=r"after SESSION_RETENTION\.$"):
            run(str(uuid.uuid4()))

    @pytest.mark.parametrize("text", ["", "alice", "3f9a0c51d2e", "3f9a0c51d2e7f", "\x1b[2J"])
    def test_session_command_with_a_malformed_id_is_an_error(self, text):
        with pytest.raises(CommandError) as caught:
            run(text)
        assert str(caught.value) == (
            "SESSION must be the 12 hexadecimal digits that the log contains, or the id of a "
            "session, a UUID."
        )

    @pytest.mark.parametrize("size", ["0", "-1"])
    def test_session_command_with_batch_size_below_one_is_an_error(self, size):
        with pytest.raises(CommandError, match=r"^--batch-size must be at least 1\.$"):
            run(UNKNOWN, "--batch-size", size)

    @pytest.mark.parametrize("size", ["1000001", "9" * 30])
    def test_session_command_with_too_large_a_batch_is_an_error(self, size):
        with pytest.raises(CommandError, match=r"^--batch-size must be at most 1000000\.$"):
            run(UNKNOWN, "--batch-size", size)


def test_session_command_help_has_examples(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "1000")
    with pytest.raises(SystemExit) as exit_info:
        call_command("tokenauth_session", "--help")
    assert exit_info.value.code == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert " Show the user, client, device, IP address, times and state of a session." in printed
    assert "manage.py tokenauth_session 3f9a0c51d2e7" in printed
    assert "SESSION The 12 hexadecimal digits from the log, or the id of the session." in printed
    assert "--batch-size N number of rows that a statement reads (default: 10000)" in printed
