"""``manage.py tokenauth_session``: show the session that a log record names."""

from __future__ import annotations

import uuid
from argparse import RawDescriptionHelpFormatter
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.core.management.base import CommandError, CommandParser

from django_tokenauth.conf.settings import load
from django_tokenauth.management.arguments import check_batch_size
from django_tokenauth.management.sessions import SessionCommand
from django_tokenauth.models import Session
from django_tokenauth.services.arguments import as_uuid
from django_tokenauth.sessions import log_ids
from django_tokenauth.sessions.clock import utc_now
from django_tokenauth.sessions.database import primary_sessions
from django_tokenauth.sessions.managers import load_users

EXAMPLES = """\
Examples:

  The log says "session 3f9a0c51d2e7":
    manage.py tokenauth_session 3f9a0c51d2e7
  The admin, or the list of the user's sessions, shows an id:
    manage.py tokenauth_session 019ad0a2-5c80-7000-8000-000000000001

The log contains a keyed hash instead of the id, because SECRET_KEY and the id are enough to make
the tokens of the session. Keep an old SECRET_KEY in SECRET_KEY_FALLBACKS to look up its log ids.
"""


class Command(SessionCommand):
    help = "Show the user, client, device, IP address, times and state of a session."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.formatter_class = RawDescriptionHelpFormatter
        parser.epilog = EXAMPLES
        super().add_arguments(parser)
        parser.add_argument(
            "session",
            metavar="SESSION",
            help=f"The {log_ids.LENGTH} hexadecimal digits from the log, or the id of the session.",
        )
        parser.add_argument(
            "--batch-size",
            type=int,
            default=10_000,
            metavar="N",
            help="number of rows that a statement reads (default: %(default)s)",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        text: str = options["session"]
        size: int = options["batch_size"]
        check_batch_size(size)
        wanted, session_id = log_ids.parse_log_id(text), as_uuid(text.strip())
        if wanted is None and session_id is None:
            raise CommandError(
                f"SESSION must be the {log_ids.LENGTH} hexadecimal digits that the log contains, "
                "or the id of a session, a UUID."
            )
        found = 0
        for key in [session_id] if session_id else self._search(str(wanted), size):
            # The join finds users that the default manager of the user model hides. Another process
            # may delete the row during the search.
            session = primary_sessions().select_related("user", "actor").filter(pk=key).first()
            if session is not None:
                load_users([session])
                found += 1
                self._print(session)
        if not found:
            raise CommandError(_not_found(text, is_log_id=session_id is None))

    def _search(self, wanted: str, size: int) -> Iterator[uuid.UUID]:
        for read, matches in log_ids.search(wanted, size):
            yield from matches
            if read >= size:
                self.stderr.write(f"{read} sessions searched")

    def _print(self, session: Session) -> None:
        for name, value in _describe(session):
            self.stdout.write(f"{name + ':':<18}{_printable(value)}".rstrip())
        self.stdout.write("")


def _not_found(text: str, *, is_log_id: bool) -> str:
    message = (
        f"There is no session {_printable(text)}. Rows of expired and revoked sessions are "
        "deleted after SESSION_RETENTION."
    )
    if is_log_id:
        message += (
            " If SECRET_KEY was replaced since the record was logged, the old one must be in "
            "SECRET_KEY_FALLBACKS."
        )
    return message


def _describe(session: Session) -> Iterator[tuple[str, str]]:
    user = session.user
    yield "Session", str(session.pk)
    yield "In the log", log_ids.log_id(session.pk)
    yield "State", _state(session, utc_now())
    yield "User", "deleted" if user is None else f"{user.get_username()} (id {user.pk})"
    if session.actor is not None:
        yield "Actor", f"{session.actor.get_username()} (id {session.actor.pk})"
    yield "Client", session.client_id
    yield "Device name", session.device_name
    yield "User agent", session.user_agent
    yield "IP address", session.ip or "unknown"
    yield "Last user agent", session.last_user_agent
    yield "Last IP address", session.last_ip or "unknown"
    yield "Scope", session.scope
    if session.audiences:
        yield "Audiences", session.audiences
    yield "Signed in", _time(session.created_at)
    if session.authenticated_at is not None:
        yield "Signed in again", _time(session.authenticated_at)
    yield "Last refreshed", _time(session.refreshed_at)
    yield "Idle expiry", _time(session.idle_expires_at)
    yield "Absolute expiry", _time(session.absolute_expires_at)
    yield "Refreshes", str(session.generation - 1)


def _state(session: Session, now: datetime) -> str:
    if session.revoked_at is not None:
        return f"revoked ({session.revoked_reason}) {_time(session.revoked_at)}"
    if load().is_revoked_by_not_before(session.created_at.timestamp()):
        return "revoked by NOT_BEFORE"
    return "active" if session.idle_expires_at > now else "expired"


def _time(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S %Z}".rstrip()


def _printable(text: str) -> str:
    """Return *text* from a client for the terminal, with its control characters escaped."""
    return "".join(each if each.isprintable() else repr(each)[1:-1] for each in text)
