"""A running example, and programs that know the address of its metadata and no more of it."""

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
    answer = requests.get(f"{demo.api}{WELL_KNOWN}", timeout=30)
    answer.raise_for_status()
    return answer.json()


@pytest.fixture(autouse=True)
def _no_tls_on_this_machine(monkeypatch):
    monkeypatch.setenv("AUTHLIB_INSECURE_TRANSPORT", "1")
    monkeypatch.setenv("OAUTHLIB_INSECURE_TRANSPORT", "1")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture(params=[Authlib, RequestsOAuthlib])
def library(request):
    return request.param


@pytest.fixture(params=[BASIC, POST])
def method(request):
    """How a client with a secret proves itself."""
    return request.param


@pytest.fixture
def service(library, method, metadata, demo):
    """A program of a client with a secret."""
    return library(metadata, method, "reports", demo.passwords["reports"])


@pytest.fixture(params=[NONE, BASIC, POST])
def program(request, library, metadata, demo):
    """A program of a client without a secret, or with one in either place."""
    if request.param == NONE:
        return library(metadata, NONE, "a notebook", None)
    return library(metadata, request.param, "reports", demo.passwords["reports"])


@pytest.fixture
def alice(demo):
    return "alice", demo.passwords["alice"]


@pytest.fixture
def notes(demo):
    """What a token is for."""
    return f"{demo.api}/notes/"
