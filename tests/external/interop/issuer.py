"""A server for other programs, with sign-in, public keys and protected views.

Its tokens are issued over HTTP, or forged with one of its keys.
"""

from __future__ import annotations

import json
import time
from datetime import timedelta

import time_machine

from django_tokenauth.keys.loading import load_key
from tests.support.client import PASSWORDS
from tests.support.http_server import send_request
from tests.support.raw_tokens import (
    MISSING,
    apply_changes,
    base64url,
    compact,
    hmac_with,
    unbase64url,
)
from tests.support.sample_keys import private_jwk, private_key, private_pem, public_jwk, public_pem

ISSUER = "https://auth.example.com"
AUDIENCE = "https://api.example.com"
SECRET = "a secret of at least 32 bytes, which HS256 requires"
LIFETIME = timedelta(hours=1)
FORM = b"Content-Type: application/x-www-form-urlencoded"


def claims_of(token):
    """Return the unverified claims of a token."""
    return json.loads(unbase64url(token.split(".")[1]))


def header_of(token):
    """Return the unverified header of a token."""
    return json.loads(unbase64url(token.split(".")[0]))


def flipped(token, part, bit):
    """Return ``token`` with one bit of a decoded part flipped."""
    parts = token.split(".")
    data = bytearray(unbase64url(parts[part]))
    data[bit // 8] ^= 1 << bit % 8
    parts[part] = base64url(bytes(data))
    return ".".join(parts)


def bit_length(token, part):
    """Return the number of bits of a decoded part."""
    return 8 * len(unbase64url(token.split(".")[part]))


class Issuer:
    """A server that signs with ``algorithm``, and forges tokens."""

    def __init__(self, algorithm, settings, address, paths):
        self.algorithm = algorithm
        #: The paths of all requests, in order.
        self.paths = paths
        self._settings = settings
        self._address = address
        self._materials = [SECRET, f"{SECRET}, the second one"]
        if algorithm != "HS256":
            self._private = [private_key(algorithm, number) for number in range(2)]
            self._materials = [private_pem(key).decode() for key in self._private]
        self.keys = [load_key(material, algorithm) for material in self._materials]
        self.configure()

    def configure(self, signing=0, **changes):
        """Sign with one of the two keys, and verify with both."""
        self._settings.TOKENAUTH = {
            "ISSUER": ISSUER,
            "AUDIENCE": AUDIENCE,
            "ALGORITHM": self.algorithm,
            "SIGNING_KEY": self._materials[signing],
            "VERIFYING_KEYS": [self._materials[1 - signing]],
            "ACCESS_TOKEN_LIFETIME": LIFETIME,
            **changes,
        }

    @property
    def verifier_environment(self):
        """Return the environment of a verifying program, with the URL of the keys or the secret."""
        host, port = self._address
        keys = {"JWKS_URL": f"http://{host}:{port}/.well-known/jwks.json"}
        if self.algorithm == "HS256":
            keys = {"SECRET": SECRET}
        return {
            "ALGORITHM": self.algorithm,
            "AUDIENCE": AUDIENCE,
            "ISSUER": ISSUER,
            **keys,
        }

    @property
    def signer_environment(self):
        """Return the environment of a signing program, with the key of this server."""
        if self.algorithm == "HS256":
            return {"ALGORITHM": self.algorithm, "SECRET": SECRET}
        return {
            "ALGORITHM": self.algorithm,
            "PRIVATE_JWK": json.dumps(private_jwk(self._private[0])),
            "PRIVATE_PEM": self._materials[0],
        }

    def sign_in(self, *, ago=0, **configuration):
        """Sign alice in ``ago`` seconds earlier, with other settings. Return the response."""
        self.configure(**configuration)
        body = f"username=alice&password={PASSWORDS['alice'].replace(' ', '+')}".encode()
        length = b"Content-Length: %d" % len(body)
        with time_machine.travel(time.time() - ago):
            response = send_request(
                self._address, b"POST /auth/token/ HTTP/1.1", FORM, length, body=body
            )
        self.configure()
        assert response.status == 200, response.body
        return response.json()

    def get(self, path, token):
        """Return the response of a protected view to ``token``."""
        start = f"GET {path} HTTP/1.1".encode()
        return send_request(self._address, start, f"Authorization: Bearer {token}".encode())

    def valid_tokens(self):
        """Return valid tokens by description."""
        tokens = {"issued": self.sign_in()["access_token"]}
        if self.algorithm != "HS256":
            tokens["second key"] = self.sign_in(signing=1)["access_token"]
        return tokens

    def invalid_tokens(self, token):
        """Return invalid tokens by description, made from the valid ``token``."""
        return {
            "expired": self.sign_in(ago=2 * LIFETIME.total_seconds())["access_token"],
            "other issuer": self.sign_in(ISSUER=f"{ISSUER}/other")["access_token"],
            "other audience": self.sign_in(AUDIENCE=f"{AUDIENCE}/other")["access_token"],
            "refresh token": self.sign_in()["refresh_token"],
            **self._forged(header_of(token), claims_of(token)),
            **{
                f"bit {bit} of the {name}": flipped(token, part, bit)
                for part, name in enumerate(("header", "claims", "signature"))
                for bit in self._flipped_bits(bit_length(token, part))
            },
        }

    def _flipped_bits(self, number):
        """Yield each of the bits. Elliptic curves are slow: yield one bit of each byte."""
        if self.algorithm in ("ES256", "EdDSA"):
            yield from (8 * byte + byte % 8 for byte in range(number // 8))
        else:
            yield from range(number)

    def _forged(self, header, claims):
        signer, other_signer = (key.sign for key in self.keys)
        tokens = {
            **{
                f"typ is {typ}": compact(apply_changes(header, {"typ": typ}), claims, signer)
                for typ in ("rt+jwt", "JWT", MISSING)
            },
            "no exp": compact(header, apply_changes(claims, {"exp": MISSING}), signer),
            "unknown critical extension": compact(
                {**header, "crit": ["x"], "x": 1}, claims, signer
            ),
            "unknown key": compact(
                apply_changes(header, {"kid": "unknown"}), claims, self._sign_with_unknown_key
            ),
            "key of another kid": compact(header, claims, other_signer),
            "no signature": compact(header, claims, lambda message: b""),
        }
        for alg in ("none", "None", MISSING):
            unsigned = apply_changes(header, {"alg": alg})
            tokens[f"alg is {alg}"] = compact(unsigned, claims, lambda message: b"")
            tokens[f"alg is {alg}, signed"] = compact(unsigned, claims, signer)
        if self.algorithm == "HS256":
            longer = apply_changes(header, {"alg": "HS512"})
            tokens["HS512"] = compact(longer, claims, hmac_with(SECRET.encode(), "sha512"))
        else:
            for name, secret in self._public_keys_as_secrets().items():
                switched = apply_changes(header, {"alg": "HS256"})
                tokens[f"HS256 with {name}"] = compact(switched, claims, hmac_with(secret))
        return tokens

    def _sign_with_unknown_key(self, message):
        if self.algorithm == "HS256":
            return hmac_with(b"a long secret that this server does not have")(message)
        return load_key(private_pem(private_key(self.algorithm, 2)), self.algorithm).sign(message)

    def _public_keys_as_secrets(self):
        """Return the public key in forms that a verifier may use as an HMAC secret."""
        key = self._private[0]
        pem = public_pem(key)
        jwk = public_jwk(key)
        return {
            "the public PEM": pem,
            "the public PEM without its final newline": pem.rstrip(),
            "the public JWK": json.dumps(jwk).encode(),
            "the raw public key": unbase64url(jwk.get("x") or jwk["n"]),
            "an empty secret": b"",
        }
