"""What is wrong in the settings, said before the first request.

Errors are ``tokenauth.E0xx``, warnings ``tokenauth.W0xx``. What is only insecure where others can
reach the project is in :mod:`~django_tokenauth.checks.deployment`, what takes a look into the
database in :mod:`~django_tokenauth.checks.database`.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Any

from django.apps import AppConfig, apps
from django.contrib.auth import get_user_model
from django.core import checks
from django.core.checks import CheckMessage, Error
from django.core.exceptions import FieldDoesNotExist
from django.db.models import BinaryField, Field, Model
from rest_framework.authentication import BaseAuthentication
from rest_framework.settings import api_settings

from ..authentication import JWTAuthentication
from ..conf.settings import Settings, read_project
from ..errors import InvalidKey
from ..keys.sources import build_access_keys
from ..services import INTROSPECTION_SCOPE

_Apps = Sequence[AppConfig] | None


def check_settings(app_configs: _Apps = None, **kwargs: Any) -> list[CheckMessage]:
    """``TOKENAUTH`` can be used: names, types, values and keys."""
    settings, problems = read_project()
    messages: list[CheckMessage] = [
        Error(problem.message, hint=problem.hint, id=f"tokenauth.{problem.check_id}")
        for problem in problems
    ]
    if settings is not None:
        messages += _key_messages(settings)
        messages += _dubious(settings)
    return messages


def _key_messages(settings: Settings) -> Iterator[CheckMessage]:
    try:
        keys = build_access_keys(settings).at(time.time())
    except InvalidKey as error:
        yield Error(str(error), hint=error.hint or None, id=f"tokenauth.{error.check_id}")
        return
    dated = settings.key_directory is not None or bool(settings.keys)
    left = keys.verifying.values()
    if keys.signing is None and dated and (not left or any(key.can_sign for key in left)):
        yield Error(
            "No key signs now: each of those in KEY_DIRECTORY or KEYS has ended or begins later.",
            hint="manage.py tokenauth_keys list shows their times.",
            id="tokenauth.E002",
        )
    elif keys.signing is None:
        yield checks.Warning(
            "This project can verify access tokens but not sign any: it has no private key.",
            hint="Give it one in KEY_DIRECTORY, KEYS or SIGNING_KEY where users sign in; silence "
            "this check where tokens are only verified.",
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
    elif not settings.refresh_grace + settings.leeway:
        yield checks.Warning(
            "REFRESH_GRACE is zero: two tabs, or a request sent again, sign the user out.",
            hint="Give a few seconds, for example timedelta(seconds=10).",
            id="tokenauth.W007",
        )
    if INTROSPECTION_SCOPE in settings.scopes and settings.scope_policy is None:
        yield checks.Warning(
            f"Every user may have the scope {INTROSPECTION_SCOPE}, and with it read what is in the "
            "tokens of all others.",
            hint="Grant it to resource servers only, by a SCOPE_POLICY.",
            id="tokenauth.W009",
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
    if settings is not None and not names_one_user(get_user_model(), settings.user_id_field):
        messages.append(
            Error(
                "USER_ID_FIELD does not name a unique field of the user model.",
                hint='Give "pk", or a text, number or UUID with unique=True and without null=True.',
                id="tokenauth.E009",
            )
        )
    if _answers_403():
        messages.append(
            checks.Warning(
                "The first of DEFAULT_AUTHENTICATION_CLASSES has no challenge: where a token is "
                "missing or has expired, REST framework answers 403 instead of 401, and clients "
                "do not refresh.",
                hint="Put the class of django_tokenauth first.",
                id="tokenauth.W013",
            )
        )
    return messages


def names_one_user(user_model: type[Model], name: str) -> bool:
    """Whether the text of the field tells each user from all others, and leads back to them."""
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
    # Nobody is named by: the text "None", which many have; that of another object, which a relation
    # leads to; or that of bytes, which no field can read.
    is_object = field.is_relation and name != field.attname
    return not field.null and not is_object and not isinstance(field, BinaryField)


def _authenticators() -> Sequence[Any]:
    # REST framework calls whatever stands there, and only when a view is asked.
    found: Any = api_settings.DEFAULT_AUTHENTICATION_CLASSES
    return found if isinstance(found, (list, tuple)) else ()


def is_default(kind: type) -> bool:
    """Whether views use such an authentication class unless they say otherwise."""
    return any(isinstance(each, type) and issubclass(each, kind) for each in _authenticators())


def _answers_403() -> bool:
    """The first class speaks for all of them, and says nothing (RFC 9110 section 15.5.2)."""
    if not is_default(JWTAuthentication):
        return False
    says = getattr(_authenticators()[0], "authenticate_header", None)
    return says is BaseAuthentication.authenticate_header
