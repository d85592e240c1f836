"""Faults in a key folder while a server follows it and an administrator changes the keys.

A round creates a folder, starts a reader (a process of the server's user, as root with a uid of its
own), and repeats: break files, run a command, let the reader poll, and compare its keys with the
files. Three properties hold:

* A change that the command reports as done is in force in the reader.
* The reader never accepts a key whose file was deleted, or that has expired.
* The reader never loses a valid key because of another file, or because its own file cannot be read
  for a while.
"""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import signal
import warnings
from contextlib import suppress
from io import StringIO
from pathlib import Path
from threading import Thread

import time_machine
from django.core.management import CommandError, call_command

from django_tokenauth.keys.directory import KeyDirectory
from django_tokenauth.keys.files import write_jwk
from django_tokenauth.keys.generating import make_jwk
from tests.support.full_disk import full_after
from tests.support.other_users import GROUP, NOBODY, SERVER, public_folder

START = 1_800_000_000
STEPS = 5
IS_ROOT = os.geteuid() == 0


class Reader:
    """A process that follows the folder as a server does."""

    def __init__(self, folder):
        request, self._writing = os.pipe()
        self._reading, response = os.pipe()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            self._child = os.fork()
        if self._child == 0:
            os.close(self._writing)
            os.close(self._reading)
            self._serve(folder, request, response)
        os.close(request)
        os.close(response)
        self._lines = os.fdopen(self._reading, "r")

    def _serve(self, folder, request, response):
        status = 1
        try:
            if IS_ROOT:
                os.setgroups([])
                os.setgid(GROUP)
                os.setuid(SERVER)
            source = KeyDirectory(folder)
            with os.fdopen(request) as lines:
                for line in lines:
                    keys = source.at(float(line))
                    signing = keys.signing and keys.signing.kid
                    os.write(response, f"{json.dumps([signing, list(keys.verifying)])}\n".encode())
            status = 0
        finally:
            os._exit(status)

    def keys(self, now):
        """Return the kid that signs and the set of those that verify."""
        os.write(self._writing, f"{now}\n".encode())
        signing, verifying = json.loads(self._lines.readline())
        return signing, set(verifying)

    def stop(self):
        os.close(self._writing)
        self._lines.close()
        with suppress(ProcessLookupError):
            os.kill(self._child, signal.SIGKILL)
        os.waitpid(self._child, 0)


def give_to_server(path):
    if IS_ROOT:
        os.chown(path, SERVER, GROUP, follow_symlinks=False)


def unreadable(path):
    path.chmod(0o000)


def foreign(path):
    path.chmod(0o600 if IS_ROOT else 0o000)
    if IS_ROOT:
        os.chown(path, NOBODY, NOBODY)


def half_written(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def empty(path):
    path.write_bytes(b"")


def link_to_itself(path):
    path.unlink()
    path.symlink_to(path.name)


def pipe(path):
    path.unlink()
    os.mkfifo(path)


BREAKS = (unreadable, foreign, half_written, empty, link_to_itself, pipe)


def read_as_server(path):
    """Return the JWK in the file, or ``None`` if the server cannot read one there."""
    if not path.is_file():
        return None
    status = path.stat()
    own = status.st_uid == SERVER if IS_ROOT else status.st_uid == os.geteuid()
    if not status.st_mode & (0o400 if own else 0o004):
        return None
    try:
        jwk = json.loads(path.read_bytes())
    except ValueError:
        return None
    return jwk if jwk.get("kty") != "oct" else None


def names(path, kid):
    """Return whether the file contains a key with this ``kid``."""
    jwk = read_as_server(path)
    return jwk is not None and jwk["kid"] == kid


class Round:
    """One folder with its reader. ``errors`` describes the violated properties."""

    def __init__(self, choose, folder):
        self.choose = choose
        self.folder = folder
        self.now = START
        self.errors = []
        self.history = []
        #: kid to JWK, as last written in a complete file.
        self.known = {}
        #: kid to its file, for files that were broken after the reader had read them.
        self.broken = {}
        self.invalid = set()
        #: Whether the expected keys are undefined from now on.
        self.finished = False
        #: Keys with a second file.
        self.twins = set()
        self.used = {"k0"}
        folder.mkdir(mode=0o700)
        for number in range(choose.randint(1, 3)):
            self.put(f"k{number}", START - 100 * (number + 1))
        give_to_server(folder)
        self.reader = Reader(folder)
        self.look()

    def put(self, kid, not_before, *, algorithm="EdDSA", name=None):
        jwk = {**make_jwk(algorithm, now=self.now, not_before=not_before), "kid": kid}
        path = self.folder / f"{name or kid}.jwk"
        write_jwk(path, jwk)
        give_to_server(path)

    def files(self):
        """Return the JWKs of the complete files that the server can read, by kid."""
        # A command may have repaired a file by writing an expiry.
        for kid, path in list(self.broken.items()):
            if kid in self.known and read_as_server(path) is not None:
                del self.broken[kid]
        found = []
        for path in sorted(self.folder.glob("[!.]*.jwk")):
            jwk = None if path in self.broken.values() else read_as_server(path)
            if jwk is not None:
                found.append(jwk)
        # The kids of new keys are random. In this order, a seed repeats its choices.
        order = {kid: number for number, kid in enumerate(self.known)}
        found.sort(key=lambda jwk: (order.get(jwk["kid"], len(order)), jwk.get("nbf", 0)))
        return {jwk["kid"]: jwk for jwk in found}

    def run(self):
        for number in range(STEPS):
            if self.finished:
                break
            for _ in range(self.choose.randint(0, 2)):
                self.break_something(number)
            self.change(number)
            self.now += self.choose.choice((4, 30, 400, 800))
            self.look()
            if not self.finished and self.choose.random() < 0.5:
                self.repair()
                self.now += 4
                self.look()
        self.reader.stop()
        return self.errors

    def break_something(self, number):
        kids = [kid for kid in self.files() if not kid.startswith("public")]
        kind = self.choose.choice(("break", "break", "new", "secret", "twin", "public"))
        path = self.folder / f"{self.choose.choice('0mz')}{number}.jwk"
        # A key with two files that fails in both ways has no defined state.
        single = [kid for kid in kids if kid not in self.twins]
        if kind == "break" and len(kids) > 1 and single:
            kid = self.choose.choice(single)
            [path] = (
                each
                for each in self.folder.glob("[!.]*.jwk")
                if each not in self.broken.values()
                and each.is_file()
                and json.loads(each.read_bytes())["kid"] == kid
            )
            self.choose.choice(BREAKS)(path)
            self.broken[kid] = path
        elif kind == "new" and not os.path.lexists(path):
            path.write_text('{"kty": "OKP", "kid": "never"}')
            self.choose.choice(BREAKS[:3])(path)
            self.broken[path.stem] = path
        elif kind == "secret":
            self.put(f"secret{number}", self.now, algorithm="HS256")
            self.broken[f"secret{number}"] = self.folder / f"secret{number}.jwk"
        elif kind == "twin" and kids:
            name = f"twin{number}"
            kid = self.choose.choice(kids)
            self.put(kid, self.now, name=name)
            self.twins.add(kid)
            self.broken[name] = self.folder / f"{name}.jwk"
        elif kind == "public":
            jwk = make_jwk("EdDSA", now=self.now, not_before=self.now)
            public = {name: jwk[name] for name in ("kty", "crv", "x")}
            path = self.folder / f"{self.choose.choice('0z')}public{number}.jwk"
            path.write_text(json.dumps({**public, "kid": f"public{number}"}))
            path.chmod(0o644)
            if IS_ROOT:
                os.chown(path, NOBODY, NOBODY)
        self.history.append(f"{kind} {path.name}")

    def change(self, number):
        kids = list(self.files())
        kind = self.choose.choice(
            ("rotate", "rotate --now", "rotate --now", "retire", "retire --now", "delete", "two")
        )
        # The poll of a server in between, as in reality.
        before = self.files()
        self.history.append(kind)
        if kind == "delete" and len(kids) > 1:
            kid = self.choose.choice(kids)
            for path in self.folder.glob("[!.]*.jwk"):
                is_twin = path.name.startswith("twin")
                if (is_twin or path not in self.broken.values()) and names(path, kid):
                    path.unlink()
            self.invalid.add(kid)
        elif kind == "two":
            results = {}
            arguments = (("rotate",), ("rotate", "--now"))
            with time_machine.travel(self.now, tick=False):
                threads = [Thread(target=self.call, args=(each, results)) for each in arguments]
                for thread in threads:
                    thread.start()
                for thread in threads:
                    thread.join()
            self.expect(("rotate", "--now"), *results["rotate", "--now"], before)
        elif kind.startswith("retire") and kids:
            self.command("retire", self.choose.choice(kids), *kind.split()[1:])
        elif kind.startswith("rotate"):
            self.command(*kind.split())

    def command(self, *arguments):
        before, results = self.files(), {}
        full = self.choose.random() < 0.25
        with time_machine.travel(self.now, tick=False):
            if full:
                with full_after(self.choose.randint(0, 3)):
                    self.call(arguments, results)
            else:
                self.call(arguments, results)
        self.expect(arguments, *results[arguments], before)

    def call(self, arguments, results):
        output, error = StringIO(), ""
        try:
            call_command(
                "tokenauth_keys", *arguments, directory=self.folder, stdout=output, no_color=True
            )
        except CommandError as raised:
            error = str(raised)
        results[arguments] = output.getvalue(), error

    def expect(self, arguments, output, error, before):
        """Compare the reader with what the command has printed."""
        self.history.append(f"{arguments}: {error or 'done'}")
        signing, verifying = self.reader.keys(self.now + 4)
        at_once = "--now" in arguments
        if at_once:
            printed = set(re.findall(r"^Expires [^:]+:\d\d:\d\d UTC: (\S+)$", output, re.MULTILINE))
            if printed & verifying:
                self.errors.append(f"{printed & verifying} still verify after {arguments}")
            self.invalid |= printed
        if at_once and not error and arguments[0] == "rotate":
            private = {kid for kid, jwk in before.items() if "d" in jwk}
            if private & verifying or signing is None or signing in before:
                self.errors.append(f"{arguments} is done, but {signing} signs, {verifying} verify")
        self.now += 4

    def look(self):
        """Let the reader poll, and compare its keys with the files."""
        signing, verifying = self.reader.keys(self.now)
        found = self.files()
        self.known |= found
        self.invalid |= {
            kid for kid, jwk in self.known.items() if jwk.get("exp", self.now + 1) <= self.now
        }
        valid = found.keys() - self.invalid
        kept = {
            kid
            for kid, path in self.broken.items()
            if kid in self.known and os.path.lexists(path) and kid not in self.invalid
        }
        private = {kid for kid in valid if "d" in self.known[kid]}
        if not self.used & private and any(kid.startswith("secret") for kid in self.broken):
            # When no private key in use is left, a secret may begin a new key set.
            self.finished = True
            return
        self.used = verifying
        gone = self.known.keys() - found.keys() - self.broken.keys()
        if lost := (valid | kept) - verifying:
            self.errors.append(f"the reader lost {lost}")
        if extra := verifying & (self.invalid | gone):
            self.errors.append(f"the reader accepts {extra}")
        if unknown := verifying - self.known.keys():
            self.errors.append(f"the reader added {unknown}")
        if signing is not None and signing not in verifying:
            self.errors.append(f"{signing} signs and does not verify")

    def repair(self):
        """Delete the broken files, which invalidates their keys."""
        for kid, path in self.broken.items():
            path.unlink(missing_ok=True)
            if kid in self.known:
                self.invalid.add(kid)
        self.broken.clear()
        self.twins.clear()
        if not any("d" in jwk for jwk in self.files().values()):
            self.put(f"repair{self.now}", self.now)


def run_rounds(seed, rounds, step):
    """Return the errors of *rounds* rounds, each with its seed and its history.

    *step* is called after each round with the errors so far.
    """
    found = []
    for number in range(rounds):
        choose = random.Random(f"{seed}-{number}")  # noqa: S311
        with public_folder() as parent:
            one = Round(choose, Path(parent) / "keys")
            try:
                errors = one.run()
            finally:
                shutil.rmtree(one.folder, ignore_errors=True)
        if errors:
            found.append(f"seed {seed}, round {number}: {errors}\n  " + "\n  ".join(one.history))
        step(found)
    return found
