"""The libraries, with the commands that find them, verify and sign."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from textwrap import shorten
from threading import Timer
from typing import Any

HERE = Path(__file__).resolve().parent
PAGE = HERE.parents[2] / "docs" / "verify"
PROGRAMS = HERE / "programs"
TIMEOUT = 300

ALL = ("HS256", "RS256", "ES256", "EdDSA")
JACKSON = [f"/usr/share/java/jackson-{part}.jar" for part in ("databind", "core", "annotations")]
# The fast compiler and the simple collector halve the time of a short program.
JAVA = ("java", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-cp", ":".join(JACKSON))
ASSEMBLIES = "System.Runtime.Serialization,System.Xml,System.Xml.Linq"


@dataclass(frozen=True)
class Library:
    """A library and its programs. The commands run in the folder of :class:`Workbench`."""

    name: str
    algorithms: tuple[str, ...]
    #: Prints the version, and fails without the library.
    version: tuple[str, ...]
    verifier: tuple[str, ...]
    signer: tuple[str, ...]
    #: Commands that run once before the first use.
    preparations: tuple[tuple[str, ...], ...] = ()

    def __str__(self) -> str:
        return self.name


def _node(package: str) -> tuple[str, ...]:
    version = f"require('./node_modules/{package}/package.json').version"
    return ("node", "-p", f"`${{{version}}} with Node.js ${{process.version}}`")


def _python(package: str) -> tuple[str, ...]:
    version = f"importlib.metadata.version('{package}'), 'with Python', platform.python_version()"
    # Without a traceback, the error is one line.
    code = f"import importlib.metadata, platform, sys; sys.tracebacklimit = 0; print({version})"
    return (sys.executable, "-c", code)


def _mono(name: str) -> tuple[str, ...]:
    return ("mcs", f"-out:{name}.exe", f"-r:{ASSEMBLIES}", f"{name}.cs")


LIBRARIES = (
    Library(
        "jose",
        ALL,
        _node("jose"),
        ("node", "verify.mjs"),
        ("node", "sign_jose.mjs"),
    ),
    Library(
        "jsonwebtoken",
        ("HS256", "RS256", "ES256"),
        _node("jsonwebtoken"),
        ("node", "verify_jsonwebtoken.mjs"),
        ("node", "sign_jsonwebtoken.mjs"),
    ),
    Library(
        "ruby-jwt",
        ALL,
        (
            *("ruby", "-r", "jwt", "-r", "rbnacl", "-e"),
            'puts "#{JWT.gem_version} with Ruby #{RUBY_VERSION}, RbNaCl #{RbNaCl::VERSION}"',
        ),
        ("ruby", "verify.rb"),
        ("ruby", "sign_ruby_jwt.rb"),
    ),
    Library(
        "PHP",
        ALL,
        (
            *("php", "-r"),
            'echo PHP_VERSION." with ".OPENSSL_VERSION_TEXT.", sodium ".SODIUM_LIBRARY_VERSION;',
        ),
        ("php", "verify.php"),
        ("php", "sign_php.php"),
    ),
    Library(
        "Java",
        ALL,
        (*JAVA, "Version.java"),
        (*JAVA, "Verify.java"),
        (*JAVA, "Sign.java"),
    ),
    Library(
        "Mono",
        ("HS256", "RS256"),
        ("mono", "--version=number"),
        ("mono", "verify.exe"),
        ("mono", "sign.exe"),
        preparations=(_mono("verify"), _mono("sign")),
    ),
    Library(
        "joserfc",
        ALL,
        _python("joserfc"),
        (sys.executable, "verify.py"),
        (sys.executable, "sign_joserfc.py"),
    ),
    Library(
        "Authlib",
        ALL,
        _python("Authlib"),
        (sys.executable, "verify_authlib.py"),
        (sys.executable, "sign_authlib.py"),
    ),
)

#: Each library with each of its algorithms.
PAIRS = [(library, algorithm) for library in LIBRARIES for algorithm in library.algorithms]
#: The libraries whose program is in the documentation.
DOCUMENTED = [
    library for library in LIBRARIES if not PROGRAMS.joinpath(library.verifier[-1]).is_file()
]


class ProgramError(Exception):
    """A missing program, or a failed one with its output."""


class Workbench:
    """A folder with all programs and their dependencies."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        for file in (*PAGE.iterdir(), *PROGRAMS.iterdir()):
            if file.is_file():
                shutil.copy(file, folder)

    def prepare(self) -> tuple[dict[str, str], dict[str, str]]:
        """Prepare all libraries. Return the versions, and the errors of the missing ones."""
        npm_error = ""
        try:
            self.run(("npm", "install", "--silent", "--no-audit", "--no-fund"))
        except ProgramError as error:
            npm_error = str(error)
        versions, missing = {}, {}
        for library in LIBRARIES:
            try:
                for command in library.preparations:
                    self.run(command)
                versions[library.name] = " ".join(self.run(library.version).split())
            except ProgramError as error:
                reason = (library.version[0] == "node" and npm_error) or str(error)
                missing[library.name] = shorten(reason, 300)
        return versions, missing

    def run(
        self,
        command: Sequence[str],
        lines: Sequence[str] = (),
        environment: Mapping[str, str] | None = None,
    ) -> str:
        """Return the output of ``command`` for ``lines``. Raises :class:`ProgramError`."""
        try:
            completed = subprocess.run(  # noqa: S603
                command,
                input="".join(f"{line}\n" for line in lines),
                capture_output=True,
                text=True,
                encoding="utf-8",
                cwd=self._folder,
                env={**os.environ, **(environment or {})},
                timeout=TIMEOUT,
                check=False,
            )
        except OSError as error:
            raise ProgramError(f"{command[0]}: {error.strerror}") from None
        if completed.returncode:
            raise ProgramError(f"{command[0]}: {completed.stderr.strip()}")
        return completed.stdout

    def verify(
        self, library: Library, tokens: Sequence[str], environment: Mapping[str, str]
    ) -> list[dict[str, Any]]:
        """Return the result for each token: ``{"claims": ...}`` or ``{"error": ...}``."""
        output = self.run(library.verifier, tokens, environment)
        return [json.loads(line) for line in output.splitlines()]

    @contextmanager
    def verifier(
        self, library: Library, environment: Mapping[str, str]
    ) -> Iterator[Callable[[str], dict[str, Any]]]:
        """Run the verifying program. Yield a function that verifies one token."""
        with subprocess.Popen(  # noqa: S603
            library.verifier,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=self._folder,
            env={**os.environ, "PYTHONUNBUFFERED": "1", **environment},
        ) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            requests, results = process.stdin, process.stdout

            def verify(token: str) -> dict[str, Any]:
                requests.write(f"{token}\n")
                requests.flush()
                result: dict[str, Any] = json.loads(results.readline())
                return result

            # A program without output is killed; then its result is not JSON.
            timer = Timer(TIMEOUT, process.kill)
            timer.start()
            try:
                yield verify
            finally:
                timer.cancel()
                requests.close()

    def sign(
        self,
        library: Library,
        parts: Sequence[tuple[Mapping[str, Any], Mapping[str, Any]]],
        environment: Mapping[str, str],
    ) -> list[str]:
        """Return the tokens that the library signs from headers and claims."""
        lines = [f"{json.dumps(header)}\t{json.dumps(claims)}" for header, claims in parts]
        return self.run(library.signer, lines, environment).split()
