"""The keys of the README: its commands are run, and a service verifies what the server signed."""

from __future__ import annotations

import json
import shutil

import pytest

from tests.meta.docs_key_commands import ShownKeys
from tests.meta.readme import (
    KEYS,
    QUICK_START,
    add,
    consoles,
    curl_lines,
    python,
    quick_start_project,
)
from tests.support.projects import Project, curl

SERVER, SERVICE = (block for block in python(KEYS) if block.file.endswith("settings.py"))


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """The project of the quick start with the keys that the commands make."""
    project = quick_start_project(tmp_path_factory.mktemp("server"))
    add(project, [SERVER, *python(KEYS, "mysite/urls.py")])
    return project


@pytest.fixture(scope="module")
def printed(server):
    """What each command shows and what it printed."""
    return [
        (shown, server.shell(in_folder(command, server.folder)).strip())
        for command, shown in consoles(KEYS)
    ]


def in_folder(command, folder):
    """The shell of the README is in the folder of its project."""
    return command.replace("jwks.json", str(folder / "jwks.json"))


def test_each_command_says_what_is_shown(server, printed):
    keys = ShownKeys(at_any_time=True)
    for shown, said in printed:
        in_project = said.replace(f"{server.folder}/keys", "/srv/mysite/keys")
        assert keys.learn(shown, in_project.replace(f"{server.folder}/", "")), (shown, said)
    assert len(printed) == len(keys.known) + 1 == 3


def test_the_route_publishes_what_the_command_writes(server, printed):
    address = "curl http://127.0.0.1:8000/.well-known/jwks.json"
    with server.served() as origin:
        published = json.loads(curl(address, origin, {}).body)
    assert published == json.loads((server.folder / "jwks.json").read_text(encoding="utf-8"))
    assert len(published["keys"]) == 2


def test_a_service_without_a_database_verifies_what_the_server_signed(server, printed, tmp_path):
    (tmp_path / "service").mkdir()
    service = Project.start("service", tmp_path / "service")
    shutil.copy(server.folder / "jwks.json", service.folder)
    add(service, [SERVICE])
    # Its view is that of the quick start, where the user is known by the token alone.
    for block in python(QUICK_START, "mysite/views.py", "mysite/urls.py"):
        service.add(
            block.file.replace("mysite", "service"), block.text.replace("mysite", "service")
        )
    assert "no issues (1 silenced)" in service.shell("python manage.py check")
    sign_in, who, bare = (line for line, _ in curl_lines(QUICK_START)[:3])
    with server.served() as at_server, service.served() as at_service:
        pair = json.loads(curl(sign_in, at_server, {}).body)
        for origin, name in ((at_server, "alice"), (at_service, "1")):
            answer = curl(who, origin, {"ACCESS": pair["access_token"]})
            assert json.loads(answer.body)["name"] == name
        assert curl(bare, at_service, {}).status == 401
        assert curl(sign_in, at_service, {}).status == 503
