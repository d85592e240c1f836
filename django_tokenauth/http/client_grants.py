"""The grants of clients in ``CLIENTS``, by ``grant_type``."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from rest_framework.request import Request
from rest_framework.response import Response

from .service_accounts import client_credentials_grant
from .token_exchange import TOKEN_EXCHANGE, token_exchange_grant

CLIENT_GRANTS: Mapping[str, Callable[[Request], Response]] = {
    "client_credentials": client_credentials_grant,
    TOKEN_EXCHANGE: token_exchange_grant,
}
