"""``manage.py tokenauth_prune``: delete expired and revoked sessions."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from django_tokenauth.conf.settings import load
from django_tokenauth.management.arguments import check_batch_size
from django_tokenauth.management.sessions import SessionCommand, counted
from django_tokenauth.services.auditing import audit
from django_tokenauth.sessions import pruning
from django_tokenauth.sessions.clock import utc_now


class Command(SessionCommand):
    """Delete expired and revoked sessions in batches, and print the progress."""

    help = (
        "Delete the sessions that expired or were revoked longer ago than SESSION_RETENTION, in "
        "batches. Each sign-in deletes a few of them, so this command is needed only if users "
        "rarely sign in."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "--batch-size",
            type=int,
            default=10_000,
            metavar="N",
            help="approximate number of rows in a batch (default: %(default)s)",
        )
        parser.add_argument(
            "--dry-run",
            action="store_true",
            help="print the number of sessions without deleting them",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        size = options["batch_size"]
        check_batch_size(size)
        before = utc_now() - load().prune_after
        total = pruning.prunable(before).count()
        if options["dry_run"]:
            self.stdout.write(f"{counted(total, 'expired or revoked session')} would be deleted.")
            return
        deleted = 0
        try:
            for batch in pruning.prune_all(before, size):
                deleted += batch
                self.stdout.write(
                    f"{deleted} of {max(total, deleted)} expired or revoked sessions deleted"
                )
        finally:
            # Send the audit event even if the command is interrupted or a database error occurs.
            audit("sessions.prune", count=deleted)
        self.stdout.write(
            self.style.SUCCESS(f"Done: {counted(deleted, 'expired or revoked session')} deleted.")
        )
