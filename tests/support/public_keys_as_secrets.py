"""Public keys in each form that could be used as an HMAC secret."""

from __future__ import annotations

import json

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from django_tokenauth.keys.loading import load_key
from tests.support.raw_tokens import (
    unbase64url,
)
from tests.support.sample_keys import (
    private_key,
    public_jwk,
    public_pem,
    raw_public,
)


def public_key_as_secrets(algorithm):
    """Return a public key in each form that could be used as an HMAC secret, by name."""
    key = private_key(algorithm)
    public = key.public_key()
    pem = public_pem(key)
    der = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    jwk = public_jwk(key)
    secrets = {
        "PEM": pem,
        "PEM without its last newline": pem.strip(),
        "PEM after a blank line": b"\n \t" + pem,
        "PEM with CRLF": pem.replace(b"\n", b"\r\n"),
        "PEM in lower case": pem.lower(),
        "PEM body": b"".join(pem.splitlines()[1:-1]),
        "DER": der,
        "DER in hex": der.hex().encode(),
        "JWK": json.dumps(jwk).encode(),
        "JWK without blanks": json.dumps(jwk, separators=(",", ":")).encode(),
        "JWK after a BOM": b"\xef\xbb\xbf" + json.dumps(jwk).encode(),
        "JWKS": json.dumps({"keys": [jwk]}).encode(),
        "SSH": public.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH),
        "kid": load_key(pem, algorithm).kid.encode(),
    }
    if algorithm == "EdDSA":
        secrets |= {"raw": raw_public(key), "raw in hex": raw_public(key).hex().encode()}
    elif algorithm == "ES256":
        point = public.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        secrets |= {"point": point, "point in hex": point.hex().encode()}
        secrets["small point"] = public.public_bytes(Encoding.X962, PublicFormat.CompressedPoint)
    else:
        secrets["PKCS#1 PEM"] = public.public_bytes(Encoding.PEM, PublicFormat.PKCS1)
        secrets["PKCS#1 DER"] = public.public_bytes(Encoding.DER, PublicFormat.PKCS1)
        secrets["modulus"] = str(public.public_numbers().n).encode()
    for name in {"x", "y", "n"} & jwk.keys():
        secrets[f"member {name}"] = jwk[name].encode()
        secrets[f"bytes of {name}"] = unbase64url(jwk[name])
    return secrets
