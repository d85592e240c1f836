"""What others find out by themselves: our public keys (RFC 7517) and our endpoints (RFC 8414).

Plain views. They know no user and ask neither session nor database, and their routes stand outside
of ``ATOMIC_REQUESTS``, so anybody may ask and any cache may keep the answer. No view can keep the
middlewares of a project from more: Django's ``LoginRequiredMiddleware`` reads the session of a
browser that sends one before it lets it pass.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable
from functools import lru_cache, wraps
from hashlib import sha256
from typing import Any, cast
from urllib.parse import unquote, urlsplit

from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import ImproperlyConfigured
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotFound, JsonResponse
from django.urls import NoReverseMatch, reverse
from django.utils.cache import get_conditional_response
from django.views.decorators.http import require_safe
from rest_framework import status

from ..authentication import Unavailable
from ..conf.settings import Settings, load
from ..keys.schedule import KeySet
from ..keys.sources import access_keys
from ..services import INTROSPECTION_SCOPE

logger = logging.getLogger("django_tokenauth")

_View = Callable[..., HttpResponse]


def _public(view: _View) -> _View:
    """For everybody, also scripts of other origins; what cannot be told now is a 503."""
    reading = require_safe(view)

    @wraps(view)
    def wrapped(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            response = reading(request, *args, **kwargs)
        except Http404 as error:
            # Django's own page would lack the headers, and a script would be told of no answer.
            response = HttpResponseNotFound(str(error), content_type="text/plain")
        except ImproperlyConfigured as error:
            logger.critical("TOKENAUTH cannot be used: %s", error)
            response = JsonResponse(
                {
                    "error": Unavailable.default_code,
                    "error_description": str(Unavailable.default_detail),
                },
                status=status.HTTP_503_SERVICE_UNAVAILABLE,
                headers={"Retry-After": str(Unavailable.wait), "Cache-Control": "no-store"},
            )
        # Also on a 304, which Django makes anew.
        response["Access-Control-Allow-Origin"] = "*"
        response["X-Content-Type-Options"] = "nosniff"
        return response

    return login_not_required(wrapped)


@_public
def jwks(request: HttpRequest) -> HttpResponse:
    """``GET .well-known/jwks.json``: ``{"keys": [...]}``, a JWK Set (RFC 7517 section 5).

    It has the public half of every key that verifies now or will sign later, with ``kid``, ``alg``
    and ``use``. Secrets are shown to nobody: with HMAC it is empty.
    """
    settings = load()
    body, etag = _key_set(access_keys(settings).at(time.time()))
    return _cacheable(request, settings, body, etag)


@_public
def metadata(request: HttpRequest, issuer_path: str = "") -> HttpResponse:
    """``GET .well-known/oauth-authorization-server``: where the endpoints are and what they take.

    That is a JSON object with the members of RFC 8414 section 2. They are true for the settings,
    and the URLs are made of ``ISSUER``: what a client asks this server as counts for nothing.
    ``issuer_path`` is the path of the issuer (section 3.1). 404 if ``ISSUER`` is no URL to which
    that can lead.
    """
    settings = load()
    origin = _origin(settings.issuer, issuer_path)
    token = _url(origin, "tokenauth:token")
    if token is None:
        raise Http404("The routes of the token endpoints are not included.")
    with_keys = bool(_public_jwks(access_keys(settings).at(time.time())))
    clients = ["client_secret_basic", "client_secret_post"] if settings.clients else []
    introspects = settings.clients or INTROSPECTION_SCOPE in settings.scopes
    members = {
        "issuer": settings.issuer,
        "token_endpoint": token,
        "jwks_uri": _url(origin, "tokenauth_well_known:jwks") if with_keys else None,
        "scopes_supported": list(settings.scopes),
        # Section 3.2 wants empty arrays left out and section 2 this one always there. It says that
        # no response type is supported, which is so: there is no authorization endpoint.
        "response_types_supported": [],
        "grant_types_supported": ["password", "refresh_token"],
        "token_endpoint_auth_methods_supported": ["none", *clients],
    }
    if not settings.stateless_refresh:
        members["revocation_endpoint"] = _url(origin, "tokenauth:revoke")
        members["revocation_endpoint_auth_methods_supported"] = ["none", *clients]
    if introspects:
        members["introspection_endpoint"] = _url(origin, "tokenauth:introspect")
        # An access token is named by its type (section 2).
        bearer = ["Bearer"] if INTROSPECTION_SCOPE in settings.scopes else []
        members["introspection_endpoint_auth_methods_supported"] = [*clients, *bearer]
    always = ("response_types_supported",)
    told = {name: value for name, value in members.items() if value or name in always}
    return _cacheable(request, settings, *_tagged(told))


def _origin(issuer: str, issuer_path: str) -> str:
    """Scheme and host of ``issuer``. Raises ``Http404`` if it is not the issuer of that path."""
    try:
        url = urlsplit(issuer)
    except ValueError:
        url = urlsplit("")
    # Section 2 of RFC 8414: a URL without query and fragment.
    if url.scheme not in ("https", "http") or not url.netloc or {*"?#"} & {*issuer}:
        raise Http404("ISSUER is not the URL of a server.")
    if unquote(url.path).strip("/") != issuer_path.strip("/"):
        raise Http404("The path of ISSUER is another one.")
    return f"{url.scheme}://{url.netloc}"


def _url(origin: str, route: str) -> str | None:
    try:
        return origin + reverse(route)
    except NoReverseMatch:
        return None


@lru_cache(maxsize=1)
def _key_set(keys: KeySet) -> tuple[bytes, str]:
    """The body and its tag, made once: the set stays the same object while nothing changes."""
    return _tagged({"keys": _public_jwks(keys)})


def _public_jwks(keys: KeySet) -> list[dict[str, str]]:
    return [dict(key.public_jwk) for key in keys.verifying.values() if key.public_jwk]


def _tagged(members: dict[str, Any]) -> tuple[bytes, str]:
    body = json.dumps(members, indent=1).encode()
    return body, f'"{sha256(body).hexdigest()[:32]}"'


def _cacheable(request: HttpRequest, settings: Settings, body: bytes, etag: str) -> HttpResponse:
    # application/jwk-set+json (RFC 7517 section 8.5) is what nobody sends: some clients ask for the
    # plain type, and RFC 8414 section 3.2 has it for the metadata.
    response = HttpResponse(body, content_type="application/json")
    response["ETag"] = etag
    # A process learns of a new key some seconds after it was written, so what a cache has may be
    # that much older than this says. The margin of a rotation is longer than that.
    seconds = int(settings.jwks_max_age.total_seconds())
    response["Cache-Control"] = f"public, max-age={seconds}"
    return cast("HttpResponse", get_conditional_response(request, etag=etag, response=response))
