"""Start and stop the API, the page and the report service, each on its own origin."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from http.server import HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

from django.conf import settings
from django.contrib.staticfiles.handlers import StaticFilesHandler
from django.core.servers.basehttp import ThreadedWSGIServer, WSGIRequestHandler
from django.core.wsgi import get_wsgi_application

from demo.calls import CallLog
from demo.keys import use
from demo.page_server import page_server
from demo.processes import verifier


class CannotListen(Exception):
    """The server cannot listen on this address. `option` sets it on the command line."""

    def __init__(self, option: str, host: str, port: int, reason: str) -> None:
        super().__init__(f"Cannot listen on {host} port {port} (see {option}): {reason}.")


@dataclass(frozen=True)
class Origins:
    """The origins of the servers."""

    api: str
    page: str
    reports: str


class ApiRequestHandler(WSGIRequestHandler):
    """Django's request handler, without a log."""

    def log_message(self, *args: object) -> None:
        """Log nothing: the page shows the requests, and the check prints its steps."""


@contextmanager
def serving(
    host: str,
    *,
    api_port: int,
    page_port: int,
    reports_port: int,
    reports_key: Path,
    **tokenauth: Any,
) -> Iterator[Origins]:
    """Serve the API, the page and the report service until the block exits.

    Port 0 means any free port. The report service is another process. `tokenauth` are settings of
    TOKENAUTH. The ISSUER is the origin of the API.
    """
    calls = CallLog()
    config: dict[str, str] = {}
    with ExitStack() as stack:
        # Bind both ports before either server responds, because each needs the other's origin.
        api = stack.enter_context(_bound_api(host, api_port, "--api-port", calls))
        with _may_fail_to_listen(host, page_port, "--page-port"):
            page = stack.enter_context(page_server(host, page_port, config, calls))
        config["api"] = _origin(host, api)
        page_origin = _origin(host, page)
        settings.CORS_ALLOWED_ORIGINS = [page_origin]
        use(ISSUER=config["api"], **tokenauth)
        stack.enter_context(_running(api))
        config["reports"] = stack.enter_context(
            verifier(
                config["api"],
                "reports.settings",
                host=host,
                port=reports_port,
                option="--reports-port",
                EXAMPLE_PAGE_ORIGIN=page_origin,
                EXAMPLE_REPORTS_KEY=str(reports_key),
            )
        )
        stack.enter_context(_running(page))
        yield Origins(page=page_origin, **config)


@contextmanager
def serving_api(host: str, *, port: int) -> Iterator[str]:
    """Serve only the API until the block exits. Port 0 means any free port."""
    with _bound_api(host, port, "--port", CallLog()) as api, _running(api):
        yield _origin(host, api)


@contextmanager
def _bound_api(host: str, port: int, option: str, calls: CallLog) -> Iterator[ThreadedWSGIServer]:
    with _may_fail_to_listen(host, port, option):
        server = ThreadedWSGIServer((host, port), ApiRequestHandler)
    with server:
        settings.ALLOWED_HOSTS = [host, "127.0.0.1", "localhost"]
        application = get_wsgi_application()
        if settings.STATIC_URL:
            # Serve the style sheets of the admin too, as runserver does.
            application = StaticFilesHandler(application)
        server.set_app(calls.recording(application))
        yield server


@contextmanager
def _running(server: HTTPServer) -> Iterator[None]:
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1})
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()


@contextmanager
def _may_fail_to_listen(host: str, port: int, option: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise CannotListen(option, host, port, error.strerror or str(error)) from error
    except OverflowError as error:
        raise CannotListen(option, host, port, "a port is a number from 0 to 65535") from error


def _origin(host: str, server: HTTPServer) -> str:
    return f"http://{host}:{server.server_port}"
