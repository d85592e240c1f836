from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from demo.keys import NoKeys, followed, use
from demo.servers import CannotListen, serving_api
from demo.stop_signal import stop_signal

# Django adds the second one.
NO_DATABASE = (None, "", "django.db.backends.dummy")


class Command(BaseCommand):
    help = (
        "Run a server that verifies tokens with the public keys of the issuer, without a database "
        "and without a secret of the API. It serves /whoami/ with --settings example.stateless, "
        "and /reports/ with --settings reports.settings. Prints its address. Ctrl-C stops it."
    )
    # The checks need a database, which this process does not have.
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--issuer",
            required=True,
            metavar="URL",
            help="Issuer of the tokens: the URL of the API, as `manage.py demo` prints it.",
        )
        parser.add_argument("--host", default="127.0.0.1", help="Address to listen on.")
        parser.add_argument("--port", type=int, default=0, help="Port; 0 means any free port.")

    def handle(self, *args: Any, issuer: str, host: str, port: int, **options: Any) -> None:
        issuer = issuer.rstrip("/")
        if any(
            database.get("ENGINE") not in NO_DATABASE for database in settings.DATABASES.values()
        ):
            raise CommandError(
                "Use settings without a database: --settings example.stateless or --settings "
                "reports.settings."
            )
        try:
            with TemporaryDirectory() as folder, followed(issuer, Path(folder)):
                use(ISSUER=issuer, KEY_DIRECTORY=folder)
                with stop_signal() as wait, serving_api(host, port=port) as origin:
                    self.stdout.write(f"{origin}/")
                    self.stdout.flush()
                    wait()
        except (CannotListen, NoKeys) as error:
            raise CommandError(str(error)) from error
