"""Who the client of a request is: HTTP Basic, or two parameters of the body (RFC 6749 section 2.3).

A ``client_id`` that ``CLIENTS`` does not have is a label, which nobody has to prove. Where it has
none at all, secrets count for nothing.
"""

from __future__ import annotations

import base64
import logging
import time
from collections.abc import Sequence
from typing import NoReturn
from urllib.parse import unquote_plus

from django.views.decorators.debug import sensitive_variables
from rest_framework.request import Request

from ..authentication import JWTAuthentication
from ..conf.settings import load
from ..errors import InvalidClient, InvalidRequest, TooManyRequests
from ..serializers import MAX_CLIENT, MAX_PASSWORD
from ..services.clients import PAUSE, Clients, Credentials, known_clients
from .throttling import ClientThrottle, client_address

logger = logging.getLogger("django_tokenauth")

#: What a client that is not authenticated is told to bring (RFC 7617 section 2).
BASIC_CHALLENGE = f'Basic realm="{JWTAuthentication.realm}"'


@sensitive_variables()
def client_of(request: Request, client_id: str, client_secret: str) -> str:
    """The ``client_id`` of who asks, proved if it has a secret; empty if nobody says.

    ``client_id`` and ``client_secret`` are the parameters of the body, empty where they are
    missing. Raises :class:`InvalidClient`; :class:`InvalidRequest` for two ways to say it at once;
    :class:`TooManyRequests`; ``ImproperlyConfigured``.
    """
    settings = load()
    if not settings.clients:
        # Nobody here has a secret, so this one is meant for somebody else: a proxy, say.
        return client_id
    found = basic_credentials(request.META.get("HTTP_AUTHORIZATION", ""))
    if found and client_id:
        # Many clients name themselves in the body too, which proves nothing.
        found = [each for each in found if each.client_id == client_id]
        if not found:
            raise InvalidRequest
    if (found or not client_id) and client_secret:
        raise InvalidRequest
    found = found or [Credentials(client_id, client_secret)]
    clients = known_clients(settings)
    if not any(each.secret or each.client_id in clients for each in found):
        return found[0].client_id
    return _proved(request, clients, [each for each in found if each.secret])


@sensitive_variables()
def basic_credentials(header: str) -> list[Credentials]:
    """How ``Authorization: Basic`` can be read; empty if it is another header, or an empty pair.

    RFC 6749 section 2.3.1 wants both parts encoded as in a form, and many clients send them as they
    are: there may be two readings. Raises :class:`InvalidClient` if there is none.
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
        # Sent by programs whose user has left the two fields empty.
        return []
    raw = Credentials(client_id, secret)
    decoded = Credentials(_decoded(client_id), _decoded(secret))
    found = [each for each in dict.fromkeys((decoded, raw)) if _can_be(each)]
    if not colon or not found:
        _refuse()
    return found


def _decoded(part: str) -> str:
    try:
        return unquote_plus(part, errors="strict")
    except UnicodeDecodeError:
        # A percent sign that stands for itself.
        return part


def _can_be(credentials: Credentials) -> bool:
    return (
        len(credentials.client_id) <= MAX_CLIENT
        and len(credentials.secret) <= MAX_PASSWORD
        and (credentials.client_id + credentials.secret).isprintable()
    )


@sensitive_variables()
def _proved(request: Request, clients: Clients, found: Sequence[Credentials]) -> str:
    if remembered := _remembered(clients, found):
        return remembered
    possible = [each for each in found if each.client_id in clients.turns]
    if not possible:
        # Nothing is guessed here, so nothing is counted.
        _refuse()
    return _checked(request, clients, possible)


@sensitive_variables()
def _remembered(clients: Clients, found: Sequence[Credentials]) -> str:
    return next((each.client_id for each in found if clients.remembers(each)), "")


@sensitive_variables()
def _checked(request: Request, clients: Clients, found: Sequence[Credentials]) -> str:
    client_id = found[0].client_id
    throttle = ClientThrottle(load(), address=client_address(request._request), username=client_id)
    # The cache is asked outside of the turn: a slow one holds up nobody but who asks it.
    with throttle.counting(InvalidClient), clients.turns[client_id]:
        # It may have been checked while this request waited for its turn.
        if remembered := _remembered(clients, found):
            return remembered
        if throttle.exceeded and clients.pauses(client_id, time.time()):
            _throttle()
        proved = next((each.client_id for each in found if clients.check(each)), None)
        if proved is None and throttle.exceeded:
            clients.pause(client_id, time.time())
            _throttle()
        if proved is None:
            _refuse()
        return proved


def _throttle() -> NoReturn:
    logger.warning("client throttled")
    raise TooManyRequests(PAUSE)


def _refuse() -> NoReturn:
    logger.info("client refused")
    raise InvalidClient from None
