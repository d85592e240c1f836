"""Sign with joserfc: read lines of header, tab and claims, and print the tokens."""

from __future__ import annotations

import json
import os
import sys

from joserfc import jwt
from joserfc.jwk import OctKey, import_key

ALGORITHM = os.environ["ALGORITHM"]
if ALGORITHM == "HS256":
    key = OctKey.import_key(os.environ["SECRET"])
else:
    key = import_key(json.loads(os.environ["PRIVATE_JWK"]))

for line in sys.stdin:
    header, claims = map(json.loads, line.split("\t"))
    print(jwt.encode(header, claims, key, algorithms=[ALGORITHM]))
