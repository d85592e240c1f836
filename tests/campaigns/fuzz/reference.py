"""A second implementation of token verification: slow, simple, and independent of the package.

``find_errors`` returns the errors of a token; a valid token has none. The rules are those of "How
an access token is verified" in the documentation. PyJWT is the third implementation.
"""

from __future__ import annotations

import hmac
import json
import math
import re
import string
from collections.abc import Callable, Iterator
from typing import Any

import jwt
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from tests.campaigns.fuzz.servers import LEEWAY
from tests.support.raw_tokens import NOW, base64url, unbase64url

ISSUER = "django-tokenauth"
MAXIMUM_LIFETIME = 300
LONGEST_LIFETIME = 36500 * 86400
MAXIMUM_DEPTH = 16
LAST_SECOND = 253402300799
SURROGATE = re.compile("[\ud800-\udfff]")
SCOPE_CHARACTERS = set(string.ascii_letters + string.digits + string.punctuation) - set('"\\')


class NotStrict(Exception):
    """Not JSON, or ambiguous JSON."""


def strict(data: bytes) -> dict[str, Any]:
    """Parse a JSON object by the strict rules for tokens."""

    def reject_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len({name for name, _ in pairs}) < len(pairs):
            raise NotStrict
        return dict(pairs)

    def reject_constant(name: str) -> None:
        raise NotStrict

    try:
        value = json.loads(
            data.decode("utf-8", "strict"),
            object_pairs_hook=reject_duplicates,
            parse_constant=reject_constant,
        )
    except (ValueError, RecursionError):
        raise NotStrict from None
    if not isinstance(value, dict):
        raise NotStrict
    for depth, item in _items_with_depth(value):
        if depth > MAXIMUM_DEPTH and isinstance(item, (dict, list)):
            raise NotStrict
        if isinstance(item, float) and not math.isfinite(item):
            raise NotStrict
        if isinstance(item, str) and SURROGATE.search(item):
            raise NotStrict
    return value


def _items_with_depth(value: Any) -> Iterator[tuple[int, Any]]:
    remaining = [(1, value)]
    while remaining:
        depth, item = remaining.pop()
        yield depth, item
        if isinstance(item, dict):
            remaining += [(depth, name) for name in item]
        if isinstance(item, (dict, list)):
            inner = item.values() if isinstance(item, dict) else item
            remaining += [(depth + 1, child) for child in inner]


def is_name(value: Any) -> bool:
    return isinstance(value, str) and 1 <= len(value) <= 255 and value.isprintable()


def are_names(value: Any) -> bool:
    return isinstance(value, list) and len(value) > 0 and all(map(is_name, value))


def is_time(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= LAST_SECOND


def is_generation(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value < 2**63 - 1


def is_session(value: Any) -> bool:
    return isinstance(value, str) and bool(
        re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", value)
    )


def is_scope(value: Any) -> bool:
    return isinstance(value, str) and all(
        name and set(name) <= SCOPE_CHARACTERS for name in value.split(" ")
    )


def is_audience(value: Any) -> bool:
    return value == ISSUER or (are_names(value) and ISSUER in value)


def is_issuer(value: Any) -> bool:
    return isinstance(value, str) and value == ISSUER


def is_actor(value: Any) -> bool:
    return isinstance(value, dict) and [*value] == ["sub"] and is_name(value["sub"])


def is_chain(value: Any) -> bool:
    """Clients that act one for another, and at the end a member of the staff or nothing."""
    for number in range(9):
        if not isinstance(value, dict) or "client_id" not in value:
            return is_actor(value)
        # At most eight clients.
        if (
            number == 8
            or not set(value) <= {"sub", "client_id", "act"}
            or not is_name(value.get("sub"))
        ):
            return False
        if value["client_id"] != value["sub"]:
            return False
        if "act" not in value:
            return True
        value = value["act"]
    return False


def is_grant(value: Any) -> bool:
    return isinstance(value, str) and value in ("client_credentials", "token_exchange")


def is_lifetime(value: Any) -> bool:
    return type(value) is int and 1 <= value <= LONGEST_LIFETIME


Rules = dict[str, Callable[[Any], bool]]
REQUIRED: dict[str, Rules] = {
    "access": {
        "iss": is_issuer,
        "aud": is_audience,
        "sub": is_name,
        "client_id": is_name,
        "iat": is_time,
        "exp": is_time,
        "jti": is_name,
    },
    "refresh": {
        "iss": is_issuer,
        "aud": is_issuer,
        "sub": is_name,
        "sid": is_session,
        "gen": is_generation,
        "iat": is_time,
        "exp": is_time,
    },
}
OPTIONAL: Rules = {"auth_time": is_time, "scope": is_scope, "amr": are_names}
BOTH: Rules = {"act": is_actor, "tokenauth_tenant": is_name}
OPTIONAL_OF: dict[str, Rules] = {
    "access": {
        **OPTIONAL,
        **BOTH,
        "act": is_chain,
        "sid": is_session,
        "nbf": is_time,
        "acr": is_name,
        "tokenauth_grant": is_grant,
    },
    "refresh": BOTH,
}
AUDIENCES: Rules = {"audiences": are_names}
LIFETIMES: Rules = dict.fromkeys(
    ("access_lifetime", "idle_lifetime", "absolute_lifetime"), is_lifetime
)


def find_errors(token: Any, server: Any) -> list[str]:
    """Return the errors of ``token`` for ``server`` at ``NOW``, of the first failing check."""
    if not isinstance(token, str) or not token.isascii() or len(token) > 8192:
        return ["not a string of the permitted length"]
    segments = token.split(".")
    try:
        raw = [unbase64url(segment) for segment in segments]
    except ValueError:
        return ["base64"]
    if len(raw) != 3 or any(map(_is_noncanonical, segments, raw)):
        return ["not three canonical segments"]
    try:
        header, members = strict(raw[0]), None
        if error := _header_error(header, server):
            return [error]
        if not is_signature_valid(server, ".".join(segments[:2]).encode(), raw[2]):
            return ["signature"]
        members = strict(raw[1])
    except NotStrict:
        return ["JSON"]
    return _claim_errors(members, server.kind)


def _is_noncanonical(segment: str, data: bytes) -> bool:
    return base64url(data) != segment


def _header_error(header: dict[str, Any], server: Any) -> str:
    typ = header.get("typ")
    if not isinstance(typ, str) or typ.lower() not in (server.typ, f"application/{server.typ}"):
        return "typ"
    if any(name in header for name in ("crit", "b64", "zip", "enc", "cty")):
        return "rejected header member"
    if header.get("alg") != server.algorithm or header.get("kid") != server.kid:
        return "key"
    return ""


def _claim_errors(members: dict[str, Any], kind: str) -> list[str]:
    optional = OPTIONAL_OF[kind]
    required = REQUIRED[kind]
    if kind == "refresh" and "auth_time" in members:
        required = {**required, "client_id": is_name}
        optional = {**OPTIONAL, **BOTH, **LIFETIMES, **AUDIENCES}
    errors = [name for name, rule in required.items() if not rule(members.get(name))]
    errors += [
        name for name, rule in optional.items() if name in members and not rule(members[name])
    ]
    return errors or _time_errors(members, kind)


def _time_errors(members: dict[str, Any], kind: str) -> list[str]:
    leeway = LEEWAY.total_seconds()
    start, end = members["iat"], members["exp"]
    errors = ["expired"] if end + leeway <= NOW else []
    # ``exp`` is the only time that is read from a refresh token.
    if kind == "access":
        errors += ["lifetime"] if not 1 <= end - start <= MAXIMUM_LIFETIME else []
        errors += ["from the future"] if max(start, members.get("nbf", 0)) > NOW + leeway else []
        errors += ["never valid"] if members.get("nbf", 0) >= end else []
    return errors


def is_signature_valid(server: Any, signing_input: bytes, signature: bytes) -> bool:
    """Verify the signature with cryptography or ``hmac``."""
    if server.algorithm == "HS256":
        return hmac.digest(server.verifying_key, signing_input, "sha256") == signature
    key: Any = load_pem_public_key(server.verifying_key)
    try:
        if server.algorithm == "EdDSA":
            key.verify(signature, signing_input)
        else:
            if len(signature) != 64:
                return False
            numbers = int.from_bytes(signature[:32]), int.from_bytes(signature[32:])
            key.verify(encode_dss_signature(*numbers), signing_input, ec.ECDSA(SHA256()))
    except InvalidSignature:
        return False
    return True


def pyjwt_claims(token: str, server: Any) -> dict[str, Any]:
    """Return the claims that PyJWT decodes at ``NOW``. Raises its errors."""
    payload: dict[str, Any] = jwt.decode(
        token,
        server.verifying_key,
        [server.algorithm],
        audience=ISSUER,
        issuer=ISSUER,
        leeway=LEEWAY,
        options={
            "require": ["exp", "iat", "iss", "aud", "sub"],
            # A refresh token has only ``exp`` checked.
            **dict.fromkeys(["verify_iat", "verify_nbf", "verify_jti"], server.kind == "access"),
        },
    )
    return normalized(payload, server.kind)


def normalized(payload: dict[str, Any], kind: str) -> dict[str, Any]:
    """Return the claims in the form that the package writes."""
    claims = dict(payload)
    if kind == "refresh":
        names = {*REQUIRED["refresh"], *BOTH}
        if "auth_time" in claims:
            names |= {"client_id", *OPTIONAL, *LIFETIMES, *AUDIENCES}
        claims = {name: value for name, value in claims.items() if name in names}
    else:
        claims.pop("gen", None)
        claims["aud"] = [claims["aud"]] if isinstance(claims["aud"], str) else claims["aud"]
    if "scope" in claims:
        claims["scope"] = " ".join(sorted(set(claims["scope"].split())))
    return claims


def unfrozen(value: Any) -> Any:
    """Return ``value`` with lists and dicts instead of tuples and frozen mappings."""
    if isinstance(value, tuple):
        return [unfrozen(item) for item in value]
    if hasattr(value, "items"):
        return {name: unfrozen(item) for name, item in value.items()}
    return value


def package_claims(claims: Any) -> dict[str, Any]:
    """Return the claims of the package in the same form."""
    members: dict[str, Any] = claims.to_payload()
    if hasattr(claims, "extra"):
        members |= {**unfrozen(claims.extra), "aud": list(claims.audience)}
    return members
