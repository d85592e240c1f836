"""Checks of the project in ``manage.py check --deploy``.

Django's own checks report ``DEBUG``, TLS and cookies in the same run.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta

import jwt
from django.conf import settings as django_settings
from django.contrib.auth.hashers import BasePasswordHasher, BCryptSHA256PasswordHasher, get_hashers
from django.core import checks
from django.core.cache import caches
from django.core.cache.backends.base import BaseCache
from django.core.cache.backends.dummy import DummyCache
from django.core.cache.backends.filebased import FileBasedCache
from django.core.cache.backends.locmem import LocMemCache
from django.core.checks import CheckMessage
from django.db import connections, router
from django.utils.module_loading import import_string
from django.utils.version import get_version_tuple
from django.views.debug import SafeExceptionReporterFilter
from rest_framework.authentication import BasicAuthentication
from rest_framework.settings import api_settings

from .._bearer import meta_key
from ..authentication import JWTAuthentication, StatelessJWTAuthentication
from ..conf.settings import HMAC_ALGORITHMS, Settings
from ..errors import InvalidKey
from ..http.authenticators import project_header
from ..keys.sources import build_access_keys
from ..models import Session
from .settings import is_default, judge

#: The oldest version of PyJWT that setup.cfg permits. With --no-deps, pip does not replace an older
#: PyJWT.
OLDEST_PYJWT = (2, 15)
# The prefix of Django's authentication backends, which do not count failed sign-ins.
_DJANGO_BACKENDS = "django.contrib.auth.backends."
_FAST_HASHERS = {"md5", "sha1", "unsalted_md5", "unsalted_sha1", "crypt"}
_ASYNCHRONOUS_COMMIT = re.compile(r"synchronous[_-]commit\s*=\s*(off|false|no|0)\b", re.IGNORECASE)


def deployment_messages(settings: Settings) -> Iterator[CheckMessage]:
    """Check lifetimes, throttling, password hashers, the database, logging and libraries."""
    yield from judge(
        settings,
        _access_lifetime,
        _refresh_lifetime,
        _session_lifetime,
        _unthrottled,
        _throttle_cache,
        _assertion_cache,
        _shared_address,
        _shared_secret,
    )
    yield from _basic_authentication()
    yield from _passwords()
    yield from judge(settings, _database)
    yield from _logging()
    yield from _libraries()


def _shared_secret(settings: Settings) -> Iterator[CheckMessage]:
    if settings.audiences and _signs_with_a_secret(settings):
        yield checks.Warning(
            "AUDIENCES names other services, and access tokens are signed with a shared secret. A "
            "service that can verify its tokens can also sign tokens for the other services.",
            hint="Set ALGORITHM to an asymmetric algorithm, such as EdDSA, and KEY_DIRECTORY.",
            id="tokenauth.W031",
        )


def _signs_with_a_secret(settings: Settings) -> bool:
    # The keys of KEY_DIRECTORY and KEYS may have other algorithms than ALGORITHM.
    with suppress(InvalidKey):
        key = build_access_keys(settings).at(time.time()).signing
        return key is not None and key.algorithm in HMAC_ALGORITHMS
    return False


def _access_lifetime(settings: Settings) -> Iterator[CheckMessage]:
    hour, longest = timedelta(hours=1), settings.max_access_token_lifetime
    if longest > hour:
        name = "ACCESS_TOKEN_LIFETIME"
        if settings.access_token_lifetime <= hour:
            name = "MAX_ACCESS_TOKEN_LIFETIME"
        yield checks.Warning(
            f"{name} is longer than an hour. A stolen access token is valid for that long.",
            hint="Give minutes. A refresh takes two statements.",
            id="tokenauth.W005",
        )
        return
    quarter, poll = timedelta(minutes=15), settings.revocation_poll_interval
    if (
        longest > quarter
        and (poll is None or poll > quarter)
        and is_default(StatelessJWTAuthentication)
    ):
        yield checks.Warning(
            "A revoked session can be used for more than 15 minutes: StatelessJWTAuthentication "
            "sees a sign-out after REVOCATION_POLL_INTERVAL, or when the access token expires.",
            hint="Give ACCESS_TOKEN_LIFETIME and MAX_ACCESS_TOKEN_LIFETIME minutes, or "
            "REVOCATION_POLL_INTERVAL seconds.",
            id="tokenauth.W005",
        )


def _refresh_lifetime(settings: Settings) -> Iterator[CheckMessage]:
    if settings.refresh_token_lifetime > timedelta(days=90):
        yield checks.Warning(
            "REFRESH_TOKEN_LIFETIME is longer than 90 days. A stolen refresh token is valid for "
            "that long if its user does not refresh.",
            hint="Give days or weeks. Each refresh extends it.",
            id="tokenauth.W005",
        )


def _session_lifetime(settings: Settings) -> Iterator[CheckMessage]:
    year = timedelta(days=366)
    if settings.max_session_lifetime > year:
        name = "SESSION_LIFETIME"
        if settings.session_lifetime <= year:
            name = "MAX_SESSION_LIFETIME"
        yield checks.Warning(
            f"{name} is longer than a year. Users effectively never have to sign in again.",
            hint="Give weeks or months.",
            id="tokenauth.W005",
        )


def _basic_authentication() -> Iterator[CheckMessage]:
    backends = django_settings.AUTHENTICATION_BACKENDS
    if (
        is_default(JWTAuthentication)
        and is_default(BasicAuthentication)
        and all(path.startswith(_DJANGO_BACKENDS) for path in backends)
    ):
        yield checks.Warning(
            "DEFAULT_AUTHENTICATION_CLASSES contains BasicAuthentication beside tokens. It lets "
            "attackers guess passwords without the throttle of the sign-in.",
            hint="Remove it, or add an authentication backend that counts failures (django-axes).",
            id="tokenauth.W023",
        )


def _unthrottled(settings: Settings) -> Iterator[CheckMessage]:
    if settings.sign_in_rate_user is None or settings.sign_in_rate_ip is None:
        yield checks.Warning(
            "SIGN_IN_RATE_USER or SIGN_IN_RATE_IP is None. Attackers can guess passwords faster "
            "than with both limits.",
            hint="Set SIGN_IN_RATE_USER and SIGN_IN_RATE_IP.",
            id="tokenauth.W006",
        )


def _throttle_cache(settings: Settings) -> Iterator[CheckMessage]:
    if not (settings.sign_in_rate_user and settings.sign_in_rate_ip):
        return
    if (problem := _cache_problem(caches[settings.throttle_cache])) is not None:
        yield checks.Warning(
            f"Failed sign-ins are counted in a cache that {problem}.",
            hint="Set THROTTLE_CACHE to a shared cache, for example Redis.",
            id="tokenauth.W006",
        )


def _assertion_cache(settings: Settings) -> Iterator[CheckMessage]:
    if not any(client.keys for client in settings.clients.values()):
        return
    cache = caches[settings.throttle_cache]
    problem = "is private to each machine" if isinstance(cache, FileBasedCache) else None
    if isinstance(cache, (DummyCache, LocMemCache)):
        problem = _cache_problem(cache)
    if problem is not None:
        yield checks.Warning(
            f"The assertions of clients are remembered in a cache that {problem}. A replayed "
            "assertion is accepted.",
            hint="Set THROTTLE_CACHE to a shared cache, for example Redis.",
            id="tokenauth.W032",
        )


def _shared_address(settings: Settings) -> Iterator[CheckMessage]:
    throttled = settings.sign_in_rate_user and settings.sign_in_rate_ip
    if throttled and _is_behind_proxy() and api_settings.NUM_PROXIES is None:
        yield checks.Warning(
            "Behind a proxy, all clients have the IP address of the proxy. They share one limit of "
            "failed sign-ins.",
            hint='Set REST_FRAMEWORK["NUM_PROXIES"] to the number of proxies.',
            id="tokenauth.W006",
        )


def _cache_problem(cache: BaseCache) -> str | None:
    if isinstance(cache, DummyCache):
        return "stores nothing"
    if isinstance(cache, LocMemCache):
        return "is private to each process"
    if type(cache).incr is BaseCache.incr:
        return "reads and then writes, so that parallel guesses count as one"
    return None


def _is_behind_proxy() -> bool:
    return bool(
        django_settings.SECURE_PROXY_SSL_HEADER
        or django_settings.USE_X_FORWARDED_HOST
        or django_settings.USE_X_FORWARDED_PORT
    )


def _passwords() -> Iterator[CheckMessage]:
    # The first hasher hashes new passwords. The other hashers only verify existing hashes.
    for hasher in get_hashers()[:1]:
        if hasher.algorithm in _FAST_HASHERS:
            yield checks.Warning(
                "The first of PASSWORD_HASHERS is fast. An attacker who obtains the user table can "
                "try billions of passwords per second.",
                hint="Put another of Django's hashers first, for example ScryptPasswordHasher.",
                id="tokenauth.W010",
            )
        elif _truncates(hasher):
            yield checks.Warning(
                "The first of PASSWORD_HASHERS is plain bcrypt, which reads only 72 bytes of a "
                "password. Since version 5, bcrypt rejects longer ones.",
                hint="Put BCryptSHA256PasswordHasher first, or a hasher other than bcrypt.",
                id="tokenauth.W010",
            )


def _truncates(hasher: BasePasswordHasher) -> bool:
    return isinstance(hasher, BCryptSHA256PasswordHasher) and hasher.digest is None


def _database(settings: Settings) -> Iterator[CheckMessage]:
    if settings.stateless_refresh:
        return
    primary = router.db_for_write(Session)
    if router.db_for_read(Session) != primary:
        yield checks.Warning(
            "Sessions are read from a replica. Until the replica catches up, revoked sessions are "
            "still accepted, and new sessions are rejected.",
            hint="Let the router read the app django_tokenauth from the database that it writes.",
            id="tokenauth.W015",
        )
    options = connections.settings[primary]["OPTIONS"]
    if _ASYNCHRONOUS_COMMIT.search(str(options.get("options", ""))):
        yield checks.Warning(
            "synchronous_commit is off. A crash of the database can undo a sign-out after the "
            "response.",
            hint="Turn it on for the database that stores the sessions.",
            id="tokenauth.W015",
        )
    if str(options.get("isolation_level", "")).lower() == "read uncommitted":
        yield checks.Warning(
            "The isolation level is READ UNCOMMITTED. A refresh can be rejected because of a "
            "sign-out that is rolled back later.",
            hint='Set "read committed", which is the default.',
            id="tokenauth.W015",
        )


def _logging() -> Iterator[CheckMessage]:
    root = logging.getLogger()
    if root.level <= logging.DEBUG and any(each.level <= logging.DEBUG for each in root.handlers):
        yield checks.Warning(
            "The root logger has the level DEBUG, at which libraries log the Authorization header "
            "of requests.",
            hint="Set it to INFO. Set DEBUG only for loggers that you know.",
            id="tokenauth.W017",
        )
    # Django calls DEFAULT_EXCEPTION_REPORTER_FILTER, so the setting may name a function, not only a
    # class.
    reporter_filter = import_string(django_settings.DEFAULT_EXCEPTION_REPORTER_FILTER)()
    header = project_header()
    if not _hides(reporter_filter, "HTTP_AUTHORIZATION", "TOKENAUTH", "SECRET_KEY"):
        yield checks.Warning(
            "DEFAULT_EXCEPTION_REPORTER_FILTER shows tokens and keys in error reports.",
            hint="Derive it from SafeExceptionReporterFilter, and only extend hidden_settings.",
            id="tokenauth.W017",
        )
    elif not _hides(reporter_filter, meta_key(header)):
        yield checks.Warning(
            f"Error reports show tokens, because Django does not hide the header {header}.",
            hint='Choose a name that contains "Auth" or "Token", such as X-Auth-Token, or extend '
            "hidden_settings of a subclass of SafeExceptionReporterFilter.",
            id="tokenauth.W017",
        )


def _hides(reporter_filter: object, *names: str) -> bool:
    return isinstance(reporter_filter, SafeExceptionReporterFilter) and not any(
        reporter_filter.cleanse_setting(name, "shown") == "shown" for name in names
    )


def _libraries() -> Iterator[CheckMessage]:
    if get_version_tuple(jwt.__version__) < OLDEST_PYJWT:
        yield checks.Warning(
            f"PyJWT {jwt.__version__} has bugs that later versions fix.",
            hint="pip install --upgrade PyJWT",
            id="tokenauth.W014",
        )
