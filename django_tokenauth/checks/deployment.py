"""What is fine on a laptop and not on the internet, said by ``manage.py check --deploy``.

What Django says in the same run is not said again: ``DEBUG``, TLS, cookies.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any

import jwt
from django.apps import AppConfig
from django.conf import settings as django_settings
from django.contrib.auth.hashers import BasePasswordHasher, BCryptSHA256PasswordHasher, get_hashers
from django.core import checks
from django.core.cache import caches
from django.core.cache.backends.base import BaseCache
from django.core.cache.backends.dummy import DummyCache
from django.core.cache.backends.locmem import LocMemCache
from django.core.checks import CheckMessage
from django.db import connections, router
from django.utils.module_loading import import_string
from django.utils.version import get_version_tuple
from django.views.debug import SafeExceptionReporterFilter
from rest_framework.authentication import BasicAuthentication
from rest_framework.settings import api_settings

from ..authentication import JWTAuthentication, StatelessJWTAuthentication
from ..conf.settings import Settings, read_project
from ..models import Session
from .settings import is_default

#: The oldest PyJWT that setup.cfg allows, which an installation without dependencies may lack.
OLDEST_PYJWT = (2, 15)
# Whether another backend counts failures, nobody can tell from here.
_COUNT_NOTHING = "django.contrib.auth.backends."
_FAST_HASHERS = {"md5", "sha1", "unsalted_md5", "unsalted_sha1", "crypt"}
_NOT_AT_ONCE = re.compile(r"synchronous[_-]commit\s*=\s*(off|false|no|0)\b", re.IGNORECASE)


def check_deployment(
    app_configs: Sequence[AppConfig] | None = None, **kwargs: Any
) -> list[CheckMessage]:
    """Durations, the sign-in, and the project around; nothing while ``TOKENAUTH`` has errors."""
    settings, _ = read_project()
    if settings is None:
        return []
    return [
        *_lifetimes(settings),
        *_throttling(settings),
        *_passwords(),
        *_database(settings),
        *_logging(),
        *_libraries(),
    ]


def _lifetimes(settings: Settings) -> Iterator[CheckMessage]:
    quarter, poll = timedelta(minutes=15), settings.revocation_poll_interval
    if settings.access_token_lifetime > timedelta(hours=1):
        yield checks.Warning(
            "ACCESS_TOKEN_LIFETIME is above an hour: a stolen access token is good that long.",
            hint="Give minutes; refreshing is cheap.",
            id="tokenauth.W005",
        )
    elif (
        settings.access_token_lifetime > quarter
        and (poll is None or poll > quarter)
        and is_default(StatelessJWTAuthentication)
    ):
        yield checks.Warning(
            "A sign-out may go unnoticed for more than a quarter of an hour: the stateless class "
            "hears of it by REVOCATION_POLL_INTERVAL, or when the access token expires.",
            hint="Give ACCESS_TOKEN_LIFETIME minutes, or REVOCATION_POLL_INTERVAL seconds.",
            id="tokenauth.W005",
        )
    if settings.refresh_token_lifetime > timedelta(days=90):
        yield checks.Warning(
            "REFRESH_TOKEN_LIFETIME is above 90 days: a stolen refresh token that its owner never "
            "uses again is good that long.",
            hint="Give days or weeks; each refresh starts it anew.",
            id="tokenauth.W005",
        )
    if settings.session_lifetime > timedelta(days=366):
        yield checks.Warning(
            "SESSION_LIFETIME is above a year: a sign-in has no end that would come in time.",
            hint="Give weeks or months, after which the user signs in anew.",
            id="tokenauth.W005",
        )


def _throttling(settings: Settings) -> Iterator[CheckMessage]:
    if (
        is_default(JWTAuthentication)
        and is_default(BasicAuthentication)
        and all(path.startswith(_COUNT_NOTHING) for path in django_settings.AUTHENTICATION_BACKENDS)
    ):
        yield checks.Warning(
            "BasicAuthentication stands beside the tokens in DEFAULT_AUTHENTICATION_CLASSES: "
            "passwords can be guessed there at full speed, past the throttle of the sign-in.",
            hint="Remove it, or count the failures in an authentication backend (django-axes).",
            id="tokenauth.W023",
        )
    if settings.sign_in_rate_user is None or settings.sign_in_rate_ip is None:
        yield checks.Warning(
            "Sign-ins are not throttled: passwords can be guessed at full speed.",
            hint="Set SIGN_IN_RATE_USER and SIGN_IN_RATE_IP.",
            id="tokenauth.W006",
        )
        return
    if (fault := _fault_of(caches[settings.throttle_cache])) is not None:
        yield checks.Warning(
            f"Failed sign-ins are counted in a cache {fault}.",
            hint="Give THROTTLE_CACHE a shared cache, for example Redis.",
            id="tokenauth.W006",
        )
    if _is_behind_proxy() and api_settings.NUM_PROXIES is None:
        yield checks.Warning(
            "Behind a proxy all clients have its address: they share one count of failed sign-ins.",
            hint='Set REST_FRAMEWORK["NUM_PROXIES"] to the number of proxies.',
            id="tokenauth.W006",
        )


def _fault_of(cache: BaseCache) -> str | None:
    if isinstance(cache, DummyCache):
        return "that keeps nothing"
    if isinstance(cache, LocMemCache):
        return "that each process has for itself"
    if type(cache).incr is BaseCache.incr:
        return "that reads and then writes: guesses at the same moment count as one"
    return None


def _is_behind_proxy() -> bool:
    return bool(
        django_settings.SECURE_PROXY_SSL_HEADER
        or django_settings.USE_X_FORWARDED_HOST
        or django_settings.USE_X_FORWARDED_PORT
    )


def _passwords() -> Iterator[CheckMessage]:
    # The first one hashes; the others only read what is there, until its owner signs in.
    for hasher in get_hashers()[:1]:
        if hasher.algorithm in _FAST_HASHERS:
            yield checks.Warning(
                "The first of PASSWORD_HASHERS is fast: who gets hold of the user table can try "
                "billions of passwords in a second.",
                hint="Put one of Django's other hashers first, for example ScryptPasswordHasher.",
                id="tokenauth.W010",
            )
        elif _is_cut(hasher):
            yield checks.Warning(
                "The first of PASSWORD_HASHERS is plain bcrypt, which reads 72 bytes of a password "
                "and no more.",
                hint="Put BCryptSHA256PasswordHasher first, or one that is not bcrypt.",
                id="tokenauth.W010",
            )


def _is_cut(hasher: BasePasswordHasher) -> bool:
    return isinstance(hasher, BCryptSHA256PasswordHasher) and hasher.digest is None


def _database(settings: Settings) -> Iterator[CheckMessage]:
    if settings.stateless_refresh:
        return
    written = router.db_for_write(Session)
    if router.db_for_read(Session) != written:
        yield checks.Warning(
            "Sessions are read from another database than they are written to: as long as that "
            "one lags behind, a sign-out does not count and a new sign-in is refused.",
            hint="Let the router read the app django_tokenauth where it is written.",
            id="tokenauth.W015",
        )
    options = connections.settings[written]["OPTIONS"]
    if _NOT_AT_ONCE.search(str(options.get("options", ""))):
        yield checks.Warning(
            "synchronous_commit is off: a crash of the database can undo a sign-out that was "
            "answered already.",
            hint="Leave it on for the database that has the sessions.",
            id="tokenauth.W015",
        )
    if str(options.get("isolation_level", "")).lower() == "read uncommitted":
        yield checks.Warning(
            "The isolation level is READ UNCOMMITTED: a refresh is refused for a sign-out that is "
            "rolled back a moment later.",
            hint='Leave "read committed", which is the default.',
            id="tokenauth.W015",
        )


def _logging() -> Iterator[CheckMessage]:
    root = logging.getLogger()
    if root.level <= logging.DEBUG and any(each.level <= logging.DEBUG for each in root.handlers):
        yield checks.Warning(
            "The root logger is at DEBUG, where libraries write down whole requests, and with them "
            "the header Authorization.",
            hint="Give it INFO, and DEBUG only to the loggers that you know.",
            id="tokenauth.W017",
        )
    # Django calls it, so it need not be a class.
    if not _hides(import_string(django_settings.DEFAULT_EXCEPTION_REPORTER_FILTER)()):
        yield checks.Warning(
            "DEFAULT_EXCEPTION_REPORTER_FILTER lets tokens and keys into the reports of errors.",
            hint="Derive it from SafeExceptionReporterFilter and add to hidden_settings only.",
            id="tokenauth.W017",
        )


def _hides(reports: object) -> bool:
    return isinstance(reports, SafeExceptionReporterFilter) and not any(
        reports.cleanse_setting(name, "shown") == "shown"
        for name in ("HTTP_AUTHORIZATION", "TOKENAUTH", "SECRET_KEY")
    )


def _libraries() -> Iterator[CheckMessage]:
    if get_version_tuple(jwt.__version__) < OLDEST_PYJWT:
        yield checks.Warning(
            f"PyJWT {jwt.__version__} has faults that were corrected later.",
            hint="pip install --upgrade PyJWT",
            id="tokenauth.W014",
        )
