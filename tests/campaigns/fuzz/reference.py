"""A second reading of the rules for tokens: slow, plain, and without a line of the package.

``faults`` says what is wrong with a token; a token is good if that is nothing. Its rules are those
of "How an access token is verified" in the documentation. PyJWT is asked as a third.
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
LONGEST = 300
DEEPEST = 16
LAST_SECOND = 253402300799
HALF_A_PAIR = re.compile("[\ud800-\udfff]")
SCOPE_CHARACTERS = set(string.ascii_letters + string.digits + string.punctuation) - set('"\\')


class NotStrict(Exception):
    """Not JSON, or JSON that two could read differently."""


def strict(data: bytes) -> dict[str, Any]:
    """An object, read as strictly as a token has to be."""

    def no_name_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len({name for name, _ in pairs}) < len(pairs):
            raise NotStrict
        return dict(pairs)

    def refuse(name: str) -> None:
        raise NotStrict

    try:
        value = json.loads(
            data.decode("utf-8", "strict"), object_pairs_hook=no_name_twice, parse_constant=refuse
        )
    except (ValueError, RecursionError):
        raise NotStrict from None
    if not isinstance(value, dict):
        raise NotStrict
    for depth, item in _all_in(value):
        if depth > DEEPEST and isinstance(item, (dict, list)):
            raise NotStrict
        if isinstance(item, float) and not math.isfinite(item):
            raise NotStrict
        if isinstance(item, str) and HALF_A_PAIR.search(item):
            raise NotStrict
    return value


def _all_in(value: Any) -> Iterator[tuple[int, Any]]:
    left = [(1, value)]
    while left:
        depth, item = left.pop()
        yield depth, item
        if isinstance(item, dict):
            left += [(depth, name) for name in item]
        if isinstance(item, (dict, list)):
            inner = item.values() if isinstance(item, dict) else item
            left += [(depth + 1, child) for child in inner]


def is_text(value: Any) -> bool:
    return isinstance(value, str) and 1 <= len(value) <= 255 and value.isprintable()


def are_texts(value: Any) -> bool:
    return isinstance(value, list) and len(value) > 0 and all(map(is_text, value))


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


def is_for_us(value: Any) -> bool:
    return value == ISSUER or (are_texts(value) and ISSUER in value)


def is_issuer(value: Any) -> bool:
    return isinstance(value, str) and value == ISSUER


Rules = dict[str, Callable[[Any], bool]]
REQUIRED: dict[str, Rules] = {
    "access": {
        "iss": is_issuer,
        "aud": is_for_us,
        "sub": is_text,
        "client_id": is_text,
        "iat": is_time,
        "exp": is_time,
        "jti": is_text,
    },
    "refresh": {
        "iss": is_issuer,
        "aud": is_issuer,
        "sub": is_text,
        "sid": is_session,
        "gen": is_generation,
        "iat": is_time,
        "exp": is_time,
    },
}
OPTIONAL: Rules = {"auth_time": is_time, "scope": is_scope, "amr": are_texts}
OPTIONAL_OF: dict[str, Rules] = {
    "access": {**OPTIONAL, "sid": is_session, "nbf": is_time},
    "refresh": {},
}


def faults(token: Any, server: Any) -> list[str]:
    """What is wrong with ``token`` for ``server`` at ``NOW``; the first thing that is found."""
    if not isinstance(token, str) or not token.isascii() or len(token) > 8192:
        return ["not a text that is looked at"]
    segments = token.split(".")
    try:
        raw = [unbase64url(segment) for segment in segments]
    except ValueError:
        return ["base64"]
    if len(raw) != 3 or any(map(_is_respelt, segments, raw)):
        return ["not three segments in their one spelling"]
    try:
        header, members = strict(raw[0]), None
        if fault := _fault_of_header(header, server):
            return [fault]
        if not signature_holds(server, ".".join(segments[:2]).encode(), raw[2]):
            return ["signature"]
        members = strict(raw[1])
    except NotStrict:
        return ["JSON"]
    return _faults_of_claims(members, server.kind)


def _is_respelt(segment: str, data: bytes) -> bool:
    return base64url(data) != segment


def _fault_of_header(header: dict[str, Any], server: Any) -> str:
    typ = header.get("typ")
    if not isinstance(typ, str) or typ.lower() not in (server.typ, f"application/{server.typ}"):
        return "typ"
    if any(name in header for name in ("crit", "b64", "zip", "enc", "cty")):
        return "a member that changes the meaning"
    if header.get("alg") != server.algorithm or header.get("kid") != server.kid:
        return "key"
    return ""


def _faults_of_claims(members: dict[str, Any], kind: str) -> list[str]:
    optional = OPTIONAL_OF[kind]
    required = REQUIRED[kind]
    if kind == "refresh" and "auth_time" in members:
        required, optional = {**required, "client_id": is_text}, OPTIONAL
    found = [name for name, rule in required.items() if not rule(members.get(name))]
    found += [
        name for name, rule in optional.items() if name in members and not rule(members[name])
    ]
    return found or _faults_of_times(members, kind)


def _faults_of_times(members: dict[str, Any], kind: str) -> list[str]:
    leeway = LEEWAY.total_seconds()
    start, end = members["iat"], members["exp"]
    found = ["expired"] if end + leeway <= NOW else []
    # Of the times of a refresh token only the end counts.
    if kind == "access":
        found += ["lifetime"] if not 1 <= end - start <= LONGEST else []
        found += ["from the future"] if max(start, members.get("nbf", 0)) > NOW + leeway else []
        found += ["never valid"] if members.get("nbf", 0) >= end else []
    return found


def signature_holds(server: Any, signing_input: bytes, signature: bytes) -> bool:
    """By the library of the algorithm itself."""
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


def as_pyjwt_reads(token: str, server: Any) -> dict[str, Any]:
    """The claims as PyJWT has them. Raises its errors. The clock has to stand at ``NOW``."""
    payload: dict[str, Any] = jwt.decode(
        token,
        server.verifying_key,
        [server.algorithm],
        audience=ISSUER,
        issuer=ISSUER,
        leeway=LEEWAY,
        options={
            "require": ["exp", "iat", "iss", "aud", "sub"],
            # These do not count in a refresh token: of its times only the end does.
            **dict.fromkeys(["verify_iat", "verify_nbf", "verify_jti"], server.kind == "access"),
        },
    )
    return in_one_spelling(payload, server.kind)


def in_one_spelling(payload: dict[str, Any], kind: str) -> dict[str, Any]:
    """A payload as we would write it: what has two spellings in one of them."""
    read = dict(payload)
    if kind == "refresh":
        names = {*REQUIRED["refresh"]}
        if "auth_time" in read:
            names |= {"auth_time", "client_id", "scope", "amr"}
        read = {name: value for name, value in read.items() if name in names}
    else:
        read.pop("gen", None)
        read["aud"] = [read["aud"]] if isinstance(read["aud"], str) else read["aud"]
    if "scope" in read:
        read["scope"] = " ".join(sorted(set(read["scope"].split())))
    return read


def thawed(value: Any) -> Any:
    """``value`` with lists and dicts for the tuples and mappings of frozen claims."""
    if isinstance(value, tuple):
        return [thawed(item) for item in value]
    if hasattr(value, "items"):
        return {name: thawed(item) for name, item in value.items()}
    return value


def as_we_read(claims: Any) -> dict[str, Any]:
    """The same of the claims that the package returned."""
    members: dict[str, Any] = claims.to_payload()
    if hasattr(claims, "extra"):
        members |= {**thawed(claims.extra), "aud": list(claims.audience)}
    return members
