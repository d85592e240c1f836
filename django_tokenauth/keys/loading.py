"""Keys that sign and verify (RFC 7517, RFC 7518).

A :class:`Key` has exactly one algorithm and one ``kid``. PyJWT supplies the algorithms and reads
the material; what it lets through and should not is refused here, when the key is made.
"""

from __future__ import annotations

import base64
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

from ..conf.settings import ASYMMETRIC_ALGORITHMS, HMAC_ALGORITHMS
from ..conf.values import KeyMaterial
from ..errors import InvalidKey
from .weak import is_roca, is_small_order

INSTALL_CRYPTO = "Install the extra crypto of this package, which is: pip install cryptography"

_ALGORITHMS = get_default_algorithms()
_DIGESTS = {"HS256": "sha256", "HS384": "sha384", "HS512": "sha512"}
# RFC 7518 section 6, RFC 8037 section 2: the public members, in the order of RFC 7638 section 3.
_PUBLIC_MEMBERS = {
    "RSA": ("e", "kty", "n"),
    "EC": ("crv", "kty", "x", "y"),
    "OKP": ("crv", "kty", "x"),
}
# What a key of that type does when nobody says which algorithm it is for.
_INFERRED = ("RS256", "ES256", "ES384", "ES512", "EdDSA")
_RSA_BITS_AT_MOST = 8192
# The last second of the year 9999: the end of what can be written as a date.
_LAST_SECOND = 253402300799
_KID = re.compile(r"[\x21-\x7e]{1,128}\Z")


@dataclass(frozen=True, slots=True, eq=False)
class Key:
    """A key with its one algorithm, its name and its times.

    ``public_jwk`` is what may be shown to anybody (RFC 7517); ``None`` for a secret. It begins to
    sign at ``not_before`` and stops to verify at ``expires_at`` (seconds since the epoch).
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
        """Whether this is a secret or a private key; :meth:`sign` is for such keys only."""
        return self._signing is not None

    def has_ended(self, now: float) -> bool:
        """Whether it does not verify any more at ``now`` (seconds since the epoch)."""
        return self.expires_at is not None and now >= self.expires_at

    def sign(self, message: bytes) -> bytes:
        """The signature of ``message`` (RFC 7515 section 5.1). Only if :attr:`can_sign`."""
        return self._implementation.sign(message, self._signing)

    def verify(self, message: bytes, signature: bytes) -> bool:
        """Whether ``signature`` is that of ``message`` (RFC 7515 section 5.2)."""
        return self._implementation.verify(message, self._verifying, signature)


def load_key(material: KeyMaterial, algorithm: str) -> Key:
    """Make a key of ``material``: PEM, a JWK (a mapping or its JSON text), or a secret.

    ``algorithm`` is what the key is for unless a JWK says ``alg`` itself, or the key is of another
    type: then it is the usual one of its type. A JWK may say ``nbf`` and ``exp`` too. Raises
    :class:`InvalidKey`.
    """
    if isinstance(material, Mapping):
        return _from_dated_jwk(material, algorithm)
    data = _call_hiding_errors(
        force_bytes, material, InvalidKey("A key is a text that cannot be written as UTF-8.")
    )
    if data.lstrip()[:1] == b"{":
        not_json = InvalidKey("A key begins like a JWK but is not JSON.")
        return _from_dated_jwk(_call_hiding_errors(json.loads, data, not_json), algorithm)
    if data.lstrip().startswith(b"-----BEGIN "):
        if algorithm in HMAC_ALGORITHMS:
            raise InvalidKey(
                f"{algorithm} needs a secret, and the key is a PEM.",
                "Set ALGORITHM to the algorithm of that key, for example 'RS256' or 'EdDSA'.",
                check_id="E001",
            )
        return _from_pem(data, algorithm)
    if algorithm in HMAC_ALGORITHMS:
        return _from_secret(data, algorithm, None)
    raise InvalidKey(
        f"{algorithm} needs a key as PEM or as a JWK.",
        "A PEM begins with -----BEGIN; `openssl genpkey -algorithm ed25519` prints one.",
    )


def derived_key(root: bytes, purpose: str, algorithm: str) -> Key:
    """The key for one purpose that follows from ``root``, a secret that has many.

    The purpose keeps it apart from its sisters and from everything else that ``root`` signs: who
    knows one of them learns neither another nor ``root``.
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
    """A name for a secret that says nothing about it.

    Not its RFC 7638 thumbprint, which would let anybody test guesses of the secret. This one is
    keyed with the secret, so it is worth no more to a guesser than any token that the key signed,
    and no signing input has blanks, so it is no signature of one.
    """
    return _base64url(hmac.digest(secret, b"django_tokenauth key id", "sha256")[:12])


def _from_pem(data: bytes, algorithm: str) -> Key:
    _require_cryptography(algorithm)
    unreadable = _Unreadable(
        f"The PEM cannot be read as a key for {algorithm}.",
        "Give an unencrypted private key or a public key (no certificate).",
    )
    for name in dict.fromkeys((algorithm, *_INFERRED)):
        # What one algorithm cannot read may be a key of the next one.
        with suppress(_Unreadable):
            prepared = _call_hiding_errors(_ALGORITHMS[name].prepare_key, data.strip(), unreadable)
            return _asymmetric(prepared, name, None)
    raise unreadable


class _Unreadable(InvalidKey):
    """Not a key of this algorithm; maybe of another one."""


def _call_hiding_errors(read: Callable[[Any], Any], material: Any, error: InvalidKey) -> Any:
    """Let the library read key material; whatever it raises may repeat it, so ours is raised."""
    with suppress(Exception):
        return read(material)
    # Out here, so that the library's does not even hang on ours as its context.
    raise error


def with_times(key: Key, jwk: Mapping[str, Any]) -> Key:
    """``key`` with the times that ``jwk`` tells. Raises :class:`InvalidKey`."""
    # RFC 7517 section 4 leaves room for further members; these two mean what they mean in a token.
    times = {name: jwk[name] for name in ("nbf", "exp") if name in jwk}
    if any(type(time) is not int or not 0 <= time <= _LAST_SECOND for time in times.values()):
        raise InvalidKey("The nbf or exp of a JWK is not a time in whole seconds since the epoch.")
    return replace(key, not_before=times.get("nbf", 0), expires_at=times.get("exp"))


def _from_dated_jwk(jwk: Mapping[str, Any], algorithm: str) -> Key:
    return with_times(_from_jwk(jwk, algorithm), jwk)


def _from_jwk(jwk: Mapping[str, Any], algorithm: str) -> Key:
    kty, kid = jwk.get("kty"), jwk.get("kid")
    if kid is not None and (not isinstance(kid, str) or not _KID.match(kid)):
        raise InvalidKey(
            "The kid of a JWK is not 1 to 128 visible ASCII characters.", check_id="E003"
        )
    # RFC 7517 sections 4.2 and 4.3: a key says itself what it may be used for.
    operations = jwk.get("key_ops", ["verify"])
    if jwk.get("use", "sig") != "sig" or not (
        isinstance(operations, list) and {"sign", "verify"}.intersection(map(str, operations))
    ):
        raise InvalidKey("The use or key_ops of a JWK says that it is not for signatures.")
    usual = (algorithm, *(HMAC_ALGORITHMS if kty == "oct" else _INFERRED))
    for name in (jwk["alg"],) if "alg" in jwk else dict.fromkeys(usual):
        if name not in (*HMAC_ALGORITHMS, *ASYMMETRIC_ALGORITHMS):
            raise InvalidKey("The alg of a JWK is not a signature algorithm that is supported.")
        if (kty == "oct") != (name in HMAC_ALGORITHMS):
            continue
        if kty != "oct":
            _require_cryptography(name)
        with suppress(_Unreadable):
            return _jwk_as(name, jwk, kid)
    raise InvalidKey("A JWK cannot be read, or its alg does not fit its kty and crv.")


def _jwk_as(algorithm: str, jwk: Mapping[str, Any], kid: str | None) -> Key:
    implementation = _ALGORITHMS[algorithm]
    # A copy as dict, because PyJWT takes nothing else.
    material = _call_hiding_errors(implementation.from_jwk, dict(jwk), _Unreadable(""))
    if algorithm in HMAC_ALGORITHMS:
        return _from_secret(material, algorithm, kid)
    prepared = _call_hiding_errors(implementation.prepare_key, material, _Unreadable(""))
    return _asymmetric(prepared, algorithm, kid)


def _asymmetric(prepared: Any, algorithm: str, kid: str | None) -> Key:
    implementation = _ALGORITHMS[algorithm]
    private = hasattr(prepared, "public_key")
    public = prepared.public_key() if private else prepared
    described = implementation.to_jwk(public, as_dict=True)
    members = {name: described[name] for name in _PUBLIC_MEMBERS[described["kty"]]}
    if members["kty"] == "RSA":
        _check_rsa(public)
    elif members["crv"] == "Ed448":
        raise InvalidKey("Ed448 is not supported; EdDSA keys are Ed25519.")
    elif members["kty"] == "OKP" and is_small_order(_unbase64url(members["x"])):
        raise InvalidKey("An Ed25519 key is of small order: it verifies any message.")
    canonical = json.dumps(members, sort_keys=True, separators=(",", ":")).encode()
    kid = kid or _base64url(hashlib.sha256(canonical).digest())  # RFC 7638 section 3
    jwk = {**members, "kid": kid, "alg": algorithm, "use": "sig"}
    return Key(
        kid, algorithm, MappingProxyType(jwk), implementation, public, prepared if private else None
    )


def _check_rsa(public: Any) -> None:
    numbers = public.public_numbers()
    if not 2048 <= public.key_size <= _RSA_BITS_AT_MOST:
        raise InvalidKey(
            f"An RSA key has {public.key_size} bits.",
            f"Give one with 2048 (RFC 7518 section 3.3) to {_RSA_BITS_AT_MOST} bits.",
        )
    # One statement for both, because newer versions of cryptography leave nothing to the first.
    faults = {
        "has an exponent with which anybody can sign": numbers.e < 3 or numbers.e % 2 == 0,
        "was made by a faulty chip (ROCA, CVE-2017-15361)": is_roca(numbers.n),
    }
    fault = next((fault for fault, found in faults.items() if found), None)
    if fault is not None:
        raise InvalidKey(f"An RSA key {fault}.")


def _require_cryptography(algorithm: str) -> None:
    if not has_crypto:
        raise InvalidKey(
            f"{algorithm} needs the package cryptography.", INSTALL_CRYPTO, check_id="E001"
        )


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _unbase64url(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
