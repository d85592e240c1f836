"""The keys of the demo: a folder for the API, and a copy of the public keys for other processes."""

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
from django_tokenauth.keys.files import SUFFIX, KeyFile, read_files, write_jwk
from django_tokenauth.keys.rotating import State, generate, state_of
from django_tokenauth.keys.schedule import KeySchedule

from demo.client import Client, Response

METADATA = "/.well-known/oauth-authorization-server"


class NoKeys(Exception):
    """The keys cannot be made, read or fetched."""


def make_first(folder: Path) -> None:
    """Generate an Ed25519 key in the folder, unless it contains a key that signs."""
    if signing_file(folder) is not None:
        return
    with _readable(folder):
        generate(folder, load(), "EdDSA", now=time.time())


def signing_file(folder: Path) -> KeyFile | None:
    """Return the file of the key that signs, or None if the folder has none."""
    now = time.time()
    with _readable(folder):
        files = read_files(folder)
        keys = KeySchedule([file.key for file in files]).at(now)
        signing = (file for file in files if state_of(file.key, keys, now) is State.SIGNS)
        return next(signing, None)


@contextmanager
def _readable(folder: Path) -> Iterator[None]:
    try:
        yield
    except InvalidKey as error:
        raise NoKeys(f"{folder}: {error} {error.hint}") from error
    except OSError as error:
        raise NoKeys(f"{folder}: {error.strerror}.") from error


def use(**changes: Any) -> None:
    """Change settings of TOKENAUTH in this process, once its ports are known."""
    settings.TOKENAUTH = {**settings.TOKENAUTH, **changes}
    # The package reads its settings again.
    setting_changed.send(sender=use, setting="TOKENAUTH", value=settings.TOKENAUTH, enter=True)


@contextmanager
def followed(issuer: str, folder: Path) -> Iterator[None]:
    """Keep the public keys of an issuer in the folder until the block exits.

    Fetches them again whenever the response expires. Only the URL of the issuer is known.
    """
    stopped = Event()
    lifetime = fetch(issuer, folder)

    def follow(seconds: int) -> None:
        while not stopped.wait(seconds):
            try:
                seconds = fetch(issuer, folder)
            except NoKeys:
                # Keep the keys of the last response.
                seconds = 1

    thread = Thread(target=follow, args=(lifetime,))
    thread.start()
    try:
        yield
    finally:
        stopped.set()
        thread.join()


def fetch(issuer: str, folder: Path) -> int:
    """Replace the keys in the folder by those of the issuer.

    Returns the seconds after which the response expires.
    """
    metadata = Client(issuer).get(METADATA)
    uri = metadata.get("jwks_uri")
    # RFC 8414 section 3.3: the response must name the issuer that was asked.
    if metadata.get("issuer") != issuer or not isinstance(uri, str):
        raise NoKeys(f"{issuer} publishes no metadata with its keys (status {metadata.status}).")
    parts = urlsplit(uri)
    published = Client(f"{parts.scheme}://{parts.netloc}").get(parts.path)
    jwks = published.get("keys")
    if not jwks:
        raise NoKeys(f"{uri} contains no keys (status {published.status}).")
    # The issuer chooses the kid, so it must not become part of a path.
    named = {f"{sha256(jwk['kid'].encode()).hexdigest()}{SUFFIX}": jwk for jwk in jwks}
    for name, jwk in named.items():
        if not (folder / name).exists():
            write_jwk(folder / name, jwk)
    for path in folder.glob(f"*{SUFFIX}"):
        if path.name not in named:
            path.unlink()
    return _max_age(published)


def _max_age(response: Response) -> int:
    found = re.search(r"max-age=(\d+)", response.headers.get("Cache-Control", ""))
    return max(1, int(found[1])) if found else 60
