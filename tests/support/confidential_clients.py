"""Clients with a secret: reports and billing."""

from __future__ import annotations

import base64

from django_tokenauth.services.clients import encode_secret

DIGEST = "0123456789abcdef" * 4
#: Values of ``CLIENTS`` that the command does not print.
MALFORMED = [
    *("sha256", "sha256$", DIGEST, f"${DIGEST}", f"sha1${DIGEST}", f"SHA256${DIGEST}"),
    *(f"sha256${DIGEST[:-1]}", f"sha256${DIGEST}0", f"sha256${DIGEST}$", f"sha256$salt${DIGEST}"),
    *(f"sha256${DIGEST.upper()}", f"sha256${DIGEST[:-1]}g", f"sha256${DIGEST[:-1]}\u0661"),
    *(
        f"sha256${DIGEST}\n",
        f" sha256${DIGEST}",
        f"sha256$ {DIGEST[:-1]}",
        f"sha256${DIGEST[:-1]} ",
    ),
]

SECRETS = {"reports": "correct battery", "billing": "horse staple"}


def clients_setting(**secrets: str) -> dict[str, str | None]:
    """Return ``CLIENTS`` with these secrets, by default with :data:`SECRETS`."""
    return {name: encode_secret(secret) for name, secret in (secrets or SECRETS).items()}


def basic(client_id: str, secret: str | None = None) -> str:
    """Return a value of ``Authorization`` without form encoding."""
    secret = SECRETS.get(client_id, SECRETS["reports"]) if secret is None else secret
    return "Basic " + base64.b64encode(f"{client_id}:{secret}".encode()).decode()
