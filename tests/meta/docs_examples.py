"""The examples of the README and the docs, and the project that the quick start creates."""

from __future__ import annotations

import json
import re

from tests.support.documents import DOCS, README, exchanges, section, sections
from tests.support.projects import Project, curl

QUICK_START = [section(README, "Quick start")]
NEXT_STEPS = sections(DOCS / "quickstart.rst")
SCOPES = sections(DOCS / "scopes.rst")
AUDIENCES = sections(DOCS / "audiences.rst")
AUTHENTICATION = sections(DOCS / "authentication.rst")
PLAIN_VIEWS = sections(DOCS / "plain-views.rst")
TOKEN_HEADER = sections(DOCS / "token-header.rst")
HOOKS = [section(DOCS / "hooks.rst", "Hooks")]
SIGNALS = sections(DOCS / "signals.rst")
KEY_DIRECTORY = [section(DOCS / "keys.rst", title) for title in ("Create", "Rotate", "Publish")]
SERVICE = [section(DOCS / "verify.rst", "A Django service")]
TESTING = sections(DOCS / "testing.rst")
API_TOKENS = sections(DOCS / "api-tokens.rst")
CLIENTS = [section(DOCS / "clients.rst", "Add a client")]
PRUNE = [section(DOCS / "admin-and-prune.rst", "Rows in the table")]
# Version 7, like session ids.
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}\Z")
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z\Z")
#: The variables of the shell in later commands, by the member of a response that they contain.
VARIABLES = {
    "access_token": "ACCESS",
    "refresh_token": "REFRESH",
    "token": "API_TOKEN",
    "id": "ID",
}


def python(found, *files):
    """Return the Python blocks of some sections, or only those for ``files``."""
    return [
        block
        for each in found
        for block in each.blocks
        if block.language == "python" and (not files or block.file in files)
    ]


def ini(found):
    """Return the blocks of configuration files of some sections."""
    return [block for each in found for block in each.blocks if block.language == "ini"]


def consoles(found):
    """Return the commands of some sections, each with its output."""
    return [
        exchange
        for each in found
        for block in each.blocks
        if block.language == "console"
        for exchange in exchanges(block)
    ]


def curl_lines(*found):
    """Return the ``curl`` commands, each with the response."""
    return [line for each in found for line in consoles(each) if line[0].startswith("curl ")]


def add(project, blocks):
    """Append each block to the file that its first line names."""
    for block in blocks:
        project.add(block.file, block.text)


def quick_start_project(folder):
    """Create the project of the quick start in ``folder``, with its tables and the user alice."""
    project = Project.start("mysite", folder)
    add(project, python(QUICK_START))
    for command, _ in consoles(QUICK_START):
        if command.startswith("python manage.py") and "runserver" not in command:
            project.shell(command)
    return project


def equal_json(documented, actual):
    """Return whether two JSON values are equal, except ids, times and shortened tokens."""
    if isinstance(documented, dict):
        return (
            isinstance(actual, dict)
            and list(documented) == list(actual)
            and all(equal_json(documented[name], actual[name]) for name in documented)
        )
    if isinstance(documented, list):
        return len(documented) == len(actual) and all(map(equal_json, documented, actual))
    if isinstance(documented, str) and documented.endswith("..."):
        return actual.startswith(documented.removesuffix("..."))
    for form in (UUID, MOMENT):
        if isinstance(documented, str) and form.match(documented):
            return bool(form.match(actual))
    return documented == actual


def walk(lines, origin, variables):
    """Send each ``curl`` command and compare the response with the documented one."""
    for command, documented in lines:
        response = curl(command, origin, variables)
        head, body = "HTTP/1.1 200 OK", documented
        if documented.startswith("HTTP/"):
            head, _, body = documented.partition("\n\n")
        status, *headers = head.splitlines()
        assert f"HTTP/1.1 {response.status} {response.reason}" == status, (command, response)
        for header in headers:
            name, _, value = header.partition(": ")
            assert response.headers[name] == value, command
        actual = json.loads(response.body) if response.body else None
        assert equal_json(json.loads(body) if body else None, actual), (command, response.body)
        if isinstance(actual, dict):
            variables |= {
                variable: actual[name] for name, variable in VARIABLES.items() if name in actual
            }
