"""A Django project in its own folder, its development server, and ``curl`` commands to it."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPMessage
from pathlib import Path
from string import Template
from urllib.parse import urlsplit

from tests.support.entry_points import write_entry_points

ROOT = Path(__file__).resolve().parents[2]
PASSWORD = "correct-horse"
TIMEOUT = 60

#: The origin of the server in the documentation.
DOCUMENTED_ORIGIN = "http://127.0.0.1:8000"
_SERVES_AT = re.compile(r"development server at (http://127\.0\.0\.1:\d+)/")


@dataclass(frozen=True)
class Project:
    """A project made by ``django-admin startproject``."""

    folder: Path

    @classmethod
    def start(cls, name: str, folder: Path) -> Project:
        """Create the project *name* in the existing *folder*."""
        project = cls(folder)
        project._run("-m", "django", "startproject", name, str(folder))
        return project

    def copy(self, folder: Path) -> Project:
        """Copy the project and its database to the new *folder*."""
        return Project(shutil.copytree(self.folder, folder))

    def add(self, file: str, text: str) -> None:
        """Append *text* to *file*."""
        with (self.folder / file).open("a", encoding="utf-8") as stream:
            stream.write(f"\n{text}")

    def shell(self, command: str) -> str:
        """Run a command that starts with ``python manage.py`` and return its output."""
        words = shlex.split(command)
        if words[:2] != ["python", "manage.py"]:
            raise ValueError(command)
        if "createsuperuser" in words:
            words.append("--noinput")
        return self._run(str(self.folder / "manage.py"), *words[2:])

    def pytest(self, *options: str) -> str:
        """Run pytest in the project, with the plugin of this package, and return its output."""
        plugin = write_entry_points(self.folder / "installed")
        return self._run("-m", "pytest", "-p", "no:cacheprovider", *options, path=plugin)

    @contextmanager
    def served(self) -> Iterator[str]:
        """Serve the project on a free port and yield its origin."""
        command = [sys.executable, str(self.folder / "manage.py"), "runserver", "--noreload"]
        with subprocess.Popen(  # noqa: S603
            [*command, "127.0.0.1:0"],
            cwd=ROOT,
            env=self._environment,
            text=True,
            encoding="utf-8",
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        ) as process:
            try:
                yield _origin_of(process)
            finally:
                process.terminate()

    def _run(self, *arguments: str, path: Path | None = None) -> str:
        environment = self._environment
        if path is not None:
            environment["PYTHONPATH"] += f"{os.pathsep}{path}"
        completed = subprocess.run(  # noqa: S603
            [sys.executable, *arguments],
            check=False,
            cwd=self.folder,
            env=environment,
            text=True,
            encoding="utf-8",
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        if completed.returncode:
            raise AssertionError(completed.stdout)
        return completed.stdout

    @property
    def _environment(self) -> dict[str, str]:
        # The project has its own settings, and runs without the coverage and development mode of
        # this suite, as a reader runs it.
        inherited = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("COVERAGE_", "DJANGO_SETTINGS_", "PYTHONDEVMODE"))
        }
        return {
            **inherited,
            "DJANGO_SUPERUSER_PASSWORD": PASSWORD,
            "PYTHONIOENCODING": "utf-8",
            "PYTHONPATH": str(ROOT),
            "PYTHONUNBUFFERED": "1",
        }


def _origin_of(process: subprocess.Popen[str]) -> str:
    printed = []
    for line in process.stdout or ():
        printed.append(line)
        if serving := _SERVES_AT.search(line):
            return serving[1]
    raise AssertionError("".join(printed))


@dataclass(frozen=True)
class CurlResponse:
    """A response to a ``curl`` command."""

    status: int
    reason: str
    headers: HTTPMessage
    body: str


def curl(command: str, origin: str, variables: Mapping[str, str]) -> CurlResponse:
    """Send the request of a ``curl`` command of the documentation.

    *variables* are the variables of the shell.
    """
    words = iter(shlex.split(Template(command).substitute(variables)))
    if next(words) != "curl":
        raise ValueError(command)
    method, address, headers, data = "", "", {"User-Agent": "curl/8.5.0"}, []
    for word in words:
        match word:
            case "-i":
                pass
            case "-X":
                method = next(words)
            case "-H":
                name, _, value = next(words).partition(": ")
                headers[name] = value
            case "-d":
                data.append(next(words))
            case _ if word.startswith(DOCUMENTED_ORIGIN):
                address = word.removeprefix(DOCUMENTED_ORIGIN)
            case _:
                raise ValueError(f"{word!r} in {command!r}")
    if data:
        headers["Content-Type"] = "application/x-www-form-urlencoded"
    connection = HTTPConnection(urlsplit(origin).netloc, timeout=TIMEOUT)
    try:
        connection.request(
            method or ("POST" if data else "GET"), address, "&".join(data) or None, headers
        )
        response = connection.getresponse()
        body = response.read().decode("utf-8")
        return CurlResponse(response.status, response.reason, response.headers, body)
    finally:
        connection.close()
