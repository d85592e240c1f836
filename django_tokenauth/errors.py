"""Everything this package raises, as one tree.

::

    TokenAuthError
    ├── InvalidKey              key material that cannot be used; the message never shows it
    ├── InvalidToken            a token that is not good; ``code`` says why, for logs and programs
    ├── ServiceUnavailable      the database did not answer; nothing was lost, try again
    └── OAuthError              an answer of the token endpoint (RFC 6749 section 5.2)
        ├── InvalidRequest          invalid_request
        ├── InvalidClient           invalid_client
        ├── InvalidGrant            invalid_grant
        ├── InvalidScope            invalid_scope
        ├── UnsupportedGrantType    unsupported_grant_type
        ├── UnsupportedTokenType    unsupported_token_type (RFC 7009 section 2.2.1)
        └── TooManyRequests         too_many_requests, with ``retry_after`` in seconds

Wrong settings raise Django's own ``ImproperlyConfigured``. No message contains a token, a key, a
password or the text of a library.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, ClassVar

from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise


class TokenErrorCode(StrEnum):
    """Why a token was refused. Stable, for logs and programs; the wire never carries it."""

    MALFORMED = "malformed"  #: not a compact JWS within the limits, or not strict JSON
    HEADER = "header"  #: a header member that is refused, or of the wrong type
    TYP = "typ"  #: another kind of token
    KEY = "key"  #: no key of that ``kid``, or one of another algorithm
    SIGNATURE = "signature"
    CLAIMS = "claims"  #: a claim is missing, of the wrong type or out of bounds
    ISSUER = "issuer"
    AUDIENCE = "audience"
    EXPIRED = "expired"
    NOT_YET_VALID = "not_yet_valid"
    REVOKED = "revoked"  #: the session ended
    USER = "user"  #: the user is gone, inactive, or not the one that the token names


class TokenAuthError(Exception):
    """The base of all errors of this package. Never raised itself."""


class InvalidKey(TokenAuthError):
    """Key material that cannot be used. The message names the fault, not the key.

    ``hint`` says what to do instead, ``check_id`` is that of the system check that reports it.
    """

    def __init__(self, message: str, hint: str = "", *, check_id: str = "E002") -> None:
        super().__init__(message)
        self.hint = hint
        self.check_id = check_id


class InvalidToken(TokenAuthError):
    """A token that is not good here and now.

    ``code`` is a :class:`TokenErrorCode`. The text of the exception is the code and nothing else.
    """

    def __init__(self, code: TokenErrorCode) -> None:
        super().__init__(code.value)
        self.code = code

    def __reduce__(self) -> tuple[type[InvalidToken], tuple[TokenErrorCode]]:
        return type(self), (self.code,)


class ServiceUnavailable(TokenAuthError):
    """The database did not answer. Nothing is lost; the same request may be sent again."""

    #: Seconds after which a client may try again, for ``Retry-After`` (RFC 9110 section 10.2.3).
    retry_after: ClassVar[int] = 1


class OAuthError(TokenAuthError):
    """An error answer of the token endpoint.

    ``error`` is the code on the wire and ``description`` a fixed sentence in the reader's
    language (RFC 6749 section 5.2).
    """

    error: ClassVar[str]
    description: _StrPromise | str

    def __init__(self, description: _StrPromise | str | None = None) -> None:
        if description is not None:
            self.description = description

    def __str__(self) -> str:
        return self.error


class InvalidRequest(OAuthError):
    error = "invalid_request"
    description = _("The request is malformed.")


class InvalidClient(OAuthError):
    error = "invalid_client"
    description = _("The client is unknown, or its credentials are not valid.")


class InvalidGrant(OAuthError):
    error = "invalid_grant"
    description = _("The credentials or the token are not valid.")


class InvalidScope(OAuthError):
    error = "invalid_scope"
    description = _("The requested scope is unknown or exceeds what was granted.")


class UnsupportedGrantType(OAuthError):
    error = "unsupported_grant_type"
    description = _("This grant type is not supported.")


class UnsupportedTokenType(OAuthError):
    error = "unsupported_token_type"
    description = _("This server keeps no sessions and cannot revoke tokens.")


class TooManyRequests(OAuthError):
    """Too many failed sign-ins. ``retry_after`` is in seconds."""

    error = "too_many_requests"
    description = _("Too many failed attempts. Try again later.")

    def __init__(self, retry_after: int) -> None:
        super().__init__()
        self.retry_after = retry_after
