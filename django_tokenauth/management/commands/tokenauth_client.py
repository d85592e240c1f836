"""``manage.py tokenauth_client``: generates the secret of a client."""

from __future__ import annotations

import json
from argparse import RawDescriptionHelpFormatter
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from django_tokenauth.conf import values
from django_tokenauth.services.clients import encode_secret, generate_secret

EXAMPLE = """\
To add a client, or to replace its secret:

  1. Run manage.py tokenauth_client reports
  2. Give the secret to the client. It is not stored and cannot be printed again.
  3. Paste the sha256$ value into the settings, and restart the processes:

       TOKENAUTH = {"CLIENTS": {"reports": "sha256$..."}}

To disable a client, give None instead of the sha256$ value: {"reports": None}
"""


class Command(BaseCommand):
    help = "Print a new secret for a client, and its value for the setting CLIENTS of TOKENAUTH."
    # The check of a wrong value in CLIENTS says to run this command.
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.formatter_class = RawDescriptionHelpFormatter
        parser.epilog = EXAMPLE
        parser.add_argument("name", metavar="NAME", help="The client_id, for example reports.")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            name = values.string(options["name"])
        except values.InvalidSetting as error:
            raise CommandError(f"NAME must be {error.expected}.") from None
        secret = generate_secret()
        self.stdout.write("Secret for the client, shown only now:")
        self.stdout.write(secret)
        self.stdout.write("Value for CLIENTS in TOKENAUTH:")
        self.stdout.write(
            f"{json.dumps(name, ensure_ascii=False)}: {json.dumps(encode_secret(secret))},"
        )
