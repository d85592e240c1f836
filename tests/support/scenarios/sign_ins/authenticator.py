"""An authenticator for passkeys in software (WebAuthn Level 2, sections 6.1 and 6.5)."""

from __future__ import annotations

import hashlib
import json
import secrets
from typing import Any

import cbor2
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from webauthn.helpers import bytes_to_base64url as encode

ORIGIN = "https://auth.example.com"
#: The flags of the authenticator data.
PRESENT, VERIFIED, ATTESTED = 0x01, 0x04, 0x40


class Authenticator:
    """One passkey. ``verified`` is whether the authenticator asks for a PIN or biometrics."""

    def __init__(self, domain: str, *, origin: str = ORIGIN, verified: bool = True) -> None:
        self.origin = origin
        self._flags = PRESENT | (VERIFIED if verified else 0)
        self._domain_hash = hashlib.sha256(domain.encode()).digest()
        self._id = secrets.token_bytes(16)
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._count = 0

    def register(self, options: dict[str, Any]) -> dict[str, Any]:
        """Return the result of ``navigator.credentials.create()``."""
        numbers = self._key.public_key().public_numbers()
        # A COSE key (RFC 9053 section 7.1.1): EC2 with ES256 and P-256.
        public_key = {1: 2, 3: -7, -1: 1, -2: numbers.x.to_bytes(32), -3: numbers.y.to_bytes(32)}
        attested = bytes(16) + len(self._id).to_bytes(2) + self._id + cbor2.dumps(public_key)
        statement = {"fmt": "none", "attStmt": {}, "authData": self._data(ATTESTED) + attested}
        client_data = self._client_data("webauthn.create", options)
        return self._credential(client_data, attestationObject=cbor2.dumps(statement))

    def sign_in(self, options: dict[str, Any]) -> dict[str, Any]:
        """Return the result of ``navigator.credentials.get()``."""
        self._count += 1
        data, client_data = self._data(), self._client_data("webauthn.get", options)
        signed = data + hashlib.sha256(client_data).digest()
        signature = self._key.sign(signed, ec.ECDSA(hashes.SHA256()))
        return self._credential(client_data, authenticatorData=data, signature=signature)

    def _data(self, flags: int = 0) -> bytes:
        return self._domain_hash + bytes([self._flags | flags]) + self._count.to_bytes(4)

    def _client_data(self, kind: str, options: dict[str, Any]) -> bytes:
        data = {"type": kind, "challenge": options["challenge"], "origin": self.origin}
        return json.dumps(data).encode()

    def _credential(self, client_data: bytes, **response: bytes) -> dict[str, Any]:
        members = {"clientDataJSON": client_data, **response}
        return {
            **dict.fromkeys(("id", "rawId"), encode(self._id)),
            "type": "public-key",
            "response": {name: encode(value) for name, value in members.items()},
        }
