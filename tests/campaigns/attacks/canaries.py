"""Secrets that can be recognized wherever they turn up, and everything that an app writes or shows.

A secret is looked for as it is, in the spellings that programs give it, and in its parts.
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
#: What is shorter turns up by chance.
SHORTEST = 12


def spellings(secret: str | bytes) -> set[str]:
    """``secret`` as logs, pages and programs write it."""
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
    """What may turn up nowhere: names of secrets with the texts that give each away."""

    texts: dict[str, set[str]] = field(default_factory=dict)

    def add(self, name: str, secret: str | bytes) -> None:
        self.texts.setdefault(name, set()).update(spellings(secret))

    def add_token(self, token: str) -> None:
        """All of it, its payload and its signature. The header is the same in all tokens."""
        _, *segments = token.split(".")
        self.add("token", token)
        for segment in segments:
            self.texts["token"].add(segment)

    def add_key(self, name: str, key: str | bytes) -> None:
        """A key, and each line of it if it is a PEM."""
        self.add(name, key)
        lines = (key if isinstance(key, str) else key.decode("latin-1")).splitlines()
        self.texts[name] |= {line for line in lines if not line.startswith("-----")}

    def found_in(self, text: str) -> set[str]:
        """The names of those that ``text`` gives away."""
        return {
            name
            for name, texts in self.texts.items()
            if any(secret in text for secret in texts if len(secret) >= SHORTEST)
        }


@dataclass
class Collected:
    """Texts by the place where they turned up."""

    secrets: Secrets
    texts: list[tuple[str, str]] = field(default_factory=list)
    #: Adds what gathers elsewhere until somebody asks.
    fetch: Callable[[], None] = lambda: None

    def add(self, place: str, *found: object) -> None:
        self.texts += [(place, text if isinstance(text, str) else repr(text)) for text in found]

    def answer(self, answer: Any, *, is_secret: bool = False) -> Any:
        """An answer; of one that hands out tokens the headers only."""
        self.add("answer", str(answer.status_code), str(answer.headers), repr(answer))
        if not is_secret:
            self.add("answer", answer.content.decode())
        return answer

    def error(self, error: BaseException | None) -> None:
        """An exception with all that hangs on it, also what a traceback would not show."""
        while error is not None:
            self.add("exception", str(error), error, vars(error), error.args)
            error = error.__cause__ or error.__context__

    def stored(self) -> None:
        """The rows and the cache entries there are."""
        self.add("database", serialize("json", Session.objects.all()))
        self.add("database", *map(vars, Session.objects.all()))
        for cache in caches.all():
            self.add("cache", vars(cache))

    def object(self, value: object) -> None:
        """A public object, as programs print it."""
        self.add("object", repr(value), str(value), f"{value!a}")

    def pickled(self, value: object) -> None:
        self.add("pickle", pickle.dumps(value, protocol=0).decode("latin-1"))

    def leaks(self) -> set[tuple[str, str]]:
        """The place and the secret of each leak."""
        self.fetch()
        return {(place, name) for place, text in self.texts for name in self.secrets.found_in(text)}

    def said(self, place: str) -> str:
        """All texts of one place."""
        self.fetch()
        return "\n".join(text for where, text in self.texts if where == place)


class _Lines(logging.Handler):
    """Every log record with all its attributes, and its exception as it would be mailed."""

    def __init__(self, collected: Collected) -> None:
        super().__init__(logging.DEBUG)
        self._collected = collected

    def emit(self, record: logging.LogRecord) -> None:
        # The arguments are in the message too; a tool may send them by themselves.
        self._collected.add("log", self.format(record), vars(record))
        # What Django logs by this name is among the reports.
        if record.exc_info and record.name != "django.request":
            reporter = ExceptionReporter(None, *record.exc_info, is_email=True)
            self._collected.add("log", reporter.get_traceback_html())


@contextmanager
def collecting(secrets: Secrets) -> Iterator[Collected]:
    """All log lines, statements, signals and error reports there are meanwhile."""
    collected, root = Collected(secrets), logging.getLogger()
    handler, level = _Lines(collected), root.level
    with ExitStack() as stack:
        heard = [stack.enter_context(received(getattr(signals, name))) for name in SIGNALS]
        reports = stack.enter_context(server_errors())
        queries = stack.enter_context(CaptureQueriesContext(connection))

        def fetch() -> None:
            for calls in heard:
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
