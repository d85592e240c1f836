"""Another service: it caches the public keys and verifies the tokens."""

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
TIMEOUT = 60


def fetch(address: tuple[str, int]) -> tuple[dict[str, jwt.PyJWK], int]:
    """Return the public keys of a server by ``kid``, and their max-age in seconds.

    Raises ``AssertionError`` for an invalid response, and ``OSError``.
    """
    connection = HTTPConnection(*address, timeout=TIMEOUT)
    try:
        connection.request("GET", JWKS)
        response = connection.getresponse()
        body = response.read()
    finally:
        connection.close()
    max_age = re.search(r"max-age=(\d+)", response.headers["Cache-Control"] or "")
    assert (response.status, bool(max_age)) == (200, True), f"{response.status} {body!r}"
    keys = jwt.PyJWKSet.from_dict(json.loads(body)).keys
    return {str(key.key_id): key for key in keys}, int(max_age[1]) if max_age else 0


class Consumer:
    """A cache of the keys, which fetches them only at the end of their max-age.

    Many libraries fetch the keys again for an unknown ``kid``. They would hide a key that signs
    before all caches have it.
    """

    def __init__(self, address: tuple[str, int]) -> None:
        self._address = address
        self._lock = threading.Lock()
        self._keys: dict[str, jwt.PyJWK] = {}
        self._expires = 0.0
        self.fetch_count = 0
        self.verified_count = 0

    def find_error(self, token: str) -> str:
        """Return the error of ``token``, or an empty string if it is valid."""
        kid = str(jwt.get_unverified_header(token)["kid"])
        with self._lock:
            if time.monotonic() >= self._expires:
                self._keys, max_age = fetch(self._address)
                self._expires = time.monotonic() + max_age
                self.fetch_count += 1
            key = self._keys.get(kid)
            self.verified_count += 1
        if key is None:
            return f"the key {kid} is unknown to a cache"
        try:
            jwt.decode(token, key, [key.algorithm_name], audience=AUDIENCE, issuer=ISSUER)
        except jwt.InvalidTokenError as error:
            return f"a service with cached keys rejects a token: {error!r}"
        return ""
