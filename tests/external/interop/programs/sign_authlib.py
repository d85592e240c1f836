"""Sign with Authlib: read lines of header, tab and claims, and print the tokens."""

from __future__ import annotations

import json
import os
import sys

from authlib.jose import JsonWebKey, JsonWebToken

ALGORITHM = os.environ["ALGORITHM"]
if ALGORITHM == "HS256":
    key = JsonWebKey.import_key(os.environ["SECRET"], {"kty": "oct"})
else:
    key = JsonWebKey.import_key(json.loads(os.environ["PRIVATE_JWK"]))

for line in sys.stdin:
    header, claims = map(json.loads, line.split("\t"))
    print(JsonWebToken([ALGORITHM]).encode(header, claims, key).decode())
