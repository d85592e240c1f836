"""The running example, and client programs that know only the URL of its metadata."""

from __future__ import annotations

import pytest
import requests

from tests.external.clients.programs import BASIC, NONE, POST, Authlib, RequestsOAuthlib
from tests.support.running_demo import running_demo

WELL_KNOWN = "/.well-known/oauth-authorization-server"


@pytest.fixture(scope="session")
def demo(tmp_path_factory):
    with running_demo(tmp_path_factory.mktemp("demo")) as demo:
        yield demo


@pytest.fixture(scope="session")
def metadata(demo):
    response = requests.get(f"{demo.api}{WELL_KNOWN}", timeout=30)
    response.raise_for_status()
    return response.json()


@pytest.fixture(autouse=True)
def _allow_plain_http(monkeypatch):
    monkeypatch.setenv("AUTHLIB_INSECURE_TRANSPORT", "1")
    monkeypatch.setenv("OAUTHLIB_INSECURE_TRANSPORT", "1")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture(params=[Authlib, RequestsOAuthlib])
def library(request):
    return request.param


@pytest.fixture(params=[BASIC, POST])
def method(request):
    """The authentication method of a confidential client."""
    return request.param


@pytest.fixture
def service(library, method, metadata, demo):
    """Return a program with a client secret."""
    return library(metadata, method, *demo.client)


@pytest.fixture(params=[NONE, BASIC, POST])
def program(request, library, metadata, demo):
    """Return a program without a client secret, and with one in the header or the body."""
    if request.param == NONE:
        return library(metadata, NONE, "notebook", None)
    return library(metadata, request.param, *demo.client)


@pytest.fixture
def alice(demo):
    return "alice", demo.passwords["alice"]


@pytest.fixture
def notes(demo):
    """Return the URL of the protected API."""
    return f"{demo.api}/notes/"
