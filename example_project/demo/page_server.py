"""The server of the page, which represents a static host or a CDN. It does not use Django."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from demo.calls import CallLog

FOLDER = Path(__file__).resolve().parent.parent / "page"
CONTENT_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


def page_server(
    host: str, port: int, config: Mapping[str, str], calls: CallLog
) -> ThreadingHTTPServer:
    """Return a server that is bound to its port.

    The page reads `config` from it: the origins of the API and of the report service.
    """
    return ThreadingHTTPServer((host, port), partial(PageRequestHandler, config, calls))


class PageRequestHandler(BaseHTTPRequestHandler):
    """The handler that serves the files of the folder, `/config.json` and `/calls.json`."""

    def __init__(self, config: Mapping[str, str], calls: CallLog, *args: object) -> None:
        self.config = config
        self.calls = calls
        super().__init__(*args)  # type: ignore[arg-type]

    def do_GET(self) -> None:
        self._respond(with_body=True)

    def do_HEAD(self) -> None:
        self._respond(with_body=False)

    def _respond(self, *, with_body: bool) -> None:
        found = self._find(self.path.partition("?")[0])
        if found is None:
            self.send_error(404)
            return
        content_type, body = found
        self.send_response(200)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if with_body:
            self.wfile.write(body)

    def _find(self, path: str) -> tuple[str, bytes] | None:
        values = {"/config.json": self.config, "/calls.json": self.calls.list()}
        if path in values:
            return "application/json", json.dumps(values[path], allow_nan=False).encode()
        # Look the path up among the existing names; do not join it to the folder.
        files = {f"/{file.name}": file for file in FOLDER.iterdir()}
        file = files.get("/index.html" if path == "/" else path)
        if file is None or file.suffix not in CONTENT_TYPES:
            return None
        return CONTENT_TYPES[file.suffix], file.read_bytes()

    def end_headers(self) -> None:
        for name, value in _headers(self.config).items():
            self.send_header(name, value)
        super().end_headers()

    def log_message(self, *args: object) -> None:
        """Log nothing: the page shows the requests to the API."""


def _headers(config: Mapping[str, str]) -> dict[str, str]:
    # Every script of this origin can read the refresh token in the browser's storage. The policy
    # allows only scripts of this server, and connections only to it, the API and the report
    # service.
    policy = {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "img-src": "'self'",
        "connect-src": " ".join(["'self'", *config.values()]),
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
        "require-trusted-types-for": "'script'",
    }
    return {
        "Content-Security-Policy": "; ".join(f"{name} {policy[name]}" for name in policy),
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cache-Control": "no-cache",
    }
