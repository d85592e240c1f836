"""Discovery: the public keys (RFC 7517) and the metadata of the server (RFC 8414).

Discovery views are plain Django views that need no user, session or database. ``ATOMIC_REQUESTS``
does not apply to discovery views. Any client may read the responses of discovery views, and any
cache may store successful responses. The project's middleware runs for discovery views too, and may
read the session of a browser.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from functools import lru_cache, wraps
from hashlib import sha256
from typing import Any, cast
from urllib.parse import unquote, urlsplit

from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotFound, JsonResponse
from django.utils.cache import get_conditional_response
from django.views.decorators.http import require_safe
from rest_framework import status

from .. import _log
from ..conf.per_request import load_for
from ..conf.settings import ASYMMETRIC_ALGORITHMS, Settings, UnusableSettings, load
from ..errors import ServiceUnavailable
from ..keys.schedule import KeySet
from ..keys.sources import access_keys
from ..services import INTROSPECTION_SCOPE
from .routes import ATTRIBUTE, route_path
from .token_exchange import TOKEN_EXCHANGE

_View = Callable[..., HttpResponse]


def _public(view: _View) -> _View:
    """Allow scripts of all origins to read the responses of *view*, and respond with 503 if the
    settings are invalid. The name of *view* becomes the name of its endpoint."""
    read_only = require_safe(view)

    @wraps(view)
    def wrapped(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            response = read_only(request, *args, **kwargs)
        except Http404 as error:
            # Django's own 404 response has no CORS header, so scripts of other origins could not
            # read the response.
            response = HttpResponseNotFound(str(error), content_type="text/plain")
        except UnusableSettings as error:
            _log.misconfigured(error)
            response = JsonResponse(
                {
                    "error": ServiceUnavailable.error,
                    "error_description": str(ServiceUnavailable.description),
                },
                status=status.HTTP_503_SERVICE_UNAVAILABLE,
                headers={
                    "Retry-After": str(ServiceUnavailable.retry_after),
                    "Cache-Control": "no-store",
                },
            )
        # Set the headers last, because Django builds a new response for a 304.
        response["Access-Control-Allow-Origin"] = "*"
        response["X-Content-Type-Options"] = "nosniff"
        return response

    setattr(wrapped, ATTRIBUTE, view.__name__)
    return login_not_required(wrapped)


@_public
def jwks(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
    """``GET .well-known/jwks.json``: ``{"keys": [...]}``, a JWK Set (RFC 7517 section 5).

    The JWK Set contains the public key, with ``kid``, ``alg`` and ``use``, of every key that
    verifies now or will sign later. HMAC keys are secret and are never included.
    """
    settings = load()
    body, etag = _key_set(access_keys(settings).at(time.time()))
    return _cacheable(request, settings, body, etag)


@_public
def metadata(
    request: HttpRequest, *args: Any, issuer_path: str = "", **kwargs: Any
) -> HttpResponse:
    """``GET .well-known/oauth-authorization-server``: the metadata of RFC 8414 section 2, as JSON.

    The metadata omits endpoints that the settings disable, such as ``revocation_endpoint`` with
    ``STATELESS_REFRESH``. The URLs in the metadata start with the scheme and host of ``ISSUER``. If
    ``ISSUER`` is a constant, the ``Host`` header is ignored. ``issuer_path`` is the path of the
    issuer (RFC 8414 section 3.1). The endpoints may be below URL parameters that this route has
    too, such as a tenant. The response is 404 if ``ISSUER`` is not a URL with the path
    ``issuer_path``, or if the URLconf has no route to the token endpoint.
    """

    def url(endpoint: str) -> str | None:
        path = route_path(endpoint, kwargs)
        return path and origin + path

    settings = load_for(request)
    origin = _origin(settings.issuer, issuer_path)
    token = url("token")
    if token is None:
        raise Http404(
            "The URLconf has no route to TokenView, or only routes with other URL parameters."
        )
    with_keys = bool(_public_jwks(access_keys(settings.shared).at(time.time())))
    clients = _client_authentication(settings)
    introspection = settings.clients or INTROSPECTION_SCOPE in settings.scopes
    # RFC 9700 section 2.4 forbids the password grant, so only this setting lists it.
    password = ["password"] if settings.advertise_password_grant else []
    members = {
        "issuer": settings.issuer,
        "token_endpoint": token,
        "jwks_uri": url("jwks") if with_keys else None,
        "scopes_supported": list(settings.scopes),
        "protected_resources": _protected_resources(settings),
        # There is no authorization endpoint, so response_types_supported is empty. RFC 8414 section
        # 3.2 omits empty arrays, but section 2 requires response_types_supported.
        "response_types_supported": [],
        "grant_types_supported": [*password, "refresh_token", *_client_grants(settings)],
        "token_endpoint_auth_methods_supported": ["none", *clients],
    }
    members["acr_values_supported"] = list(settings.acr_values)
    if not settings.stateless_refresh:
        members["revocation_endpoint"] = url("revocation")
        members["revocation_endpoint_auth_methods_supported"] = ["none", *clients]
    if introspection:
        members["introspection_endpoint"] = url("introspection")
        # In RFC 8414 section 2, the token type Bearer means authentication by an access token.
        bearer = ["Bearer"] if INTROSPECTION_SCOPE in settings.scopes else []
        members["introspection_endpoint_auth_methods_supported"] = [*clients, *bearer]
    for endpoint in ("token", "revocation", "introspection"):
        # RFC 8414 section 2 requires this member with private_key_jwt.
        if "private_key_jwt" in (members.get(f"{endpoint}_endpoint_auth_methods_supported") or ()):
            name = f"{endpoint}_endpoint_auth_signing_alg_values_supported"
            members[name] = list(ASYMMETRIC_ALGORITHMS)
    always = ("response_types_supported",)
    present = {name: value for name, value in members.items() if value or name in always}
    return _cacheable(request, settings, *_with_etag(present))


def _client_grants(settings: Settings) -> list[str]:
    """Return the grant types that ``CLIENTS`` permits at least one client."""
    clients = settings.clients.values()
    permitted = {
        "client_credentials": any(client.scopes is not None for client in clients),
        TOKEN_EXCHANGE: any(client.exchange for client in clients),
    }
    return [name for name, is_permitted in permitted.items() if is_permitted]


def _client_authentication(settings: Settings) -> list[str]:
    """Return the methods by which a client in ``CLIENTS`` authenticates."""
    methods = ["client_secret_basic", "client_secret_post"] if settings.clients else []
    has_keys = any(client.keys for client in settings.clients.values())
    return [*methods, "private_key_jwt"] if has_keys else methods


def _protected_resources(settings: Settings) -> list[str]:
    """Return the audiences that are URLs, for services with their own metadata (RFC 9728 section
    4), or an empty list without ``AUDIENCES``."""
    if not settings.audiences:
        return []
    names = dict.fromkeys((settings.audience, *settings.audiences))
    return [name for name in names if name.startswith(("https://", "http://"))]


def _origin(issuer: str, issuer_path: str) -> str:
    """Return the scheme and host of ``issuer``. Raises ``Http404`` if ``issuer`` is not a URL with
    the path ``issuer_path``."""
    try:
        url = urlsplit(issuer)
    except ValueError:
        url = urlsplit("")
    # RFC 8414 section 2: the issuer is a URL without a query or a fragment.
    if url.scheme not in ("https", "http") or not url.netloc or {*"?#"} & {*issuer}:
        raise Http404("ISSUER is not a URL with a host, or has a query or a fragment.")
    if unquote(url.path).strip("/") != issuer_path.strip("/"):
        raise Http404("The path of ISSUER differs from the requested path.")
    return f"{url.scheme}://{url.netloc}"


@lru_cache(maxsize=1)
def _key_set(keys: KeySet) -> tuple[bytes, str]:
    """Return the body of the JWK Set and its ETag. The result is cached, because the JWK Set
    changes only with its keys."""
    return _with_etag({"keys": _public_jwks(keys)})


def _public_jwks(keys: KeySet) -> list[dict[str, str]]:
    return [dict(key.public_jwk) for key in keys.verifying.values() if key.public_jwk]


def _with_etag(members: dict[str, Any]) -> tuple[bytes, str]:
    body = json.dumps(members, indent=1).encode()
    return body, f'"{sha256(body).hexdigest()[:32]}"'


def _cacheable(request: HttpRequest, settings: Settings, body: bytes, etag: str) -> HttpResponse:
    # Some clients do not accept application/jwk-set+json (RFC 7517 section 8.5). RFC 8414 section
    # 3.2 requires application/json for the metadata.
    response = HttpResponse(body, content_type="application/json")
    response["ETag"] = etag
    # A process reads a new key a few seconds after the key is written. A cached response may
    # therefore lack the key for longer than max-age. The delay of a rotation includes max-age and
    # the time until all processes read the key.
    seconds = int(settings.jwks_max_age.total_seconds())
    response["Cache-Control"] = f"public, max-age={seconds}"
    return cast("HttpResponse", get_conditional_response(request, etag=etag, response=response))
