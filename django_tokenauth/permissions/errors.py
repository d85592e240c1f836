"""The errors of the permissions, with their challenges (RFC 6750 section 3, RFC 9470 section 3)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.conf import settings as django_settings
from django.utils.translation import gettext_lazy as _
from rest_framework import status
from rest_framework.exceptions import PermissionDenied

from .._bearer import challenge
from .._scope import is_scope_name
from ..authentication import JWTAuthentication
from ..conf.settings import load
from ..errors import TokenAuthError
from ..services.arguments import as_strings


class InsufficientScope(PermissionDenied, TokenAuthError):
    """403 ``insufficient_scope`` (RFC 6750 section 3.1). The challenge names the required scope.

    With ``DEBUG``, the challenge says if ``SCOPES`` does not contain a required scope.

    *scope* is a collection of scope names. *detail* is the message in the response body, by default
    a fixed sentence. Raises ``TypeError`` if *scope* is a single string.
    """

    error = default_code = "insufficient_scope"
    description = default_detail = _("The access token does not have the required scope.")

    def __init__(self, scope: Iterable[str], detail: Any = None) -> None:
        super().__init__(detail)
        names = as_strings("scope", scope)
        # REST framework sends auth_header as WWW-Authenticate. RFC 6750 section 3 allows only ASCII
        # in the description, so the description is not translated.
        description = "The access token does not have the required scope."
        if django_settings.DEBUG and not set(names).issubset(load().scopes):
            description = "A required scope is not in SCOPES of TOKENAUTH."
        self.auth_header = challenge(
            JWTAuthentication.realm, self.error, description, " ".join(sorted(names))
        )


class InsufficientUserAuthentication(PermissionDenied, TokenAuthError):
    """401 ``insufficient_user_authentication`` (RFC 9470 section 3): the user must sign in again.

    The challenge names the requirements. *max_age* is the longest permitted time since the last
    sign-in, in seconds. *acr_values* is a collection of names, of which the new sign-in needs one:
    values of ``acr``, or authentication methods (RFC 8176). *detail* is the message in the response
    body, by default a fixed sentence.

    Raises ``TypeError`` without *max_age* and *acr_values*, and if *acr_values* is a single string.
    Raises ``TypeError`` or ``ValueError`` for invalid values.
    """

    status_code = status.HTTP_401_UNAUTHORIZED
    error = default_code = "insufficient_user_authentication"
    description = default_detail = _("Sign in again. This request needs a newer or safer sign-in.")

    def __init__(
        self, *, max_age: int | None = None, acr_values: Iterable[str] = (), detail: Any = None
    ) -> None:
        super().__init__(detail)
        values = as_strings("acr_values", acr_values)
        if max_age is None and not values:
            raise TypeError("InsufficientUserAuthentication needs max_age or acr_values.")
        if max_age is not None and (type(max_age) is not int or max_age < 0):
            raise ValueError("max_age must be an integer of seconds, at least 0.")
        check_acr_values(values)
        self.auth_header = challenge(
            JWTAuthentication.realm,
            self.error,
            "Sign in again. This request needs a newer or safer sign-in.",
            acr_values=" ".join(values),
            max_age="" if max_age is None else str(max_age),
        )


def check_acr_values(values: Iterable[str]) -> None:
    """Raise ``ValueError`` unless a challenge can contain each of *values*."""
    if not all(map(is_scope_name, values)):
        raise ValueError(
            "acr_values must be names of printable ASCII without spaces, quotes and backslashes."
        )


@dataclass(frozen=True, slots=True)
class StepUpRequirement:
    """The sign-in that a permission requires, and a function that returns the error."""

    max_age: int | None = None
    acr_values: tuple[str, ...] = ()

    def __call__(self, message: Any) -> InsufficientUserAuthentication:
        return InsufficientUserAuthentication(
            max_age=self.max_age, acr_values=self.acr_values, detail=message
        )

    def __and__(self, other: StepUpRequirement) -> StepUpRequirement:
        """Return one requirement for both, so that the user signs in once.

        A challenge cannot require two values of ``acr_values``. The first one is named.
        """
        ages = [each.max_age for each in (self, other) if each.max_age is not None]
        return StepUpRequirement(min(ages, default=None), self.acr_values or other.acr_values)
