"""The settings: the dict ``TOKENAUTH`` of the project as one frozen, typed value.

:func:`load` reads it at the first use and keeps it until a setting changes. :func:`read` does the
work and reports every problem at once, for the system checks.

A :class:`Settings` is compared by identity, so whatever is derived from one (key sets, decoders)
can be cached by it and is forgotten with it.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import Field, dataclass, field, fields
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

from django.conf import settings as django_settings
from django.core.exceptions import ImproperlyConfigured
from django.core.signals import setting_changed
from django.utils.encoding import force_bytes

from . import values as kinds
from .values import KeyMaterial, Rate

#: Algorithms by the family that may not stand together in one key set (RFC 8725 section 3.1).
HMAC_ALGORITHMS = ("HS256", "HS384", "HS512")
ASYMMETRIC_ALGORITHMS = (
    *("RS256", "RS384", "RS512"),
    *("PS256", "PS384", "PS512"),
    *("ES256", "ES384", "ES512"),
    "EdDSA",
)

# What the column of a session holds, in characters.
_LONGEST_SCOPE = 1024


def _algorithm(value: object) -> str:
    if not isinstance(value, str) or value not in (*HMAC_ALGORITHMS, *ASYMMETRIC_ALGORITHMS):
        raise kinds.InvalidSetting(
            f"Give one of {', '.join((*HMAC_ALGORITHMS, *ASYMMETRIC_ALGORITHMS))}, as a text."
        )
    return value


def _setting(kind: Callable[[object], Any], default: Any, *, secret: bool = False) -> Any:
    return field(default=default, repr=not secret, metadata={"kind": kind})


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Settings:
    """What the package runs with. The names are those of ``TOKENAUTH`` in lower case."""

    issuer: str = _setting(kinds.text, "django-tokenauth")
    audience: str = _setting(kinds.optional_text, None)
    algorithm: str = _setting(_algorithm, "HS256")
    signing_key: KeyMaterial | None = _setting(kinds.optional_key_material, None, secret=True)
    verifying_keys: tuple[KeyMaterial, ...] = _setting(kinds.keys, (), secret=True)
    key_directory: Path | None = _setting(kinds.optional_path, None)
    keys: tuple[Mapping[str, Any], ...] = _setting(kinds.optional_key_set, None, secret=True)
    jwks_max_age: timedelta = _setting(kinds.lifetime, timedelta(minutes=5))
    clients: Mapping[str, str | None] = _setting(kinds.clients, None, secret=True)
    access_token_lifetime: timedelta = _setting(kinds.lifetime, timedelta(minutes=5))
    refresh_token_lifetime: timedelta = _setting(kinds.lifetime, timedelta(days=14))
    session_lifetime: timedelta = _setting(kinds.lifetime, timedelta(days=90))
    refresh_grace: timedelta = _setting(kinds.at_most(60), timedelta(seconds=10))
    refresh_retry: bool = _setting(kinds.flag, False)
    leeway: timedelta = _setting(kinds.at_most(120), timedelta(0))
    stateless_refresh: bool = _setting(kinds.flag, False)
    max_sessions_per_user: int | None = _setting(kinds.optional_count, 100)
    session_retention: timedelta = _setting(kinds.lifetime, timedelta(days=7))
    user_id_field: str = _setting(kinds.text, "pk")
    scopes: tuple[str, ...] = _setting(kinds.scopes, ())
    scope_policy: Callable[..., Any] | None = _setting(kinds.hook, None)
    extra_claims: Callable[..., Any] | None = _setting(kinds.hook, None)
    revocation_poll_interval: timedelta | None = _setting(
        kinds.optional_lifetime, timedelta(seconds=10)
    )
    token_cache_size: int = _setting(kinds.count, 4096)
    sign_in_rate_user: Rate | None = _setting(kinds.optional_rate, "20/hour")
    sign_in_rate_ip: Rate | None = _setting(kinds.optional_rate, "30/min")
    throttle_cache: str = _setting(kinds.text, "default")

    #: From Django's own settings: ``SECRET_KEY`` first, then ``SECRET_KEY_FALLBACKS``.
    secret_keys: tuple[bytes, ...] = field(repr=False)

    @property
    def prune_after(self) -> timedelta:
        """How long an ended session stays in the table.

        At least as long as an access token of it may live: the snapshot of revoked sessions is
        read from the table.
        """
        poll = self.revocation_poll_interval or timedelta(0)
        return max(self.session_retention, self.access_token_lifetime + self.leeway + 2 * poll)


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong in ``TOKENAUTH``; the numbers are those of the system checks."""

    check_id: str
    message: str
    hint: str


def setting_fields() -> dict[str, Field[Any]]:
    """The fields of :class:`Settings` that a project can set, by the name in ``TOKENAUTH``."""
    return {item.name.upper(): item for item in fields(Settings) if "kind" in item.metadata}


def read(raw: object, secret_keys: tuple[bytes, ...]) -> tuple[Settings | None, list[Problem]]:
    """Read ``raw``, the value of ``TOKENAUTH``; the settings are ``None`` if anything is wrong."""
    if not isinstance(raw, Mapping):
        return None, [
            Problem("E008", "TOKENAUTH is not a dict.", 'Write TOKENAUTH = {"...": ...}.')
        ]
    known = setting_fields()
    problems = [_unknown(name, known) for name in raw if name not in known]
    values: dict[str, Any] = {}
    for name, item in known.items():
        try:
            values[item.name] = item.metadata["kind"](raw.get(name, item.default))
        except kinds.InvalidSetting as wrong:
            check_id = "E004" if isinstance(raw[name], timedelta) else "E008"
            problems.append(
                Problem(check_id, f"TOKENAUTH[{name!r}] has a value it cannot have.", str(wrong))
            )
    if problems:
        return None, problems
    values["audience"] = values["audience"] or values["issuer"]
    settings = Settings(**values, secret_keys=secret_keys)
    problems = list(_conflicts(settings))
    return (None if problems else settings), problems


def _unknown(name: object, known: Mapping[str, object]) -> Problem:
    close = difflib.get_close_matches(str(name).upper(), known, n=1, cutoff=0.6)
    hint = f"Did you mean {close[0]!r}?" if close else f"The settings are {', '.join(known)}."
    return Problem("E008", f"TOKENAUTH has no setting {name!r}.", hint)


def _conflicts(settings: Settings) -> Iterator[Problem]:
    if not all(settings.secret_keys):
        yield Problem(
            "E002",
            "SECRET_KEY_FALLBACKS has an empty key, from which anybody can derive ours.",
            "Remove it.",
        )
    sources = (settings.signing_key, settings.key_directory, settings.keys)
    if sum(map(bool, sources)) > 1:
        yield Problem(
            "E001",
            "More than one of SIGNING_KEY, KEY_DIRECTORY and KEYS is set: which one signs?",
            "Leave one of them; keys that only verify can stand in VERIFYING_KEYS beside it.",
        )
    if settings.issuer in settings.clients:
        yield Problem(
            "E008",
            "CLIENTS has the ISSUER, which is the client of all sign-ins that name none.",
            "Give that client another client_id.",
        )
    if settings.access_token_lifetime >= settings.refresh_token_lifetime:
        yield Problem(
            "E004",
            "ACCESS_TOKEN_LIFETIME is not below REFRESH_TOKEN_LIFETIME.",
            "An access token is short-lived (minutes), a refresh token long-lived (days).",
        )
    if settings.access_token_lifetime >= settings.session_lifetime:
        yield Problem(
            "E004",
            "ACCESS_TOKEN_LIFETIME is not below SESSION_LIFETIME.",
            "SESSION_LIFETIME is the absolute end of a sign-in (days).",
        )
    if (
        settings.scope_policy is None
        and not settings.stateless_refresh
        and len(" ".join(set(settings.scopes))) > _LONGEST_SCOPE
    ):
        yield Problem(
            "E008",
            "SCOPES is longer than a session can hold: a sign-in with all of it fails.",
            f"Give at most {_LONGEST_SCOPE} characters in all, or a SCOPE_POLICY that grants less.",
        )
    if settings.throttle_cache not in django_settings.CACHES:
        yield Problem(
            "E008",
            "THROTTLE_CACHE is not a name in CACHES.",
            "Name one of Django's caches, for example 'default'.",
        )


def read_project() -> tuple[Settings | None, list[Problem]]:
    """Read the settings of this Django project."""
    fallbacks = django_settings.SECRET_KEY_FALLBACKS
    try:
        secrets = (django_settings.SECRET_KEY, *fallbacks)
    except ImproperlyConfigured:
        # Django raises that where the key is asked for; a check that raised would say less.
        return None, [
            Problem(
                "E002",
                "SECRET_KEY is empty, and the keys of tokens are derived from it.",
                "Give it at least 50 random characters.",
            )
        ]
    # As Django itself turns them into bytes, whatever they are.
    return read(getattr(django_settings, "TOKENAUTH", {}), tuple(map(force_bytes, secrets)))


@cache
def load() -> Settings:
    """The settings of this project, read once and kept until a setting changes.

    Raises ``ImproperlyConfigured`` with every problem that ``manage.py check`` reports.
    """
    settings, problems = read_project()
    if settings is None:
        lines = (f"tokenauth.{p.check_id}: {p.message} {p.hint}" for p in problems)
        raise ImproperlyConfigured("\n".join(lines))
    return settings


def _forget(*, setting: str, **kwargs: object) -> None:
    if setting in ("TOKENAUTH", "SECRET_KEY", "SECRET_KEY_FALLBACKS", "CACHES"):
        load.cache_clear()


setting_changed.connect(_forget, dispatch_uid="django_tokenauth.conf.settings")
