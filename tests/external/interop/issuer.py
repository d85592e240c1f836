"""A server of ours as others meet it: it signs in, shows its public keys and has protected views.

Every token is one that it really issued, or is made by hand with a key that it has.
"""

from __future__ import annotations

import json
import time
from datetime import timedelta

import time_machine

from django_tokenauth.keys.loading import load_key
from tests.support.client import PASSWORDS
from tests.support.http_server import exchange
from tests.support.raw_tokens import MISSING, base64url, changed, compact, hmac_with, unbase64url
from tests.support.sample_keys import private_jwk, private_key, private_pem, public_jwk, public_pem

ISSUER = "https://auth.example.com"
AUDIENCE = "https://api.example.com"
SECRET = "a secret of at least 32 bytes, which HS256 asks for"
LIFETIME = timedelta(hours=1)
FORM = b"Content-Type: application/x-www-form-urlencoded"


def claims_of(token):
    return json.loads(unbase64url(token.split(".")[1]))


def header_of(token):
    return json.loads(unbase64url(token.split(".")[0]))


def flipped(token, part, bit):
    """``token`` with one bit of the bytes behind one of its three parts changed."""
    parts = token.split(".")
    data = bytearray(unbase64url(parts[part]))
    data[bit // 8] ^= 1 << bit % 8
    parts[part] = base64url(bytes(data))
    return ".".join(parts)


def bits(token, part):
    return 8 * len(unbase64url(token.split(".")[part]))


class Issuer:
    def __init__(self, algorithm, settings, address, paths):
        self.algorithm = algorithm
        #: What it was asked for, in this order.
        self.paths = paths
        self._settings = settings
        self._address = address
        self._materials = [SECRET, f"{SECRET}, and another"]
        if algorithm != "HS256":
            self._private = [private_key(algorithm, number) for number in range(2)]
            self._materials = [private_pem(key).decode() for key in self._private]
        self.keys = [load_key(material, algorithm) for material in self._materials]
        self.configure()

    def configure(self, signing=0, **changes):
        """Sign with one of the two keys, and verify with the other one as well."""
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
    def verifying(self):
        """The environment of a program that verifies: where the public keys are, or the secret."""
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
    def signing(self):
        """The environment of a program that signs as this server does."""
        if self.algorithm == "HS256":
            return {"ALGORITHM": self.algorithm, "SECRET": SECRET}
        return {
            "ALGORITHM": self.algorithm,
            "PRIVATE_JWK": json.dumps(private_jwk(self._private[0])),
            "PRIVATE_PEM": self._materials[0],
        }

    def sign_in(self, *, ago=0, **configuration):
        """The answer to a sign-in of alice, ``ago`` seconds earlier, with other settings."""
        self.configure(**configuration)
        body = f"username=alice&password={PASSWORDS['alice'].replace(' ', '+')}".encode()
        length = b"Content-Length: %d" % len(body)
        with time_machine.travel(time.time() - ago):
            answer = exchange(self._address, b"POST /auth/token/ HTTP/1.1", FORM, length, body=body)
        self.configure()
        assert answer.status == 200, answer.body
        return answer.json()

    def ask(self, path, token):
        """The answer of a protected view to ``token``."""
        start = f"GET {path} HTTP/1.1".encode()
        return exchange(self._address, start, f"Authorization: Bearer {token}".encode())

    def good(self):
        """Good tokens, by what each is."""
        tokens = {"as issued": self.sign_in()["access_token"]}
        if self.algorithm != "HS256":
            tokens["by another key of the set"] = self.sign_in(signing=1)["access_token"]
        return tokens

    def hostile(self, token):
        """Tokens to refuse, by what is wrong with each; ``token`` is a good one."""
        return {
            "expired": self.sign_in(ago=2 * LIFETIME.total_seconds())["access_token"],
            "of another issuer": self.sign_in(ISSUER=f"{ISSUER}/other")["access_token"],
            "for another audience": self.sign_in(AUDIENCE=f"{AUDIENCE}/other")["access_token"],
            "a refresh token": self.sign_in()["refresh_token"],
            **self._made_by_hand(header_of(token), claims_of(token)),
            **{
                f"bit {bit} of the {name}": flipped(token, part, bit)
                for part, name in enumerate(("header", "claims", "signature"))
                for bit in range(bits(token, part))
            },
        }

    def _made_by_hand(self, header, claims):
        good, other = (key.sign for key in self.keys)
        tokens = {
            **{
                f"typ is {typ}": compact(changed(header, {"typ": typ}), claims, good)
                for typ in ("rt+jwt", "JWT", MISSING)
            },
            "never expires": compact(header, changed(claims, {"exp": MISSING}), good),
            "an unknown extension that is critical": compact(
                {**header, "crit": ["x"], "x": 1}, claims, good
            ),
            "by a key that is not there": compact(
                changed(header, {"kid": "unknown"}), claims, self._stranger
            ),
            "by another key than it says": compact(header, claims, other),
            "no signature": compact(header, claims, lambda text: b""),
        }
        for alg in ("none", "None", MISSING):
            unsigned = changed(header, {"alg": alg})
            tokens[f"alg is {alg}"] = compact(unsigned, claims, lambda text: b"")
            tokens[f"alg is {alg}, signed"] = compact(unsigned, claims, good)
        if self.algorithm == "HS256":
            longer = changed(header, {"alg": "HS512"})
            tokens["HS512"] = compact(longer, claims, hmac_with(SECRET.encode(), "sha512"))
        else:
            for what, secret in self._no_secrets().items():
                switched = changed(header, {"alg": "HS256"})
                tokens[f"HS256 with {what}"] = compact(switched, claims, hmac_with(secret))
        return tokens

    def _stranger(self, text):
        if self.algorithm == "HS256":
            return hmac_with(b"no secret of this server, but a long one")(text)
        return load_key(private_pem(private_key(self.algorithm, 2)), self.algorithm).sign(text)

    def _no_secrets(self):
        """What a verifier that is led by the header might take for a secret."""
        key = self._private[0]
        pem = public_pem(key)
        jwk = public_jwk(key)
        return {
            "the public PEM": pem,
            "the public PEM without its last line end": pem.rstrip(),
            "the public JWK": json.dumps(jwk).encode(),
            "the public number": unbase64url(jwk.get("x") or jwk["n"]),
            "nothing": b"",
        }
