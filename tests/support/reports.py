"""What Django tells the ``ADMINS`` about a server error."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.core.signals import got_request_exception
from django.db.models import Model
from django.views.debug import ExceptionReporter

from django_tokenauth.models import Session


class BrokenRouter:
    """A part of the project that has a fault of its own, deep below a request."""

    def db_for_read(self, model: type[Model], **hints: object) -> None:
        if model is Session:
            raise RuntimeError("broken")

    db_for_write = db_for_read


@contextmanager
def server_errors() -> Iterator[list[str]]:
    """The report of each error that happens meanwhile, as its mail has it in text and HTML.

    The HTML shows the variables of all functions that were at work.
    """
    reports: list[str] = []

    def receive(*, request: Any = None, **keywords: Any) -> None:
        kind, error, traceback = sys.exc_info()
        reporter = ExceptionReporter(request, kind, error, traceback, is_email=True)
        reports.append(reporter.get_traceback_text() + reporter.get_traceback_html())

    got_request_exception.connect(receive)
    try:
        yield reports
    finally:
        got_request_exception.disconnect(receive)
