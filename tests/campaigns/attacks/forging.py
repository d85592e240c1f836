"""Tokens that the running server would accept but for the one thing that a test changes.

A forger begins with the tokens of a sign-in that works and signs with the server's own key, which
it makes of the settings by itself. It shows first that a token of its making is accepted, so what
is refused later is refused for what was changed, and not for a fault of the forger.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.utils.encoding import force_bytes
from jwt.algorithms import get_default_algorithms

from tests.campaigns.attacks.attacked import Server
from tests.support.client import INVALID_GRANT
from tests.support.raw_tokens import (
    base64url,
    changed,
    compact,
    derived_secret,
    hmac_with,
    unbase64url,
)
from tests.support.sample_keys import private_key, private_pem

Sign = Callable[[bytes], bytes]


def derived(purpose: str) -> Sign:
    """Signs with the key that the server derives from the project's ``SECRET_KEY``."""
    return hmac_with(derived_secret(force_bytes(settings.SECRET_KEY), purpose))


def signing(algorithm: str, key: object) -> Sign:
    """Signs with a private key of the library cryptography, or with a secret (bytes)."""
    implementation = get_default_algorithms()[algorithm]
    prepared = implementation.prepare_key(key)  # type: ignore[arg-type]
    return lambda message: implementation.sign(message, prepared)


def with_text(members: dict[str, Any], text: str) -> bytes:
    """The JSON of ``members`` with ``text``, which may be anything, put before its last brace."""
    return f"{json.dumps(members)[:-1]}, {text}}}".encode()


def parts(token: str) -> tuple[dict[str, Any], dict[str, Any], bytes]:
    """The header, the payload and the signature of a token, unverified."""
    header, payload, signature = map(unbase64url, token.split("."))
    return json.loads(header), json.loads(payload), signature


class Forger:
    """Makes tokens of one kind. ``MISSING`` as the value of a member leaves the member out."""

    def __init__(self, server: Server, token: str, sign: Sign) -> None:
        self.server = server
        self.sign = sign
        self._header, self._members, _ = parts(token)
        self.accepted(self.token())

    @property
    def kid(self) -> str:
        return str(self._header["kid"])

    def header(self, **changes: object) -> dict[str, Any]:
        return changed(self._header, changes)

    def members(self, **changes: object) -> dict[str, Any]:
        return changed(self._members, changes)

    def token(self, header: Any = None, payload: Any = None, sign: Sign | None = None) -> str:
        """A token that is good but for what is said otherwise; bytes are taken as they are."""
        return compact(
            self.header() if header is None else header,
            self.members() if payload is None else payload,
            sign or self.sign,
        )

    def with_header(self, **changes: object) -> str:
        return self.token(header=self.header(**changes))

    def with_claims(self, **changes: object) -> str:
        return self.token(payload=self.members(**changes))

    def with_header_text(self, text: str) -> str:
        """With ``text`` as the last member of the header, JSON or not."""
        return self.token(header=with_text(self.header(), text))

    def with_payload_text(self, text: str) -> str:
        return self.token(payload=with_text(self.members(), text))

    def sealed(self, header: str, payload: str) -> str:
        """Signed over two segments as they stand, in base64url or not."""
        text = f"{header}.{payload}"
        return f"{text}.{base64url(self.sign(text.encode()))}"

    def accepted(self, token: str) -> None:
        raise NotImplementedError

    def refused(self, *tokens: str) -> None:
        """Each of them: with the one answer, and without a statement."""
        raise NotImplementedError

    def refused_in_a_body(self, *tokens: object) -> None:
        """Each of them, which may be any text: where a token comes as a part of a body."""
        raise NotImplementedError

    def _ends_no_session(self, token: object) -> None:
        answer = self.server.post("token/revoke/", {"token": token})
        assert (answer.status, answer.json()) == (200, {})
        assert self.server.seen.statements == []


class AccessForger(Forger):
    """Access tokens."""

    def accepted(self, token: str) -> None:
        self.server.accepts(token)
        answer = self.server.post("token/verify/", {"token": token})
        assert answer.json()["active"] is True

    def refused(self, *tokens: str) -> None:
        for token in tokens:
            self.server.refuses(token)

    def refused_in_a_body(self, *tokens: object) -> None:
        for token in tokens:
            answer = self.server.post("token/verify/", {"token": token})
            assert (answer.status, answer.json()) == (200, {"active": False})
            assert self.server.seen.statements == []
            self._ends_no_session(token)


class RefreshForger(Forger):
    """Refresh tokens. One that is accepted is used up: the forger goes on with its successor."""

    def accepted(self, token: str) -> None:
        answer = self.server.post("token/refresh/", {"refresh_token": token})
        assert answer.status == 200, answer.body
        self._header, self._members, _ = parts(answer.json()["refresh_token"])

    def refused(self, *tokens: str) -> None:
        for token in tokens:
            answer = self.server.post("token/refresh/", {"refresh_token": token})
            assert (answer.status, answer.json()) == (400, INVALID_GRANT)
            assert self.server.seen.statements == []

    def refused_in_a_body(self, *tokens: object) -> None:
        for token in tokens:
            self.refused(token)  # type: ignore[arg-type]
            self._ends_no_session(token)


def access_forger(server: Server, sign: Sign | None = None, **signing_in: Any) -> AccessForger:
    """``sign`` where the settings name a key; ``signing_in`` are parameters of the sign-in."""
    token = server.sign_in(**signing_in)["access_token"]
    return AccessForger(server, token, sign or derived("access token"))


def refresh_forger(server: Server, **signing_in: Any) -> RefreshForger:
    token = server.sign_in(**signing_in)["refresh_token"]
    return RefreshForger(server, token, derived("refresh token"))


def asymmetric_forger(server: Server, settings: Any, algorithm: str) -> AccessForger:
    """Of a server that signs with the sample key of ``algorithm``; ``settings`` is the fixture."""
    key = private_key(algorithm)
    settings.TOKENAUTH = {"ALGORITHM": algorithm, "SIGNING_KEY": private_pem(key)}
    return access_forger(server, signing(algorithm, key))


def forgers(server: Server) -> tuple[AccessForger, RefreshForger]:
    """Of both kinds and one session, for what holds for every token."""
    tokens = server.sign_in()
    return (
        AccessForger(server, tokens["access_token"], derived("access token")),
        RefreshForger(server, tokens["refresh_token"], derived("refresh token")),
    )
