"""``manage.py tokenauth_token``: print an access token for development."""

from __future__ import annotations

import shlex
from argparse import RawDescriptionHelpFormatter
from collections.abc import Collection
from dataclasses import replace
from datetime import timedelta
from io import BytesIO
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings as django_settings
from django.contrib.auth import get_user_model
from django.core.exceptions import ImproperlyConfigured, ValidationError
from django.core.handlers.wsgi import WSGIRequest
from django.core.management.base import CommandError, CommandParser
from django.http import HttpRequest

from django_tokenauth import services
from django_tokenauth.conf import values
from django_tokenauth.conf.per_request import load_for
from django_tokenauth.conf.settings import Settings, load
from django_tokenauth.errors import (
    InvalidGrant,
    InvalidScope,
    InvalidTarget,
    ServiceUnavailable,
)
from django_tokenauth.management.arguments import duration
from django_tokenauth.management.sessions import SessionCommand, counted
from django_tokenauth.services.auditing import audit
from django_tokenauth.services.issuing import TokenPair
from django_tokenauth.services.lifetimes import Lifetimes, choose_lifetimes
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
  Print a token for another service, one of AUDIENCES:
    manage.py tokenauth_token alice --audience https://reports.example.com
  Print a token that is valid for an hour, if MAX_ACCESS_TOKEN_LIFETIME permits it:
    manage.py tokenauth_token alice --lifetime 1h
  Print a command that requests a page of a tenant, if ISSUER is a function:
    manage.py tokenauth_token alice --host acme.localhost:8000 --curl /notes/

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
            "--audience",
            metavar="AUDIENCE",
            help="the audience of the token, one of AUDIENCES (default: AUDIENCE)",
        )
        parser.add_argument(
            "--client-id",
            default="",
            metavar="CLIENT_ID",
            help="the client of the session (default: ISSUER)",
        )
        parser.add_argument(
            "--lifetime",
            type=duration,
            metavar="DURATION",
            help="the lifetime of the token, such as 30m, 12h, 7d, or a number of seconds; at most "
            "MAX_ACCESS_TOKEN_LIFETIME (default: that of LIFETIMES, or ACCESS_TOKEN_LIFETIME)",
        )
        parser.add_argument(
            "--host",
            metavar="HOST",
            help="the host of the tenant, if ISSUER or AUDIENCE is a function of the request "
            "(default: the host in the URL of --curl)",
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
            help="print a curl command for this URL, or for this path of the server, which is "
            f"--host or {SERVER} (default: /)",
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
        server = None if options["host"] is None else _server(options["host"])
        url = None if options["curl"] is None else _url(options["curl"], server or SERVER)
        request = _request(server, url)
        settings, user = _settings_for(request), _user(options["user"])
        scope = None if options["scope"] is None else " ".join(options["scope"]).split()
        client_id = _client_id(options["client_id"])
        try:
            lifetimes = _lifetimes(settings, user, client_id, request, options["lifetime"])
            pair = _sign_in(
                *(settings, user, scope),
                client_id=client_id,
                lifetimes=lifetimes,
                audience=options["audience"],
                request=request,
            )
        except ImproperlyConfigured as error:
            # A hook of the project returned an invalid value.
            raise CommandError(str(error)) from error
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
            + (f" Audience: {pair.audience}." if load().audiences else "")
        )
        if missing := sorted(set(requested or ()) - pair.scope):
            setting = "SCOPE_POLICY or AUDIENCES" if load().audiences else "SCOPE_POLICY"
            self.stderr.write(f"{setting} did not grant {', '.join(missing)}.")


def _request(server: str | None, url: str | None) -> HttpRequest | None:
    """Return a request to *server* or the host of *url*, or ``None`` if no function needs one."""
    if server is None and (url is None or not load().by_request):
        return None
    parts = urlsplit(server or url or "")
    return WSGIRequest(
        {
            "REQUEST_METHOD": "GET",
            "PATH_INFO": "/",
            # The URL may contain a username and a password for a proxy.
            "HTTP_HOST": parts.netloc.rpartition("@")[2],
            "REMOTE_ADDR": "127.0.0.1",
            "SERVER_NAME": parts.hostname,
            "SERVER_PORT": str(parts.port or (443 if parts.scheme == "https" else 80)),
            "wsgi.url_scheme": parts.scheme,
            "wsgi.input": BytesIO(),
        }
    )


def _settings_for(request: HttpRequest | None) -> Settings:
    """Return the settings for *request*, with the results of ``ISSUER`` and ``AUDIENCE``."""
    load()
    try:
        return load_for(request)
    except Exception as error:
        if request is None:
            raise CommandError(
                "ISSUER or AUDIENCE of TOKENAUTH is a function that needs a request. Give the host "
                "of a tenant, for example --host tenant.example.com."
            ) from error
        raise CommandError(
            f"ISSUER or AUDIENCE of TOKENAUTH failed for the host {request.META['HTTP_HOST']!r} "
            f"({type(error).__name__}: {error}). Give the host of a tenant with --host."
        ) from error


def _lifetimes(
    settings: Settings,
    user: Any,
    client_id: str,
    request: HttpRequest | None,
    access: timedelta | None,
) -> Lifetimes | None:
    """Return the lifetimes of the settings or the hook, with *access*, or ``None``."""
    if access is None:
        return None
    longest = settings.max_access_token_lifetime
    if access > longest:
        raise CommandError(
            f"--lifetime must be at most MAX_ACCESS_TOKEN_LIFETIME, {longest}. Give a shorter one, "
            "or set MAX_ACCESS_TOKEN_LIFETIME of TOKENAUTH."
        )
    sign_in: tuple[Any, str, HttpRequest | None, dict[str, Any]]
    sign_in = (user, client_id or settings.issuer, request, {})
    chosen = choose_lifetimes(settings, None, *sign_in)
    try:
        return choose_lifetimes(settings, replace(chosen, access=access), *sign_in)
    except ValueError:
        raise CommandError(
            "--lifetime must be less than the other lifetimes of the session. Give a shorter one, "
            "or set REFRESH_TOKEN_LIFETIME and SESSION_LIFETIME of TOKENAUTH."
        ) from None


def _sign_in(
    settings: Settings,
    user: Any,
    scope: Collection[str] | None,
    *,
    audience: str | None,
    **options: Any,
) -> TokenPair:
    audiences = None if audience is None else [audience]
    try:
        return services.sign_in(
            user, scope=scope, audiences=audiences, device_name=DEVICE_NAME, **options
        )
    except InvalidTarget:
        names = ", ".join(dict.fromkeys((settings.audience, *settings.audiences)))
        raise CommandError(
            f"--audience must be AUDIENCE or one of AUDIENCES: {names}. It is {audience!r}."
        ) from None
    except InvalidScope:
        unknown = sorted(set(scope or ()).difference(settings.scopes))
        if not unknown:
            raise CommandError(
                f"SCOPE_POLICY grants {user.get_username()} none of these scopes, or AUDIENCES has "
                "none of them for the audience. Name other scopes or another audience, or give the "
                "user the rights that SCOPE_POLICY requires."
                if settings.audiences
                else f"SCOPE_POLICY grants {user.get_username()} none of these scopes. Name other "
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


def _server(text: str) -> str:
    """Return the scheme and the host of *text*, a host that may have a port and a scheme."""
    url = (text if "://" in text else f"http://{text}").removesuffix("/")
    if _has_host(url):
        parts = urlsplit(url)
        if f"{parts.scheme}://{parts.netloc}" == url and "@" not in url:
            return url
    raise CommandError(
        f"--host must be a host, such as tenant.example.com or acme.localhost:8000. It is {text!r}."
    )


def _has_host(url: str) -> bool:
    try:
        parts = urlsplit(url)
        # Reading the port raises ValueError if it is invalid.
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _url(text: str, server: str) -> str:
    if text.startswith("/"):
        return server + text
    if _has_host(text):
        return text
    raise CommandError(
        f"--curl must be followed by a URL, such as {SERVER}/notes/, or a path, such as /notes/. "
        f"It is {text!r}."
    )
