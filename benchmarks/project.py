"""A project with everything that is compared: our app, and what people use today."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from datetime import timedelta
from importlib import import_module
from typing import Any

import django
from django.conf import settings
from django.contrib.auth import get_user_model
from django.db import connection
from django.test.utils import CaptureQueriesContext

from django_tokenauth.conf.settings import load

from .rounds import Candidate

#: Longer than any run: what a token that has expired costs is another question.
LIFETIME = timedelta(days=1)
#: Of every benchmark: throttling and the hash of passwords would hide everything else.
TOKENAUTH = {
    "ACCESS_TOKEN_LIFETIME": LIFETIME,
    "SIGN_IN_RATE_USER": None,
    "SIGN_IN_RATE_IP": None,
}


def configure(database: dict[str, Any], peers: Sequence[str], **values: Any) -> None:
    """Set Django up over ``database`` (an entry of ``DATABASES``) with ``peers`` (apps)."""
    if database["ENGINE"].endswith("mysql"):
        import_module("pymysql").install_as_MySQLdb()
    defaults: dict[str, Any] = {
        "SECRET_KEY": "the secret key of a benchmark, longer than 32 bytes",
        "ALLOWED_HOSTS": ["*"],
        "DATABASES": {"default": database},
        "DEFAULT_AUTO_FIELD": "django.db.models.BigAutoField",
        "INSTALLED_APPS": [
            "django.contrib.auth",
            "django.contrib.contenttypes",
            "django.contrib.sessions",
            "rest_framework",
            "rest_framework.authtoken",
            *peers,
            "django_tokenauth",
        ],
        "PASSWORD_HASHERS": ["django.contrib.auth.hashers.MD5PasswordHasher"],
        "ROOT_URLCONF": "django_tokenauth.urls",
        "USE_TZ": True,
        "SIMPLE_JWT": {
            "ACCESS_TOKEN_LIFETIME": LIFETIME,
            "REFRESH_TOKEN_LIFETIME": timedelta(days=14),
            "ROTATE_REFRESH_TOKENS": True,
            "BLACKLIST_AFTER_ROTATION": True,
        },
        "JWT_AUTH": {"JWT_EXPIRATION_DELTA": LIFETIME},
        "TOKENAUTH": TOKENAUTH,
    }
    settings.configure(**{**defaults, **values})
    django.setup()
    logging.disable()


def use(**values: Any) -> None:
    """Go on with ``TOKENAUTH`` of these values beside those of every benchmark."""
    settings.TOKENAUTH = {**TOKENAUTH, **values}
    load.cache_clear()


def users(number: int) -> Iterator[Any]:
    """That many new users, who have no password."""
    model = get_user_model()
    start = model._default_manager.count()
    names = [f"user{start + place}" for place in range(number)]
    model._default_manager.bulk_create([model(username=name) for name in names])
    found = model._default_manager.filter(username__in=names)
    return found.order_by("pk").iterator()


def statements(candidate: Candidate) -> int:
    """How many SQL statements a call of ``candidate`` makes, after a first one."""
    candidate.prepare(2)
    candidate.act()
    with CaptureQueriesContext(connection) as captured:
        candidate.act()
    return len(captured)
