"""``python verify.py < tokens``: the claims of each access token that is good, or why it is not.

It wants ``pip install joserfc``.
"""

from __future__ import annotations

import json
import os
import sys
import time
from functools import lru_cache
from urllib.request import urlopen

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet, OctKey

ALGORITHM = os.environ["ALGORITHM"]
CLAIMS = jwt.JWTClaimsRegistry(
    iss={"essential": True, "value": os.environ["ISSUER"]},
    aud={"essential": True, "value": os.environ["AUDIENCE"]},
    exp={"essential": True},
    sub={"essential": True},
)


@lru_cache(maxsize=1)
def keys(_five_minutes: int) -> KeySet | OctKey:
    """The public keys, read again every five minutes.

    HS256 has a secret instead, which must stay on the servers.
    """
    if ALGORITHM == "HS256":
        return OctKey.import_key(os.environ["SECRET"])
    with urlopen(os.environ["JWKS_URL"]) as answer:
        return KeySet.import_key_set(json.load(answer))


def verify(token: str) -> dict[str, object]:
    """The claims of a good token. Raises ``JoseError`` or ``ValueError`` for any other."""
    decoded = jwt.decode(token, keys(int(time.time() // 300)), algorithms=[ALGORITHM])
    if decoded.header.get("typ") != "at+jwt":
        raise ValueError("not an access token")
    CLAIMS.validate(decoded.claims)
    return decoded.claims


for line in sys.stdin:
    try:
        answer = {"claims": verify(line.strip())}
    except (JoseError, ValueError) as error:
        answer = {"refused": str(error)}
    print(json.dumps(answer))
