"""The example's settings in production: `manage.py check --deploy` has nothing to say about them.

What differs from one deployment to the next comes from the environment, and nothing starts without
it. See "Deploying" in the documentation for each of the variables.
"""

from __future__ import annotations

import os
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured

from example.settings import *  # noqa: F403
from example.settings import DATABASES as DEMO_DATABASES
from example.settings import INSTALLED_APPS as DEMO_APPS
from example.settings import LOGGING as DEMO_LOGGING
from example.settings import MIDDLEWARE as DEMO_MIDDLEWARE
from example.settings import REST_FRAMEWORK as DEMO_REST_FRAMEWORK
from example.settings import TOKENAUTH as DEMO_TOKENAUTH

REQUIRED = (
    "EXAMPLE_SECRET_KEY",
    "EXAMPLE_HOSTS",
    "EXAMPLE_PAGE_ORIGIN",
    "EXAMPLE_DATABASE_URL",
    "EXAMPLE_REDIS_URL",
    "EXAMPLE_PROXIES",
    "EXAMPLE_ISSUER",
    "EXAMPLE_KEY_DIRECTORY",
)
if missing := [name for name in REQUIRED if not os.environ.get(name)]:
    raise ImproperlyConfigured(f"Set these environment variables: {', '.join(missing)}.")

ENGINES = {
    "postgresql": "django.db.backends.postgresql",
    "mysql": "django.db.backends.mysql",
    "sqlite": "django.db.backends.sqlite3",
}


def words(name: str) -> list[str]:
    """The values of a variable that may have several, with commas between them."""
    return [word for word in map(str.strip, os.environ.get(name, "").split(",")) if word]


def database(url: str) -> dict[str, Any]:
    """An entry of DATABASES. No error repeats the URL, for it has a password in it."""
    parts = urlsplit(url)
    engine, name = ENGINES.get(parts.scheme), unquote(parts.path[1:])
    if engine is None:
        known = ", ".join(ENGINES)
        raise ImproperlyConfigured(f"EXAMPLE_DATABASE_URL begins with none of {known}.")
    if not name:
        raise ImproperlyConfigured("EXAMPLE_DATABASE_URL ends without the name of the database.")
    if parts.scheme == "sqlite":
        return {**DEMO_DATABASES["default"], "NAME": name}
    return {
        "ENGINE": engine,
        "NAME": name,
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": parts.hostname or "",
        "PORT": port_of(parts),
        "CONN_MAX_AGE": 60,
        "CONN_HEALTH_CHECKS": True,
    }


def port_of(parts: SplitResult) -> str:
    try:
        return str(parts.port or "")
    except ValueError:
        raise ImproperlyConfigured(
            "EXAMPLE_DATABASE_URL has no number as its port. Is there a / or # in the password? "
            "Write them as %2F and %23."
        ) from None


def number(name: str) -> int:
    text = os.environ[name]
    if not text.isascii() or not text.isdigit():
        raise ImproperlyConfigured(f"{name} is not a number.")
    return int(text)


DEBUG = False
SECRET_KEY = os.environ["EXAMPLE_SECRET_KEY"]
# The keys before this one, for as long as refresh tokens live that were signed with them.
SECRET_KEY_FALLBACKS = words("EXAMPLE_SECRET_KEY_FALLBACKS")
ALLOWED_HOSTS = words("EXAMPLE_HOSTS")
CORS_ALLOWED_ORIGINS = words("EXAMPLE_PAGE_ORIGIN")

# The keys are made by `manage.py tokenauth_keys generate`, for all processes to read. Others find
# the public ones at the address that the tokens name as their issuer.
TOKENAUTH = {
    **DEMO_TOKENAUTH,
    "ISSUER": os.environ["EXAMPLE_ISSUER"],
    "KEY_DIRECTORY": os.environ["EXAMPLE_KEY_DIRECTORY"],
}

# Without the demo, whose people have passwords that everybody knows.
INSTALLED_APPS = [app for app in DEMO_APPS if app != "demo"]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    *DEMO_MIDDLEWARE,
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

DATABASES = {"default": database(os.environ["EXAMPLE_DATABASE_URL"])}

# Shared by all processes: they count failed sign-ins together. A cache that is down must not keep
# a sign-in waiting.
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": os.environ["EXAMPLE_REDIS_URL"],
        "OPTIONS": {"socket_connect_timeout": 1, "socket_timeout": 1},
    }
}

# A client can write any header. Those of the proxies are believed only if there are proxies.
PROXIES = number("EXAMPLE_PROXIES")
REST_FRAMEWORK = dict[str, Any](DEMO_REST_FRAMEWORK, NUM_PROXIES=PROXIES)
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if PROXIES else None

# TLS and nothing else: browsers remember it for a year, for the hosts below this one too.
SECURE_SSL_REDIRECT = True
SECURE_HSTS_SECONDS = 365 * 24 * 60 * 60
SECURE_HSTS_INCLUDE_SUBDOMAINS = True
SECURE_HSTS_PRELOAD = True
# The API needs no cookie, the admin does.
SESSION_COOKIE_SECURE = True
CSRF_COOKIE_SECURE = True

# The first one hashes, in 16 megabytes of memory for each sign-in; the second one reads what
# Django's default has hashed before.
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.ScryptPasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]

# Who signed in and out, and why a token was refused, to the standard error stream.
LOGGING = {
    **DEMO_LOGGING,
    "handlers": {"stream": {"class": "logging.StreamHandler"}},
    "root": {"handlers": ["stream"], "level": "INFO"},
}

# Where `manage.py collectstatic` puts the style sheets of the admin and Swagger UI, for the web
# server.
STATIC_ROOT = os.environ.get("EXAMPLE_STATIC_ROOT")
