"""A database for each tenant: a router, and a middleware that selects the tenant by host."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from django.http import HttpRequest, HttpResponse

_current: ContextVar[str] = ContextVar("tenant", default="default")


def current() -> str:
    return _current.get()


@contextmanager
def tenant(name: str) -> Iterator[None]:
    token = _current.set(name)
    try:
        yield
    finally:
        _current.reset(token)


class TenantRouter:
    def db_for_read(self, model: type[Any], **hints: Any) -> str:
        return current()

    db_for_write = db_for_read


def by_host(get_response: Callable[[HttpRequest], HttpResponse]) -> Any:
    def middleware(request: HttpRequest) -> HttpResponse:
        with tenant(request.get_host().partition(".")[0]):
            return get_response(request)

    return middleware
