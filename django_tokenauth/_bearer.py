"""The ``Bearer`` scheme in the headers of requests and responses (RFC 6750)."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

from django.core.exceptions import ImproperlyConfigured

AUTHORIZATION = "Authorization"
#: The name of the ``RequestToken`` of ``TokenMiddleware`` among the values of a request. Its
#: ``results`` contains the results of authentication classes, so that one request needs one query.
REQUEST_TOKEN = "_django_tokenauth_request_token"  # noqa: S105
_META_KEY = "HTTP_AUTHORIZATION"
# Servers drop or rename a header with an underscore.
_HEADER_NAME = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,63}\Z")
# A page of another origin can make a browser send these headers (Fetch standard, "CORS-safelisted
# request-header" and "forbidden request-header"), so they cannot replace a CSRF token.
_SENT_BY_BROWSERS = frozenset(
    {
        *("accept", "accept-language", "connection", "content-language", "content-length"),
        *("content-type", "cookie", "date", "host", "origin", "range", "referer", "user-agent"),
    }
)


@cache
def meta_key(header: Any) -> str:
    """Return the key of *header* in ``request.META``. Raises ``ImproperlyConfigured``."""
    if not isinstance(header, str) or not _HEADER_NAME.match(header):
        raise ImproperlyConfigured(
            "The attribute header of an authentication class must be the name of a header, with "
            f'letters, digits and hyphens: "X-Auth-Token". It is {header!r}.'
        )
    if header.lower() in _SENT_BY_BROWSERS:
        raise ImproperlyConfigured(
            f"The attribute header of an authentication class must not be {header!r}, because "
            "pages of other origins can make browsers send this header. Use X-Auth-Token."
        )
    return f"HTTP_{header.upper().replace('-', '_')}"


def bearer_token(request: Any, header: str = AUTHORIZATION) -> str | None:
    """Return the token of ``Authorization: Bearer``, or ``None`` without this header.

    Return ``None`` for another authentication scheme too. ``request`` is a request of Django or of
    REST framework. The scheme is case-insensitive (RFC 9110 section 11.1). Everything after the
    scheme is the token, so a malformed header is rejected as an invalid token.

    In another *header* than ``Authorization``, the scheme is optional. Without it, the whole value
    is the token. An empty header is the same as no header.
    """
    return token_in(request.META, header)


def token_in(meta: dict[str, Any], header: str) -> str | None:
    """Return the token in ``request.META``, as :func:`bearer_token` does."""
    value: str = meta.get(_META_KEY if header is AUTHORIZATION else meta_key(header), "")
    if value.startswith("Bearer "):
        return value[7:]
    if value[:6].lower() != "bearer" or value[6:7].strip():
        return value or None if meta_key(header) != _META_KEY else None
    return value[7:] if value[6:7] == " " else value[6:]


def has_wrong_scheme(meta: dict[str, Any], header: str) -> bool:
    """Return whether *header* is ``Authorization``, and contains a token without ``Bearer``.

    Clients of djangorestframework-jwt, REST framework's ``TokenAuthentication`` and knox send JWT
    or Token. People forget the scheme, or write ``Bearer:``.
    """
    if meta_key(header) != _META_KEY:
        return False
    value: str = meta.get(_META_KEY, "")
    # Each JWT starts with eyJ, which is {" in base64url.
    return value.startswith("eyJ") or value.partition(" ")[0].lower() in {"jwt", "token", "bearer:"}


def challenge(
    realm: str,
    error: str = "",
    description: str = "",
    scope: str = "",
    header: str = AUTHORIZATION,
    **further: str,
) -> str:
    """Return the value of ``WWW-Authenticate`` (RFC 6750 section 3).

    The challenge names *header*, unless it is ``Authorization``. *further* are the parameters of
    RFC 9470. The arguments must not contain quotation marks or anything from the request.
    """
    parameters = {
        "realm": realm,
        "error": error,
        "error_description": description,
        "scope": scope,
        **further,
        "header": header if meta_key(header) != _META_KEY else "",
    }
    return "Bearer " + ", ".join(f'{name}="{text}"' for name, text in parameters.items() if text)
