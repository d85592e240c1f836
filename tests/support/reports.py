"""The reports of server errors that Django mails to ``ADMINS``."""

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
    """A database router with a defect, which raises an error deep inside a request."""

    def db_for_read(self, model: type[Model], **hints: object) -> None:
        if model is Session:
            raise RuntimeError("broken")

    db_for_write = db_for_read


@contextmanager
def server_errors() -> Iterator[list[str]]:
    """Collect the report of each server error, as text and HTML of its mail.

    The HTML contains the variables of all functions in the traceback.
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
