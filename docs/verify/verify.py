"""``python verify.py < tokens``: the claims of each access token that is good, or why it is not.

It wants ``pip install joserfc``.
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
    """The keys at the URL, read again when they are five minutes old, or half a minute for a token
    by a key that is not among them."""

    def __init__(self) -> None:
        self._keys: dict[str, Key] = {}
        self._read_at = float("-inf")

    def find(self, token: GuestProtocol) -> Key:
        kid = str(token.headers().get("kid"))
        if time.monotonic() - self._read_at >= (300 if kid in self._keys else 30):
            with urlopen(os.environ["JWKS_URL"]) as answer:
                self._keys = {jwk["kid"]: import_key(jwk) for jwk in json.load(answer)["keys"]}
            self._read_at = time.monotonic()
        if kid not in self._keys:
            raise ValueError("no such key")
        return self._keys[kid]


# HS256 has a secret instead of public keys, which must stay on the servers.
KEY = OctKey.import_key(os.environ["SECRET"]) if ALGORITHM == "HS256" else PublicKeys().find


def verify(token: str) -> dict[str, object]:
    """The claims of a good token. Raises ``JoseError`` or ``ValueError`` for any other."""
    decoded = jwt.decode(token, KEY, algorithms=[ALGORITHM])
    if decoded.header.get("typ") != "at+jwt":
        raise ValueError("not an access token")
    CLAIMS.validate(decoded.claims)
    return decoded.claims


for line in sys.stdin:
    try:
        answer: dict[str, object] = {"claims": verify(line.strip())}
    except (JoseError, ValueError) as error:
        answer = {"refused": str(error)}
    print(json.dumps(answer))
