"""``manage.py tokenauth_client``: generate the secret of a client."""

from __future__ import annotations

import json
from argparse import RawDescriptionHelpFormatter
from collections.abc import Iterator, Mapping
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from django_tokenauth.conf import values
from django_tokenauth.conf.settings import Settings, UnusableSetting, read_project
from django_tokenauth.services.auditing import audit
from django_tokenauth.services.clients import encode_secret, generate_secret

EXAMPLE = """\
To add a client, or to replace its secret:

  1. Run manage.py tokenauth_client reports
  2. Give the secret to the client. It is not stored and cannot be printed again.
  3. Paste the sha256$ value into the settings, and restart the processes:

       TOKENAUTH = {"CLIENTS": {"reports": "sha256$..."}}

To replace a secret without a gap, list both values: {"secrets": [OLD, NEW]}

To disable a client, give None instead of the sha256$ value: {"reports": None}
"""


class Command(BaseCommand):
    help = "Print a new secret for a client, and its value for the setting CLIENTS of TOKENAUTH."
    # Skip the system checks, because the error for an invalid value in CLIENTS recommends this
    # command.
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.formatter_class = RawDescriptionHelpFormatter
        parser.epilog = EXAMPLE
        parser.add_argument("name", metavar="NAME", help="The client_id, for example reports.")

    def handle(self, *args: Any, **options: Any) -> None:
        name: str = options["name"]
        try:
            values.client_id(name)
        except values.InvalidSetting as error:
            raise CommandError(f"NAME must be {error.expected}.") from None
        settings, _ = read_project()
        issuer, clients = _if_valid(settings, "issuer"), _if_valid(settings, "clients")
        if name == issuer:
            raise CommandError(
                f"NAME must not be {name!r}, the ISSUER: it is the client_id of sign-ins without a "
                "client. Give the client a name of its own, for example reports."
            )
        secret = generate_secret()
        audit("clients.generate_secret", count=1, ids=[name])
        self.stdout.write("Secret for the client, shown only now:")
        self.stdout.write(secret)
        self.stdout.write("Value for CLIENTS in TOKENAUTH:")
        self.stdout.write(
            f"{json.dumps(name, ensure_ascii=False)}: {json.dumps(encode_secret(secret))},"
        )
        # Notes go to the standard error, so the last line of the standard output is the entry for
        # CLIENTS.
        for note in _notes(name, clients or {}):
            self.stderr.write(note)


def _if_valid(settings: Settings, name: str) -> Any:
    try:
        return getattr(settings, name)
    except UnusableSetting:
        return None


def _notes(name: str, clients: Mapping[str, object]) -> Iterator[str]:
    if name in clients:
        yield (
            f"CLIENTS contains {name!r} already. The new value replaces its secret. To accept both "
            'secrets for a while, write {"secrets": [OLD, NEW]}.'
        )
    if ":" in name:
        yield (
            "HTTP Basic ends a client_id at its first colon. The client must send each colon as "
            "%3A, or send client_id and client_secret in the body."
        )
    if not name.isascii():
        yield (
            "OAuth permits only ASCII characters in a client_id (RFC 6749 appendix A.1). Libraries "
            "of other languages may reject this one."
        )
