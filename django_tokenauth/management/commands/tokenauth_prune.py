"""``manage.py tokenauth_prune``: delete expired and revoked sessions and API tokens."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.core.management.base import CommandParser

from django_tokenauth.conf.settings import load
from django_tokenauth.management.arguments import check_batch_size
from django_tokenauth.management.sessions import SessionCommand, counted
from django_tokenauth.services import api_tokens
from django_tokenauth.services.auditing import audit
from django_tokenauth.sessions import pruning
from django_tokenauth.sessions.clock import utc_now


class Command(SessionCommand):
    """Delete expired and revoked sessions and API tokens in batches, and print the progress."""

    help = (
        "Delete the sessions that expired or were revoked longer ago than SESSION_RETENTION, in "
        "batches, and such API tokens. Each sign-in deletes a few sessions, so this command is "
        "needed only if users rarely sign in."
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
            help="print the numbers of rows without deleting them",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        size = options["batch_size"]
        check_batch_size(size)
        before = utc_now() - load().prune_after
        dry_run = options["dry_run"]
        total = pruning.prunable(before).count()
        batches = pruning.prune_all(before, size)
        self._prune("session", total, batches, "sessions.prune", dry_run=dry_run)
        for store in api_tokens.connected():
            if total := store.count_ended(before):
                batches = store.prune_all(before, size)
                self._prune("API token", total, batches, "api_tokens.prune", dry_run=dry_run)

    def _prune(
        self, noun: str, total: int, batches: Iterator[int], action: str, *, dry_run: bool
    ) -> None:
        """Delete the *batches*, or only print *total*, the number of rows before."""
        noun = f"expired or revoked {noun}"
        if dry_run:
            self.stdout.write(f"{counted(total, noun)} would be deleted.")
            return
        deleted = 0
        try:
            for batch in batches:
                deleted += batch
                self.stdout.write(f"{deleted} of {max(total, deleted)} {noun}s deleted")
        finally:
            # Send the audit event even if the command is interrupted or a database error occurs.
            audit(action, count=deleted)
        self.stdout.write(self.style.SUCCESS(f"Done: {counted(deleted, noun)} deleted."))
