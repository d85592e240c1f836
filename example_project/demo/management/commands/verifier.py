from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from demo.keys import NoKeys, followed, use
from demo.servers import CannotListen, serving_api
from demo.stop_signal import stop_signal


class Command(BaseCommand):
    help = (
        "Serve a process without a database and without a secret of the API, which verifies "
        "tokens with the public keys of the issuer. `manage.py verifier --issuer "
        "http://127.0.0.1:8000 --settings example.stateless` serves /whoami/, and with --settings "
        "reports.settings /reports/, the second service. Prints the address. Ctrl-C stops it."
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
        try:
            with TemporaryDirectory() as folder, followed(issuer, Path(folder)):
                use(ISSUER=issuer, KEY_DIRECTORY=folder)
                with stop_signal() as wait, serving_api(host, port=port) as origin:
                    self.stdout.write(f"{origin}/")
                    self.stdout.flush()
                    wait()
        except (CannotListen, NoKeys) as error:
            raise CommandError(str(error)) from error
