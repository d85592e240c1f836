"""Checks of ``TOKENAUTH``, the user model and REST framework, in every ``manage.py check``."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from inspect import signature

from django.apps import apps
from django.conf import settings as django_settings
from django.contrib.auth import get_backends, get_user_model
from django.core import checks
from django.core.checks import CheckMessage, Error
from django.core.exceptions import FieldDoesNotExist
from django.db.models import BinaryField, Field, Model
from rest_framework.authentication import BaseAuthentication

from ..authentication import JWTAuthentication
from ..conf.problems import Problem
from ..conf.settings import Settings, UnusableSetting
from ..conf.values import can_be_shown, did_you_mean
from ..errors import InvalidKey
from ..http.authenticators import default_authentication_classes
from ..keys.sources import build_access_keys
from ..services import INTROSPECTION_SCOPE
from ..services.backends import is_called, username_arguments

_Check = Callable[[Settings], Iterable[CheckMessage]]


# Seconds by which NOT_BEFORE may be in the future, because the clocks of machines may differ.
_MAX_AHEAD = 300


def problem_messages(problems: Iterable[Problem]) -> list[CheckMessage]:
    """Return the *problems* of ``TOKENAUTH`` as check errors."""
    return [
        Error(problem.message, hint=problem.hint or None, id=f"tokenauth.{problem.check_id}")
        for problem in problems
    ]


def setting_messages(settings: Settings, now: float) -> Iterator[CheckMessage]:
    """Check the settings of keys, sessions and scopes. *now* is in seconds since the epoch."""
    yield from judge(
        settings,
        lambda usable: _key_messages(usable, now),
        lambda usable: _not_before_messages(usable, now),
        _dubious_refresh,
        _introspection_for_all,
    )


def judge(settings: Settings, *subjects: _Check) -> Iterator[CheckMessage]:
    """Run the checks *subjects*, and skip each check that reads an invalid setting."""
    for check in subjects:
        with suppress(UnusableSetting):
            yield from check(settings)


def _key_messages(settings: Settings, now: float) -> Iterator[CheckMessage]:
    try:
        keys = build_access_keys(settings).at(now)
    except InvalidKey as error:
        yield Error(str(error), hint=error.hint or None, id=f"tokenauth.{error.check_id}")
        return
    dated = settings.key_directory is not None or bool(settings.keys)
    verifying = keys.verifying.values()
    if keys.signing is None and dated and (not verifying or any(k.can_sign for k in verifying)):
        yield Error(
            "No key signs now: every key in KEY_DIRECTORY or KEYS has expired or signs later.",
            hint="To show their times, run manage.py tokenauth_keys list.",
            id="tokenauth.E002",
        )
    elif keys.signing is None:
        yield checks.Warning(
            "This project can verify access tokens but not sign them: it has no private key.",
            hint="If users sign in here, set KEY_DIRECTORY, KEYS or SIGNING_KEY. If this service "
            "only verifies tokens, silence this check.",
            id="tokenauth.W019",
        )


def _not_before_messages(settings: Settings, now: float) -> Iterator[CheckMessage]:
    if settings.is_revoked_by_not_before(now + _MAX_AHEAD):
        yield Error(
            "TOKENAUTH['NOT_BEFORE'] is in the future: every token is rejected until then.",
            hint="Give the current time, or an earlier one, in the right time zone.",
            id="tokenauth.E004",
        )


def _dubious_refresh(settings: Settings) -> Iterator[CheckMessage]:
    if settings.stateless_refresh:
        yield checks.Warning(
            "STATELESS_REFRESH stores no sessions: users cannot be signed out, and a stolen "
            "refresh token is valid until it expires.",
            hint="Set it to False. If it is intended, silence this check.",
            id="tokenauth.W007",
        )
    elif not settings.refresh_grace + settings.leeway:
        yield checks.Warning(
            "REFRESH_GRACE is zero: two browser tabs or a retried request sign the user out.",
            hint="Give a few seconds, for example timedelta(seconds=10).",
            id="tokenauth.W007",
        )


def _introspection_for_all(settings: Settings) -> Iterator[CheckMessage]:
    if INTROSPECTION_SCOPE in settings.scopes and settings.scope_policy is None:
        yield checks.Warning(
            f"Every user can get the scope {INTROSPECTION_SCOPE}, and with it read the claims of "
            "every token.",
            hint="Set a SCOPE_POLICY that grants it to resource servers only.",
            id="tokenauth.W009",
        )


def installation_messages(settings: Settings) -> Iterator[CheckMessage]:
    """Check the user model and REST framework."""
    if not apps.is_installed("rest_framework"):
        yield Error(
            "rest_framework is not in INSTALLED_APPS.",
            hint="Add it beside django_tokenauth.",
            id="tokenauth.E005",
        )
    yield from judge(settings, _user_id_field)
    # REST framework imports the class that the string names, and a view with the default
    # authentication classes fails to iterate over that class.
    if isinstance(_project_value("DEFAULT_AUTHENTICATION_CLASSES"), str):
        yield Error(
            "DEFAULT_AUTHENTICATION_CLASSES of REST_FRAMEWORK is a string, so each view that uses "
            "the default raises a TypeError.",
            hint="Write a list, also for one class: [...].",
            id="tokenauth.E010",
        )
    yield from _uncalled_backends()
    if _responds_403():
        yield checks.Warning(
            "The first of DEFAULT_AUTHENTICATION_CLASSES has no WWW-Authenticate header. REST "
            "framework responds 403 instead of 401 to a missing or expired token, and clients do "
            "not refresh.",
            hint="Put the class of django_tokenauth first.",
            id="tokenauth.W013",
        )


def _uncalled_backends() -> Iterator[CheckMessage]:
    """Report backends with a password that a sign-in does not call."""
    try:
        backends = get_backends()
    except Exception:  # noqa: BLE001
        # The sign-in raises the same error, with its traceback.
        return
    names, field = username_arguments(), get_user_model().USERNAME_FIELD
    called = f"authenticate(request, {', '.join(f'{name}=...' for name in names)}, password=...)"
    for backend in backends:
        if is_called(backend, names, field):
            continue
        if "password" in signature(backend.authenticate).parameters:
            name = f"{type(backend).__module__}.{type(backend).__qualname__}"
            yield checks.Warning(
                f"The authentication backend {name} does not "
                f"get the username when users sign in: its signature does not fit {called}.",
                hint="Give its authenticate() the parameters of this call.",
                id="tokenauth.W027",
            )


def _user_id_field(settings: Settings) -> Iterator[CheckMessage]:
    name, user_model = settings.user_id_field, get_user_model()
    if identifies_user(user_model, name):
        return
    fields = [field.name for field in user_model._meta.get_fields()]
    unique = ["pk", *(each for each in fields if identifies_user(user_model, each))]
    got = f" It is {name!r}." if can_be_shown(name, fields) else ""
    yield Error(
        f"USER_ID_FIELD is not the name of a unique field of the user model.{got}",
        hint=f"{did_you_mean(name, unique)} Give one of {', '.join(map(repr, unique))}, or a "
        "string, number or UUID field with unique=True and without null=True.".lstrip(),
        id="tokenauth.E009",
    )


def identifies_user(user_model: type[Model], name: str) -> bool:
    """Return whether the value of the field *name*, as a string, identifies exactly one user."""
    if name == "pk":
        return True
    try:
        field = user_model._meta.get_field(name)
    except FieldDoesNotExist:
        return False
    if not isinstance(field, Field):
        return False
    constraints = user_model._meta.total_unique_constraints
    if not field.unique and all(tuple(each.fields) != (name,) for each in constraints):
        return False
    # Reject fields whose value as a string does not identify a user: a nullable field, a relation,
    # and bytes. Many users can share "None", and no field can parse str(bytes).
    is_object = field.is_relation and name != field.attname
    return not field.null and not is_object and not isinstance(field, BinaryField)


def is_default(authentication_class: type) -> bool:
    """Return whether views use *authentication_class* by default."""
    return any(
        isinstance(each, type) and issubclass(each, authentication_class)
        for each in default_authentication_classes()
    )


def _project_value(name: str) -> object:
    """Return the value of *name* in ``REST_FRAMEWORK``, as the project wrote it."""
    project: Mapping[str, object] = getattr(django_settings, "REST_FRAMEWORK", {})
    return project.get(name)


def _responds_403() -> bool:
    # REST framework takes WWW-Authenticate from the first authentication class. A 401 response must
    # contain WWW-Authenticate (RFC 9110 section 15.5.2).
    if not is_default(JWTAuthentication):
        return False
    header = getattr(default_authentication_classes()[0], "authenticate_header", None)
    return header is BaseAuthentication.authenticate_header
