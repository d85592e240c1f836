"""The denial of a request for its access token, and the error that explains the denial.

``&``, ``|`` and ``~`` of REST framework combine the results of permissions, but not their errors.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Any

from django.utils.translation import gettext_lazy as _
from rest_framework.exceptions import PermissionDenied
from rest_framework.permissions import AND, OR, BasePermission
from rest_framework.request import Request

from ..tokens.claims import Claims
from .errors import StepUpRequirement

_NEEDS_TOKEN = _("This view needs an access token.")

#: A function that returns the error of a denial. The argument is the message of the permission, or
#: ``None``.
Reason = Callable[[Any], PermissionDenied]


class TokenPermission(BasePermission):
    """A permission that requires something of the access token.

    ``has_permission`` returns a boolean, so that the class can be combined by ``&``, ``|`` and
    ``~``. If the view denies the request for the reason of :meth:`check_token`, the view raises the
    error of this reason. If the user was authenticated without an access token, the message of the
    403 response says that the view needs one.
    """

    #: The error that explains the denial of the last request, if the token is the reason.
    reason: Reason | None = None
    #: True if :meth:`check_token` uses only the claims, so that other permissions, which would run
    #: before it, are not necessary.
    needs_only_claims = False

    @abstractmethod
    def check_token(self, claims: Claims, request: Request, view: Any) -> Reason | bool:
        """Return whether *claims* are sufficient, or the reason why they are not."""

    def has_permission(self, request: Request, view: Any) -> bool:
        self.reason = None
        claims: Any = request.auth
        found: Reason | bool = _needs_token
        if isinstance(claims, Claims):
            found = self.check_token(claims, request, view)
        if isinstance(found, bool):
            return found
        self.reason = found
        _explain_denial(view)
        return False

    def has_object_permission(self, request: Request, view: Any, obj: Any) -> bool:
        # With ~, REST framework would deny every object if has_object_permission() always returned
        # True.
        return self.has_permission(request, view)


def _explain_denial(view: Any) -> None:
    """Make *view* raise the error that explains a denial for the token of the request.

    REST framework passes neither headers nor the permission to ``permission_denied``. This function
    therefore replaces ``permission_denied`` and ``check_object_permissions`` on *view*, which
    serves one request.
    """
    denied: Any = getattr(view, "permission_denied", None)
    check: Any = getattr(view, "check_object_permissions", None)
    if check is None or getattr(denied, "func", None) is deny:
        return
    view.permission_denied = partial(deny, view, denied, None)
    view.check_object_permissions = partial(_check_object, view, denied, check)


def _check_object(
    view: Any, denied: Callable[..., None], check: Callable[..., None], request: Request, obj: Any
) -> None:
    view.permission_denied = partial(deny, view, denied, (obj,))
    try:
        check(request, obj)
    finally:
        view.permission_denied = partial(deny, view, denied, None)


def deny(
    view: Any,
    denied: Callable[..., None],
    checked: tuple[Any] | None,
    request: Request,
    message: Any = None,
    code: str | None = None,
    *,
    permissions: Sequence[Any] | None = None,
) -> None:
    """Call the view's own ``permission_denied``, and explain its denial.

    Name the scope or the sign-in that would allow the request. Without an access token, say that
    the view needs an access token.

    *checked* contains the object whose permissions are checked. *checked* is ``None`` while the
    permissions for the request are checked. *permissions* are by default those of the view.
    """
    try:
        denied(request, message=message, code=code)
    except PermissionDenied as error:
        explain = _explanation(view, request, checked, permissions or view.get_permissions())
        if explain is None or hasattr(error, "auth_header"):
            raise
        raise explain(message) from None


def _explanation(
    view: Any, request: Request, checked: tuple[Any] | None, permissions: Sequence[Any]
) -> Reason | None:
    """Return the error for the missing token, scope or sign-in for which *view* denies the
    request."""

    def allows(permission: Any) -> bool:
        return bool(permission.has_permission(request, view)) and (
            checked is None or bool(permission.has_object_permission(request, view, *checked))
        )

    def reason(permission: Any) -> Reason | None:
        """Return the error if *permission* denies the request for its token."""
        if isinstance(permission, TokenPermission):
            permission.has_permission(request, view)
            return permission.reason
        if isinstance(permission, (AND, OR)):
            first, second = vars(permission).values()
            if isinstance(permission, OR):
                return reason(first) or reason(second)
            if allows(first):
                return reason(second)
            return _with_requirements(reason(first), [second], request, view)
        return None

    for place, permission in enumerate(permissions, 1):
        if not allows(permission):
            return _with_requirements(reason(permission), permissions[place:], request, view)
    # All permissions allow the request, so the view has denied an object. The call of
    # has_object_permission() found the first missing scope before _check_object() was installed, so
    # *checked* is None.
    return next(filter(None, map(reason, permissions)), None)


def _with_requirements(
    reason: Reason | None, others: Iterable[Any], request: Request, view: Any
) -> Reason | None:
    """Return *reason*, a missing sign-in, with the further requirements of the *others*.

    Without them, the user would sign in once for each requirement. Return any other *reason*
    unchanged.
    """
    if not isinstance(reason, StepUpRequirement):
        return reason
    for other in others:
        for requirement in _requirements(other, request, view):
            reason &= requirement
    return reason


def _requirements(permission: Any, request: Request, view: Any) -> Iterator[StepUpRequirement]:
    """Yield the missing sign-ins of *permission*, without calling permissions of the project."""
    if isinstance(permission, AND):
        for operand in vars(permission).values():
            yield from _requirements(operand, request, view)
    elif isinstance(permission, TokenPermission) and permission.needs_only_claims:
        permission.has_permission(request, view)
        if isinstance(permission.reason, StepUpRequirement):
            yield permission.reason


def _needs_token(message: Any) -> PermissionDenied:
    return PermissionDenied(_NEEDS_TOKEN if message is None else message)
