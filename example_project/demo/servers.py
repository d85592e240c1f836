"""Starting and stopping: the API and the page, each on its own origin, each in threads."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import HTTPServer
from threading import Thread
from typing import Any

from django.conf import settings
from django.contrib.staticfiles.handlers import StaticFilesHandler
from django.core.servers.basehttp import ThreadedWSGIServer, WSGIRequestHandler
from django.core.wsgi import get_wsgi_application

from demo.keys import use
from demo.page_server import page_server


class CannotListen(Exception):
    """Nothing can be served at this address; `option` chooses it on the command line."""

    def __init__(self, option: str, host: str, port: int, reason: str) -> None:
        super().__init__(f"Cannot listen on {host} port {port} (see {option}): {reason}.")


@dataclass(frozen=True)
class Origins:
    """Where the two servers are, as a browser names them."""

    api: str
    page: str


class ApiRequestHandler(WSGIRequestHandler):
    """Django's own, without a line on the terminal for each request."""

    def log_message(self, *args: object) -> None:
        """Nothing: the page shows the requests, and the check says what it did."""


@contextmanager
def serving(host: str, *, api_port: int, page_port: int, **tokenauth: Any) -> Iterator[Origins]:
    """Serve the API and the page until the block ends; port 0 is any free one.

    What is given beyond that are settings of TOKENAUTH, beside the ISSUER, which is the API.
    """
    # Both ports are taken before either server answers: each has to know the other's origin.
    with _bound_api(host, api_port, "--api-port") as api:
        with _may_fail_to_listen(host, page_port, "--page-port"):
            page = page_server(host, page_port, api=_origin(host, api))
        with page:
            origins = Origins(api=_origin(host, api), page=_origin(host, page))
            settings.CORS_ALLOWED_ORIGINS = [origins.page]
            use(ISSUER=origins.api, **tokenauth)
            with _answering(api), _answering(page):
                yield origins


@contextmanager
def serving_api(host: str, *, port: int) -> Iterator[str]:
    """Serve the API alone until the block ends."""
    with _bound_api(host, port, "--port") as api, _answering(api):
        yield _origin(host, api)


@contextmanager
def _bound_api(host: str, port: int, option: str) -> Iterator[ThreadedWSGIServer]:
    with _may_fail_to_listen(host, port, option):
        server = ThreadedWSGIServer((host, port), ApiRequestHandler)
    with server:
        settings.ALLOWED_HOSTS = [host, "127.0.0.1", "localhost"]
        # The admin's style sheets come with it, as with runserver.
        server.set_app(StaticFilesHandler(get_wsgi_application()))
        yield server


@contextmanager
def _answering(server: HTTPServer) -> Iterator[None]:
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
        raise CannotListen(option, host, port, "a port is a number up to 65535") from error


def _origin(host: str, server: HTTPServer) -> str:
    return f"http://{host}:{server.server_port}"
