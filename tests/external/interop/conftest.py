"""Fixtures of the interoperability tests: the libraries, and a server with keys and tokens.

The tests of a missing library are skipped with a note. If ``CI`` is set, this is an error.
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
from tests.support.http_server import serve

READY = pytest.StashKey()


def pytest_configure(config):
    folder = tempfile.TemporaryDirectory(prefix="tokenauth-interop-")
    config.add_cleanup(folder.cleanup)
    workbench = Workbench(Path(folder.name))
    versions, missing = workbench.prepare()
    if find_clock() is None:
        missing["rotation"] = "libfaketime is not installed"
    config.stash[READY] = (workbench, versions, missing)
    for name, reason in missing.items():
        if skips.in_ci():
            raise pytest.UsageError(f"CI must not skip tests, but {name} is missing: {reason}")
        skips.note(f"the interoperability: {name}: {reason}")


def pytest_report_header(config):
    _, versions, _ = config.stash[READY]
    return [f"{name}: {version}" for name, version in versions.items()]


@pytest.fixture(scope="session")
def workbench(pytestconfig):
    return pytestconfig.stash[READY][0]


@pytest.fixture
def clock(pytestconfig, tmp_path):
    """Return a settable clock for another program."""
    _, _, missing = pytestconfig.stash[READY]
    if "rotation" in missing:
        pytest.skip(missing["rotation"])
    return Clock(find_clock(), tmp_path / "clock")


@pytest.fixture
def library(request, pytestconfig):
    """Return the library of the parameter, or skip the test if it is missing."""
    _, _, missing = pytestconfig.stash[READY]
    if request.param.name in missing:
        pytest.skip(missing[request.param.name])
    return request.param


@pytest.fixture
def issuer(algorithm, settings, transactional_db, alice):
    """Run a server that signs with ``algorithm``."""
    paths = []
    handler = WSGIHandler()

    def application(environ, start_response):
        response = handler(environ, start_response)
        paths.append(environ["PATH_INFO"])
        return response

    with serve(application) as address:
        yield Issuer(algorithm, settings, address, paths)
