"""``manage.py tokenauth_token``: print an access token for development."""

from __future__ import annotations

import shlex
from argparse import RawDescriptionHelpFormatter
from collections.abc import Collection
from typing import Any

from django.conf import settings as django_settings
from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.core.management.base import CommandError, CommandParser

from django_tokenauth import services
from django_tokenauth.conf import values
from django_tokenauth.conf.settings import Settings, load
from django_tokenauth.errors import InvalidGrant, InvalidScope, ServiceUnavailable
from django_tokenauth.management.sessions import SessionCommand, counted
from django_tokenauth.services.auditing import audit
from django_tokenauth.services.issuing import TokenPair
from django_tokenauth.sessions.log_ids import log_id

#: The address of ``manage.py runserver``.
SERVER = "http://127.0.0.1:8000"
DEVICE_NAME = "tokenauth_token"

EXAMPLES = """\
Examples:

  Print an access token with every scope that alice may have:
    manage.py tokenauth_token alice
  Keep it in a variable of the shell:
    TOKEN=$(manage.py tokenauth_token alice --scope notes:read --scope notes:write)
  Print a command that requests a page of manage.py runserver:
    manage.py tokenauth_token alice --curl /notes/
  Print the access token and, in a second line, the refresh token:
    manage.py tokenauth_token alice --refresh

Each call starts a session of the user, with the device name tokenauth_token. To end the sessions of
the user, run manage.py tokenauth_revoke --user alice.
"""


class Command(SessionCommand):
    help = "Print an access token for development, without a password."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.formatter_class = RawDescriptionHelpFormatter
        parser.epilog = EXAMPLES
        super().add_arguments(parser)
        field = get_user_model().USERNAME_FIELD
        parser.add_argument("user", metavar="USER", help=f"the {field} of the user")
        parser.add_argument(
            "--scope",
            action="append",
            metavar="NAME",
            help="a scope of the token; repeat the option for several (default: every scope that "
            "the user may have)",
        )
        parser.add_argument(
            "--client-id",
            default="",
            metavar="CLIENT_ID",
            help="the client of the session (default: ISSUER)",
        )
        output = parser.add_mutually_exclusive_group()
        output.add_argument(
            "--refresh", action="store_true", help="print the refresh token in a second line"
        )
        output.add_argument(
            "--curl",
            nargs="?",
            const="/",
            metavar="URL",
            help=f"print a curl command for this URL, or for this path of {SERVER} (default: /)",
        )
        parser.add_argument(
            "--force", action="store_true", help="print a token although DEBUG is off"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if not django_settings.DEBUG and not options["force"]:
            raise CommandError(
                "DEBUG is off, so this may be a production server, and the token would sign in "
                "as the user. Run the command with the settings of your development server, or add "
                "--force."
            )
        url = None if options["curl"] is None else _url(options["curl"])
        settings, user = load(), _user(options["user"])
        scope = None if options["scope"] is None else " ".join(options["scope"]).split()
        pair = _sign_in(settings, user, scope, _client_id(options["client_id"]))
        ids = [] if pair.session is None else [log_id(pair.session.pk)]
        audit("tokens.print", count=1, ids=ids)
        if url is None:
            self.stdout.write(pair.access_token)
        else:
            header = shlex.quote(f"Authorization: Bearer {pair.access_token}")
            self.stdout.write(f"curl -i -H {header} {shlex.quote(url)}")
        if options["refresh"]:
            self.stdout.write(pair.refresh_token)
        # The standard output contains nothing else, so that a shell can keep it in a variable.
        self._note(pair, scope)

    def _note(self, pair: TokenPair, requested: Collection[str] | None) -> None:
        names = ", ".join(sorted(pair.scope)) or "none"
        self.stderr.write(
            f"Access token of {pair.user.get_username()}, valid for "
            f"{counted(pair.expires_in, 'second')}. Scopes: {names}."
        )
        if missing := sorted(set(requested or ()) - pair.scope):
            self.stderr.write(f"SCOPE_POLICY did not grant {', '.join(missing)}.")


def _sign_in(
    settings: Settings, user: Any, scope: Collection[str] | None, client_id: str
) -> TokenPair:
    try:
        return services.sign_in(user, scope=scope, client_id=client_id, device_name=DEVICE_NAME)
    except InvalidScope:
        unknown = sorted(set(scope or ()).difference(settings.scopes))
        if not unknown:
            raise CommandError(
                f"SCOPE_POLICY grants {user.get_username()} none of these scopes. Name other "
                "scopes, or give the user the rights that SCOPE_POLICY requires."
            ) from None
        raise CommandError(
            f"SCOPES does not contain {', '.join(map(repr, unknown))}. "
            + (
                f"It contains {', '.join(settings.scopes)}."
                if settings.scopes
                else "It is empty. Add the scopes of your API to SCOPES of TOKENAUTH."
            )
        ) from None
    except InvalidGrant:
        raise CommandError(
            "The user was changed during the sign-in. Run the command again."
        ) from None
    except ServiceUnavailable as error:
        raise CommandError(
            "The database does not respond. Start it, and run the command again."
        ) from error


def _user(username: str) -> Any:
    model: Any = get_user_model()
    field = model.USERNAME_FIELD
    try:
        user = model._default_manager.get(**{field: username})
    except (
        model.DoesNotExist,
        model.MultipleObjectsReturned,
        ValueError,
        ValidationError,
    ):
        raise CommandError(
            f"There is no user {username!r}, or more than one. Give the {field} of one user, or "
            "create the user with manage.py createsuperuser."
        ) from None
    if not user.is_active:
        raise CommandError(
            f"User {username!r} is inactive, so the server would reject the token. Set is_active, "
            "or give another user."
        )
    return user


def _client_id(text: str) -> str:
    try:
        return values.client_id(text) if text else ""
    except values.InvalidSetting as error:
        raise CommandError(f"--client-id must be {error.expected}.") from None


def _url(text: str) -> str:
    if text.startswith("/"):
        return SERVER + text
    if text.startswith(("http://", "https://")):
        return text
    raise CommandError(
        f"--curl must be followed by a URL, such as {SERVER}/notes/, or a path, such as /notes/. "
        f"It is {text!r}."
    )
