"""The examples of the README and the docs, and the project that the quick start creates."""

from __future__ import annotations

from tests.support.documents import DOCS, README, exchanges, section, sections
from tests.support.projects import Project

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
CLIENTS = [section(DOCS / "clients.rst", "Add a client")]
PRUNE = [section(DOCS / "admin-and-prune.rst", "Rows in the table")]


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
