"""Middlewares that read the body of a request before the view."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

_Response = Callable[[HttpRequest], HttpResponse]


def reads_post(get_response: _Response) -> _Response:
    def middleware(request: HttpRequest) -> HttpResponse:
        len(request.POST)
        return get_response(request)

    return middleware


def reads_body(get_response: _Response) -> _Response:
    def middleware(request: HttpRequest) -> HttpResponse:
        len(request.body)
        return get_response(request)

    return middleware
