from __future__ import annotations

import logging
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from demo.database import ALICE, BOB, SERVICE, prepare
from demo.keys import NoKeys, make_first
from demo.servers import CannotListen, Origins, serving
from demo.waiting import stop_signal
from demo.walk import walk

WELCOME = """\
The page     {page}/
The API      {api}/  (the admin, for {alice.name}: {api}/admin/)
Its docs     {api}/docs/
Sign in as   {alice.name}  with  {alice.password}
             {bob.name}  with  {bob.password}
Ask as       {service.name}  with  {service.secret}
Keys in      {keys}

The same with curl, to paste into another terminal:

  field() {{ python3 -c "import json, sys; print(json.load(sys.stdin)['$1'])"; }}

  # sign in
  answer=$(curl -s {api}/auth/token/ -d username={alice.name} \\
    --data-urlencode 'password={alice.password}' -d device_name=curl)
  access=$(echo "$answer" | field access_token)
  refresh=$(echo "$answer" | field refresh_token)

  # write a note, list the notes
  curl -i {api}/notes/ -H "Authorization: Bearer $access" -d text=Hello
  curl -i {api}/notes/ -H "Authorization: Bearer $access"

  # ask as a service whether the token is good, and what it says
  curl -s {api}/auth/token/introspect/ -u '{service.name}:{service.secret}' -d token="$access"

  # the public keys, with which anybody can verify it
  curl -s {api}/.well-known/jwks.json

  # new tokens for the refresh token
  answer=$(curl -s {api}/auth/token/refresh/ -d refresh_token="$refresh")
  access=$(echo "$answer" | field access_token)
  refresh=$(echo "$answer" | field refresh_token)

  # sign out; from here on the access token is refused
  curl -i {api}/auth/token/revoke/ -d token="$refresh"
  curl -i {api}/notes/ -H "Authorization: Bearer $access"

Ctrl-C stops both servers.
"""


class Command(BaseCommand):
    help = (
        "Serve the example API, and the page that uses it from another origin, with people to "
        "sign in as. Prints the addresses, the passwords and curl lines; Ctrl-C stops it. "
        "With --check nothing is left running: every step is walked over HTTP and said in a line."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--host",
            default="127.0.0.1",
            help="Address to listen on, as the browser will name it (default: %(default)s).",
        )
        parser.add_argument(
            "--api-port",
            type=int,
            default=8000,
            help="Port of the API (default: %(default)s); 0 is any free one.",
        )
        parser.add_argument(
            "--page-port",
            type=int,
            default=8001,
            help="Port of the page (default: %(default)s); 0 is any free one.",
        )
        parser.add_argument(
            "--database",
            type=Path,
            metavar="FILE",
            help="SQLite file to use, made if it is missing (default: the one in the settings).",
        )
        parser.add_argument(
            "--check",
            action="store_true",
            help="Walk the whole demo over HTTP, on free ports and a database of its own that is "
            "thrown away, and say each step in a line. Exits with 1 if a step does not hold.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            if options["check"]:
                self._check(options["host"])
            else:
                self._serve(options)
        except (CannotListen, NoKeys) as error:
            raise CommandError(str(error)) from error

    def _serve(self, options: dict[str, Any]) -> None:
        database: Path | None = options["database"]
        if database is not None and not database.absolute().parent.is_dir():
            raise CommandError(f"There is no folder for the database {database} (see --database).")
        prepare(database)
        keys = Path(database or settings.DATABASES["default"]["NAME"]).with_suffix(".keys")
        make_first(keys)
        with (
            stop_signal() as wait,
            serving(
                options["host"],
                api_port=options["api_port"],
                page_port=options["page_port"],
                KEY_DIRECTORY=keys,
                CLIENTS={SERVICE.name: SERVICE.setting},
            ) as origins,
        ):
            self.stdout.write(_welcome(origins, keys))
            self.stdout.flush()
            wait()
        self.stdout.write("Stopped.")

    def _check(self, host: str) -> None:
        # The reuse that is walked into on purpose is no warning.
        logging.getLogger("django_tokenauth").setLevel(logging.CRITICAL)
        failed = 0
        with TemporaryDirectory(ignore_cleanup_errors=True) as folder:
            keys = Path(folder) / "keys"
            prepare(Path(folder) / "check.sqlite3")
            make_first(keys)
            with serving(
                host,
                api_port=0,
                page_port=0,
                KEY_DIRECTORY=keys,
                CLIENTS={SERVICE.name: SERVICE.setting},
                # So that nobody has to wait long for a rotation.
                JWKS_MAX_AGE=timedelta(seconds=2),
            ) as origins:
                for step in walk(origins):
                    failed += not step.holds
                    self.stdout.write(str(step))
        if failed:
            raise CommandError(f"Steps that do not hold: {failed}.")


def _welcome(origins: Origins, keys: Path) -> str:
    return WELCOME.format(
        api=origins.api, page=origins.page, alice=ALICE, bob=BOB, service=SERVICE, keys=keys
    )
