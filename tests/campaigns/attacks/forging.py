"""Forged tokens that differ from valid ones in exactly one property.

A forger starts from the tokens of a real sign-in. It signs with the server's key, derived from the
settings by independent code. It first asserts that the server accepts an unchanged token, so a
later rejection is caused by the change under test.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.utils.encoding import force_bytes
from jwt.algorithms import get_default_algorithms

from tests.campaigns.attacks.attacked_server import Server
from tests.support.client import EXPIRED_ACCESS_TOKEN, INVALID_ACCESS_TOKEN, SESSION_ENDED
from tests.support.raw_tokens import (
    apply_changes,
    base64url,
    compact,
    derived_secret,
    hmac_with,
    unbase64url,
)
from tests.support.sample_keys import private_key, private_pem

Sign = Callable[[bytes], bytes]


def derived_signer(purpose: str) -> Sign:
    """Return a signer with the key that the server derives from ``SECRET_KEY``."""
    return hmac_with(derived_secret(force_bytes(settings.SECRET_KEY), purpose))


def signer(algorithm: str, key: object) -> Sign:
    """Return a signer with a private key of cryptography, or with a secret (bytes)."""
    implementation = get_default_algorithms()[algorithm]
    prepared = implementation.prepare_key(key)  # type: ignore[arg-type]
    return lambda message: implementation.sign(message, prepared)


def append_raw_member(members: dict[str, Any], text: str) -> bytes:
    """Return ``members`` as JSON, with the raw ``text`` inserted before the last brace."""
    return f"{json.dumps(members)[:-1]}, {text}}}".encode()


def parse_token(token: str) -> tuple[dict[str, Any], dict[str, Any], bytes]:
    """Return the unverified header, payload and signature of a token."""
    header, payload, signature = map(unbase64url, token.split("."))
    return json.loads(header), json.loads(payload), signature


class Forger:
    """Forge tokens of one type. A member whose value is ``MISSING`` is omitted."""

    def __init__(self, server: Server, token: str, sign: Sign) -> None:
        self.server = server
        self.sign = sign
        self._header, self._claims, _ = parse_token(token)
        self.assert_accepted(self.token())

    @property
    def kid(self) -> str:
        return str(self._header["kid"])

    def header(self, **changes: object) -> dict[str, Any]:
        return apply_changes(self._header, changes)

    def claims(self, **changes: object) -> dict[str, Any]:
        return apply_changes(self._claims, changes)

    def token(self, header: Any = None, payload: Any = None, sign: Sign | None = None) -> str:
        """Return a valid token with the given parts replaced. Bytes are used unchanged."""
        return compact(
            self.header() if header is None else header,
            self.claims() if payload is None else payload,
            sign or self.sign,
        )

    def with_header(self, **changes: object) -> str:
        return self.token(header=self.header(**changes))

    def with_claims(self, **changes: object) -> str:
        return self.token(payload=self.claims(**changes))

    def with_raw_header_member(self, text: str) -> str:
        """Return a token whose header ends with the raw ``text``, valid JSON or not."""
        return self.token(header=append_raw_member(self.header(), text))

    def with_raw_claim(self, text: str) -> str:
        return self.token(payload=append_raw_member(self.claims(), text))

    def sign_segments(self, header: str, payload: str) -> str:
        """Sign two segments unchanged, in base64url or not."""
        text = f"{header}.{payload}"
        return f"{text}.{base64url(self.sign(text.encode()))}"

    def assert_accepted(self, token: str) -> None:
        raise NotImplementedError

    def assert_rejected(self, *tokens: str) -> None:
        """Assert that each token is rejected, with one response and no query."""
        raise NotImplementedError

    def assert_rejected_in_body(self, *tokens: object) -> None:
        """Assert that the endpoints reject each token in a body. It may be any string."""
        raise NotImplementedError

    def _assert_revokes_no_session(self, token: object) -> None:
        response = self.server.post("token/revoke/", {"token": token})
        assert (response.status, response.json()) == (200, {})
        assert self.server.activity.statements == []


class AccessForger(Forger):
    """Forge access tokens."""

    def assert_accepted(self, token: str) -> None:
        self.server.assert_verifies(token)

    def assert_rejected(self, *tokens: str) -> None:
        for token in tokens:
            self.server.assert_rejects(token)

    def assert_rejected_in_body(self, *tokens: object) -> None:
        for token in tokens:
            response = self.server.post("token/verify/", {"token": token})
            assert response.status == 401
            assert response.json() in (INVALID_ACCESS_TOKEN, EXPIRED_ACCESS_TOKEN)
            assert self.server.activity.statements == []
            self._assert_revokes_no_session(token)


class RefreshForger(Forger):
    """Forge refresh tokens. An accepted token is replaced by its successor."""

    def assert_accepted(self, token: str) -> None:
        self._header, self._claims, _ = parse_token(self.server.refresh(token))

    def assert_rejected(self, *tokens: str) -> None:
        for token in tokens:
            response = self.server.post("token/refresh/", {"refresh_token": token})
            assert (response.status, response.json()) == (400, SESSION_ENDED)
            assert self.server.activity.statements == []

    def assert_rejected_in_body(self, *tokens: object) -> None:
        for token in tokens:
            self.assert_rejected(token)  # type: ignore[arg-type]
            self._assert_revokes_no_session(token)


def access_forger(server: Server, sign: Sign | None = None, **parameters: Any) -> AccessForger:
    """Return a forger of access tokens. Pass ``sign`` if the settings name a key."""
    token = server.sign_in(**parameters)["access_token"]
    return AccessForger(server, token, sign or derived_signer("access token"))


def refresh_forger(server: Server, **parameters: Any) -> RefreshForger:
    token = server.sign_in(**parameters)["refresh_token"]
    return RefreshForger(server, token, derived_signer("refresh token"))


def asymmetric_forger(server: Server, settings: Any, algorithm: str) -> AccessForger:
    """Return a forger for a server that signs with the sample key of ``algorithm``."""
    key = private_key(algorithm)
    settings.TOKENAUTH = {"ALGORITHM": algorithm, "SIGNING_KEY": private_pem(key)}
    return access_forger(server, signer(algorithm, key))


def forgers(server: Server) -> tuple[AccessForger, RefreshForger]:
    """Return a forger of each token type, for the same session."""
    tokens = server.sign_in()
    return (
        AccessForger(server, tokens["access_token"], derived_signer("access token")),
        RefreshForger(server, tokens["refresh_token"], derived_signer("refresh token")),
    )
