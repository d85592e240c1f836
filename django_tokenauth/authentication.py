"""Authentication classes of REST framework views, for access tokens in ``Authorization: Bearer``.

RFC 6750 defines the header ``Authorization: Bearer`` and the error responses. A subclass can read
another header. Access tokens in a query string, a form or a cookie are ignored.
"""

from __future__ import annotations

from typing import Any

from django.conf import settings as django_settings
from django.utils.translation import gettext_lazy as _
from django.views.decorators.debug import sensitive_variables
from rest_framework import status
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import APIException, AuthenticationFailed
from rest_framework.request import Request

from . import _log, services
from ._bearer import (
    AUTHORIZATION,
    REQUEST_TOKEN,
    challenge,
    has_wrong_scheme,
    meta_key,
    token_in,
)
from ._request_values import get_value, set_value
from .conf.settings import UnusableSettings
from .errors import InvalidToken, ServiceUnavailable, TokenErrorCode
from .services.api_tokens import reader_of
from .services.arguments import django_request
from .sessions.tenants import current_tenant
from .tokens.claims import Claims
from .tokens.users import TokenUser

__all__ = [
    "AccessTokenRejected",
    "Claims",
    "JWTAuthentication",
    "StatelessJWTAuthentication",
    "TemporarilyUnavailable",
    "TokenUser",
]

# The name of the code of a rejected token among the values of a request, for the challenge.
_REJECTED = "_django_tokenauth_rejected"
# RFC 6750 section 3 allows only ASCII in the description of a challenge, so these descriptions are
# not translated. Other codes share one description, because an attacker could use them.
_DESCRIPTIONS = {
    TokenErrorCode.EXPIRED: "The access token expired.",
    TokenErrorCode.API_TOKEN: "API tokens are not accepted here.",
}


class AccessTokenRejected(AuthenticationFailed, InvalidToken):
    """401 ``invalid_token`` (RFC 6750 section 3.1): the access token was rejected.

    ``code`` is the :class:`~django_tokenauth.errors.TokenErrorCode`. The response says whether the
    token expired, and contains ``code`` only if ``DEBUG`` is true.
    """

    error = default_code = "invalid_token"
    description = default_detail = _("The access token is not valid.")

    def __init__(self, code: TokenErrorCode) -> None:
        if code == TokenErrorCode.EXPIRED:
            self.description = _("The access token expired.")
        elif code == TokenErrorCode.API_TOKEN:
            self.description = _("API tokens are not accepted here.")
        AuthenticationFailed.__init__(self, self.description)
        InvalidToken.__init__(self, code)
        self._challenge = _invalid_token(JWTAuthentication.realm, code)

    @property
    def auth_header(self) -> str:
        """The challenge of the response."""
        return self._challenge

    @auth_header.setter
    def auth_header(self, challenge: str) -> None:
        # REST framework sets the challenge of the first authentication class. If a view raises the
        # error, after an authentication that succeeded, that challenge has no error.
        if not challenge.startswith("Bearer ") or 'error="' in challenge:
            self._challenge = challenge


class TemporarilyUnavailable(APIException, ServiceUnavailable):
    """503 ``temporarily_unavailable``: a database outage, or settings or keys that cannot be
    used."""

    status_code = status.HTTP_503_SERVICE_UNAVAILABLE
    default_detail = ServiceUnavailable.description
    default_code = ServiceUnavailable.error
    #: Seconds that REST framework sends as ``Retry-After``.
    wait = ServiceUnavailable.retry_after


class JWTAuthentication(BaseAuthentication):
    """Authenticate a request by its access token and load the user, in one query.

    Without ``STATELESS_REFRESH``, the query also checks the session, so a sign-out, a new password
    or a deactivation takes effect at once. ``request.user`` is the user, and ``request.auth`` is a
    :class:`Claims`. API tokens of ``django_tokenauth.api_tokens`` are accepted too. For a service
    account without a user, ``request.user`` is a :class:`TokenUser`, without a query.
    """

    #: The realm of the challenge (RFC 9110 section 11.5), without quotation marks.
    realm = "api"

    #: The request header that carries the access token. In another header than ``Authorization``,
    #: such as ``X-Auth-Token``, the value is ``TOKEN`` or ``Bearer TOKEN``.
    header = AUTHORIZATION

    # An API token needs a query.
    _accepts_api_tokens = True

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Check ``header``. Raises ``ImproperlyConfigured``."""
        super().__init_subclass__(**kwargs)
        meta_key(cls.header)

    @sensitive_variables()
    def authenticate(self, request: Request) -> tuple[Any, Claims] | None:
        """Return ``(user, claims)``, or ``None`` if the request has no bearer token.

        *request* is a request of REST framework or Django. Raises :class:`AccessTokenRejected` and
        :class:`TemporarilyUnavailable`.
        """
        # Read META from Django's request, because REST framework's request returns META by the
        # slower __getattr__(). Each request comes here, so django_request() is repeated.
        plain: Any = getattr(request, "_request", request)
        token = token_in(plain.META, self.header)
        if token is None:
            return None
        shared = get_value(plain, REQUEST_TOKEN)
        if shared is None:
            return self._authenticate(request, token)
        results = shared.results
        # Functions of this module use only the claims. A subclass may use its own attributes.
        get_user = type(self).get_user
        function = get_user if get_user.__module__ == __name__ else type(self)
        # A view may serve one request for several tenants.
        key = function, token, current_tenant()
        if key not in results:
            try:
                results[key] = self._authenticate(request, token)
            except AccessTokenRejected as error:
                results[key] = error
        found: tuple[Any, Claims] | AccessTokenRejected = results[key]
        if isinstance(found, AccessTokenRejected):
            raise AccessTokenRejected(found.code)
        return found

    def _authenticate(self, request: Request, token: str) -> tuple[Any, Claims]:
        # The decorator of authenticate() hides the variables of this function too.
        try:
            reader = reader_of(token)
            if reader is None:
                claims = services.authenticate_access_token(token, request=request)
            elif self._accepts_api_tokens:
                claims = reader.authenticate(token, request=request)
            else:
                raise InvalidToken(TokenErrorCode.API_TOKEN)
            return self.get_user(claims), claims
        except InvalidToken as error:
            _log.access_token_rejected(error.code)
            set_value(django_request(request), _REJECTED, error.code)
            raise AccessTokenRejected(error.code) from None
        except ServiceUnavailable:
            raise TemporarilyUnavailable from None
        except UnusableSettings as error:
            _log.misconfigured(error)
            raise TemporarilyUnavailable from None

    def get_user(self, claims: Claims) -> Any:
        """Return the user of *claims*. A subclass may return an object of another class as the
        user.

        Raises :class:`~django_tokenauth.errors.InvalidToken` if the session or the user is not
        valid, and :class:`~django_tokenauth.errors.ServiceUnavailable`.
        """
        return services.get_user(claims)

    def authenticate_header(self, request: Request) -> str:
        """Return the challenge, without an error if the request has no credentials (RFC 6750
        section 3.1).

        With ``DEBUG``, the challenge explains the header if the client sends a token with the
        scheme ``JWT`` or ``Token``, or without a scheme.
        """
        plain: Any = django_request(request)
        code = get_value(plain, _REJECTED)
        if code:
            return _invalid_token(self.realm, code)
        hint = ""
        if django_settings.DEBUG and has_wrong_scheme(plain.META, self.header):
            hint = "Send Authorization: Bearer TOKEN."
        return challenge(self.realm, description=hint, header=self.header)


class StatelessJWTAuthentication(JWTAuthentication):
    """Authenticate a request by its access token alone, without a query for the user.

    ``request.user`` is a :class:`TokenUser`. A running process usually rejects the access tokens of
    a revoked session within ``REVOCATION_POLL_INTERVAL``. A service without a database sets
    ``REVOCATION_POLL_INTERVAL`` to ``None``, and accepts each valid access token until the token
    expires. API tokens are rejected, because they need a query.
    """

    _accepts_api_tokens = False

    def get_user(self, claims: Claims) -> TokenUser:
        if services.is_revoked(claims):
            raise InvalidToken(TokenErrorCode.REVOKED)
        return TokenUser(claims)


def _invalid_token(realm: str, code: TokenErrorCode) -> str:
    description = _DESCRIPTIONS.get(code, "The access token is not valid.")
    shown = challenge(realm, "invalid_token", description)
    return f'{shown}, code="{code}"' if django_settings.DEBUG else shown
