"""``manage.py tokenauth_revoke``: sign out all sessions, or those of one user or client."""

from __future__ import annotations

from argparse import ArgumentTypeError, RawDescriptionHelpFormatter
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.core.management.base import CommandError, CommandParser
from django.db.models import Q, QuerySet
from django.utils.dateparse import parse_datetime

from django_tokenauth._utc import as_utc
from django_tokenauth.conf.settings import Settings, load
from django_tokenauth.management.sessions import SessionCommand, counted
from django_tokenauth.models import RevokedReason, Session
from django_tokenauth.services.auditing import MAX_IDS, audit
from django_tokenauth.services.signing_out import revoke_and_signal
from django_tokenauth.sessions import store
from django_tokenauth.sessions.clock import utc_now
from django_tokenauth.sessions.database import primary_sessions
from django_tokenauth.sessions.log_ids import log_id

#: The number of sessions between two progress messages.
PROGRESS = 10_000

EXAMPLES = """\
Examples:

  A user lost a phone, or their account was used by someone else:
    manage.py tokenauth_revoke --user alice
  A client's tokens were stolen:
    manage.py tokenauth_revoke --client reports
  Tokens may have been stolen until noon:
    manage.py tokenauth_revoke --before 2026-11-23T12:00:00Z
  Show how many sessions the command would sign out, and sign out none:
    manage.py tokenauth_revoke --client reports --before 2026-11-23 --dry-run
  Sign out all users, in a script:
    manage.py tokenauth_revoke --all --no-input

Sessions are signed out in batches of 500. After an interruption, run the command again. Views that
use JWTAuthentication reject the tokens of the sessions at once, and stateless views within
REVOCATION_POLL_INTERVAL. For services without a database, set NOT_BEFORE in their settings too.
"""


def _moment(text: str) -> datetime:
    try:
        if moment := parse_datetime(text):
            return as_utc(moment)
    except (ValueError, OverflowError):
        pass
    raise ArgumentTypeError(
        f"{text!r} is not a time. Write 2026-11-23T12:00:00Z, or a date such as 2026-11-23."
    )


class Command(SessionCommand):
    help = "Sign out all sessions that match every given option."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.formatter_class = RawDescriptionHelpFormatter
        parser.epilog = EXAMPLES
        super().add_arguments(parser)
        parser.add_argument(
            "--user",
            metavar="USERNAME",
            help="sessions of this user, and sessions in which this user acts as another user",
        )
        parser.add_argument("--client", metavar="CLIENT_ID", help="sessions of this client")
        parser.add_argument(
            "--before",
            metavar="TIME",
            type=_moment,
            help="sessions that started before this time, in ISO 8601; without an offset it is a "
            "time of TIME_ZONE",
        )
        parser.add_argument("--all", action="store_true", help="sessions of all users and clients")
        parser.add_argument(
            "--dry-run", action="store_true", help="print the number of sessions and change nothing"
        )
        parser.add_argument(
            "--no-input",
            "--noinput",
            action="store_false",
            dest="interactive",
            help="do not ask for confirmation",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        settings = load()
        if settings.stateless_refresh:
            raise CommandError(
                "STATELESS_REFRESH stores no sessions. To reject older tokens, set NOT_BEFORE."
            )
        rows = _selected(settings, options)
        total = rows.count()
        if options["dry_run"]:
            self.stdout.write(f"{counted(total, 'session')} would be signed out.")
            return
        if total and options["interactive"] and not self._confirmed(total):
            raise CommandError("Nothing was changed.")
        self._revoke(rows, total)

    def _confirmed(self, total: int) -> bool:
        try:
            reply = input(f"Sign out {counted(total, 'session')}? [y/N] ")
        except EOFError:
            raise CommandError(
                "There is no terminal to confirm this. Nothing was changed. Use --no-input."
            ) from None
        except KeyboardInterrupt:
            raise CommandError("Nothing was changed.", returncode=130) from None
        return reply.strip().lower() in ("y", "yes")

    def _revoke(self, rows: QuerySet[Session], total: int) -> None:
        revoked, named = 0, list[Any]()
        try:
            for batch in store.batches(rows, with_users=True):
                before = revoked
                revoked += revoke_and_signal(
                    [batch], RevokedReason.ADMIN, request=None, clock=utc_now
                )
                named += [session.pk for session in batch[: MAX_IDS - len(named)]]
                if before // PROGRESS != revoked // PROGRESS:
                    self.stdout.write(f"{revoked} of {max(total, revoked)} sessions signed out")
        except KeyboardInterrupt:
            raise CommandError(
                f"Interrupted: {revoked} of {max(total, revoked)} sessions are signed out. To "
                "continue, run the command again.",
                returncode=130,
            ) from None
        finally:
            audit("sessions.revoke", count=revoked, ids=map(log_id, named))
        self.stdout.write(self.style.SUCCESS(f"Done: {counted(revoked, 'session')} signed out."))


def _selected(settings: Settings, options: dict[str, Any]) -> QuerySet[Session]:
    """Return the active sessions that match all *options*."""
    filters = list(_filters(settings, options))
    if not filters and not options["all"]:
        raise CommandError("Say which sessions: --user, --client, --before or --all.")
    if options["all"] and (options["user"] is not None or options["client"] is not None):
        raise CommandError("--all means every user and client. Remove it, or --user and --client.")
    if options["before"] is not None and options["before"] > utc_now():
        # A mistyped year in the future would match all sessions.
        raise CommandError("--before is in the future. Correct it, or use --all for all sessions.")
    rows = primary_sessions().filter(revoked_at__isnull=True, idle_expires_at__gt=utc_now())
    return rows.filter(*filters)


def _filters(settings: Settings, options: dict[str, Any]) -> Iterator[Q]:
    if options["user"] is not None:
        user = _user(options["user"])
        # A member of the staff may act as another user.
        yield Q(user=user) | Q(actor=user)
    if options["client"] is not None:
        yield Q(client_id=_client(settings, options["client"]))
    if options["before"] is not None:
        yield Q(created_at__lt=options["before"])


def _user(username: str) -> Any:
    model: Any = get_user_model()
    try:
        # The default manager may hide users whose sessions still exist.
        return model._base_manager.get(**{model.USERNAME_FIELD: username})
    except (
        model.DoesNotExist,
        model.MultipleObjectsReturned,
        ValueError,
        ValidationError,
    ):
        raise CommandError(
            f"There is no user {username!r}, or more than one. Give the {model.USERNAME_FIELD} of "
            "one user."
        ) from None


def _client(settings: Settings, client_id: str) -> str:
    # If ISSUER is a function, its result may need a request.
    own = () if "issuer" in settings.by_request else (settings.issuer,)
    if client_id in {*own, *settings.clients}:
        return client_id
    # A byte of the command line that is not UTF-8 is a surrogate, which no session can have.
    if client_id.isprintable() and primary_sessions().filter(client_id=client_id).exists():
        return client_id
    known = ", ".join(sorted({*own, *settings.clients})) or "none"
    raise CommandError(
        f"There is no client {client_id!r}: no session has it, and CLIENTS does not list it. Known "
        f"clients: {known}."
    )
