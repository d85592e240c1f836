"""Keys that sign and verify (RFC 7517, RFC 7518).

A :class:`Key` has exactly one algorithm and one ``kid``. PyJWT implements the algorithms and parses
the key material. This module rejects key material that PyJWT accepts and RFC 8725 forbids.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

from django.utils.encoding import force_bytes
from jwt.algorithms import Algorithm, get_default_algorithms, has_crypto

from .. import _base64url as base64url
from ..conf.settings import ASYMMETRIC_ALGORITHMS, HMAC_ALGORITHMS
from ..conf.values import LAST_SECOND, KeyMaterial
from ..errors import InvalidKey
from .weak import is_roca, is_small_order

INSTALL_CRYPTO = 'Install the extra: pip install "drf-tokenauth[crypto]"'

_ALGORITHMS = get_default_algorithms()
_DIGESTS = {"HS256": "sha256", "HS384": "sha384", "HS512": "sha512"}
# The public members of a JWK (RFC 7518 section 6, RFC 8037 section 2), in the order of RFC 7638
# section 3.
_PUBLIC_MEMBERS = {
    "RSA": ("e", "kty", "n"),
    "EC": ("crv", "kty", "x", "y"),
    "OKP": ("crv", "kty", "x"),
}
# The algorithms that are tried, in this order, for a key pair without an alg.
_INFERRED = ("RS256", "ES256", "ES384", "ES512", "EdDSA")
_MAX_RSA_BITS = 8192
_KID = re.compile(r"[\x21-\x7e]{1,128}\Z")


@dataclass(frozen=True, slots=True, eq=False)
class Key:
    """A key with one algorithm, one name (``kid``) and its times.

    ``public_jwk`` is the public half (RFC 7517), or ``None`` for an HMAC secret. The key signs from
    ``not_before`` on and verifies until ``expires_at``, both in seconds since the epoch.
    """

    kid: str
    algorithm: str
    public_jwk: Mapping[str, str] | None = field(repr=False)
    _implementation: Algorithm = field(repr=False)
    _verifying: Any = field(repr=False)
    _signing: Any = field(repr=False)
    not_before: int = field(default=0, repr=False)
    expires_at: int | None = field(default=None, repr=False)

    @property
    def can_sign(self) -> bool:
        """Whether the key can :meth:`sign`: it is a secret or a private key."""
        return self._signing is not None

    @property
    def secret(self) -> bytes | None:
        """The bytes of an HMAC secret, or ``None`` for a key pair."""
        return self._signing if self.public_jwk is None else None

    @property
    def public_key(self) -> Any:
        """The public key of a key pair, an object of the package cryptography."""
        return self._verifying

    def has_expired(self, now: float) -> bool:
        """Return whether the key no longer verifies at *now* (seconds since the epoch)."""
        return self.expires_at is not None and now >= self.expires_at

    def sign(self, message: bytes) -> bytes:
        """Return the signature of *message* (RFC 7515 section 5.1)."""
        return self._implementation.sign(message, self._signing)

    def verify(self, message: bytes, signature: bytes) -> bool:
        """Return whether *signature* is a signature of *message* (RFC 7515 section 5.2)."""
        return self._implementation.verify(message, self._verifying, signature)


def load_key(material: KeyMaterial, algorithm: str) -> Key:
    """Return the key in *material*: PEM, a JWK (a mapping or its JSON) or a secret.

    The algorithm of the key is the ``alg`` of a JWK, otherwise *algorithm*. A key pair without an
    ``alg`` that does not fit *algorithm* gets the default algorithm of its key type. A PEM is
    rejected if *algorithm* is HMAC. A JWK may contain ``nbf`` and ``exp``. Raises
    :class:`InvalidKey`.
    """
    if isinstance(material, Mapping):
        return _from_dated_jwk(material, algorithm)
    data = _call_hiding_errors(
        force_bytes, material, InvalidKey("A key is a string that cannot be encoded as UTF-8.")
    )
    if data.lstrip()[:1] == b"{":
        not_json = InvalidKey("A key begins like a JWK but is not JSON.")
        return _from_dated_jwk(_call_hiding_errors(json.loads, data, not_json), algorithm)
    if data.lstrip().startswith(b"-----BEGIN "):
        if algorithm in HMAC_ALGORITHMS:
            raise InvalidKey(
                f"{algorithm} needs a secret, but the key is a PEM.",
                "Set ALGORITHM to the algorithm of that key, for example 'RS256' or 'EdDSA'.",
                check_id="E001",
            )
        return _from_pem(data, algorithm)
    if algorithm in HMAC_ALGORITHMS:
        return _from_secret(data, algorithm, None)
    raise InvalidKey(
        f"{algorithm} needs a key as PEM or as a JWK.",
        "A PEM begins with -----BEGIN. `openssl genpkey -algorithm ed25519` prints one.",
    )


def with_times(key: Key, jwk: Mapping[str, Any]) -> Key:
    """Return *key* with the ``nbf`` and ``exp`` of *jwk*. Raises :class:`InvalidKey`."""
    # RFC 7517 section 4 permits additional members of a JWK. The members nbf and exp have the
    # meaning of RFC 7519.
    times = {name: jwk[name] for name in ("nbf", "exp") if name in jwk}
    if any(type(time) is not int or not 0 <= time <= LAST_SECOND for time in times.values()):
        raise InvalidKey("The nbf or exp of a JWK is invalid. Give whole seconds since the epoch.")
    return replace(key, not_before=times.get("nbf", 0), expires_at=times.get("exp"))


def derive_key(root: bytes, purpose: str, algorithm: str) -> Key:
    """Derive the HMAC key for *purpose* from *root*, a secret that serves several purposes.

    The derived keys are independent: no key reveals *root* or the key of another purpose.
    """
    info = f"django_tokenauth {purpose} {algorithm}".encode()
    return _from_secret(hmac.digest(root, info, _DIGESTS[algorithm]), algorithm, None)


def _from_secret(secret: bytes, algorithm: str, kid: str | None) -> Key:
    implementation = _ALGORITHMS[algorithm]
    prepared = _call_hiding_errors(
        implementation.prepare_key,
        secret,
        InvalidKey(
            f"The key is not a secret that {algorithm} can use.",
            "It looks like a public or private key. Give random bytes, or set ALGORITHM.",
        ),
    )
    if implementation.check_key_length(prepared):
        needed = hashlib.new(_DIGESTS[algorithm]).digest_size
        raise InvalidKey(
            f"The secret for {algorithm} is too short (RFC 7518 section 3.2).",
            f"Give at least {needed} random bytes: python -c "
            f'"import secrets; print(secrets.token_urlsafe({needed}))"',
        )
    return Key(kid or _secret_kid(secret), algorithm, None, implementation, prepared, prepared)


def _secret_kid(secret: bytes) -> str:
    """Return a ``kid`` for *secret*: an HMAC that reveals no more about *secret* than a token does.

    RFC 7638 section 7 warns that the thumbprint of a secret can leak information. The HMAC is never
    the signature of a token, because the signing input of a token contains no spaces.
    """
    return _encode(hmac.digest(secret, b"django_tokenauth key id", "sha256")[:12])


def _from_pem(data: bytes, algorithm: str) -> Key:
    _require_cryptography(algorithm)
    unreadable = _Unreadable(
        f"The PEM cannot be read as a key for {algorithm}.",
        "Give an unencrypted private key or a public key, not a certificate.",
    )
    for name in dict.fromkeys((algorithm, *_INFERRED)):
        with suppress(_Unreadable):
            prepared = _call_hiding_errors(_ALGORITHMS[name].prepare_key, data.strip(), unreadable)
            return _from_prepared(prepared, name, None)
    raise unreadable


class _Unreadable(InvalidKey):
    """The material is not a key for the tried algorithm, but may be a key for another algorithm."""


def _call_hiding_errors(read: Callable[[Any], Any], material: Any, error: InvalidKey) -> Any:
    """Call *read*, and raise *error* instead of its errors, which may contain key material."""
    with suppress(Exception):
        return read(material)
    # Raise *error* here, because in an exception handler its context would be the library's error.
    raise error


def _from_dated_jwk(jwk: Mapping[str, Any], algorithm: str) -> Key:
    return with_times(_from_jwk(jwk, algorithm), jwk)


def _from_jwk(jwk: Mapping[str, Any], algorithm: str) -> Key:
    kty, kid = jwk.get("kty"), jwk.get("kid")
    if kid is not None and (not isinstance(kid, str) or not _KID.match(kid)):
        raise InvalidKey(
            "The kid of a JWK is invalid. Give 1 to 128 visible ASCII characters.",
            check_id="E003",
        )
    # RFC 7517 sections 4.2 and 4.3: a JWK may restrict its use.
    operations = jwk.get("key_ops", ["verify"])
    if jwk.get("use", "sig") != "sig" or not (
        isinstance(operations, list) and {"sign", "verify"}.intersection(map(str, operations))
    ):
        raise InvalidKey("The use or key_ops of a JWK does not permit signatures.")
    inferred = (algorithm, *(HMAC_ALGORITHMS if kty == "oct" else _INFERRED))
    for name in (jwk["alg"],) if "alg" in jwk else dict.fromkeys(inferred):
        if name not in (*HMAC_ALGORITHMS, *ASYMMETRIC_ALGORITHMS):
            raise InvalidKey("The alg of a JWK is not a supported signature algorithm.")
        if (kty == "oct") != (name in HMAC_ALGORITHMS):
            continue
        if kty != "oct":
            _require_cryptography(name)
        with suppress(_Unreadable):
            return _jwk_as(name, jwk, kid)
    raise InvalidKey("A JWK cannot be read, or its alg does not fit its kty and crv.")


def _jwk_as(algorithm: str, jwk: Mapping[str, Any], kid: str | None) -> Key:
    implementation = _ALGORITHMS[algorithm]
    # PyJWT accepts a dict and no other mapping.
    material = _call_hiding_errors(implementation.from_jwk, dict(jwk), _Unreadable(""))
    if algorithm in HMAC_ALGORITHMS:
        return _from_secret(material, algorithm, kid)
    prepared = _call_hiding_errors(implementation.prepare_key, material, _Unreadable(""))
    return _from_prepared(prepared, algorithm, kid)


def _from_prepared(prepared: Any, algorithm: str, kid: str | None) -> Key:
    """Return the key in *prepared*, a key object of the package cryptography."""
    implementation = _ALGORITHMS[algorithm]
    private = hasattr(prepared, "public_key")
    public = prepared.public_key() if private else prepared
    members = implementation.to_jwk(public, as_dict=True)
    members = {name: members[name] for name in _PUBLIC_MEMBERS[members["kty"]]}
    if members["kty"] == "RSA":
        _check_rsa(public)
    elif members["crv"] == "Ed448":
        raise InvalidKey("Ed448 is not supported. Give an Ed25519 key for EdDSA.")
    elif members["kty"] == "OKP" and is_small_order(base64url.decode(members["x"].encode())):
        raise InvalidKey("An Ed25519 key is of small order: anyone can forge signatures.")
    canonical = json.dumps(members, sort_keys=True, separators=(",", ":")).encode()
    kid = kid or _encode(hashlib.sha256(canonical).digest())  # RFC 7638 section 3
    jwk = {**members, "kid": kid, "alg": algorithm, "use": "sig"}
    return Key(
        kid, algorithm, MappingProxyType(jwk), implementation, public, prepared if private else None
    )


def _check_rsa(public: Any) -> None:
    numbers = public.public_numbers()
    if not 2048 <= public.key_size <= _MAX_RSA_BITS:
        raise InvalidKey(
            f"An RSA key has {public.key_size} bits.",
            f"Give one with 2048 (RFC 7518 section 3.3) to {_MAX_RSA_BITS} bits.",
        )
    # One statement raises for both weaknesses, so that a test with a ROCA key covers the statement.
    # Newer versions of cryptography never load a key with a weak exponent.
    weaknesses = {
        "has an exponent that lets an attacker sign": numbers.e < 3 or numbers.e % 2 == 0,
        "was generated by a faulty chip (ROCA, CVE-2017-15361)": is_roca(numbers.n),
    }
    weakness = next((text for text, is_found in weaknesses.items() if is_found), None)
    if weakness is not None:
        raise InvalidKey(f"An RSA key {weakness}.", "Generate a new key.")


def _require_cryptography(algorithm: str) -> None:
    if not has_crypto:
        raise InvalidKey(
            f"{algorithm} needs the package cryptography.", INSTALL_CRYPTO, check_id="E001"
        )


def _encode(data: bytes) -> str:
    return base64url.encode(data).decode()
