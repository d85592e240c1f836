from __future__ import annotations

import logging
import shlex
import signal
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from demo.check import check
from demo.database import ALICE, BOB, prepare
from demo.jobs import running_jobs
from demo.keys import NoKeys, make_first
from demo.parties import (
    REPORTS,
    STATISTICS,
    new_api_token,
    reports_key,
    revoke_older_sessions,
    service_settings,
)
from demo.processes import SCRIPTS, NotStarted
from demo.servers import CannotListen, Origins, serving
from demo.stop_signal import stop_signal

# Short, so that the other processes soon know the keys of a rotation.
JWKS_MAX_AGE = timedelta(seconds=2)

WELCOME = """\
The page     {page}/
The API      {api}/  (shows its documentation)
Admin site   {api}/admin/  (as {alice.name})
Sign in as   {alice.name}  with  {alice.password}
             {bob.name}  with  {bob.password}
The reports  {reports}/reports/  (a second service; needs a token)
Keys in      {keys}

curl commands for another terminal:

  field() {{ python3 -c "import json, sys; print(json.load(sys.stdin)['$1'])"; }}

  # sign in
  response=$(curl -s {api}/auth/token/ -d username={alice.name} \\
    --data-urlencode 'password={alice.password}' -d device_name=curl)
  access=$(echo "$response" | field access_token)
  refresh=$(echo "$response" | field refresh_token)

  # add a note, list the notes
  curl -i {api}/notes/ -H "Authorization: Bearer $access" -d text=Hello
  curl -i {api}/notes/ -H "Authorization: Bearer $access"

  # introspect the token, as a client with a secret
  curl -s {api}/auth/token/introspect/ -u '{account.client_id}:{account.secret}' -d token="$access"

  # get the public keys, which verify the token
  curl -s {api}/.well-known/jwks.json

  # refresh the tokens
  response=$(curl -s {api}/auth/token/refresh/ -d refresh_token="$refresh")
  access=$(echo "$response" | field access_token)
  refresh=$(echo "$response" | field refresh_token)

  # get a token for the report service, and a report: the service exchanges the token
  response=$(curl -s {api}/auth/token/refresh/ -d refresh_token="$refresh" \\
    -d resource={audience})
  refresh=$(echo "$response" | field refresh_token)
  curl -i -X POST {reports}/reports/ \\
    -H "Authorization: Bearer $(echo "$response" | field access_token)"

  # run the script with an API token, and the service account, as the demo does each minute
  NOTES_API={api} NOTES_API_TOKEN={api_token} \\
    python3 {back_up}
  NOTES_API={api} CLIENT_ID={account.client_id} CLIENT_SECRET={account.secret} \\
    python3 {read_statistics}

  # sign out: the access token is rejected from now on
  curl -i {api}/auth/token/revoke/ -d token="$refresh"
  curl -i {api}/notes/ -H "Authorization: Bearer $access"

Ctrl-C stops the servers.
"""


class Command(BaseCommand):
    help = (
        "Serve the example API, a page on another origin that uses it, and a second service that "
        "calls the API for its users. Run two scripts that call the API each minute. Prints the "
        "addresses, the users with their passwords, and curl commands. Ctrl-C stops it. With "
        "--check, run all steps over HTTP, print a line for each, and exit."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--host",
            default="127.0.0.1",
            help="Address to listen on, as in the URL of the browser (default: %(default)s).",
        )
        parser.add_argument(
            "--api-port",
            type=int,
            default=8000,
            help="Port of the API (default: %(default)s); 0 means any free port.",
        )
        parser.add_argument(
            "--page-port",
            type=int,
            default=8001,
            help="Port of the page (default: %(default)s); 0 means any free port.",
        )
        parser.add_argument(
            "--reports-port",
            type=int,
            default=8002,
            help="Port of the report service (default: %(default)s); 0 means any free port.",
        )
        parser.add_argument(
            "--database",
            type=Path,
            metavar="FILE",
            help="SQLite file, created if it does not exist (default: that of the settings).",
        )
        parser.add_argument(
            "--check",
            action="store_true",
            help="Run all steps over HTTP, on free ports and with a temporary database, and print "
            "a line for each. The exit status is 1 if a step fails.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            if options["check"]:
                # As Ctrl-C, so that the other processes are stopped.
                signal.signal(signal.SIGTERM, signal.default_int_handler)
                self._check(options["host"])
            else:
                self._serve(options)
        except KeyboardInterrupt:
            raise CommandError("Stopped.") from None
        except (CannotListen, NoKeys, NotStarted) as error:
            raise CommandError(str(error)) from error

    def _serve(self, options: dict[str, Any]) -> None:
        database: Path | None = options["database"]
        if database is not None and not database.absolute().parent.is_dir():
            raise CommandError(
                f"The folder of the database {database} does not exist (see --database)."
            )
        prepare(database)
        keys = Path(database or settings.DATABASES["default"]["NAME"]).with_suffix(".keys")
        make_first(keys)
        reports_keys = keys.with_suffix(".reports.keys")
        services = service_settings(reports_keys)
        with (
            stop_signal() as wait,
            serving(
                options["host"],
                api_port=options["api_port"],
                page_port=options["page_port"],
                reports_port=options["reports_port"],
                reports_key=reports_key(reports_keys),
                KEY_DIRECTORY=keys,
                JWKS_MAX_AGE=JWKS_MAX_AGE,
                **services,
            ) as origins,
        ):
            revoke_older_sessions()
            api_token = new_api_token()
            with running_jobs(origins.api, api_token):
                self.stdout.write(_welcome(origins, keys, api_token))
                self.stdout.flush()
                wait()
        self.stdout.write("Stopped.")

    def _check(self, host: str) -> None:
        # One step reuses a refresh token on purpose, which logs a warning.
        logging.getLogger("django_tokenauth").setLevel(logging.CRITICAL)
        failed = 0
        with TemporaryDirectory(ignore_cleanup_errors=True) as folder:
            keys, reports_keys = Path(folder) / "keys", Path(folder) / "reports-keys"
            prepare(Path(folder) / "check.sqlite3")
            make_first(keys)
            services = service_settings(reports_keys)
            with serving(
                host,
                api_port=0,
                page_port=0,
                reports_port=0,
                reports_key=reports_key(reports_keys),
                KEY_DIRECTORY=keys,
                JWKS_MAX_AGE=JWKS_MAX_AGE,
                **services,
            ) as origins:
                for step in check(origins):
                    failed += not step.passed
                    self.stdout.write(str(step))
        if failed:
            raise CommandError(f"{failed} steps failed.")


def _welcome(origins: Origins, keys: Path, api_token: str) -> str:
    return WELCOME.format(
        **vars(origins),
        alice=ALICE,
        bob=BOB,
        account=STATISTICS,
        audience=REPORTS,
        api_token=api_token,
        back_up=shlex.quote(str(SCRIPTS / "back_up_notes.py")),
        read_statistics=shlex.quote(str(SCRIPTS / "read_statistics.py")),
        keys=keys,
    )
