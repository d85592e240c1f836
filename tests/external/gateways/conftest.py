"""Fixtures: the authorization server, the service, and each gateway between them.

The tests of a missing program are skipped with a note. If ``CI`` is set, this is an error.
"""

from __future__ import annotations

import shutil
import time
from contextlib import ExitStack
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.external.gateways.processes import START_TIMEOUT, free_address, running
from tests.external.gateways.programs import PROGRAMS, Program, has_mod_wsgi, write_files
from tests.external.gateways.server import authorization_server, environment
from tests.external.gateways.service import Switch, service
from tests.support import skips
from tests.support.http_server import send_request


def missing():
    """Return the missing programs."""
    names = [program.name for program in PROGRAMS if program.find() is None]
    names += [] if has_mod_wsgi() else ["mod_wsgi"]
    return names if find_spec("gunicorn") else [*names, "gunicorn"]


def pytest_configure():
    if names := missing():
        if skips.in_ci():
            raise pytest.UsageError(f"CI must not skip tests. Missing: {', '.join(names)}.")
        for name in names:
            skips.note(f"the gateways: {name} is not installed")


def pytest_report_header():
    found = [program for program in PROGRAMS if program.find()]
    return [f"{program.name}: {program.find_version()}" for program in found]


@dataclass(frozen=True)
class Gateway:
    program: Program
    address: tuple[str, int]
    folder: object
    switch: Switch
    service: object

    def send(self, start="GET /notes/ HTTP/1.1", *lines, token=None, body=b""):
        """Send a request and return the response with the requests that reached the service."""
        self.service.requests.clear()
        if token is not None:
            lines = (*lines, f"Authorization: Bearer {token}")
        encoded = [line.encode() for line in lines]
        response = send_request(self.address, start.encode(), *encoded, body=body)
        return response, list(self.service.requests)

    def wait(self):
        """Wait until the routes are loaded, which Traefik does after it listens."""
        end = time.monotonic() + START_TIMEOUT
        while (response := self.send()[0]).status != 401:
            assert time.monotonic() < end, (response.status, self.logs())
            time.sleep(0.05)

    def logs(self):
        """Return all that the program has logged."""
        files = [self.folder / "output.log", self.folder / "error.log"]
        return "".join(
            file.read_text(encoding="utf-8", errors="replace") for file in files if file.exists()
        )


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    if find_spec("gunicorn") is None:
        pytest.skip("gunicorn is not installed")
    with authorization_server(tmp_path_factory.mktemp("server")) as running_server:
        yield running_server


@pytest.fixture(scope="session")
def start(server):
    """Return a function that starts a program once and returns its gateway."""
    started = {}
    with ExitStack() as stack:
        # The folders of pytest are closed to Apache's worker, which is another user.
        root = Path(stack.enter_context(TemporaryDirectory(prefix="tokenauth-gateways-")))
        root.chmod(0o755)
        upstream = stack.enter_context(service())
        public_keys = server.public_keys()
        switches = [Switch(server.address), Switch(server.tls_address)]
        for switch in switches:
            stack.callback(switch.close)

        def start(program):
            if program.name not in started:
                folder = root / program.executable
                folder.mkdir()
                shutil.copy(server.folder / "certificate.pem", folder)
                switch = switches[program.name == "Apache"]
                address = free_address()
                addresses = (address, switch.address, upstream.server_address)
                write_files(program, folder, addresses, public_keys)
                command = [program.find(), *program.command(folder)]
                log = folder / "output.log"
                values = {**environment(server.folder), "HOME": str(folder)}
                stack.enter_context(running(command, address, log, values, folder))
                gateway = Gateway(program, address, folder, switch, upstream)
                gateway.wait()
                started[program.name] = gateway
            return started[program.name]

        yield start


def started(request, start):
    program = request.param
    if program.find() is None:
        pytest.skip(f"{program.name} is not installed")
    return start(program)


@pytest.fixture(params=PROGRAMS, ids=lambda program: program.name)
def gateway(request, start):
    """Return each gateway."""
    return started(request, start)


@pytest.fixture(
    params=[program for program in PROGRAMS if program.exact], ids=lambda program: program.name
)
def exact_gateway(request, start):
    """Return each gateway that calls the token server for each request."""
    return started(request, start)


@pytest.fixture(
    params=[program for program in PROGRAMS if not program.exact], ids=lambda program: program.name
)
def local_gateway(request, start):
    """Return each gateway that verifies tokens by itself."""
    return started(request, start)


@pytest.fixture(
    params=[program for program in PROGRAMS if program.forwards], ids=lambda program: program.name
)
def forwarding_gateway(request, start):
    """Return each gateway that uses ``token/forward-auth/``."""
    return started(request, start)
