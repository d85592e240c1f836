"""``python verify.py < tokens``: print the claims of each access token, or why it is rejected.

Needs ``pip install joserfc``.
"""

from __future__ import annotations

import json
import os
import sys
import time
from urllib.request import urlopen

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import GuestProtocol, Key, OctKey, import_key

ALGORITHM = os.environ["ALGORITHM"]
CLAIMS = jwt.JWTClaimsRegistry(
    iss={"essential": True, "value": os.environ["ISSUER"]},
    aud={"essential": True, "value": os.environ["AUDIENCE"]},
    exp={"essential": True},
    sub={"essential": True},
)


class PublicKeys:
    """Public keys, fetched again after five minutes. For an unknown key, after half a minute."""

    def __init__(self) -> None:
        self._keys: dict[str, Key] = {}
        self._read_at = float("-inf")

    def find(self, token: GuestProtocol) -> Key:
        kid = str(token.headers().get("kid"))
        if time.monotonic() - self._read_at >= (300 if kid in self._keys else 30):
            with urlopen(os.environ["JWKS_URL"]) as response:
                self._keys = {jwk["kid"]: import_key(jwk) for jwk in json.load(response)["keys"]}
            self._read_at = time.monotonic()
        if kid not in self._keys:
            raise ValueError("no such key")
        return self._keys[kid]


# HS256 uses a shared secret. Keep it on the servers.
KEY = OctKey.import_key(os.environ["SECRET"]) if ALGORITHM == "HS256" else PublicKeys().find


def verify(token: str) -> dict[str, object]:
    """Return the claims of a valid token. Raises ``JoseError`` or ``ValueError``."""
    decoded = jwt.decode(token, KEY, algorithms=[ALGORITHM])
    if decoded.header.get("typ") != "at+jwt":
        raise ValueError("not an access token")
    CLAIMS.validate(decoded.claims)
    return decoded.claims


for line in sys.stdin:
    try:
        result: dict[str, object] = {"claims": verify(line.strip())}
    except (JoseError, ValueError) as error:
        result = {"error": str(error)}
    print(json.dumps(result))
