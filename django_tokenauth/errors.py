"""The public errors of this package, as one tree.

::

    TokenAuthError
    ├── InvalidKey                  key material is unusable; the message never contains it
    ├── InvalidToken                a token was rejected; ``code`` says why
    ├── ServiceUnavailable          a temporary failure; the request can be repeated
    ├── ImpersonationDenied         the member of the staff may not act as the user
    └── OAuthError                  an error response of OAuth (RFC 6749 section 5.2)
        ├── InvalidRequest              invalid_request
        ├── InvalidClient               invalid_client
        ├── UnauthorizedClient          unauthorized_client
        ├── InvalidGrant                invalid_grant
        ├── InvalidScope                invalid_scope
        ├── InvalidTarget               invalid_target (RFC 8707 section 2)
        ├── UnsupportedGrantType        unsupported_grant_type
        ├── UnsupportedTokenType        unsupported_token_type (RFC 7009 section 2.2.1)
        └── TooManyRequests             too_many_requests; ``retry_after`` is in seconds

The authentication and permission classes raise errors that are also exceptions of REST framework:
``authentication.AccessTokenRejected`` (401) is an ``InvalidToken``,
``authentication.TemporarilyUnavailable`` (503) is a ``ServiceUnavailable``, and
``permissions.InsufficientScope`` (403) and ``permissions.InsufficientUserAuthentication`` (401) are
``TokenAuthError``. ``except InvalidToken`` catches the error of a rejected token, whether a service
or an authentication class raises the error.

Invalid settings raise Django's ``ImproperlyConfigured``. The message of a ``TokenAuthError`` never
contains a token, a key, a password or a message of a library.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, ClassVar

from django.core import exceptions
from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

__all__ = [
    "ImpersonationDenied",
    "InvalidClient",
    "InvalidGrant",
    "InvalidKey",
    "InvalidRequest",
    "InvalidScope",
    "InvalidTarget",
    "InvalidToken",
    "OAuthError",
    "ServiceUnavailable",
    "TokenAuthError",
    "TokenErrorCode",
    "TooManyRequests",
    "UnauthorizedClient",
    "UnsupportedGrantType",
    "UnsupportedTokenType",
]


class TokenErrorCode(StrEnum):
    """The reason why a token was rejected.

    The error codes are stable, for use in logs and programs. Clients receive the error codes only
    with ``DEBUG``.
    """

    #: not a compact JWS within the limits, not strict JSON, or an API token with a typing error
    MALFORMED = "malformed"
    HEADER = "header"  #: a header member is forbidden, missing or invalid
    TYP = "typ"  #: the token is not of the expected kind
    KEY = "key"  #: no key has the ``kid`` and ``alg`` of the header
    SIGNATURE = "signature"  #: the signature is invalid
    CLAIMS = "claims"  #: a claim is missing, has the wrong type or is out of range
    ISSUER = "issuer"  #: the token is from another issuer
    AUDIENCE = "audience"  #: the token is for another audience
    EXPIRED = "expired"  #: the token or its session has expired
    NOT_YET_VALID = "not_yet_valid"  #: the token is not valid yet
    #: the session or the API token was revoked, deleted or created before NOT_BEFORE, or the
    #: password has changed
    REVOKED = "revoked"
    GENERATION = "generation"  #: the refresh token is over 100 generations ahead of its session
    USER = "user"  #: the user was deleted, is inactive, or is not the subject
    #: an API token, where only access tokens are accepted
    API_TOKEN = "api_token"  # noqa: S105


class TokenAuthError(Exception):
    """The base class of the public errors of this package. Never raised directly."""


class InvalidKey(TokenAuthError):
    """Key material is unusable. The message gives the reason and never contains the key.

    ``hint`` suggests a fix. ``check_id`` is the id of the system check that reports the error.
    """

    def __init__(self, message: str, hint: str = "", *, check_id: str = "E002") -> None:
        super().__init__(message)
        self.hint = hint
        self.check_id = check_id


class InvalidToken(TokenAuthError):
    """The token was rejected.

    ``code`` is a :class:`TokenErrorCode` and is also the message.
    """

    def __init__(self, code: TokenErrorCode) -> None:
        # Pass no arguments: the next class in the MRO may be an exception of REST framework.
        super().__init__()
        self.code = code

    def __str__(self) -> str:
        return self.code.value

    def __reduce__(self) -> tuple[type[InvalidToken], tuple[TokenErrorCode]]:
        return type(self), (self.code,)


class ServiceUnavailable(TokenAuthError):
    """A temporary failure of the service, usually a database error.

    Clients keep their tokens and may send the same request again. The endpoints of this package
    respond with ``error`` and ``description``, as for :class:`OAuthError`.
    """

    error: ClassVar[str] = "temporarily_unavailable"
    description: ClassVar[_StrPromise] = _("The service is temporarily unavailable. Try again.")
    #: Seconds until the client may try again, for ``Retry-After`` (RFC 9110 section 10.2.3).
    retry_after: ClassVar[int] = 1


class ImpersonationDenied(TokenAuthError, exceptions.PermissionDenied):
    """The member of the staff may not act as the user. The log contains the keys of both users.

    In a view of REST framework, this error becomes a 403 response, as Django's
    ``PermissionDenied``.
    """

    def __init__(self) -> None:
        super().__init__(_("You may not act as this user."))


class OAuthError(TokenAuthError):
    """An error response of OAuth (RFC 6749 section 5.2).

    ``error`` is the code in the response. ``description`` is the ``error_description`` of the
    response, in the language of the request.
    """

    error: ClassVar[str]
    description: _StrPromise | str

    def __init__(self, description: _StrPromise | str | None = None) -> None:
        if description is not None:
            self.description = description

    def __str__(self) -> str:
        return self.error


class InvalidRequest(OAuthError):
    """A parameter is missing, malformed or repeated."""

    error = "invalid_request"
    description = _("The request is malformed.")


class InvalidClient(OAuthError):
    """The client could not be authenticated."""

    error = "invalid_client"
    description = _("The client is unknown, or its credentials are not valid.")


class UnauthorizedClient(OAuthError):
    """The authenticated client may not use the grant type: ``CLIENTS`` gives it no scopes."""

    error = "unauthorized_client"
    description = _("The client may not use this grant type.")


class InvalidGrant(OAuthError):
    """The credentials or the refresh token were rejected.

    A rejected sign-in and a rejected refresh have different descriptions.
    """

    error = "invalid_grant"
    description = _("The credentials or the token are not valid.")


class InvalidScope(OAuthError):
    """The requested scope is unknown or exceeds the granted scope."""

    error = "invalid_scope"
    description = _("The requested scope is unknown or exceeds what was granted.")


class InvalidTarget(OAuthError):
    """The requested audience is malformed or unknown, or exceeds what was granted (RFC 8707)."""

    error = "invalid_target"
    description = _("The requested audience is malformed, unknown, or exceeds what was granted.")


class UnsupportedGrantType(OAuthError):
    """The server does not support the grant type."""

    error = "unsupported_grant_type"
    description = _("This grant type is not supported.")


class UnsupportedTokenType(OAuthError):
    """With ``STATELESS_REFRESH``, tokens cannot be revoked."""

    error = "unsupported_token_type"
    description = _("This server keeps no sessions and cannot revoke tokens.")


class TooManyRequests(OAuthError):
    """Too many attempts from one IP address or for one username failed.

    ``retry_after`` is in seconds.
    """

    error = "too_many_requests"
    description = _("Too many failed attempts. Try again later.")

    def __init__(self, retry_after: int) -> None:
        super().__init__()
        self.retry_after = retry_after
