"""The libraries: how each is found, verifies and signs."""

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
SECONDS_TO_RUN = 300

ALL = ("HS256", "RS256", "ES256", "EdDSA")
JACKSON = [f"/usr/share/java/jackson-{part}.jar" for part in ("databind", "core", "annotations")]
ASSEMBLIES = "System.Runtime.Serialization,System.Xml,System.Xml.Linq"


@dataclass(frozen=True)
class Library:
    """One library, and its programs; the commands run in the folder of :class:`Workbench`."""

    name: str
    algorithms: tuple[str, ...]
    #: Prints which version there is, and fails where the library is missing.
    version: tuple[str, ...]
    verifier: tuple[str, ...]
    signer: tuple[str, ...]
    #: Each is run once, before the first use.
    preparations: tuple[tuple[str, ...], ...] = ()

    def __str__(self) -> str:
        return self.name


def _node(package: str) -> tuple[str, ...]:
    read = f"require('./node_modules/{package}/package.json').version"
    return ("node", "-p", f"`${{{read}}} with Node.js ${{process.version}}`")


def _python(package: str) -> tuple[str, ...]:
    read = f"importlib.metadata.version('{package}'), 'with Python', platform.python_version()"
    # Without a traceback, what is missing is said in one line.
    text = f"import importlib.metadata, platform, sys; sys.tracebacklimit = 0; print({read})"
    return (sys.executable, "-c", text)


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
        ("java", "-cp", ":".join(JACKSON), "Version.java"),
        ("java", "-cp", ":".join(JACKSON), "Verify.java"),
        ("java", "Sign.java"),
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

#: Each library with each algorithm that it has.
PAIRS = [(library, algorithm) for library in LIBRARIES for algorithm in library.algorithms]
#: Those whose program is on the page.
ON_THE_PAGE = [
    library for library in LIBRARIES if not PROGRAMS.joinpath(library.verifier[-1]).is_file()
]


class Unusable(Exception):
    """A program is missing, or failed; the text says what it printed."""


class Workbench:
    """A folder with all the programs, and what they need beside them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        for file in (*PAGE.iterdir(), *PROGRAMS.iterdir()):
            if file.is_file():
                shutil.copy(file, folder)

    def prepare(self) -> tuple[dict[str, str], dict[str, str]]:
        """Make all libraries ready. Gives the versions of those that are there, and why the others
        are not, by their names."""
        try:
            self.run(("npm", "install", "--silent", "--no-audit", "--no-fund"))
        except Unusable as error:
            npm = str(error)
        else:
            npm = ""
        versions, missing = {}, {}
        for library in LIBRARIES:
            try:
                for command in library.preparations:
                    self.run(command)
                versions[library.name] = " ".join(self.run(library.version).split())
            except Unusable as error:
                why = (library.version[0] == "node" and npm) or str(error)
                missing[library.name] = shorten(why, 300)
        return versions, missing

    def run(
        self,
        command: Sequence[str],
        lines: Sequence[str] = (),
        environment: Mapping[str, str] | None = None,
    ) -> str:
        """What ``command`` prints when it is given ``lines``. Raises :class:`Unusable`."""
        try:
            done = subprocess.run(  # noqa: S603
                command,
                input="".join(f"{line}\n" for line in lines),
                capture_output=True,
                text=True,
                encoding="utf-8",
                cwd=self._folder,
                env={**os.environ, **(environment or {})},
                timeout=SECONDS_TO_RUN,
                check=False,
            )
        except OSError as error:
            raise Unusable(f"{command[0]}: {error.strerror}") from None
        if done.returncode:
            raise Unusable(f"{command[0]}: {done.stderr.strip()}")
        return done.stdout

    def verify(
        self, library: Library, tokens: Sequence[str], environment: Mapping[str, str]
    ) -> list[dict[str, Any]]:
        """What the library says of each token: ``{"claims": ...}`` or ``{"refused": ...}``."""
        printed = self.run(library.verifier, tokens, environment)
        return [json.loads(line) for line in printed.splitlines()]

    @contextmanager
    def conversation(
        self, library: Library, environment: Mapping[str, str]
    ) -> Iterator[Callable[[str], dict[str, Any]]]:
        """Start the program that verifies; what is given asks it about one token at a time."""
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
            asking, answering = process.stdin, process.stdout

            def ask(token: str) -> dict[str, Any]:
                asking.write(f"{token}\n")
                asking.flush()
                answer: dict[str, Any] = json.loads(answering.readline())
                return answer

            # A program that hangs is stopped, and then its answer is no JSON.
            limit = Timer(SECONDS_TO_RUN, process.kill)
            limit.start()
            try:
                yield ask
            finally:
                limit.cancel()
                asking.close()

    def sign(
        self,
        library: Library,
        parts: Sequence[tuple[Mapping[str, Any], Mapping[str, Any]]],
        environment: Mapping[str, str],
    ) -> list[str]:
        """The tokens that the library makes of headers and claims."""
        lines = [f"{json.dumps(header)}\t{json.dumps(claims)}" for header, claims in parts]
        return self.run(library.signer, lines, environment).split()
