"""The ``Bearer`` scheme in the headers of requests and responses (RFC 6750)."""

from __future__ import annotations

from typing import Any


def bearer_token(request: Any) -> str | None:
    """Return the token of ``Authorization: Bearer``, or ``None`` without this header.

    Return ``None`` for another authentication scheme too. ``request`` is a request of Django or of
    REST framework. The scheme is case-insensitive (RFC 9110 section 11.1). Everything after the
    scheme is the token, so a malformed header is rejected as an invalid token.
    """
    # Read META from Django's request, because REST framework's request returns META by the slower
    # __getattr__().
    header: str = getattr(request, "_request", request).META.get("HTTP_AUTHORIZATION", "")
    if header.startswith("Bearer "):
        return header[7:]
    if header[:6].lower() != "bearer" or header[6:7].strip():
        return None
    return header[7:] if header[6:7] == " " else header[6:]


def challenge(realm: str, error: str = "", description: str = "", scope: str = "") -> str:
    """Return the value of ``WWW-Authenticate`` (RFC 6750 section 3).

    The arguments must not contain quotation marks or anything from the request.
    """
    parameters = {
        "realm": realm,
        "error": error,
        "error_description": description,
        "scope": scope,
    }
    return "Bearer " + ", ".join(f'{name}="{text}"' for name, text in parameters.items() if text)
