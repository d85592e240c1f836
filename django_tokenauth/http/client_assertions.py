"""The parameters ``client_assertion`` and ``client_assertion_type`` (RFC 7523 section 2.2)."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from hashlib import sha256
from typing import Any
from urllib.parse import urlsplit

from django.views.decorators.debug import sensitive_variables
from rest_framework.request import Request

from ..conf.per_request import load_for
from ..conf.settings import Settings, load
from ..errors import InvalidRequest, ServiceUnavailable
from ..services.client_assertions import authenticate_by_assertion
from .counters import Counters
from .routes import route_path

#: The value of ``client_assertion_type`` for a JWT.
JWT_BEARER = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


@sensitive_variables()
def assertion_in(request: Request) -> str | None:
    """Return the assertion in the body of *request*, or ``None`` if there is none.

    If no client has keys, the parameters are ignored. Raises :class:`InvalidRequest` if one of the
    two parameters is missing or invalid.
    """
    if not any(client.keys for client in load().clients.values()):
        return None
    body: Any = request.data
    # A view of the project may read other bodies.
    if not isinstance(body, Mapping):
        return None
    assertion, kind = body.get("client_assertion"), body.get("client_assertion_type")
    if not assertion and not kind:
        return None
    if not (isinstance(assertion, str) and assertion) or kind != JWT_BEARER:
        raise InvalidRequest
    return assertion


@sensitive_variables()
def client_of(request: Request, settings: Settings, assertion: str) -> str:
    """Return the client that has signed *assertion*, and store the id of the assertion.

    Raises :class:`InvalidClient`, and :class:`ServiceUnavailable` if the cache fails: without the
    cache, the server would accept a replayed assertion.
    """
    seen = Counters(settings.throttle_cache, "client assertion")

    def remember(client_id: str, jwt_id: str, seconds: int) -> bool:
        # Without the tenant: all tenants may have the same audience. A client id contains no NUL.
        digest = sha256(f"{client_id}\0{jwt_id}".encode("utf-8", "replace")).hexdigest()
        is_new = seen.add(f"django_tokenauth.assertion.{digest}", seconds)
        if is_new is None:
            raise ServiceUnavailable
        return is_new

    return authenticate_by_assertion(
        settings,
        assertion,
        audiences=[*_audiences(request)],
        remember=remember,
        now=time.time(),
    )


def _audiences(request: Request) -> Iterator[str]:
    """Yield the issuer, and the URL of the token endpoint if the issuer is a URL."""
    issuer = load_for(request).issuer
    yield issuer
    try:
        url = urlsplit(issuer)
    except ValueError:
        return
    path = route_path("token", request.parser_context.get("kwargs"))
    if url.scheme and url.netloc and path is not None:
        yield f"{url.scheme}://{url.netloc}{path}"
