"""Client authentication: HTTP Basic, two parameters of the body (RFC 6749 section 2.3), or an
assertion (RFC 7523 section 2.2).

A ``client_id`` that is not in ``CLIENTS`` is an unverified label. While ``CLIENTS`` is empty,
client secrets are ignored.
"""

from __future__ import annotations

import base64
import logging
from typing import NoReturn
from urllib.parse import unquote_plus

from django.utils.translation import gettext_lazy as _
from django.views.decorators.debug import sensitive_variables
from rest_framework.request import Request

from .._limits import MAX_CLIENT_ID, MAX_PASSWORD
from ..authentication import JWTAuthentication
from ..conf.settings import Settings, load
from ..errors import InvalidClient, InvalidRequest
from ..services.clients import Credentials, has_valid_secret
from .client_assertions import assertion_in, client_of
from .throttling import ClientThrottle, client_address

logger = logging.getLogger("django_tokenauth")

#: The challenge for a client that is not authenticated (RFC 7617 section 2).
_ONE_METHOD = _("Use only one method of client authentication.")
BASIC_CHALLENGE = f'Basic realm="{JWTAuthentication.realm}"'


@sensitive_variables()
def authenticate_client(request: Request, client_id: str, client_secret: str) -> str:
    """Return the ``client_id`` of a request, authenticated if it is in ``CLIENTS``.

    ``client_id`` and ``client_secret`` are the parameters of the body, empty if they are missing.
    The result is empty if the request names no client. An assertion in the body of the request
    (``private_key_jwt``) authenticates its client too. Raises :class:`InvalidClient`,
    :class:`InvalidRequest` for two authentication methods at once, :class:`TooManyRequests`,
    :class:`ServiceUnavailable` and ``ImproperlyConfigured``.
    """
    settings = load()
    if not settings.clients:
        # CLIENTS is empty, so a secret in the request is meant for another server, such as a proxy.
        return client_id
    assertion = assertion_in(request)
    if assertion is not None:
        return _by_assertion(request, settings, assertion, client_id, client_secret)
    found = basic_credentials(request.META.get("HTTP_AUTHORIZATION", ""))
    if found and client_id:
        # Many clients that use HTTP Basic repeat their client_id in the body.
        found = [each for each in found if each.client_id == client_id]
        if not found:
            raise InvalidRequest(_("The client_id differs from that in HTTP Basic."))
    if found and client_secret:
        raise InvalidRequest(_ONE_METHOD)
    if client_secret and not client_id:
        raise InvalidRequest(_("The client_secret needs a client_id."))
    found = found or [Credentials(client_id, client_secret)]
    with_secret = [each for each in found if each.secret]
    if not with_secret and not any(each.client_id in settings.clients for each in found):
        return found[0].client_id
    valid = next((each.client_id for each in with_secret if has_valid_secret(settings, each)), None)
    if valid is None:
        if with_secret:
            _count_failure(request)
        _refuse()
    return valid


@sensitive_variables()
def _by_assertion(
    request: Request, settings: Settings, assertion: str, client_id: str, client_secret: str
) -> str:
    if client_secret or basic_credentials(request.META.get("HTTP_AUTHORIZATION", "")):
        # RFC 7521 section 4.2.1.
        raise InvalidClient(_ONE_METHOD)
    try:
        found = client_of(request, settings, assertion)
    except InvalidClient:
        _count_failure(request)
        raise
    if client_id and client_id != found:
        _refuse()
    return found


@sensitive_variables()
def basic_credentials(header: str) -> list[Credentials]:
    """Return the possible credentials in ``Authorization: Basic``: none, one or two.

    RFC 6749 section 2.3.1 requires form encoding of the client's id and secret, but many clients
    omit the encoding. Return an empty list for a scheme other than Basic, and if both the id and
    the secret are empty. Raises :class:`InvalidClient` for a malformed header.
    """
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic":
        return []
    try:
        text = base64.b64decode(encoded.strip(" "), validate=True).decode()
    except ValueError:
        _refuse()
    client_id, colon, secret = text.partition(":")
    if text == ":":
        # Some programs send an empty id and secret if their user leaves both fields empty.
        return []
    raw = Credentials(client_id, secret)
    decoded = Credentials(_decoded(client_id), _decoded(secret))
    found = [each for each in dict.fromkeys((decoded, raw)) if _is_possible(each)]
    if not colon or not found:
        _refuse()
    return found


def _decoded(part: str) -> str:
    try:
        return unquote_plus(part, errors="strict")
    except UnicodeDecodeError:
        # The value is not form-encoded and contains a percent sign.
        return part


def _is_possible(credentials: Credentials) -> bool:
    return (
        len(credentials.client_id) <= MAX_CLIENT_ID
        and len(credentials.secret) <= MAX_PASSWORD
        and (credentials.client_id + credentials.secret).isprintable()
    )


def _count_failure(request: Request) -> None:
    """Count a wrong secret. Raises :class:`TooManyRequests` beyond the limit of the address.

    A valid secret is neither counted nor throttled, so clients at one address cannot lock each
    other out.
    """
    ClientThrottle(load(), address=client_address(request)).count_failure()


def _refuse() -> NoReturn:
    logger.info("client rejected")
    raise InvalidClient from None
