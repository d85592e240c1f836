from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Thread
from typing import Any, cast

import jwt
from django.conf import settings
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.http import HttpResponse
from django.test import SimpleTestCase, TestCase
from django_tokenauth import services
from django_tokenauth.api_tokens import formats
from django_tokenauth.api_tokens import services as api_tokens
from django_tokenauth.errors import InvalidToken
from django_tokenauth.keys.files import read_files
from django_tokenauth.models import RevokedReason, Session

from demo.calls import CallLog
from demo.check import check
from demo.client import Client
from demo.database import ALICE
from demo.jobs import run_job
from demo.key_steps import wait_until
from demo.keys import NoKeys, fetch, followed, make_first, use
from demo.page_server import page_server
from demo.parties import (
    REPORTS_CLIENT,
    new_api_token,
    reports_key,
    revoke_older_sessions,
    service_settings,
)
from demo.processes import NotStarted, environment, run_script, verifier
from demo.servers import Origins, serving_api
from demo.steps import Step
from example import stateless

API = "http://api.example.com"
REPORTS = "http://reports.example.com"


def free_ports(**used: str) -> list[str]:
    """Return the options of `demo` for free ports, except those of `used`."""
    options = {"--api-port": "0", "--page-port": "0", "--reports-port": "0"} | used
    return [word for option in options.items() for word in option]


@contextmanager
def patched_variable(name: str, value: str) -> Iterator[None]:
    """Set an environment variable, and restore it at the end."""
    before = os.environ.get(name)
    os.environ[name] = value
    try:
        yield
    finally:
        del os.environ[name]
        if before is not None:
            os.environ[name] = before


class PageServerTests(SimpleTestCase):
    def setUp(self) -> None:
        config = {"api": API, "reports": REPORTS}
        server = page_server("127.0.0.1", 0, config, CallLog())
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1})
        thread.start()
        self.addCleanup(server.server_close)
        self.addCleanup(thread.join)
        self.addCleanup(server.shutdown)
        self.page = Client(f"http://127.0.0.1:{server.server_port}")

    def test_each_file_has_its_content_type(self) -> None:
        for path, content_type in {
            "/": "text/html",
            "/index.html?again": "text/html",
            "/page.css": "text/css",
            "/page.js": "text/javascript",
            "/icon.svg": "image/svg+xml",
            "/config.json": "application/json",
            "/calls.json": "application/json",
        }.items():
            with self.subTest(path):
                response = self.page.get(path)
                self.assertEqual(response.status, 200)
                self.assertEqual(response.headers.get_content_type(), content_type)

    def test_policy_allows_own_scripts_and_connections_to_the_api(self) -> None:
        policy = self.page.get("/").headers["Content-Security-Policy"]
        connect = f"connect-src 'self' {API} {REPORTS}"
        for directive in ("default-src 'none'", "script-src 'self'", connect):
            self.assertIn(directive, policy.split("; "))

    def test_config_contains_the_urls_of_the_services(self) -> None:
        self.assertEqual(self.page.get("/config.json").body, {"api": API, "reports": REPORTS})

    def test_path_outside_of_the_folder_is_not_found(self) -> None:
        for path in ("/../manage.py", "/%2e%2e/manage.py", "//etc/passwd", "/..", "/missing.js"):
            with self.subTest(path):
                self.assertEqual(self.page.get(path).status, 404)


class CallLogTests(SimpleTestCase):
    """The log of the calls, with an application that accepts everything."""

    def setUp(self) -> None:
        self.calls = CallLog()
        self.respond = self.calls.recording(self.application)
        self.status, self.content = "200 OK", b"[]"
        self.api_token = formats.generate("example")

    def application(self, environ: Any, start_response: Any) -> HttpResponse:
        start_response(self.status, [])
        return HttpResponse(self.content)

    def call(self, token: str | None = None, path: str = "/notes/") -> list[dict[str, Any]]:
        headers = {} if token is None else {"HTTP_AUTHORIZATION": f"Bearer {token}"}
        self.respond({"REQUEST_METHOD": "GET", "PATH_INFO": path, **headers}, lambda *words: print)
        return self.calls.list()

    def token(self, **claims: Any) -> str:
        members = {"aud": "notes", "scope": "notes:read", "client_id": "web", **claims}
        return jwt.encode(members, "k" * 32)

    def test_caller_depends_on_the_kind_of_token(self) -> None:
        for token, caller in {
            self.token(): "browser",
            self.token(tokenauth_grant="token_exchange", client_id="reports"): "reports",
            self.token(tokenauth_grant="client_credentials", client_id="jobs"): "jobs",
            self.api_token: "script",
        }.items():
            with self.subTest(caller):
                self.assertEqual(self.call(token)[0]["caller"], caller)

    def test_entry_contains_rights_and_neither_tokens_nor_ids(self) -> None:
        token = self.token(act={"sub": "reports"}, jti="secret")
        [call] = self.call(token, "/notes/17/")
        self.assertEqual(call["path"], "/notes/…/")
        rights = {"aud": "notes", "scope": "notes:read", "client_id": "web", "actor": "reports"}
        self.assertEqual(call["sent"], {"kind": "access_token", **rights})
        path = "/auth/api-tokens/01a207a2-3280-729f-8b86-2cd0bec312f2/"
        [call, _] = self.call(self.api_token, path)
        self.assertEqual(call["path"], "/auth/api-tokens/…/")
        sent = {"kind": "api_token", "last_four": self.api_token[-4:]}
        self.assertEqual(call["sent"], sent)

    def test_new_token_of_the_token_endpoint_is_described(self) -> None:
        token = self.token(tokenauth_grant="token_exchange", client_id="reports")
        self.content = json.dumps({"access_token": token}).encode()
        [call] = self.call(path="/auth/token/")
        self.assertEqual((call["caller"], call["sent"]), ("reports", None))
        self.assertEqual(call["received"]["kind"], "token_exchange")

    def test_unverified_token_is_not_listed(self) -> None:
        for status, path in (
            ("401 Unauthorized", "/notes/"),
            ("404 Not Found", "/notes/x"),
            ("301 Moved Permanently", "/notes/1"),
            ("200 OK", "/docs/"),
            ("200 OK", "/auth/token/verify/"),
        ):
            with self.subTest(f"{status} {path}"):
                self.status = status
                self.assertEqual(self.call(self.token(), path), [])

    def test_unusable_token_is_not_listed(self) -> None:
        for token in ("a.b.c", "", "abc", "e30.W10.", "..", "[" * 40_000, self.api_token[:-1]):
            with self.subTest(token[:9]):
                self.assertEqual(self.call(token), [])

    def test_unusable_claims_are_left_out(self) -> None:
        [call] = self.call(self.token(aud=float("nan"), scope="x" * 300, client_id=["web"]))
        self.assertEqual(call["sent"], {"kind": "access_token"})

    def test_request_without_a_token_is_not_listed(self) -> None:
        self.assertEqual(self.call(), [])


class ProcessTests(SimpleTestCase):
    def test_other_processes_get_no_secret_of_the_api(self) -> None:
        with patched_variable("EXAMPLE_SECRET_KEY", "secret"):
            passed = environment(EXAMPLE_REPORTS_KEY="key.jwk")
        self.assertNotIn("secret", passed.values())
        self.assertEqual(passed["EXAMPLE_REPORTS_KEY"], "key.jwk")
        self.assertIn("PATH", passed)

    def test_scripts_explain_their_errors_without_secrets(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as closed:
            api = f"http://127.0.0.1:{closed.getsockname()[1]}"
        account = {"CLIENT_ID": "jobs", "CLIENT_SECRET": "secret"}
        for name, variables, message in (
            ("back_up_notes.py", {"NOTES_API": api}, "Set the environment variable"),
            ("back_up_notes.py", {"NOTES_API": api, "NOTES_API_TOKEN": "x"}, "does not respond"),
            ("back_up_notes.py", {"NOTES_API": api, "NOTES_API_TOKEN": "secret\nx"}, "header"),
            ("read_statistics.py", {"NOTES_API": api}, "Set the environment variable"),
            ("read_statistics.py", {"NOTES_API": api, **account}, "does not respond"),
        ):
            with self.subTest(f"{name} {message}"):
                run = run_script(name, **variables)
                self.assertEqual(run.returncode, 1)
                self.assertIn(message, run.stderr)
                for unwanted in ("Traceback", "secret"):
                    self.assertNotIn(unwanted, run.stderr)

    def test_error_of_a_job_is_returned(self) -> None:
        self.assertIn("Set the environment variable", run_job("back_up_notes.py", {}))


class KeyTests(SimpleTestCase):
    def setUp(self) -> None:
        # These tests serve the API from this process, so restore its settings.
        self.enterContext(self.settings(TOKENAUTH=settings.TOKENAUTH, ALLOWED_HOSTS=[]))
        self.folder = Path(self.enterContext(TemporaryDirectory()), "keys")
        self.copy = Path(self.enterContext(TemporaryDirectory()))

    def serve(self) -> str:
        """Serve an API whose published keys expire after a second. Return its URL."""
        make_first(self.folder)
        issuer = self.enterContext(serving_api("127.0.0.1", port=0))
        use(ISSUER=issuer, KEY_DIRECTORY=self.folder, JWKS_MAX_AGE=timedelta(seconds=1))
        return issuer

    def test_first_key_is_made_once(self) -> None:
        for _ in range(2):
            make_first(self.folder)
        [file] = read_files(self.folder)
        self.assertEqual(file.key.algorithm, "EdDSA")
        self.assertTrue(file.key.can_sign)

    def test_error_names_a_folder_that_is_a_file(self) -> None:
        self.folder.touch()
        with self.assertRaisesMessage(NoKeys, str(self.folder)):
            make_first(self.folder)

    def test_fetch_copies_only_the_public_half(self) -> None:
        self.assertEqual(fetch(self.serve(), self.copy), 1)
        [original], [copy] = read_files(self.folder), read_files(self.copy)
        self.assertEqual(copy.key.kid, original.key.kid)
        self.assertFalse(copy.key.can_sign)
        jwk = json.loads(copy.path.read_text())
        self.assertEqual(set(jwk), {"kty", "crv", "x", "kid", "alg", "use"})

    def test_copy_follows_a_rotation(self) -> None:
        issuer = self.serve()
        [before] = read_files(self.folder)
        with followed(issuer, self.copy):
            call_command("tokenauth_keys", "rotate", "--now", stdout=StringIO())
            [after] = [file for file in read_files(self.folder) if file.key.kid != before.key.kid]

            def has_followed() -> bool:
                return [file.key.kid for file in read_files(self.copy)] == [after.key.kid]

            self.assertTrue(wait_until(has_followed))

    def test_metadata_of_another_issuer_is_rejected(self) -> None:
        issuer = self.serve().replace("127.0.0.1", "localhost")
        with self.assertRaisesMessage(NoKeys, "publishes no metadata with its keys (status 200)"):
            fetch(issuer, self.copy)
        self.assertEqual(list(self.copy.iterdir()), [])

    def test_verifier_has_no_secret_of_the_api(self) -> None:
        self.assertNotEqual(stateless.SECRET_KEY, settings.SECRET_KEY)
        self.assertEqual(set(stateless.TOKENAUTH) & {"KEY_DIRECTORY", "KEYS", "SIGNING_KEY"}, set())

    def test_verifier_without_an_issuer_does_not_start(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as closed:
            issuer = f"http://127.0.0.1:{closed.getsockname()[1]}"
        with (
            self.assertRaisesMessage(NotStarted, "with the settings reports.settings did not"),
            verifier(issuer, "reports.settings"),
        ):
            pass

    def test_verifier_does_not_serve_the_api_with_its_database(self) -> None:
        with self.assertRaisesMessage(CommandError, "--settings example.stateless"):
            call_command("verifier", "--issuer", "http://127.0.0.1:1")


class PartyTests(TestCase):
    """The second start of the demo, with the database of the first one."""

    def setUp(self) -> None:
        self.alice = User.objects.create_user(ALICE.name)

    def test_new_api_token_replaces_only_its_predecessor(self) -> None:
        own = api_tokens.create(self.alice, name="nightly")
        first, second = new_api_token(), new_api_token()
        with self.assertRaises(InvalidToken):
            services.authenticate_token(first)
        for token in (own.token, second):
            self.assertEqual(services.get_user(services.authenticate_token(token)), self.alice)

    def test_sessions_of_an_older_demo_are_revoked(self) -> None:
        older = services.sign_in(self.alice)
        folder = Path(self.enterContext(TemporaryDirectory()), "keys")
        with self.settings(TOKENAUTH=settings.TOKENAUTH | service_settings(folder)):
            newer = services.sign_in(self.alice)
            revoke_older_sessions()
        for pair, reason in ((older, RevokedReason.ADMIN), (newer, "")):
            session = cast(Session, pair.session)
            session.refresh_from_db()
            self.assertEqual(session.revoked_reason, reason)

    def test_settings_contain_no_private_key(self) -> None:
        folder = Path(self.enterContext(TemporaryDirectory()), "keys")
        [jwk] = json.loads(service_settings(folder)["CLIENTS"][REPORTS_CLIENT]["jwks"])["keys"]
        private = json.loads(reports_key(folder).read_text(encoding="utf-8"))
        self.assertEqual(jwk["x"], private["x"])
        self.assertNotIn("d", jwk)


class DemoCommandTests(SimpleTestCase):
    def test_each_printed_address_responds(self) -> None:
        database = str(Path(self.enterContext(TemporaryDirectory()), "demo.sqlite3"))
        command = [sys.executable, str(settings.BASE_DIR / "manage.py"), "demo"]
        with subprocess.Popen(  # noqa: S603
            [*command, *free_ports(), "--database", database],
            stdout=subprocess.PIPE,
            text=True,
        ) as process:
            self.addCleanup(process.kill)
            lines = []
            for line in process.stdout or ():
                lines.append(line)
                if line.startswith("Ctrl-C"):
                    break
            first_command = lines.index("curl commands for another terminal:\n")
            for number, line in enumerate(lines):
                # Some addresses need a token (401) or another method (405).
                expected: tuple[int, ...] = (200,)
                if number > first_command or line.startswith("The reports"):
                    expected = (200, 401, 405)
                for origin, path in re.findall(r"(http://[\d.:]+)(/\S*)", line):
                    with self.subTest(f"{origin}{path}"):
                        self.assertIn(Client(origin).get(path).status, expected)
            process.send_signal(signal.SIGINT)
            self.assertEqual(process.wait(timeout=30), 0)

    def test_error_names_the_option_of_a_port_in_use(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = str(taken.getsockname()[1])
            for option in ("--api-port", "--page-port", "--reports-port"):
                with self.subTest(option):
                    command = [sys.executable, str(settings.BASE_DIR / "manage.py"), "demo"]
                    run = subprocess.run(  # noqa: S603
                        [*command, "--database", ":memory:", *free_ports(**{option: port})],
                        capture_output=True,
                        text=True,
                        timeout=60,
                        check=False,
                    )
                    self.assertEqual(run.returncode, 1)
                    self.assertIn(f"127.0.0.1 port {port}", run.stderr)
                    self.assertIn(option, run.stderr)
                    self.assertNotIn("Traceback", run.stderr)


class CheckTests(SimpleTestCase):
    def test_failed_step_shows_both_values(self) -> None:
        step = Step("Two and two", 5, 4)
        self.assertFalse(step.passed)
        self.assertEqual(str(step), "✗ Two and two: expected 4, got 5")

    def test_all_steps_fail_without_servers(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as closed:
            origin = f"http://127.0.0.1:{closed.getsockname()[1]}"
        steps = list(check(Origins(api=origin, page=origin, reports=origin)))
        self.assertEqual([str(step) for step in steps if step.passed], [])
        self.assertGreater(len(steps), 6)
