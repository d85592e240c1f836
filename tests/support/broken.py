"""Backends and a cache that raise an error, for settings that name classes."""

from __future__ import annotations

from django.core.cache.backends.base import BaseCache


class BrokenBackend:
    """An authentication backend that raises an error."""

    def authenticate(self, request, **credentials):
        del credentials
        raise RuntimeError("broken")


class ValueErrorBackend:
    """An authentication backend that raises the error of an invalid value."""

    def authenticate(self, request, **credentials):
        del credentials
        raise ValueError("broken")


class DownCache(BaseCache):
    """A cache whose server does not respond."""

    def __init__(self, location, params):
        super().__init__(params)

    def add(self, *args, **kwargs):
        raise ConnectionError("password of the cache")

    incr = decr = add

    def clear(self):
        pass
