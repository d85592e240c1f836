"""Verify tokens like docs/verify/verify.py, with Authlib."""

from __future__ import annotations

import json
import os
import sys
from urllib.request import urlopen

from authlib.jose import JsonWebKey, JsonWebToken
from authlib.jose.errors import JoseError

ALGORITHM = os.environ["ALGORITHM"]
CLAIMS = {
    "iss": {"essential": True, "value": os.environ["ISSUER"]},
    "aud": {"essential": True, "value": os.environ["AUDIENCE"]},
    "exp": {"essential": True},
}
if ALGORITHM == "HS256":
    keys = JsonWebKey.import_key(os.environ["SECRET"], {"kty": "oct"})
else:
    with urlopen(os.environ["JWKS_URL"]) as response:
        keys = JsonWebKey.import_key_set(json.load(response))


def verify(token: str) -> dict[str, object]:
    claims = JsonWebToken([ALGORITHM]).decode(token, keys, claims_options=CLAIMS)
    if claims.header.get("typ") != "at+jwt":
        raise ValueError("not an access token")
    claims.validate()
    return dict(claims)


for line in sys.stdin:
    try:
        result = {"claims": verify(line.strip())}
    except (JoseError, ValueError) as error:
        result = {"error": str(error)}
    print(json.dumps(result))
