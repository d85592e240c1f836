"""Signs with joserfc: a line of the header, a tab and the claims gives a line of the token."""

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
