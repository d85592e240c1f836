"""The README in its parts, with the project that its quick start makes."""

from __future__ import annotations

from tests.support.documents import README, exchanges, section
from tests.support.projects import Project

QUICK_START = section(README, "Quick start")
SCOPES = section(README, "Protect a view by scope")
STATELESS = section(README, "Without a query: the stateless class")
KEYS = section(README, "Keys")
HOOKS = section(README, "Hooks")
SIGNALS = section(README, "Signals and log")
ADMIN = section(README, "Admin and clean-up")
#: The keys have a test module of their own, as have the first lines of all.
WITH_EXAMPLES = [QUICK_START, SCOPES, STATELESS, KEYS, HOOKS, SIGNALS, ADMIN]


def python(found, *files):
    """The Python blocks of a section, or only those for ``files``."""
    return [
        block
        for block in found.blocks
        if block.language == "python" and (not files or block.file in files)
    ]


def consoles(found):
    return [
        exchange
        for block in found.blocks
        if block.language == "console"
        for exchange in exchanges(block)
    ]


def add(project, blocks):
    for block in blocks:
        project.add(block.file, block.text)


def curl_lines(*found):
    return [line for each in found for line in consoles(each) if line[0].startswith("curl ")]


def quick_start_project(folder):
    """The project of the quick start in ``folder``, with its table and with alice."""
    project = Project.start("mysite", folder)
    add(project, python(QUICK_START))
    for command, _ in consoles(QUICK_START):
        if command.startswith("python manage.py") and "runserver" not in command:
            project.shell(command)
    return project
