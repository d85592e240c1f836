from __future__ import annotations

import json
import socket
import subprocess
import sys
from datetime import timedelta
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Thread

from django.conf import settings
from django.core.management import CommandError, call_command
from django.test import SimpleTestCase
from django_tokenauth.keys.files import read_files

from demo.client import Client
from demo.key_walk import soon
from demo.keys import NoKeys, fetch, followed, make_first, use
from demo.page_server import page_server
from demo.servers import Origins, serving_api
from demo.walk import walk
from demo.walking import Step
from example import stateless

API = "http://api.example.com"


class PageServer(SimpleTestCase):
    def setUp(self) -> None:
        server = page_server("127.0.0.1", 0, api=API)
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1})
        thread.start()
        self.addCleanup(server.server_close)
        self.addCleanup(thread.join)
        self.addCleanup(server.shutdown)
        self.page = Client(f"http://127.0.0.1:{server.server_port}")

    def test_every_file_of_the_page_has_its_type(self) -> None:
        for path, content_type in {
            "/": "text/html",
            "/index.html?again": "text/html",
            "/page.css": "text/css",
            "/page.js": "text/javascript",
            "/icon.svg": "image/svg+xml",
            "/config.json": "application/json",
        }.items():
            with self.subTest(path):
                answer = self.page.get(path)
                self.assertEqual(answer.status, 200)
                self.assertEqual(answer.headers.get_content_type(), content_type)

    def test_only_its_own_scripts_run_and_only_the_api_is_reached(self) -> None:
        policy = self.page.get("/").headers["Content-Security-Policy"]
        for directive in ("default-src 'none'", "script-src 'self'", f"connect-src 'self' {API}"):
            self.assertIn(directive, policy.split("; "))

    def test_it_says_where_the_api_is(self) -> None:
        self.assertEqual(self.page.get("/config.json").body, {"api": API})

    def test_nothing_outside_of_the_folder_is_served(self) -> None:
        for path in ("/../manage.py", "/%2e%2e/manage.py", "//etc/passwd", "/..", "/missing.js"):
            with self.subTest(path):
                self.assertEqual(self.page.get(path).status, 404)


class Keys(SimpleTestCase):
    def setUp(self) -> None:
        # The API of these tests is this process: what it is told it forgets.
        self.enterContext(self.settings(TOKENAUTH=settings.TOKENAUTH, ALLOWED_HOSTS=[]))
        self.ours = Path(self.enterContext(TemporaryDirectory()), "keys")
        self.theirs = Path(self.enterContext(TemporaryDirectory()))

    def serve(self) -> str:
        """An API that signs with its keys, and whose answers are good for a second."""
        make_first(self.ours)
        issuer = self.enterContext(serving_api("127.0.0.1", port=0))
        use(ISSUER=issuer, KEY_DIRECTORY=self.ours, JWKS_MAX_AGE=timedelta(seconds=1))
        return issuer

    def test_a_first_one_is_made_once(self) -> None:
        for _ in range(2):
            make_first(self.ours)
        [made] = read_files(self.ours)
        self.assertEqual(made.key.algorithm, "EdDSA")
        self.assertTrue(made.key.can_sign)

    def test_a_folder_that_is_none_is_named(self) -> None:
        self.ours.touch()
        with self.assertRaisesMessage(NoKeys, str(self.ours)):
            make_first(self.ours)

    def test_others_get_the_public_half_and_no_more(self) -> None:
        self.assertEqual(fetch(self.serve(), self.theirs), 1)
        [ours], [theirs] = read_files(self.ours), read_files(self.theirs)
        self.assertEqual(theirs.key.kid, ours.key.kid)
        self.assertFalse(theirs.key.can_sign)
        jwk = json.loads(theirs.path.read_text())
        self.assertEqual(set(jwk), {"kty", "crv", "x", "kid", "alg", "use"})

    def test_others_follow_a_rotation(self) -> None:
        issuer = self.serve()
        [before] = read_files(self.ours)
        with followed(issuer, self.theirs):
            call_command("tokenauth_keys", "rotate", "--now", stdout=StringIO())
            [after] = [file for file in read_files(self.ours) if file.key.kid != before.key.kid]

            def has_followed() -> bool:
                return [file.key.kid for file in read_files(self.theirs)] == [after.key.kid]

            self.assertTrue(soon(has_followed))

    def test_only_the_issuer_itself_is_believed(self) -> None:
        issuer = self.serve().replace("127.0.0.1", "localhost")
        with self.assertRaisesMessage(NoKeys, "does not say where its keys are (status 200)"):
            fetch(issuer, self.theirs)
        self.assertEqual(list(self.theirs.iterdir()), [])

    def test_the_verifier_has_no_secret_of_the_api(self) -> None:
        self.assertNotEqual(stateless.SECRET_KEY, settings.SECRET_KEY)
        self.assertEqual(set(stateless.TOKENAUTH) & {"KEY_DIRECTORY", "KEYS", "SIGNING_KEY"}, set())

    def test_without_an_issuer_the_verifier_does_not_start(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as closed:
            nobody = f"http://127.0.0.1:{closed.getsockname()[1]}"
        with self.assertRaisesMessage(CommandError, f"{nobody} does not say where its keys are"):
            call_command("verifier", "--issuer", nobody)


class DemoCommand(SimpleTestCase):
    def test_a_taken_port_is_named_with_its_option(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = str(taken.getsockname()[1])
            for options in (
                ["--api-port", port, "--page-port", "0"],
                ["--page-port", port, "--api-port", "0"],
            ):
                with self.subTest(options[0]):
                    command = [sys.executable, str(settings.BASE_DIR / "manage.py"), "demo"]
                    run = subprocess.run(  # noqa: S603
                        [*command, "--database", ":memory:", *options],
                        capture_output=True,
                        text=True,
                        timeout=60,
                        check=False,
                    )
                    self.assertEqual(run.returncode, 1)
                    self.assertIn(f"127.0.0.1 port {port} (see {options[0]})", run.stderr)
                    self.assertNotIn("Traceback", run.stderr)


class Walk(SimpleTestCase):
    def test_a_step_that_does_not_hold_says_what_was_expected(self) -> None:
        step = Step("Two and two", 5, 4)
        self.assertFalse(step.holds)
        self.assertEqual(str(step), "✗ Two and two: expected 4, got 5")

    def test_without_servers_no_step_holds(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as closed:
            nobody = f"http://127.0.0.1:{closed.getsockname()[1]}"
        steps = list(walk(Origins(api=nobody, page=nobody)))
        self.assertEqual([str(step) for step in steps if step.holds], [])
        self.assertGreater(len(steps), 6)
