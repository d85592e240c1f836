"""Serve a request with an API token: routing, middleware, authentication, permission and view.

The reference is the same request with an access token that the process has verified before. The
write of the last use, at most once a minute for each token, is part of the first request only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from io import BytesIO
from typing import Any

from django.core.wsgi import get_wsgi_application

from django_tokenauth.api_tokens import services

from .catalog import Run
from .competitors import load
from .project import new_users
from .sampling import Subject, measure, unit
from .tables import OURS, Assertion, RowKind, Table
from .tokens import access_tokens_of


def tables(run: Run) -> Iterator[Table]:
    [user] = new_users(1)
    [access_token] = access_tokens_of(user, 1)
    issued = services.create(user, name="nightly")
    subjects = [
        subject("access token", RowKind.REFERENCE, "/user/", f"Bearer {access_token}"),
        subject(OURS, RowKind.OURS, "/user/", f"Bearer {issued.token}"),
    ]
    for name in run.competitors:
        header = load(name).credentials(user)
        subjects.append(subject(name, RowKind.COMPETITOR, f"/{name}/user/", header))
    rows = measure(subjects, run)
    [ours] = [row for row in rows if row.kind is RowKind.OURS]
    assertions = [Assertion("statements with an API token", 1, ours.statements or 0)]
    note = "The reference is the same request with an access token, as JWTAuthentication reads it."
    yield Table("Request with an API token", rows, unit(run), note=note, assertions=assertions)


def subject(name: str, kind: RowKind, path: str, header: str) -> Subject:
    """Return a subject that sends requests with this header to the application, in process."""
    application = get_wsgi_application()
    environ = {
        "REQUEST_METHOD": "GET",
        "PATH_INFO": path,
        "HTTP_AUTHORIZATION": header,
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "wsgi.url_scheme": "http",
    }
    statuses: list[str] = []

    def start_response(status: str, headers: Any, *more: Any) -> Callable[[bytes], object]:
        statuses[:] = [status]
        return bytes

    def call() -> None:
        response: Any = application({**environ, "wsgi.input": BytesIO()}, start_response)
        response.close()

    call()
    if statuses != ["200 OK"]:
        raise SystemExit(f"{name} rejected its own credentials.")
    return Subject(name, kind, call)
