"""The keys of the demo: the API signs with those in a folder, and others get the public halves."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from threading import Event, Thread
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.signals import setting_changed
from django_tokenauth.conf.settings import load
from django_tokenauth.errors import InvalidKey
from django_tokenauth.keys.files import SUFFIX, read_files, write_jwk
from django_tokenauth.keys.rotating import State, generate, state_of
from django_tokenauth.keys.schedule import KeySchedule

from demo.client import Answer, Client

METADATA = "/.well-known/oauth-authorization-server"


class NoKeys(Exception):
    """There are no keys, and why."""


def make_first(folder: Path) -> None:
    """Make an Ed25519 key in the folder, unless there is one that signs."""
    now = time.time()
    try:
        files = read_files(folder)
        keys = KeySchedule([file.key for file in files]).at(now)
        if all(state_of(file.key, keys, now) is not State.SIGNS for file in files):
            generate(folder, load(), "EdDSA", now=now)
    except InvalidKey as error:
        raise NoKeys(f"{folder}: {error} {error.hint}") from error
    except OSError as error:
        raise NoKeys(f"{folder}: {error.strerror}.") from error


def use(**changes: Any) -> None:
    """Change settings of TOKENAUTH in this process: ports are known only after they are taken."""
    settings.TOKENAUTH = {**settings.TOKENAUTH, **changes}
    # Whatever was made of the old ones is forgotten.
    setting_changed.send(sender=use, setting="TOKENAUTH", value=settings.TOKENAUTH, enter=True)


@contextmanager
def followed(issuer: str, folder: Path) -> Iterator[None]:
    """Keep the public keys of an issuer in the folder, as it publishes them, until the block ends.

    Nothing is known of the issuer but its name. It is asked again when its answer has grown old.
    """
    stopped = Event()
    lifetime = fetch(issuer, folder)

    def follow(seconds: int) -> None:
        while not stopped.wait(seconds):
            try:
                seconds = fetch(issuer, folder)
            except NoKeys:
                # Those that are there are as good as before.
                seconds = 1

    thread = Thread(target=follow, args=(lifetime,))
    thread.start()
    try:
        yield
    finally:
        stopped.set()
        thread.join()


def fetch(issuer: str, folder: Path) -> int:
    """Write the issuer's public keys into the folder, remove others, and return for how many
    seconds that will do."""
    metadata = Client(issuer).get(METADATA)
    uri = metadata.get("jwks_uri")
    # RFC 8414 section 3.3: whoever answers must be the one that was asked.
    if metadata.get("issuer") != issuer or not isinstance(uri, str):
        raise NoKeys(f"{issuer} does not say where its keys are (status {metadata.status}).")
    parts = urlsplit(uri)
    published = Client(f"{parts.scheme}://{parts.netloc}").get(parts.path)
    jwks = published.get("keys")
    if not jwks:
        raise NoKeys(f"{uri} has no keys (status {published.status}).")
    # A kid is somebody else's text and must not become a path.
    named = {f"{sha256(jwk['kid'].encode()).hexdigest()}{SUFFIX}": jwk for jwk in jwks}
    for name, jwk in named.items():
        if not (folder / name).exists():
            write_jwk(folder / name, jwk)
    for path in folder.glob(f"*{SUFFIX}"):
        if path.name not in named:
            path.unlink()
    return _max_age(published)


def _max_age(answer: Answer) -> int:
    found = re.search(r"max-age=(\d+)", answer.headers.get("Cache-Control", ""))
    return max(1, int(found[1])) if found else 60
