"""What these tests need: the libraries, and a server of ours to fetch keys and tokens from.

A library that this machine lacks is left out, and that is said. Where nothing may be left out
(CI=true) it is an error, for there nobody would notice.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from django.core.handlers.wsgi import WSGIHandler

from tests.external.interop.clock import Clock, find_clock
from tests.external.interop.issuer import Issuer
from tests.external.interop.libraries import Workbench
from tests.support import skips
from tests.support.http_server import serving

READY = pytest.StashKey()


def pytest_configure(config):
    folder = tempfile.TemporaryDirectory(prefix="tokenauth-interop-")
    config.add_cleanup(folder.cleanup)
    workbench = Workbench(Path(folder.name))
    versions, missing = workbench.prepare()
    if find_clock() is None:
        missing["rotation"] = "no libfaketime, which sets the clock of another program"
    config.stash[READY] = (workbench, versions, missing)
    for name, why in missing.items():
        if skips.in_ci():
            raise pytest.UsageError(f"Nothing may be left out in CI, but {name} is: {why}")
        skips.note(f"the interoperability: {name}: {why}")


def pytest_report_header(config):
    _, versions, _ = config.stash[READY]
    return [f"{name}: {version}" for name, version in versions.items()]


@pytest.fixture(scope="session")
def workbench(pytestconfig):
    return pytestconfig.stash[READY][0]


@pytest.fixture
def clock(pytestconfig, tmp_path):
    """A clock for another program, which can be set."""
    _, _, missing = pytestconfig.stash[READY]
    if "rotation" in missing:
        pytest.skip(missing["rotation"])
    return Clock(find_clock(), tmp_path / "clock")


@pytest.fixture
def library(request, pytestconfig):
    """The library of the parameter, if there is one."""
    _, _, missing = pytestconfig.stash[READY]
    if request.param.name in missing:
        pytest.skip(missing[request.param.name])
    return request.param


@pytest.fixture
def issuer(algorithm, settings, transactional_db, alice):
    """A server that signs with ``algorithm``, at a real address."""
    paths = []
    handler = WSGIHandler()

    def application(environ, start_response):
        answer = handler(environ, start_response)
        paths.append(environ["PATH_INFO"])
        return answer

    with serving(application) as address:
        yield Issuer(algorithm, settings, address, paths)
