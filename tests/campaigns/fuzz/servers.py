"""The servers under test. Their keys and clock are fixed, so any process can replay an input."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import timedelta
from functools import cache, lru_cache
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from django_tokenauth.keys.sources import build_access_keys
from django_tokenauth.tokens.access import AccessTokens
from tests.support.raw_tokens import (
    SECRET_KEY,
    SIGNING_KEY,
    Access,
    Refresh,
    derived_secret,
    hmac_with,
    read_settings,
)
from tests.support.sample_keys import private_pem, public_pem

LEEWAY = timedelta(seconds=30)
Sign = Callable[[bytes], bytes]


def _seed(name: str) -> bytes:
    return hashlib.sha256(f"a key that the fuzzer knows: {name}".encode()).digest()


def key_pair(algorithm: str, name: str) -> Any:
    if algorithm == "EdDSA":
        return ed25519.Ed25519PrivateKey.from_private_bytes(_seed(name))
    return ec.derive_private_key(int.from_bytes(_seed(name)), ec.SECP256R1())


class SecretServer(Access):
    """A server with access tokens signed with HMAC."""

    kind, algorithm = "access", "HS256"
    verifying_key: Any = SIGNING_KEY
    other_signers: dict[str, Sign]

    def __init__(self) -> None:
        super().__init__(LEEWAY=LEEWAY)
        self.other_signers = {
            "another secret": hmac_with(_seed("other")),
            "the secret of refresh tokens": hmac_with(derived_secret(SECRET_KEY, "refresh token")),
            "SECRET_KEY": hmac_with(SECRET_KEY),
            "another digest": hmac_with(SIGNING_KEY, "sha512"),
        }


class RefreshServer(Refresh):
    """A server with refresh tokens."""

    kind, algorithm = "refresh", "HS256"
    verifying_key = derived_secret(SECRET_KEY, "refresh token")

    def __init__(self) -> None:
        super().__init__(LEEWAY=LEEWAY)
        self.other_signers = {
            "another secret": hmac_with(_seed("other")),
            "the secret of access tokens": hmac_with(derived_secret(SECRET_KEY, "access token")),
            "SIGNING_KEY": hmac_with(SIGNING_KEY),
            "SECRET_KEY": hmac_with(SECRET_KEY),
        }


class KeyPairServer(Access):
    """A server with access tokens signed with a key pair. The forger knows the public key."""

    kind = "access"

    def __init__(self, algorithm: str) -> None:
        key = key_pair(algorithm, "server")
        self.algorithm = algorithm
        self.settings = read_settings(
            ALGORITHM=algorithm, SIGNING_KEY=private_pem(key), LEEWAY=LEEWAY
        )
        source = build_access_keys(self.settings)
        keys = source.at(0)
        self.tokens = AccessTokens(self.settings, source)
        self.kid = keys.signing.kid
        self.verifying_key = public_pem(key)
        # ECDSA signatures are random; the cache makes equal inputs equal tokens.
        self.sign = lru_cache(4096)(keys.signing.sign)
        der = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        other = read_settings(
            ALGORITHM=algorithm, SIGNING_KEY=private_pem(key_pair(algorithm, "other"))
        )
        self.other_signers = {
            "another key pair": build_access_keys(other).at(0).signing.sign,
            "public key as a secret": hmac_with(public_pem(key)),
            "public key in DER as a secret": hmac_with(der),
            "SECRET_KEY": hmac_with(SECRET_KEY),
        }

    def header(self, **changes: Any) -> dict[str, Any]:
        return super().header(**{"alg": self.algorithm, **changes})


@cache
def server(name: str) -> Any:
    """Return the server of a target: one per process, because servers cache tokens."""
    return {
        "access": SecretServer,
        "access-eddsa": lambda: KeyPairServer("EdDSA"),
        "access-es256": lambda: KeyPairServer("ES256"),
        "refresh": RefreshServer,
    }[name]()
