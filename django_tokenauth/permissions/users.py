"""Permission classes for the kind of the user: with a token or without, impersonated or not."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from .._request_values import TOKEN_USER
from ..services.arguments import django_request
from ..sessions.users import is_same_user
from ..tokens.claims import Claims


class IsAuthenticatedWithoutToken(BasePermission):
    """Allow users who were authenticated without an access token of this package.

    Examples are Django's sessions in the browsable API, and ``force_authenticate()`` in tests.
    ``HasScope | IsAuthenticatedWithoutToken`` admits these users beside access tokens with the
    required scopes.
    """

    def has_permission(self, request: Request, view: Any) -> bool:
        user: Any = request.user
        return bool(user and user.is_authenticated) and _claims(request) is None

    def has_object_permission(self, request: Request, view: Any, obj: Any) -> bool:
        # With ~, REST framework would deny every object if has_object_permission() always returned
        # True.
        return self.has_permission(request, view)


class IsNotImpersonated(BasePermission):
    """Deny access tokens with a member of the staff in ``act``, who acts as the user.

    Use this class in views that only the users themselves may call, for example to change the
    password (:func:`~django_tokenauth.services.impersonate`). Requests without an access token are
    allowed: combine the class with other permissions.
    """

    message = _("The user must do this without the staff.")

    def has_permission(self, request: Request, view: Any) -> bool:
        claims = _claims(request)
        return claims is None or claims.actor is None

    def has_object_permission(self, request: Request, view: Any, obj: Any) -> bool:
        # With ~, REST framework would deny every object if has_object_permission() always returned
        # True.
        return self.has_permission(request, view)


def _claims(request: Request) -> Claims | None:
    """Return the claims of the access token that identifies the user of *request*, if any.

    ``SessionAuthentication`` takes the user that ``TokenMiddleware`` or ``token_required`` set for
    the user of a Django session, if a plain function calls the view. ``request.auth`` is ``None``
    in this case. Other middleware, such as that of django-otp, may have replaced the user by a lazy
    object that returns the user.
    """
    claims: Any = request.auth
    if not isinstance(claims, Claims):
        user, claims = getattr(django_request(request), TOKEN_USER, (None, None))
        if not is_same_user(request.user, user):
            return None
    return claims if isinstance(claims, Claims) else None
