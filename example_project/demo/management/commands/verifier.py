from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from demo.servers import CannotListen, serving_api
from demo.waiting import stop_signal


class Command(BaseCommand):
    help = (
        "Serve the API from a process of its own, without a database: "
        "`manage.py verifier --settings example.stateless`. Its /whoami/ answers all the same, "
        "since a token is verified with the key alone. Ctrl-C stops it."
    )
    # The checks would ask for the database that this process does not have.
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--host", default="127.0.0.1", help="Address to listen on.")
        parser.add_argument("--port", type=int, default=0, help="Port; 0 is any free one.")

    def handle(self, *args: Any, host: str, port: int, **options: Any) -> None:
        try:
            with stop_signal() as wait, serving_api(host, port=port) as origin:
                self.stdout.write(f"{origin}/whoami/")
                self.stdout.flush()
                wait()
        except CannotListen as error:
            raise CommandError(str(error)) from error
