"""The settings of the example in production. `manage.py check --deploy` reports no issues.

They read the values of a deployment from environment variables, and raise an error if one is
missing. "Deploying" in the documentation describes each variable.
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
    """Return the values of a variable, separated by commas."""
    return [word for word in map(str.strip, os.environ.get(name, "").split(",")) if word]


def database(url: str) -> dict[str, Any]:
    """Return an entry of DATABASES. Errors do not contain the URL, because it has a password."""
    parts = urlsplit(url)
    engine, name = ENGINES.get(parts.scheme), unquote(parts.path[1:])
    if engine is None:
        known = ", ".join(ENGINES)
        raise ImproperlyConfigured(f"EXAMPLE_DATABASE_URL must start with one of {known}.")
    if not name:
        raise ImproperlyConfigured("EXAMPLE_DATABASE_URL must end with the database name.")
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
            "The port in EXAMPLE_DATABASE_URL must be a number. If the password contains / or #, "
            "write %2F or %23."
        ) from None


def number(name: str) -> int:
    text = os.environ[name]
    if not text.isascii() or not text.isdigit():
        raise ImproperlyConfigured(f"{name} must be a number.")
    return int(text)


DEBUG = False
SECRET_KEY = os.environ["EXAMPLE_SECRET_KEY"]
# The previous keys. Keep them until the refresh tokens that they signed have expired.
SECRET_KEY_FALLBACKS = words("EXAMPLE_SECRET_KEY_FALLBACKS")
ALLOWED_HOSTS = words("EXAMPLE_HOSTS")
CORS_ALLOWED_ORIGINS = words("EXAMPLE_PAGE_ORIGIN")

# `manage.py tokenauth_keys generate` makes the keys, in a folder that all processes read. Other
# services find the public keys at the URL of the issuer.
TOKENAUTH = {
    **DEMO_TOKENAUTH,
    "ISSUER": os.environ["EXAMPLE_ISSUER"],
    "KEY_DIRECTORY": os.environ["EXAMPLE_KEY_DIRECTORY"],
}

# Without the demo, because its passwords are public.
INSTALLED_APPS = [app for app in DEMO_APPS if app != "demo"]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    *DEMO_MIDDLEWARE,
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

DATABASES = {"default": database(os.environ["EXAMPLE_DATABASE_URL"])}

# All processes share it, because they count failed sign-ins together. The timeouts are short, so
# that sign-ins continue if it is down.
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": os.environ["EXAMPLE_REDIS_URL"],
        "OPTIONS": {"socket_connect_timeout": 1, "socket_timeout": 1},
    }
}

# Clients can send any header, so trust the headers of proxies only if there are proxies.
PROXIES = number("EXAMPLE_PROXIES")
REST_FRAMEWORK = dict[str, Any](DEMO_REST_FRAMEWORK, NUM_PROXIES=PROXIES)
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if PROXIES else None

# Require TLS. Browsers remember it for a year, also for subdomains.
SECURE_SSL_REDIRECT = True
SECURE_HSTS_SECONDS = 365 * 24 * 60 * 60
SECURE_HSTS_INCLUDE_SUBDOMAINS = True
SECURE_HSTS_PRELOAD = True
# For the admin. The API uses no cookies.
SESSION_COOKIE_SECURE = True
CSRF_COOKIE_SECURE = True

# scrypt needs 16 MB of memory for each sign-in. With a second hasher, response times would show
# which usernames have its hashes.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.ScryptPasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]

# Log sign-ins, sign-outs and the reasons of rejected tokens to standard error.
LOGGING = {
    **DEMO_LOGGING,
    "handlers": {"stream": {"class": "logging.StreamHandler"}},
    "root": {"handlers": ["stream"], "level": "INFO"},
}

# `manage.py collectstatic` copies the style sheets of the admin and Swagger UI into this folder.
# The web server serves it.
STATIC_ROOT = os.environ.get("EXAMPLE_STATIC_ROOT")
