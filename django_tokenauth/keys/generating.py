"""Generation of keys as JWKs (RFC 7517)."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from functools import partial
from typing import Any

from jwt.algorithms import get_default_algorithms

from .. import _base64url as base64url
from ..conf.settings import HMAC_ALGORITHMS
from ..errors import InvalidKey
from .loading import INSTALL_CRYPTO, Key, load_key, with_times

try:
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
except ImportError:
    _GENERATORS: dict[str, Callable[[], Any]] = {}
else:
    # An RSA key of 3072 bits is as strong as an elliptic curve of 256 bits (NIST SP 800-57 part 1,
    # table 2).
    _rsa = partial(rsa.generate_private_key, 65537, 3072)
    _GENERATORS = {
        **dict.fromkeys(("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"), _rsa),
        "ES256": partial(ec.generate_private_key, ec.SECP256R1()),
        "ES384": partial(ec.generate_private_key, ec.SECP384R1()),
        "ES512": partial(ec.generate_private_key, ec.SECP521R1()),
        "EdDSA": ed25519.Ed25519PrivateKey.generate,
    }

# RFC 7518 section 3.2: an HMAC secret has at least the size of the hash.
_SECRET_BYTES = {"HS256": 32, "HS384": 48, "HS512": 64}
# The members of private keys in RFC 7518 and RFC 8037. PyJWT adds other members.
_MEMBERS = ("kty", "crv", "x", "y", "n", "e", "d", "p", "q", "dp", "dq", "qi")


def make_jwk(algorithm: str, *, now: int, not_before: int) -> dict[str, Any]:
    """Return a new private key or secret for *algorithm* as a JWK with a ``kid``.

    *now* becomes the ``iat`` of the JWK. *not_before* becomes the ``nbf`` of the JWK, the time from
    which the key signs. The times are in seconds since the epoch. Raises :class:`InvalidKey` if
    *algorithm* needs the package cryptography and the package is not installed.
    """
    return make_key(algorithm, now=now, not_before=not_before)[0]


def make_key(algorithm: str, *, now: int, not_before: int) -> tuple[dict[str, Any], Key]:
    """Return the JWK that :func:`make_jwk` returns, and its :class:`Key`."""
    jwk, key = _secret(algorithm) if algorithm in HMAC_ALGORITHMS else _private(algorithm)
    jwk |= {"alg": algorithm, "use": "sig", "iat": now, "nbf": not_before}
    return jwk, with_times(key, jwk)


def _secret(algorithm: str) -> tuple[dict[str, Any], Key]:
    secret = secrets.token_bytes(_SECRET_BYTES[algorithm])
    # A random kid reveals nothing about the secret.
    kid = secrets.token_hex(8)
    jwk = {"kty": "oct", "kid": kid, "k": base64url.encode(secret).decode()}
    return jwk, load_key(jwk, algorithm)


def _private(algorithm: str) -> tuple[dict[str, Any], Key]:
    if algorithm not in _GENERATORS:
        raise InvalidKey(
            f"{algorithm} needs the package cryptography.", INSTALL_CRYPTO, check_id="E001"
        )
    members = get_default_algorithms()[algorithm].to_jwk(_GENERATORS[algorithm](), as_dict=True)
    jwk = {name: members[name] for name in _MEMBERS if name in members}
    key = load_key(jwk, algorithm)
    # Commands would parse a kid with a leading hyphen as an option.
    if key.kid.startswith("-"):
        return _private(algorithm)
    return {**jwk, "kid": key.kid}, key
