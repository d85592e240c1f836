"""The parties that call the API of the demo: the report service, a service account, a script."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django_tokenauth import services
from django_tokenauth.api_tokens import services as api_tokens
from django_tokenauth.keys.files import read_files
from django_tokenauth.keys.publishing import to_jwks
from django_tokenauth.models import RevokedReason, Session

from demo.database import ALICE
from demo.keys import NoKeys, make_first, signing_file

# The audiences of the API and of the report service: names, to which no request is sent.
NOTES = "https://notes.example.com"
REPORTS = "https://reports.example.com"
# The client id of the report service.
REPORTS_CLIENT = "service/reports"
# The name of the API token of the script.
SCRIPT = "demo: nightly"


@dataclass(frozen=True)
class ServiceAccount:
    """A client, its secret, and the value for CLIENTS: `manage.py tokenauth_client` prints both."""

    client_id: str
    secret: str
    setting: str


STATISTICS = ServiceAccount(
    "service/statistics",
    "IbJ1iO-hHlYeYX42rBzzwxEeIOB-aKZFBvZTA7nVcdQ",
    "sha256$8d06abef6a57a921fe9852b62681104f02b0776c71f54504043c37cd86130c23",
)


def service_settings(reports_keys: Path) -> dict[str, Any]:
    """Return the settings of TOKENAUTH for the report service and the clients.

    Generates a key of the report service in the folder `reports_keys`, if the folder has none. The
    API gets only the public half.
    """
    make_first(reports_keys)
    public = to_jwks([file.key for file in read_files(reports_keys)])
    return {
        "AUDIENCE": NOTES,
        "SCOPES": (*settings.TOKENAUTH["SCOPES"], "reports:create"),
        "AUDIENCES": {
            NOTES: ["notes:read", "notes:write", "statistics:read"],
            REPORTS: ["reports:create", "notes:read"],
        },
        "CLIENTS": {
            # May exchange a token whose audience is REPORTS for one whose audience is NOTES.
            REPORTS_CLIENT: {"jwks": public, "exchange": {REPORTS: [NOTES]}},
            STATISTICS.client_id: {
                "secrets": [STATISTICS.setting],
                "scopes": ["statistics:read"],
            },
        },
    }


def reports_key(reports_keys: Path) -> Path:
    """Return the file with the private key of the report service."""
    signing = signing_file(reports_keys)
    if signing is None:
        raise NoKeys(f"{reports_keys} contains no key that signs.")
    return signing.path


def revoke_older_sessions() -> None:
    """Revoke the sessions of an older demo, which cannot get tokens for the report service."""
    services.revoke_sessions(Session.objects.filter(audiences=""), RevokedReason.ADMIN)


def new_api_token() -> str:
    """Return a new API token of alice for the script, after revoking the earlier ones."""
    alice = get_user_model().objects.get(username=ALICE.name)
    for token in api_tokens.list_api_tokens(alice).filter(name=SCRIPT):
        api_tokens.revoke(alice, token.pk)
    return api_tokens.create(alice, name=SCRIPT, scope=["notes:read"]).token
