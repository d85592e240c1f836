"""Permissions for the time and the methods of the user's sign-in (RFC 9470)."""

from __future__ import annotations

import time
from abc import abstractmethod
from datetime import timedelta
from typing import Any

from rest_framework.exceptions import PermissionDenied
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from ..conf.settings import load
from ..services.arguments import as_strings
from ..tokens.claims import Claims
from .denials import Reason, TokenPermission
from .errors import StepUpRequirement, check_acr_values
from .users import IsNotImpersonated


class _SignInPermission(TokenPermission):
    """A permission that requires a sign-in of the user.

    A member of the staff who acts as the user cannot sign in as the user, and is denied.
    """

    needs_only_claims = True
    requirement: StepUpRequirement

    def check_token(self, claims: Claims, request: Request, view: Any) -> Reason | bool:
        if claims.actor is not None:
            return _impersonated
        return self.is_met_by(claims) or self.requirement

    @abstractmethod
    def is_met_by(self, claims: Claims) -> bool:
        """Return whether the sign-in of *claims* meets the requirement."""


class _SignedInWithin(_SignInPermission):
    def is_met_by(self, claims: Claims) -> bool:
        oldest = time.time() - (self.requirement.max_age or 0) - load().leeway.total_seconds()
        return claims.auth_time is not None and claims.auth_time >= oldest


class _SignedInBy(_SignInPermission):
    def is_met_by(self, claims: Claims) -> bool:
        accepted = self.requirement.acr_values
        return claims.acr in accepted or not set(accepted).isdisjoint(claims.amr)


def SignedInWithin(  # noqa: N802
    *, days: float = 0, hours: float = 0, minutes: float = 0, seconds: float = 0
) -> type[BasePermission]:
    """Return a permission class for users who have signed in within this time.

    The sign-in is that of the claim ``auth_time``. ``LEEWAY`` extends the time. Users who were
    authenticated without an access token are denied, and so are members of the staff who act as the
    user. If an access token is too old, the view raises :class:`InsufficientUserAuthentication`
    with ``max_age``.

    Combine the class with other permissions by ``&``, ``|`` and ``~``. Raises ``ValueError`` for
    less than one second, and ``TypeError`` for values that are not numbers.
    """
    limit = timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
    if limit < timedelta(seconds=1):
        raise ValueError("SignedInWithin() needs a time, for example SignedInWithin(minutes=10).")
    requirement = StepUpRequirement(max_age=int(limit.total_seconds()))
    return type("SignedInWithin", (_SignedInWithin,), {"requirement": requirement})


def SignedInBy(*names: str) -> type[BasePermission]:  # noqa: N802
    """Return a permission class for users who have signed in by one of *names*.

    Each of *names* is a value of the claim ``acr``, or an authentication method in the claim
    ``amr`` (RFC 8176), such as ``"mfa"``. Put the name that you prefer first. Users who were
    authenticated without an access token are denied, and so are members of the staff who act as the
    user. If the sign-in of an access token is not sufficient, the view raises
    :class:`InsufficientUserAuthentication` with ``acr_values``.

    Combine the class with other permissions by ``&``, ``|`` and ``~``. Raises ``TypeError`` without
    names, and ``ValueError`` for an invalid name.
    """
    if not names:
        raise TypeError('SignedInBy() needs a name, for example SignedInBy("mfa").')
    check_acr_values(as_strings("names", names))
    return type("SignedInBy", (_SignedInBy,), {"requirement": StepUpRequirement(None, names)})


def _impersonated(message: Any) -> PermissionDenied:
    return PermissionDenied(IsNotImpersonated.message if message is None else message)
