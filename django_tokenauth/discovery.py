"""What others find out by themselves: the public keys that verify our tokens (RFC 7517).

Plain views. They know no user and touch no session and no database, whatever the project does with
the requests around them, so anybody may ask and any cache may keep the answer.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable
from functools import lru_cache, wraps
from hashlib import sha256
from typing import Any, cast

from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.cache import get_conditional_response
from django.views.decorators.http import require_safe
from rest_framework import status

from .authentication import Unavailable
from .conf import Settings, load
from .key_schedule import KeySet
from .key_sets import access_keys

logger = logging.getLogger("django_tokenauth")

_View = Callable[..., HttpResponse]


def _public(view: _View) -> _View:
    """For everybody, also scripts of other origins; what cannot be told now is a 503."""

    @wraps(view)
    def wrapped(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            response = view(request, *args, **kwargs)
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
        return response

    return login_not_required(require_safe(wrapped))


@_public
def jwks(request: HttpRequest) -> HttpResponse:
    """``GET .well-known/jwks.json``: ``{"keys": [...]}``, a JWK Set (RFC 7517 section 5).

    It has the public half of every key that verifies now or will sign later, with ``kid``, ``alg``
    and ``use``. Secrets are shown to nobody: with HMAC it is empty.
    """
    settings = load()
    body, etag = _key_set(access_keys(settings).at(time.time()))
    return _cacheable(request, settings, body, etag)


@lru_cache(maxsize=1)
def _key_set(keys: KeySet) -> tuple[bytes, str]:
    """The body and its tag, made once: the set stays the same object while nothing changes."""
    public = [dict(key.public_jwk) for key in keys.verifying.values() if key.public_jwk]
    return _tagged({"keys": public})


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
