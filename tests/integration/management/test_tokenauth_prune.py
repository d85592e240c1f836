"""manage.py tokenauth_prune."""

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

pytestmark = pytest.mark.django_db


def prune(*arguments):
    """What it prints, line by line, and which sessions are left, by their name."""
    output = StringIO()
    with time_machine.travel(NOW, tick=False):
        call_command("tokenauth_prune", *arguments, stdout=output, no_color=True)
    return output.getvalue().splitlines(), left()


def left():
    return set(Session.objects.values_list("device_name", flat=True))


@pytest.fixture
def ended(alice):
    """Makes sessions that ended that long before now."""

    def ended(number=1, **ago):
        for _ in range(number):
            moment = NOW - timedelta(**ago)
            services.sign_in(alice, device_name=str(ago), now=moment)
            session = Session.objects.filter(revoked_at=None).latest("created_at")
            services.revoke_sessions(
                Session.objects.filter(pk=session.pk), RevokedReason.ADMIN, now=moment
            )

    return ended


class TestWhich:
    def test_none_is_fine(self):
        assert prune() == (["Done: 0 ended sessions deleted."], set())

    def test_those_that_ended_longer_ago_than_they_are_kept(self, ended):
        ended(days=7)
        ended(days=7, seconds=1)
        ended(days=400)
        assert prune() == (
            ["2 of 2 ended sessions deleted", "Done: 2 ended sessions deleted."],
            {"{'days': 7}"},
        )

    def test_those_that_nobody_used_and_none_that_is_alive(self, alice):
        for name, days in (("expired", 21), ("kept", 20), ("alive", 13)):
            moment = NOW - timedelta(days=days, seconds=1)
            services.sign_in(alice, device_name=name, now=moment)
        assert prune()[1] == {"kept", "alive"}

    def test_those_of_deleted_users(self, alice):
        services.sign_in(alice, now=NOW - timedelta(days=8))
        with time_machine.travel(NOW - timedelta(days=7, seconds=1), tick=False):
            alice.delete()
        assert Session.objects.count() == 1
        assert prune() == (
            ["1 of 1 ended sessions deleted", "Done: 1 ended sessions deleted."],
            set(),
        )

    def test_the_retention_is_that_of_the_settings(self, ended, settings):
        settings.TOKENAUTH = {"SESSION_RETENTION": timedelta(days=30)}
        ended(days=29)
        ended(days=31)
        assert prune()[1] == {"{'days': 29}"}

    def test_never_before_their_access_tokens_expired(self, ended, settings):
        """Processes that ask no database learn of the end from the row: 5 minutes of a token, and
        two polls of 10 seconds."""
        settings.TOKENAUTH = {"SESSION_RETENTION": timedelta(seconds=1)}
        ended(seconds=320)
        ended(seconds=321)
        assert prune()[1] == {"{'seconds': 320}"}


class TestBatches:
    def test_it_says_how_far_it_is(self, ended):
        ended(5, days=8)
        assert prune("--batch-size", "2") == (
            [
                "2 of 5 ended sessions deleted",
                "4 of 5 ended sessions deleted",
                "5 of 5 ended sessions deleted",
                "Done: 5 ended sessions deleted.",
            ],
            set(),
        )

    @pytest.mark.parametrize("size", [1, 2, 3, 1000])
    def test_each_batch_is_a_statement(self, ended, size, django_assert_num_queries):
        """One counts, one finds the ends of the batches, and the last that nothing is left."""
        for days in (8, 9, 10):
            ended(days=days)
        with django_assert_num_queries(2 + -(-3 // size) + 1):
            prune_quietly(size)
        assert left() == set()

    def test_rows_that_end_meanwhile_are_counted(self, ended):
        """The total was counted at the start and is not passed."""
        ended(2, days=8)

        class Slow(OutputWrapper):
            def write(self, text="", *args, **kwargs):
                if "2 of 2" in text:
                    ended(1, days=8)
                super().write(text, *args, **kwargs)

        output = StringIO()
        with time_machine.travel(NOW, tick=False):
            command = Command(no_color=True)
            command.stdout = Slow(output)
            command.handle(batch_size=2, dry_run=False)
        assert output.getvalue().splitlines()[1] == "3 of 3 ended sessions deleted"

    @pytest.mark.parametrize("size", ["0", "-1"])
    def test_one_row_is_the_least(self, ended, size):
        ended(days=8)
        with pytest.raises(CommandError, match=r"--batch-size must be at least 1\."):
            prune("--batch-size", size)
        assert left()

    @pytest.mark.parametrize("size", ["", "x", "1.5"])
    def test_a_size_is_a_number(self, size):
        with pytest.raises(CommandError, match="argument --batch-size: invalid int value"):
            prune("--batch-size", size)


def prune_quietly(size):
    with time_machine.travel(NOW, tick=False):
        call_command("tokenauth_prune", batch_size=size, stdout=StringIO())


class TestDryRun:
    def test_it_counts_and_deletes_none(self, ended, django_assert_num_queries):
        ended(3, days=8)
        ended(1, days=6)
        with django_assert_num_queries(2):
            lines, names = prune("--dry-run")
        assert lines == ["3 ended sessions would be deleted."]
        assert len(names) == 2
        assert Session.objects.count() == 4


def test_help_says_what_it_does(capsys):
    with pytest.raises(SystemExit) as ended:
        call_command("tokenauth_prune", "--help")
    assert ended.value.code == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert "Delete the sessions that expired or were revoked longer ago than" in printed
    assert "--batch-size N approximate number of rows in a batch (default: 10000)" in printed
    assert "--dry-run print the number of sessions without deleting them" in printed


def test_a_broken_project_is_told_so(settings):
    settings.TOKENAUTH = {"ISUER": "x"}
    with pytest.raises(Exception, match=r"TOKENAUTH has no setting 'ISUER'"):
        Command().handle(batch_size=1, dry_run=True)
