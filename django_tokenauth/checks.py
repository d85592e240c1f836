"""What is wrong or insecure in the settings, said before the first request.

Errors are ``tokenauth.E0xx``, warnings ``tokenauth.W0xx``; those about a deployment come with
``manage.py check --deploy``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any

from django.apps import AppConfig, apps
from django.conf import settings as django_settings
from django.core import checks
from django.core.checks import CheckMessage, Error
from django.core.exceptions import FieldDoesNotExist
from django.db import connections, router
from django.db.models import Model
from rest_framework.settings import api_settings

from .conf import HMAC_ALGORITHMS, Settings, read_project
from .errors import InvalidKey
from .key_sets import build_access_keys

_Apps = Sequence[AppConfig] | None


def check_settings(app_configs: _Apps = None, **kwargs: Any) -> list[CheckMessage]:
    """``TOKENAUTH`` can be used: names, types, values and keys."""
    settings, problems = read_project()
    messages: list[CheckMessage] = [
        Error(problem.message, hint=problem.hint, id=f"tokenauth.{problem.number}")
        for problem in problems
    ]
    if settings is not None:
        messages += _key_messages(settings)
        messages += _dubious(settings)
    return messages


def _key_messages(settings: Settings) -> Iterator[CheckMessage]:
    try:
        keys = build_access_keys(settings)
    except InvalidKey as error:
        yield Error(str(error), hint=error.hint or None, id=f"tokenauth.{error.number}")
        return
    if keys.signing is None:
        yield checks.Warning(
            "This project can verify access tokens but not sign any: SIGNING_KEY is not set.",
            hint="Set it where users sign in; silence this check where tokens are only verified.",
            id="tokenauth.W019",
        )


def _dubious(settings: Settings) -> Iterator[CheckMessage]:
    if settings.stateless_refresh:
        yield checks.Warning(
            "STATELESS_REFRESH keeps no sessions: nobody can be signed out, and a stolen refresh "
            "token is good until it expires.",
            hint="Leave it False unless that is what you want; silence this check if it is.",
            id="tokenauth.W007",
        )
    elif not settings.refresh_grace:
        yield checks.Warning(
            "REFRESH_GRACE is zero: two tabs, or a request sent again, sign the user out.",
            hint="Give a few seconds, for example timedelta(seconds=10).",
            id="tokenauth.W007",
        )


def check_installation(app_configs: _Apps = None, **kwargs: Any) -> list[CheckMessage]:
    """The user model and REST framework fit."""
    messages: list[CheckMessage] = []
    settings, _ = read_project()
    if not apps.is_installed("rest_framework"):
        messages.append(
            Error(
                "rest_framework is not in INSTALLED_APPS.",
                hint="Add it beside django_tokenauth.",
                id="tokenauth.E005",
            )
        )
    if settings is not None and not _names_one_user(settings.user_id_field):
        messages.append(
            Error(
                "USER_ID_FIELD does not name a unique field of the user model.",
                hint='Give "pk", or a field with unique=True.',
                id="tokenauth.E009",
            )
        )
    return messages


def _names_one_user(name: str) -> bool:
    if name == "pk":
        return True
    user_model: type[Model] = apps.get_model(django_settings.AUTH_USER_MODEL)
    try:
        field = user_model._meta.get_field(name)
    except FieldDoesNotExist:
        return False
    return bool(getattr(field, "unique", False))


def check_table(
    app_configs: _Apps = None, *, databases: Sequence[str] | None = None, **kwargs: Any
) -> list[CheckMessage]:
    """The table of sessions is there. Asked only where Django checks databases."""
    settings, _ = read_project()
    if settings is None or settings.stateless_refresh:
        return []
    model = apps.get_model("django_tokenauth", "Session")
    alias = router.db_for_write(model)
    if alias not in (databases or ()):
        return []
    if model._meta.db_table in connections[alias].introspection.table_names():
        return []
    # No error: `migrate` runs this check first, and an error would keep it from making the table.
    return [
        checks.Warning(
            "The table of sessions is missing: nobody can sign in.",
            hint="manage.py migrate makes it. If that is what runs now, all is well.",
            id="tokenauth.W020",
        )
    ]


def check_deployment(app_configs: _Apps = None, **kwargs: Any) -> list[CheckMessage]:
    """What is fine on a laptop and not on the internet."""
    settings, _ = read_project()
    return [] if settings is None else list(_exposed(settings))


def _exposed(settings: Settings) -> Iterator[CheckMessage]:
    if settings.signing_key is None and settings.algorithm in HMAC_ALGORITHMS:
        secret = settings.secret_keys[0]
        if secret.startswith(b"django-insecure-") or len(secret) < 50 or len(set(secret)) < 5:
            yield checks.Warning(
                "Tokens are signed with a key derived from a weak SECRET_KEY: who guesses it can "
                "sign in as anybody.",
                hint="Give SECRET_KEY at least 50 random characters.",
                id="tokenauth.W001",
            )
    elif settings.algorithm not in HMAC_ALGORITHMS and "://" not in settings.issuer:
        yield checks.Warning(
            "Access tokens are signed for others to verify, and ISSUER is not a URL.",
            hint='Give the URL of this server, for example "https://auth.example.com".',
            id="tokenauth.W008",
        )
    if settings.access_token_lifetime > timedelta(hours=1):
        yield checks.Warning(
            "ACCESS_TOKEN_LIFETIME is above an hour: a stolen access token is good that long.",
            hint="Give minutes; refreshing is cheap.",
            id="tokenauth.W005",
        )
    if settings.sign_in_rate_user is None or settings.sign_in_rate_address is None:
        yield checks.Warning(
            "Sign-ins are not throttled: passwords can be guessed at full speed.",
            hint="Set SIGN_IN_RATE_USER and SIGN_IN_RATE_ADDRESS.",
            id="tokenauth.W006",
        )
        return
    backend = django_settings.CACHES[settings.throttle_cache]["BACKEND"]
    if backend.endswith((".LocMemCache", ".DummyCache")):
        yield checks.Warning(
            "Failed sign-ins are counted in a cache that each process has for itself.",
            hint="Give THROTTLE_CACHE a shared cache, for example Redis.",
            id="tokenauth.W006",
        )
    if _is_behind_proxy() and api_settings.NUM_PROXIES is None:
        yield checks.Warning(
            "Behind a proxy all clients have its address: they share one count of failed sign-ins.",
            hint='Set REST_FRAMEWORK["NUM_PROXIES"] to the number of proxies.',
            id="tokenauth.W006",
        )


def _is_behind_proxy() -> bool:
    return bool(django_settings.SECURE_PROXY_SSL_HEADER or django_settings.USE_X_FORWARDED_HOST)
