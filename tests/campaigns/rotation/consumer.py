"""A service of somebody else: it verifies our tokens by the public keys, which it caches."""

from __future__ import annotations

import json
import re
import threading
import time
from http.client import HTTPConnection

import jwt

JWKS = "/.well-known/jwks.json"
ISSUER = "https://auth.example.com"
AUDIENCE = "https://api.example.com"
SECONDS_TO_ANSWER = 60


def fetch(address: tuple[str, int]) -> tuple[dict[str, jwt.PyJWK], int]:
    """The public keys that a server shows, by ``kid``, and for how many seconds to keep them.

    Raises ``AssertionError`` for an answer that is none, and ``OSError``.
    """
    connection = HTTPConnection(*address, timeout=SECONDS_TO_ANSWER)
    try:
        connection.request("GET", JWKS)
        response = connection.getresponse()
        body = response.read()
    finally:
        connection.close()
    told = re.search(r"max-age=(\d+)", response.headers["Cache-Control"] or "")
    assert (response.status, bool(told)) == (200, True), f"{response.status} {body!r}"
    keys = jwt.PyJWKSet.from_dict(json.loads(body)).keys
    return {str(key.key_id): key for key in keys}, int(told[1]) if told else 0


class Consumer:
    """Keeps the keys exactly as long as it was told, and asks for nothing earlier.

    Many libraries ask again when they meet an unknown ``kid``, and would hide a key that signed
    before it was known. This one does not.
    """

    def __init__(self, address: tuple[str, int]) -> None:
        self._address = address
        self._lock = threading.Lock()
        self._keys: dict[str, jwt.PyJWK] = {}
        self._until = 0.0
        self.fetched = 0
        self.verified = 0

    def fault(self, token: str) -> str:
        """What it has against ``token``; nothing if that is good."""
        kid = str(jwt.get_unverified_header(token)["kid"])
        with self._lock:
            if time.monotonic() >= self._until:
                self._keys, max_age = fetch(self._address)
                self._until = time.monotonic() + max_age
                self.fetched += 1
            key = self._keys.get(kid)
            self.verified += 1
        if key is None:
            return f"a service that caches the keys does not know {kid}"
        try:
            jwt.decode(token, key, [key.algorithm_name], audience=AUDIENCE, issuer=ISSUER)
        except jwt.InvalidTokenError as error:
            return f"a service that caches the keys: {error!r}"
        return ""
