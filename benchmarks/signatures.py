"""Keys of each algorithm, and the least that signing and verifying with them can cost."""

from __future__ import annotations

import hmac
import json
import time
from collections.abc import Callable
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import jwt
from jwt.utils import base64url_decode, raw_to_der_signature

from django_tokenauth.keys.generating import make_jwk

#: One of each family; all but the first need the package cryptography.
ALGORITHMS = ("HS256", "ES256", "EdDSA", "RS256")


def usable() -> tuple[str, ...]:
    """The algorithms that there is something for."""
    return ALGORITHMS if find_spec("cryptography") is not None else ALGORITHMS[:1]


@cache
def jwk(algorithm: str) -> dict[str, Any]:
    """A new private key or secret, the same for all who are compared."""
    now = int(time.time())
    return make_jwk(algorithm, now=now, not_before=now)


@cache
def key_objects(algorithm: str) -> tuple[Any, Any]:
    """The objects that sign and that verify: for HMAC a secret, else those of cryptography."""
    private: Any = jwt.get_algorithm_by_name(algorithm).from_jwk(jwk(algorithm))
    return (private, private) if isinstance(private, bytes) else (private, private.public_key())


def bare_verification(token: str) -> Callable[[], object]:
    """The signature and ``json.loads`` of the claims, and no other question.

    The curves and RSA are asked as cryptography has them; the signature of ES256 is turned into
    its form (DER) before, which nobody who verifies tokens can do.
    """
    signed, _, signature64 = token.rpartition(".")
    header, payload = (base64url_decode(part) for part in signed.split("."))
    algorithm = json.loads(header)["alg"]
    message, signature = signed.encode(), base64url_decode(signature64)
    _, public = key_objects(algorithm)
    if algorithm == "HS256":

        def act() -> object:
            if not hmac.compare_digest(hmac.digest(public, message, "sha256"), signature):
                raise SystemExit("The bare verification refused a good token.")
            return json.loads(payload)

        return act
    arguments = _arguments(algorithm)
    if algorithm == "ES256":
        signature = raw_to_der_signature(signature, public.curve)

    def act_with_public_key() -> object:
        public.verify(signature, message, *arguments)
        return json.loads(payload)

    return act_with_public_key


def bare_signing(algorithm: str, claims: dict[str, Any]) -> Callable[[], object]:
    """``json.dumps`` of the claims and a signature of as many bytes."""
    private, _ = key_objects(algorithm)
    if algorithm == "HS256":
        return lambda: hmac.digest(private, json.dumps(claims).encode(), "sha256")
    arguments = _arguments(algorithm)
    return lambda: private.sign(json.dumps(claims).encode(), *arguments)


def _arguments(algorithm: str) -> tuple[Any, ...]:
    if algorithm == "EdDSA":
        return ()
    digest = import_module(f"{_PRIMITIVES}.hashes").SHA256()
    if algorithm == "ES256":
        return (import_module(f"{_PRIMITIVES}.asymmetric.ec").ECDSA(digest),)
    return (import_module(f"{_PRIMITIVES}.asymmetric.padding").PKCS1v15(), digest)


# By their names: without the package there is HS256 only.
_PRIMITIVES = "cryptography.hazmat.primitives"
