"""The settings of the project: the dict ``TOKENAUTH`` as one frozen, typed value.

The function :func:`load` returns the :class:`Settings` and caches them until Django's signal
``setting_changed`` reports a change, as in tests. The exception :class:`InvalidSettings` contains
every problem of the settings, and the system checks report every problem.

Each :class:`Settings` object compares by identity and is the cache key of derived objects, such as
key sets and token readers. A change of the settings replaces the derived objects.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import Field, dataclass, field, fields
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, NoReturn

from django.conf import settings as django_settings
from django.core.exceptions import ImproperlyConfigured
from django.core.signals import setting_changed
from django.utils.encoding import force_bytes

from . import bounds, names, parties, resources, values
from .api_tokens import API_TOKEN_NAMES, APITokenSettings
from .clients import CHECKS as CLIENT_CHECKS
from .clients import Client, parse_clients
from .fields import setting as _setting
from .other_packages import hint_for
from .problems import Problem
from .values import KeyMaterial, Rate

#: The two families of algorithms. A key set has keys of one family (RFC 8725 section 3.1).
HMAC_ALGORITHMS = ("HS256", "HS384", "HS512")
ASYMMETRIC_ALGORITHMS = (
    *("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
    *("ES256", "ES384", "ES512", "EdDSA"),
)

# Matches names such as ROTATE_REFRESH_TOKENS, a setting of another package.
_SEVERAL_WORDS = re.compile(r"[A-Z]{1,16}(_[A-Z]{1,16})+")

#: Maximum delay between ``revoked_at`` and the commit of a revocation that the snapshot of revoked
#: sessions must contain. The snapshot may lack a revocation with a delay above ``LONGEST_WAIT``.
#: Waits for locks, long transactions and differences between clocks cause the delay.
LONGEST_WAIT = timedelta(minutes=2)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Settings(APITokenSettings):
    """The settings of ``TOKENAUTH``, with their names in lower case."""

    issuer: str = _setting(parties.issuer, "django-tokenauth")
    audience: str = _setting(parties.audience, None)
    algorithm: str = _setting(values.one_of(*HMAC_ALGORITHMS, *ASYMMETRIC_ALGORITHMS), "HS256")
    signing_key: KeyMaterial | None = _setting(values.optional_key_material, None, secret=True)
    verifying_keys: tuple[KeyMaterial, ...] = _setting(values.keys, (), secret=True)
    key_directory: Path | None = _setting(values.optional_path, None)
    keys: tuple[Mapping[str, Any], ...] = _setting(values.optional_key_set, None, secret=True)
    refresh_secret_key: bytes | None = _setting(values.optional_secret, None, secret=True)
    refresh_secret_key_fallbacks: tuple[bytes, ...] = _setting(values.secrets, (), secret=True)
    jwks_max_age: timedelta = _setting(values.lifetime, timedelta(minutes=5))
    clients: Mapping[str, Client] = _setting(parse_clients, None, secret=True)
    revoke_by_access_token: tuple[str, ...] = _setting(values.client_ids, ())
    access_token_lifetime: timedelta = _setting(values.lifetime, timedelta(minutes=5))
    refresh_token_lifetime: timedelta = _setting(values.lifetime, timedelta(days=14))
    session_lifetime: timedelta = _setting(values.lifetime, timedelta(days=90))
    max_access_token_lifetime: timedelta = _setting(values.optional_lifetime, None)
    max_session_lifetime: timedelta = _setting(values.optional_lifetime, None)
    lifetimes: Callable[..., Any] | None = _setting(values.hook, None)
    session_data: Callable[..., Any] | None = _setting(values.hook, None)
    not_before: datetime | None = _setting(values.optional_moment, None)
    refresh_grace: timedelta = _setting(values.duration_up_to(60), timedelta(seconds=10))
    refresh_retry: bool = _setting(values.flag, False)
    leeway: timedelta = _setting(values.duration_up_to(120), timedelta(0))
    stateless_refresh: bool = _setting(values.flag, False)
    max_sessions_per_user: int | None = _setting(values.optional_count, 100)
    session_retention: timedelta = _setting(values.lifetime, timedelta(days=7))
    user_id_field: str = _setting(values.string, "pk")
    scopes: tuple[str, ...] = _setting(names.scopes, ())
    audiences: Mapping[str, tuple[str, ...]] = _setting(resources.audiences, None)
    scope_policy: Callable[..., Any] | None = _setting(values.hook, None)
    extra_claims: Callable[..., Any] | None = _setting(values.hook, None)
    impersonation: Callable[..., Any] | None = _setting(values.hook, None)
    acr: Callable[..., Any] | None = _setting(values.hook, None)
    acr_values: tuple[str, ...] = _setting(names.acr_values, ())
    advertise_password_grant: bool = _setting(values.flag, False)
    revocation_poll_interval: timedelta | None = _setting(
        values.optional_lifetime, timedelta(seconds=10)
    )
    token_cache_size: int = _setting(values.count, 4096)
    token_cache_bytes: int = _setting(values.count, 16 * 2**20)
    sign_in_rate_user: Rate | None = _setting(values.optional_rate, "20/hour")
    sign_in_rate_ip: Rate | None = _setting(values.optional_rate, "30/min")
    sign_in_delay_user: timedelta | None = _setting(values.optional_delay, None)
    throttle_cache: str = _setting(values.string, "default")

    #: The settings ``SECRET_KEY`` and ``SECRET_KEY_FALLBACKS`` of Django, in this order.
    secret_keys: tuple[bytes, ...] = field(repr=False)
    #: The functions that :mod:`per_request` calls for each request, by the name of their field.
    #: Before the call, the fields ``issuer`` and ``audience`` have no value.
    by_request: Mapping[str, Callable[..., Any]] = field(default_factory=dict, repr=False)
    #: The settings before the calls, or ``None`` if ``by_request`` is empty.
    original: Settings | None = field(default=None, repr=False)

    @property
    def shared(self) -> Settings:
        """The settings to which objects that all tenants share belong, such as key sets."""
        return self.original or self

    @property
    def refresh_secrets(self) -> tuple[bytes, ...]:
        """The secrets of refresh tokens: the first secret signs, and all secrets verify."""
        own = () if self.refresh_secret_key is None else (self.refresh_secret_key,)
        return (*(own or self.secret_keys), *self.refresh_secret_key_fallbacks)

    @property
    def prune_after(self) -> timedelta:
        """The minimum time for which an expired or revoked session stays in the table.

        The retention is at least :attr:`revocation_window`, because processes read the snapshot of
        revoked sessions from the table.
        """
        return max(self.session_retention, self.revocation_window)

    def is_revoked_by_not_before(self, auth_time: float) -> bool:
        """Return whether ``NOT_BEFORE`` invalidates a sign-in at *auth_time*, a Unix timestamp."""
        return self.not_before is not None and auth_time < self.not_before.timestamp()

    @property
    def revocation_window(self) -> timedelta:
        """The time for which the snapshot of revoked sessions contains a session.

        The window begins at ``revoked_at`` and covers the lifetime of each access token.
        """
        return self.max_access_token_lifetime + self.leeway + LONGEST_WAIT


class UnusableSetting(Exception):
    """A setting is invalid, or depends on the request. Checks that read it are skipped."""


class PartialSettings(Settings):
    """The valid settings. Reading another setting raises :class:`UnusableSetting`."""

    __slots__ = ()

    def __getattr__(self, name: str) -> NoReturn:
        # Python calls __getattr__() for a slot without a value.
        raise UnusableSetting(name)

    def __repr__(self) -> str:
        return "PartialSettings(...)"


def setting_fields() -> dict[str, Field[Any]]:
    """Return the fields of :class:`Settings` that a project can set, by name in ``TOKENAUTH``."""
    items = {item.name.upper(): item for item in fields(Settings) if "parse" in item.metadata}
    # The documentation lists the inherited fields last.
    return items | {name: items.pop(name) for name in API_TOKEN_NAMES}


def read(raw: object, secret_keys: tuple[bytes, ...]) -> tuple[Settings, list[Problem]]:
    """Return the settings in *raw*, the value of ``TOKENAUTH``, and every problem of the settings.

    *secret_keys* contains the encoded ``SECRET_KEY`` and ``SECRET_KEY_FALLBACKS``, or is empty if
    ``SECRET_KEY`` is empty. If there are problems or functions of the request, the settings are
    :class:`PartialSettings`.
    """
    known = setting_fields()
    problems = []
    parsed: dict[str, Any] = {"secret_keys": secret_keys, "original": None}
    if not secret_keys:
        problems.append(
            Problem(
                "E002",
                "SECRET_KEY is empty, and the keys of tokens are derived from it.",
                "Give it at least 50 random characters.",
                unusable=("secret_keys",),
            )
        )
    if not isinstance(raw, Mapping):
        problems.append(
            Problem(
                "E008",
                "TOKENAUTH is not a dict.",
                'Write TOKENAUTH = {"...": ...}.',
                unusable=tuple(item.name for item in known.values()),
            )
        )
        raw = {}
    problems += [
        _unknown(position, name, known) for position, name in enumerate(raw, 1) if name not in known
    ]
    for name, item in known.items():
        try:
            parsed[item.name] = item.metadata["parse"](raw.get(name, item.default))
        except values.InvalidSetting as error:
            problems.append(_invalid(item, raw[name], error))
    parsed["by_request"] = parties.take_functions(parsed)
    # If AUDIENCE is None, the audience is the issuer, which can be invalid itself.
    if parsed.get("audience", "") is None:
        del parsed["audience"]
        if "issuer" in parsed:
            parsed["audience"] = parsed["issuer"]
    bounds.set_defaults(parsed)
    partial = _partial(parsed, problems)
    for check in _CONFLICTS:
        with suppress(UnusableSetting):
            problems += check(partial)
    is_partial = problems or parsed["by_request"]
    return (_partial(parsed, problems) if is_partial else Settings(**parsed)), problems


def _partial(parsed: Mapping[str, Any], problems: Iterable[Problem]) -> PartialSettings:
    unusable = {name for problem in problems for name in problem.unusable}
    settings = object.__new__(PartialSettings)
    for name in parsed.keys() - unusable:
        object.__setattr__(settings, name, parsed[name])
    return settings


def _invalid(item: Field[Any], value: object, error: values.InvalidSetting) -> Problem:
    # Show no value that may be a key: the project may have put a key into the wrong setting.
    shown = error.shown or value is None or isinstance(value, (bool, int, float, timedelta))
    got = repr(value) if shown and item.repr else f"a value of type {type(value).__name__}"
    return Problem(
        "E004" if isinstance(value, timedelta) else "E008",
        f"TOKENAUTH[{item.name.upper()!r}] is invalid: got {got}, expected {error.expected}.",
        error.hint,
        unusable=(item.name,),
    )


def _unknown(position: int, name: object, known: Mapping[str, object]) -> Problem:
    hint = hint_for(str(name), [*known]) or f"The settings are {', '.join(known)}."
    message = (
        f"TOKENAUTH has no setting {name!r}."
        if _can_be_shown(name, known)
        else f"The name of entry {position} of TOKENAUTH is not a setting."
    )
    return Problem("E008", message, hint)


def _can_be_shown(name: object, known: Mapping[str, object]) -> bool:
    # The project may have swapped the name and the value, so the name may be a secret.
    if not isinstance(name, str):
        return name is None or isinstance(name, (bool, int, float))
    return values.can_be_shown(name, known) or bool(_SEVERAL_WORDS.fullmatch(name))


def _empty_fallback(settings: Settings) -> Iterator[Problem]:
    if not all(settings.secret_keys):
        yield Problem(
            "E002",
            "SECRET_KEY_FALLBACKS contains an empty key, from which an attacker can derive the "
            "keys of tokens.",
            "Remove the empty key.",
            unusable=("secret_keys",),
        )


def _several_key_sources(settings: Settings) -> Iterator[Problem]:
    sources = (settings.signing_key, settings.key_directory, settings.keys)
    if sum(map(bool, sources)) > 1:
        yield Problem(
            "E001",
            "SIGNING_KEY, KEY_DIRECTORY and KEYS exclude each other, and more than one is set.",
            "Keep one of them. Keys that only verify can be in VERIFYING_KEYS.",
            unusable=("signing_key", "key_directory", "keys"),
        )


def _issuer_as_client(settings: Settings) -> Iterator[Problem]:
    if settings.issuer in settings.clients:
        yield Problem(
            "E008",
            "CLIENTS contains the ISSUER, which is the client id of sign-ins without a client.",
            "Give that client another client id.",
        )


def _less(name: str, other: str, hint: str) -> Callable[[Settings], Iterator[Problem]]:
    def check(settings: Settings) -> Iterator[Problem]:
        if getattr(settings, name) >= getattr(settings, other):
            yield Problem("E004", f"{name.upper()} must be less than {other.upper()}.", hint)

    return check


def _at_most(name: str, limit: str) -> Callable[[Settings], Iterator[Problem]]:
    def check(settings: Settings) -> Iterator[Problem]:
        if getattr(settings, name) > getattr(settings, limit):
            hint = f"Increase {limit.upper()}, or remove it."
            yield Problem("E004", f"{name.upper()} must be at most {limit.upper()}.", hint)

    return check


def _e008(check: Callable[[Settings], Iterable[tuple[str, str]]]) -> Callable[[Settings], Any]:
    return lambda settings: [Problem("E008", *found) for found in check(settings)]


def _unknown_cache(settings: Settings) -> Iterator[Problem]:
    name, names = settings.throttle_cache, django_settings.CACHES
    if name not in names:
        got = f" It is {name!r}." if values.can_be_shown(name, names) else ""
        yield Problem(
            "E008",
            f"THROTTLE_CACHE is not a name in CACHES.{got}",
            f"{values.did_you_mean(name, names)} CACHES contains "
            f"{', '.join(map(repr, names))}.".lstrip(),
            unusable=("throttle_cache",),
        )


#: Checks that run after all settings are parsed. Each check reads as few settings as possible,
#: because a check that reads an invalid setting is skipped.
_CONFLICTS = (
    _empty_fallback,
    _several_key_sources,
    _issuer_as_client,
    *(_less(*pair) for pair in bounds.ORDERED),
    *(_at_most(*pair) for pair in bounds.LIMITED),
    *map(_e008, (*resources.CHECKS, *CLIENT_CHECKS)),
    _unknown_cache,
)


class UnusableSettings(ImproperlyConfigured):
    """The settings or keys of this package cannot be used.

    The endpoints of this package respond 503, and its authentication classes raise
    ``TemporarilyUnavailable``. Any other ``ImproperlyConfigured``, such as for an invalid result of
    ``SCOPE_POLICY``, propagates.
    """


class InvalidSettings(UnusableSettings):
    """``TOKENAUTH`` is invalid.

    ``problems`` contains all problems of the settings, and ``settings`` contains the valid
    settings.
    """

    def __init__(self, problems: Sequence[Problem], settings: Settings) -> None:
        lines = (f"tokenauth.{p.check_id}: {p.message} {p.hint}".rstrip() for p in problems)
        super().__init__("\n".join(lines))
        self.problems = problems
        self.settings = settings


def read_project() -> tuple[Settings, list[Problem]]:
    """Return the settings of this Django project and every problem, as :func:`read` does."""
    secrets: tuple[object, ...] = ()
    # Django raises ImproperlyConfigured if SECRET_KEY is empty, but a system check must not raise.
    with suppress(ImproperlyConfigured):
        secrets = (django_settings.SECRET_KEY, *django_settings.SECRET_KEY_FALLBACKS)
    # force_bytes() encodes keys of any type, as Django's own signing does.
    return read(getattr(django_settings, "TOKENAUTH", {}), tuple(map(force_bytes, secrets)))


@cache
def load() -> Settings:
    """Return the settings of this project, cached until ``setting_changed`` reports a change.

    Raises :class:`InvalidSettings` with every problem.
    """
    settings, problems = read_project()
    if problems:
        raise InvalidSettings(problems, settings)
    return settings


def _on_change(*, setting: str, **kwargs: object) -> None:
    if setting in ("TOKENAUTH", "SECRET_KEY", "SECRET_KEY_FALLBACKS", "CACHES"):
        load.cache_clear()


setting_changed.connect(_on_change, dispatch_uid="django_tokenauth.conf.settings")
