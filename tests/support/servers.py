"""Addresses of the servers that the suite uses: a URL in the environment, or the default."""

from __future__ import annotations

import os
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit


def postgresql() -> SplitResult:
    return _url("TOKENAUTH_TEST_POSTGRESQL", "postgresql://postgres@127.0.0.1:5432")


def mariadb() -> SplitResult:
    return _url("TOKENAUTH_TEST_MARIADB", "mysql://root@127.0.0.1:3306")


def redis() -> SplitResult:
    """Return the URL of the first of the two databases that the tests use, and empty.

    The suite on PostgreSQL uses this one, and the suite on MariaDB the one with the next number.
    The default leaves out number 0, which may hold data, and ends at 15, the last number of a new
    server.
    """
    return _url("TOKENAUTH_TEST_REDIS", "redis://127.0.0.1:6379/14")


def as_database(url: SplitResult, engine: str) -> dict[str, Any]:
    """Return *url* as an entry of ``DATABASES``.

    The tests create and drop the database ``test_tokenauth``, or ``test_`` and the name in the URL.
    Two runs with different names can use one server at the same time.
    """
    return {
        "ENGINE": f"django.db.backends.{engine}",
        "HOST": url.hostname,
        "PORT": url.port or "",
        "USER": unquote(url.username or ""),
        "PASSWORD": unquote(url.password or ""),
        "NAME": url.path.strip("/") or "tokenauth",
    }


def _url(variable: str, default: str) -> SplitResult:
    return urlsplit(os.environ.get(variable) or default)
