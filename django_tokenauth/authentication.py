"""REST framework's authentication classes: an access token in the ``Authorization`` header.

RFC 6750 says how it comes and what is answered; only the header counts, never a query or a form.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext_lazy as _
from django.views.decorators.debug import sensitive_variables
from rest_framework import status
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import APIException, AuthenticationFailed
from rest_framework.request import Request

from . import services
from .errors import InvalidToken, ServiceUnavailable, TokenErrorCode
from .tokens.claims import Claims


class TokenUser:
    """A user made of the claims of an access token, for :class:`StatelessJWTAuthentication`.

    It has the ``sub`` as its ``pk``, the claims as ``claims``, and no permissions of its own: what
    it may do is in the scope. It stands behind every permission class as a user who has signed in,
    is no staff and has none of Django's permissions.
    """

    is_authenticated = True
    is_anonymous = False
    is_active = True
    is_staff = False
    is_superuser = False

    def __init__(self, claims: Claims) -> None:
        self.claims = claims
        self.pk = self.id = claims.subject

    def __str__(self) -> str:
        return self.pk

    def __repr__(self) -> str:
        return f"<TokenUser: {self.pk}>"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, TokenUser) and self._identity == other._identity

    def __hash__(self) -> int:
        return hash(self._identity)

    @property
    def _identity(self) -> tuple[str, str]:
        return self.claims.issuer, self.claims.subject

    def get_username(self) -> str:
        return self.pk

    def get_all_permissions(self, obj: object = None) -> set[str]:
        return set()

    get_user_permissions = get_group_permissions = get_all_permissions

    def has_perm(self, perm: str, obj: object = None) -> bool:
        return False

    def has_perms(self, perm_list: Iterable[str], obj: object = None) -> bool:
        return not list(perm_list)

    def has_module_perms(self, module: str) -> bool:
        return False


logger = logging.getLogger("django_tokenauth")

# Where a request says that its token was refused, for the challenge that follows.
_REFUSED = "django_tokenauth.refused"


class TokenRefused(AuthenticationFailed):
    """401 ``invalid_token`` (RFC 6750 section 3.1). Why exactly is in the log only."""

    default_detail = _("The access token is not valid.")
    default_code = "invalid_token"


class Unavailable(APIException):
    """503: nobody can tell now whether the token is good."""

    status_code = status.HTTP_503_SERVICE_UNAVAILABLE
    default_detail = _("The service does not answer now. Try again.")
    default_code = "temporarily_unavailable"
    #: Seconds, which REST framework sends as ``Retry-After``.
    wait = ServiceUnavailable.retry_after


def bearer_token(request: Request) -> str | None:
    """The token of the header ``Authorization: Bearer``, or ``None`` if that is somebody else's.

    The scheme is case-insensitive (RFC 9110 section 11.1). Whatever follows it is taken as the
    token, so a header that is not exactly ``Bearer TOKEN`` is a token that is refused.
    """
    # Not request.META, which REST framework looks for in vain before it asks the request that it
    # wraps: a sixteenth of what a request with a token that was seen before costs.
    header: str = getattr(request, "_request", request).META.get("HTTP_AUTHORIZATION", "")
    if header.startswith("Bearer "):
        return header[7:]
    if header[:6].lower() != "bearer" or header[6:7].strip():
        return None
    return header[7:] if header[6:7] == " " else header[6:]


class JWTAuthentication(BaseAuthentication):
    """Loads the user: a sign-out, a new password or a deactivation count at once. One statement.

    ``request.user`` is the user, ``request.auth`` a
    :class:`~django_tokenauth.tokens.claims.Claims`.
    """

    #: The realm of the challenge (RFC 9110 section 11.5): fixed text without quotation marks.
    realm = "api"

    @sensitive_variables()
    def authenticate(self, request: Request) -> tuple[Any, Claims] | None:
        """``(user, claims)``, or ``None`` without a bearer token. Raises :class:`TokenRefused`,
        :class:`Unavailable`."""
        token = bearer_token(request)
        if token is None:
            return None
        try:
            claims = services.authenticate_access_token(token)
            return self.get_user(claims), claims
        except InvalidToken as error:
            logger.info("access token refused: %s", error.code)
            request.META[_REFUSED] = True
            raise TokenRefused from None
        except ServiceUnavailable:
            raise Unavailable from None
        except ImproperlyConfigured as error:
            logger.critical("TOKENAUTH cannot be used: %s", error)
            raise Unavailable from None

    def get_user(self, claims: Claims) -> Any:
        """Return the user of *claims*. Raises :class:`InvalidToken`."""
        return services.get_user(claims)

    def authenticate_header(self, request: Request) -> str:
        """The challenge. Without credentials it names no error (RFC 6750 section 3.1)."""
        if request.META.get(_REFUSED):
            return challenge(self.realm, "invalid_token", "The access token is not valid.")
        return challenge(self.realm)


class StatelessJWTAuthentication(JWTAuthentication):
    """Asks no database: ``request.user`` is a :class:`~django_tokenauth.authentication.TokenUser`.

    A revocation reaches it within ``REVOCATION_POLL_INTERVAL``. A service without a database sets
    that to ``None`` and accepts each token until it expires.
    """

    def get_user(self, claims: Claims) -> TokenUser:
        if services.is_revoked(claims):
            raise InvalidToken(TokenErrorCode.REVOKED)
        return TokenUser(claims)


def challenge(realm: str, error: str = "", description: str = "", scope: str = "") -> str:
    """The value of ``WWW-Authenticate`` (RFC 6750 section 3). Give fixed texts only."""
    parameters = {
        "realm": realm,
        "error": error,
        "error_description": description,
        "scope": scope,
    }
    return "Bearer " + ", ".join(f'{name}="{text}"' for name, text in parameters.items() if text)
