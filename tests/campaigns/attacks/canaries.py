"""Canary secrets, and a search for them in everything that an app writes or shows.

The search finds a secret unchanged, in the encodings that programs use, and in parts.
"""

from __future__ import annotations

import base64
import logging
import pickle
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from django.core.cache import caches
from django.core.serializers import serialize
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.views.debug import ExceptionReporter

from django_tokenauth import signals
from django_tokenauth.models import Session
from tests.support.reports import server_errors
from tests.support.signal_capture import received

SIGNALS = ("signed_in", "refreshed", "refresh_token_reused", "session_revoked")
#: Shorter strings occur by chance.
MINIMUM_LENGTH = 12


def spellings(secret: str | bytes) -> set[str]:
    """Return ``secret`` in the encodings of logs, pages and programs."""
    data = secret if isinstance(secret, bytes) else secret.encode("utf-8", "surrogatepass")
    texts = {base64.b64encode(data).decode(), base64.urlsafe_b64encode(data).decode()}
    texts |= {text.rstrip("=") for text in texts} | {
        data.hex(),
        data.hex().upper(),
        repr(data)[2:-1],
    }
    if not isinstance(secret, bytes):
        texts |= {secret, quote(data), quote(data, safe="")}
    return texts


@dataclass
class Secrets:
    """Forbidden strings, by the name of the secret that they reveal."""

    texts: dict[str, set[str]] = field(default_factory=dict)

    def add(self, name: str, secret: str | bytes) -> None:
        self.texts.setdefault(name, set()).update(spellings(secret))

    def add_token(self, token: str) -> None:
        """Add the token, its payload and its signature. All tokens share the header."""
        _, *segments = token.split(".")
        self.add("token", token)
        for segment in segments:
            self.texts["token"].add(segment)

    def add_key(self, name: str, key: str | bytes) -> None:
        """Add a key, and each line of a PEM."""
        self.add(name, key)
        lines = (key if isinstance(key, str) else key.decode("latin-1")).splitlines()
        self.texts[name] |= {line for line in lines if not line.startswith("-----")}

    def names_in(self, text: str) -> set[str]:
        """Return the names of the secrets in ``text``."""
        return {
            name
            for name, texts in self.texts.items()
            if any(secret in text for secret in texts if len(secret) >= MINIMUM_LENGTH)
        }


@dataclass
class Collected:
    """Output of the app, with the place of each string."""

    secrets: Secrets
    texts: list[tuple[str, str]] = field(default_factory=list)
    #: Add the output that signals, reports and queries have recorded since the last call.
    fetch: Callable[[], None] = lambda: None

    def add(self, place: str, *values: object) -> None:
        """Add strings, and the ``repr`` of other values."""
        texts = [value if isinstance(value, str) else repr(value) for value in values]
        self.texts += [(place, text) for text in texts]

    def add_response(self, response: Any, *, is_secret: bool = False) -> Any:
        """Add a response; only its headers if its body contains tokens."""
        self.add("response", str(response.status_code), str(response.headers), repr(response))
        if not is_secret:
            self.add("response", response.content.decode())
        return response

    def add_exception(self, error: BaseException | None) -> None:
        """Add an exception with its attributes and causes."""
        while error is not None:
            self.add("exception", str(error), error, vars(error), error.args)
            error = error.__cause__ or error.__context__

    def add_stored(self) -> None:
        """Add the rows of sessions and the cache entries."""
        self.add("database", serialize("json", Session.objects.all()))
        self.add("database", *map(vars, Session.objects.all()))
        for cache in caches.all():
            self.add("cache", vars(cache))

    def add_object(self, value: object) -> None:
        """Add a public object, as programs print it."""
        self.add("object", repr(value), str(value), f"{value!a}")

    def add_pickle(self, value: object) -> None:
        """Add the pickle of a public object."""
        self.add("pickle", pickle.dumps(value, protocol=0).decode("latin-1"))

    def leaks(self) -> set[tuple[str, str]]:
        """Return the place and the name of each leaked secret."""
        self.fetch()
        return {(place, name) for place, text in self.texts for name in self.secrets.names_in(text)}

    def text_of(self, place: str) -> str:
        """Return all output of one place."""
        self.fetch()
        return "\n".join(text for each, text in self.texts if each == place)


class _RecordingHandler(logging.Handler):
    """Collect every log record with its attributes, and its exception as an error mail."""

    def __init__(self, collected: Collected) -> None:
        super().__init__(logging.DEBUG)
        self._collected = collected

    def emit(self, record: logging.LogRecord) -> None:
        # The message contains the arguments, but tools may send them separately.
        self._collected.add("log", self.format(record), vars(record))
        # Django's error reports cover this logger.
        if record.exc_info and record.name != "django.request":
            reporter = ExceptionReporter(None, *record.exc_info, is_email=True)
            self._collected.add("log", reporter.get_traceback_html())


@contextmanager
def collecting(secrets: Secrets) -> Iterator[Collected]:
    """Collect log records, queries, signals and error reports."""
    collected, root = Collected(secrets), logging.getLogger()
    handler, level = _RecordingHandler(collected), root.level
    with ExitStack() as stack:
        signal_calls = [stack.enter_context(received(getattr(signals, name))) for name in SIGNALS]
        reports = stack.enter_context(server_errors())
        queries = stack.enter_context(CaptureQueriesContext(connection))

        def fetch() -> None:
            for calls in signal_calls:
                while calls:
                    call = calls.pop()
                    collected.add("signal", call, vars(call["session"]))
            while reports:
                collected.add("report", reports.pop())
            collected.add("statement", *(query["sql"] for query in queries.captured_queries))

        collected.fetch = fetch
        root.addHandler(handler)
        root.setLevel(logging.DEBUG)
        try:
            yield collected
        finally:
            root.removeHandler(handler)
            root.setLevel(level)
