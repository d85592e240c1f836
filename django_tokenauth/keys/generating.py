"""Making new keys, as JWKs (RFC 7517)."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Callable
from functools import partial
from typing import Any

from jwt.algorithms import get_default_algorithms

from ..conf.settings import HMAC_ALGORITHMS
from ..errors import InvalidKey
from .loading import INSTALL_CRYPTO, load_key

try:
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
except ImportError:
    _MAKERS: dict[str, Callable[[], Any]] = {}
else:
    # 3072 bits are as strong as the curves (NIST SP 800-57 part 1, table 2).
    _rsa = partial(rsa.generate_private_key, 65537, 3072)
    _MAKERS = {
        **dict.fromkeys(("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"), _rsa),
        "ES256": partial(ec.generate_private_key, ec.SECP256R1()),
        "ES384": partial(ec.generate_private_key, ec.SECP384R1()),
        "ES512": partial(ec.generate_private_key, ec.SECP521R1()),
        "EdDSA": ed25519.Ed25519PrivateKey.generate,
    }

# RFC 7518 section 3.2: as many bytes as the hash has.
_SECRET_BYTES = {"HS256": 32, "HS384": 48, "HS512": 64}


def make_jwk(algorithm: str, *, now: int, not_before: int) -> dict[str, Any]:
    """A new private key or secret for ``algorithm`` as a JWK, with its ``kid``.

    It was made at ``now`` (``iat``) and signs from ``not_before`` on (``nbf``); both are in seconds
    since the epoch. Raises :class:`InvalidKey` without the package cryptography.
    """
    jwk = _secret(algorithm) if algorithm in HMAC_ALGORITHMS else _private(algorithm)
    return {**jwk, "iat": now, "nbf": not_before}


def _secret(algorithm: str) -> dict[str, Any]:
    secret = secrets.token_bytes(_SECRET_BYTES[algorithm])
    return {
        "kty": "oct",
        # At random: a name that follows from the secret would let anybody test guesses of it.
        "kid": secrets.token_hex(8),
        "alg": algorithm,
        "use": "sig",
        "k": base64.urlsafe_b64encode(secret).rstrip(b"=").decode(),
    }


def _private(algorithm: str) -> dict[str, Any]:
    if algorithm not in _MAKERS:
        raise InvalidKey(
            f"{algorithm} needs the package cryptography.", INSTALL_CRYPTO, check_id="E001"
        )
    described = get_default_algorithms()[algorithm].to_jwk(_MAKERS[algorithm](), as_dict=True)
    # Of PyJWT's description only what RFC 7518 and RFC 8037 say of a private key.
    jwk = {name: described[name] for name in _MEMBERS if name in described}
    kid = load_key(jwk, algorithm).kid
    # A command line would take such a name for an option.
    if kid.startswith("-"):
        return _private(algorithm)
    return {**jwk, "kid": kid, "alg": algorithm, "use": "sig"}


_MEMBERS = ("kty", "crv", "x", "y", "n", "e", "d", "p", "q", "dp", "dq", "qi")
