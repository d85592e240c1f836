"""``manage.py tokenauth_prune``: deletes sessions that ended a while ago."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from django_tokenauth.conf.settings import load
from django_tokenauth.sessions import pruning


class Command(BaseCommand):
    help = (
        "Deletes the sessions that ended longer ago than SESSION_RETENTION, in batches. "
        "Not needed where people sign in regularly: each sign-in deletes a few."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--batch-size",
            type=int,
            default=10_000,
            metavar="N",
            help="rows to delete at once, about (default: %(default)s)",
        )
        parser.add_argument(
            "--dry-run", action="store_true", help="count the sessions and delete none"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        size = options["batch_size"]
        if size < 1:
            raise CommandError("--batch-size must be at least 1.")
        before = timezone.now() - load().prune_after
        total = pruning.ended(before).count()
        if options["dry_run"]:
            self.stdout.write(f"{total} ended sessions would be deleted.")
            return
        deleted = 0
        for batch in pruning.prune_all(before, size):
            deleted += batch
            self.stdout.write(f"{deleted} of {max(total, deleted)} ended sessions deleted")
        self.stdout.write(self.style.SUCCESS(f"Done: {deleted} ended sessions deleted."))
