"""``manage.py tokenauth_prune``: deleted sessions, batches, output and options."""

from __future__ import annotations

from datetime import timedelta
from io import StringIO

import pytest
import time_machine
from django.core.management import CommandError, call_command
from django.core.management.base import OutputWrapper

from django_tokenauth import services
from django_tokenauth.management.commands.tokenauth_prune import Command
from django_tokenauth.models import RevokedReason, Session
from tests.support.clock import NOW


def prune(*arguments):
    """Run the command. Return the printed lines and the device names of the remaining sessions."""
    output = StringIO()
    with time_machine.travel(NOW, tick=False):
        call_command("tokenauth_prune", *arguments, stdout=output, no_color=True)
    return output.getvalue().splitlines(), remaining_names()


def remaining_names():
    return set(Session.objects.values_list("device_name", flat=True))


@pytest.fixture
def create_revoked_sessions(alice):
    """Return a function that creates sessions that were revoked the given time ago."""

    def create_revoked_sessions(number=1, **ago):
        for _ in range(number):
            moment = NOW - timedelta(**ago)
            services.sign_in(alice, device_name=str(ago), now=moment)
            session = Session.objects.filter(revoked_at=None).latest("created_at")
            services.revoke_sessions(
                Session.objects.filter(pk=session.pk), RevokedReason.ADMIN, now=moment
            )

    return create_revoked_sessions


class TestPrunedSessions:
    @pytest.mark.django_db
    def test_prune_of_an_empty_table_prints_zero(self):
        assert prune() == (["Done: 0 expired or revoked sessions deleted."], set())

    def test_prune_deletes_sessions_past_their_retention(self, create_revoked_sessions):
        create_revoked_sessions(days=7)
        create_revoked_sessions(days=7, seconds=1)
        create_revoked_sessions(days=400)
        assert prune() == (
            [
                "2 of 2 expired or revoked sessions deleted",
                "Done: 2 expired or revoked sessions deleted.",
            ],
            {"{'days': 7}"},
        )

    def test_prune_deletes_sessions_7_days_after_their_idle_expiry(self, alice):
        for name, days in (("expired", 21), ("kept", 20), ("alive", 13)):
            moment = NOW - timedelta(days=days, seconds=1)
            services.sign_in(alice, device_name=name, now=moment)
        assert prune()[1] == {"kept", "alive"}

    def test_prune_deletes_sessions_of_deleted_users(self, alice):
        services.sign_in(alice, now=NOW - timedelta(days=8))
        with time_machine.travel(NOW - timedelta(days=7, seconds=1), tick=False):
            alice.delete()
        assert Session.objects.count() == 1
        assert prune() == (
            [
                "1 of 1 expired or revoked sessions deleted",
                "Done: 1 expired or revoked session deleted.",
            ],
            set(),
        )

    def test_prune_uses_the_session_retention_setting_as_age_limit(
        self, create_revoked_sessions, settings
    ):
        settings.TOKENAUTH = {"SESSION_RETENTION": timedelta(days=30)}
        create_revoked_sessions(days=29)
        create_revoked_sessions(days=31)
        assert prune()[1] == {"{'days': 29}"}

    def test_prune_keeps_sessions_until_their_access_tokens_expire(
        self, create_revoked_sessions, settings
    ):
        """Keep the row for 5 minutes (access token) and 2 minutes (a slow database).

        Stateless processes read revocations from the row.
        """
        settings.TOKENAUTH = {"SESSION_RETENTION": timedelta(seconds=1)}
        create_revoked_sessions(seconds=420)
        create_revoked_sessions(seconds=421)
        assert prune()[1] == {"{'seconds': 420}"}


class TestBatches:
    def test_prune_prints_its_progress_after_each_batch(self, create_revoked_sessions):
        create_revoked_sessions(5, days=8)
        assert prune("--batch-size", "2") == (
            [
                "2 of 5 expired or revoked sessions deleted",
                "4 of 5 expired or revoked sessions deleted",
                "5 of 5 expired or revoked sessions deleted",
                "Done: 5 expired or revoked sessions deleted.",
            ],
            set(),
        )

    @pytest.mark.parametrize("size", [1, 2, 3, 1000])
    def test_prune_deletes_each_batch_in_one_statement(
        self, create_revoked_sessions, size, django_assert_num_queries
    ):
        """Four more statements count the rows, find the batches, and look for new rows and API
        tokens."""
        for days in (8, 9, 10):
            create_revoked_sessions(days=days)
        with django_assert_num_queries(2 + -(-3 // size) + 2):
            prune_quietly(size)
        assert remaining_names() == set()

    def test_prune_progress_counts_sessions_revoked_during_the_run(self, create_revoked_sessions):
        """Raise the total that was counted at the start, so that progress never exceeds it."""
        create_revoked_sessions(2, days=8)

        class Slow(OutputWrapper):
            def write(self, text="", *args, **kwargs):
                if "2 of 2" in text:
                    create_revoked_sessions(1, days=8)
                super().write(text, *args, **kwargs)

        output = StringIO()
        with time_machine.travel(NOW, tick=False):
            command = Command(no_color=True)
            command.stdout = Slow(output)
            command.handle(batch_size=2, dry_run=False)
        assert output.getvalue().splitlines()[1] == "3 of 3 expired or revoked sessions deleted"

    @pytest.mark.parametrize("size", ["0", "-1"])
    def test_prune_with_batch_size_below_one_is_an_error(self, create_revoked_sessions, size):
        create_revoked_sessions(days=8)
        with pytest.raises(CommandError, match=r"^--batch-size must be at least 1\.$"):
            prune("--batch-size", size)
        assert remaining_names()

    @pytest.mark.parametrize("size", ["1000001", "9" * 30])
    def test_prune_with_too_large_a_batch_is_an_error(self, create_revoked_sessions, size):
        create_revoked_sessions(days=8)
        with pytest.raises(CommandError, match=r"^--batch-size must be at most 1000000\.$"):
            prune("--batch-size", size)
        assert remaining_names()

    @pytest.mark.parametrize("size", ["", "x", "1.5"])
    def test_prune_with_non_integer_batch_size_is_an_error(self, size):
        with pytest.raises(CommandError, match="argument --batch-size: invalid int value"):
            prune("--batch-size", size)


def prune_quietly(size):
    with time_machine.travel(NOW, tick=False):
        call_command("tokenauth_prune", batch_size=size, stdout=StringIO())


class TestDryRun:
    def test_prune_dry_run_prints_the_number_and_deletes_nothing(
        self, create_revoked_sessions, django_assert_num_queries
    ):
        create_revoked_sessions(3, days=8)
        create_revoked_sessions(1, days=6)
        with django_assert_num_queries(3):
            lines, names = prune("--dry-run")
        assert lines == ["3 expired or revoked sessions would be deleted."]
        assert len(names) == 2
        assert Session.objects.count() == 4


@pytest.mark.django_db
def test_prune_deletes_sessions_of_the_named_database(create_revoked_sessions):
    create_revoked_sessions(days=30)
    assert prune("--database=default") == (
        [
            "1 of 1 expired or revoked sessions deleted",
            "Done: 1 expired or revoked session deleted.",
        ],
        set(),
    )


def test_prune_help_describes_the_command_and_its_options(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "1000")
    with pytest.raises(SystemExit) as exit_info:
        call_command("tokenauth_prune", "--help")
    assert exit_info.value.code == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert (
        " Delete the sessions that expired or were revoked longer ago than SESSION_RETENTION, in "
        "batches, and such API tokens. Each sign-in deletes a few sessions, so this command is "
        "needed only if users rarely sign in. "
    ) in printed
    assert "--batch-size N approximate number of rows in a batch (default: 10000) " in printed
    assert "--dry-run print the numbers of rows without deleting them " in printed


def test_prune_with_invalid_settings_is_an_error(settings):
    settings.TOKENAUTH = {"ISUER": "x"}
    with pytest.raises(Exception, match=r"TOKENAUTH has no setting 'ISUER'"):
        Command().handle(batch_size=1, dry_run=True)
