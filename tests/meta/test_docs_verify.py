"""docs/verify.rst: a service without a database verifies the tokens of a server."""

from __future__ import annotations

import json
import shutil

import pytest

from tests.meta.docs_examples import (
    KEY_DIRECTORY,
    QUICK_START,
    SERVICE,
    add,
    consoles,
    curl_lines,
    python,
)
from tests.meta.docs_key_commands import ShownKeys
from tests.support.projects import Project, curl

COMMAND = "python manage.py tokenauth_keys"
FOLDER = "/srv/mysite/keys"


@pytest.fixture(scope="module")
def server(quick_start, tmp_path_factory):
    """Create the quick start project with the key folder and the public routes."""
    project = quick_start.copy(tmp_path_factory.mktemp("server") / "project")
    for block in python(KEY_DIRECTORY):
        project.add(block.file, block.text.replace(FOLDER, f"{project.folder}/keys"))
    return project


@pytest.fixture(scope="module")
def printed(server):
    """Return documented and actual output of ``generate``, ``rotate`` and ``publish``."""
    documented = dict(reversed([*consoles(KEY_DIRECTORY), *consoles(SERVICE)]))
    publish = f"{COMMAND} publish --output jwks.json"
    commands = [f"{COMMAND} generate", f"{COMMAND} rotate", publish]
    return [
        (
            documented[command],
            server.shell(command.replace("jwks.json", f"{server.folder}/jwks.json")).strip(),
        )
        for command in commands
    ]


def test_verify_page_key_commands_print_documented_lines(server, printed):
    keys = ShownKeys(at_any_time=True)
    for documented, actual in printed:
        shown = actual.replace(f"{server.folder}/keys", FOLDER).replace(f"{server.folder}/", "")
        assert keys.learn(documented, shown), shown
    assert len(keys.known) == 2


def test_jwks_route_returns_the_published_keys(server, printed):
    address = "curl http://127.0.0.1:8000/.well-known/jwks.json"
    with server.served() as origin:
        published = json.loads(curl(address, origin, {}).body)
    assert published == json.loads((server.folder / "jwks.json").read_text(encoding="utf-8"))
    assert len(published["keys"]) == 2


def test_service_without_a_database_accepts_server_tokens(server, printed, tmp_path):
    (tmp_path / "service").mkdir()
    service = Project.start("service", tmp_path / "service")
    shutil.copy(server.folder / "jwks.json", service.folder)
    add(service, python(SERVICE))
    for block in python(QUICK_START, "mysite/urls.py"):
        service.add("service/urls.py", block.text)
    assert "no issues (1 silenced)" in service.shell("python manage.py check")
    sign_in, whoami = (line for line, _ in curl_lines(QUICK_START))
    with server.served() as at_server, service.served() as at_service:
        pair = json.loads(curl(sign_in, at_server, {}).body)
        for origin, user in ((at_server, "alice"), (at_service, "1")):
            response = curl(whoami, origin, {"ACCESS": pair["access_token"]})
            assert json.loads(response.body)["user"] == user
        without_header, _, _ = whoami.partition(" -H ")
        assert curl(without_header, at_service, {}).status == 401
        assert curl(sign_in, at_service, {}).status == 503
