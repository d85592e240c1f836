from __future__ import annotations

import socket
import subprocess
import sys
from threading import Thread

from django.conf import settings
from django.test import SimpleTestCase

from demo.client import Client
from demo.page_server import page_server
from demo.servers import Origins
from demo.walk import Step, walk

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
