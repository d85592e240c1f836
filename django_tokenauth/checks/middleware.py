"""The check of the order of ``MIDDLEWARE``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

from django.conf import settings as django_settings
from django.core import checks
from django.core.checks import CheckMessage
from django.utils.module_loading import import_string

# The check compares names, because a project without these classes may be unable to import them.
_TOKEN = "django_tokenauth.middleware.TokenMiddleware"  # noqa: S105
_UPDATE_CACHE = "django.middleware.cache.UpdateCacheMiddleware"
_SESSION = "django.contrib.auth.middleware.AuthenticationMiddleware"


def middleware_messages() -> Iterator[CheckMessage]:
    """Report a ``TokenMiddleware`` whose user is replaced by a later middleware, or whose ``Vary``
    a later middleware does not see."""
    bases = [_bases(path) for path in django_settings.MIDDLEWARE]
    after_token = next((bases[place:] for place, each in enumerate(bases) if _TOKEN in each), [])
    if any(_SESSION in each for each in after_token):
        yield checks.Warning(
            "TokenMiddleware is above AuthenticationMiddleware in MIDDLEWARE, so request.user is "
            "the user of the Django session, also for requests with an access token.",
            hint="Move TokenMiddleware below AuthenticationMiddleware.",
            id="tokenauth.W028",
        )
    if any(_UPDATE_CACHE in each for each in after_token):
        yield checks.Warning(
            "UpdateCacheMiddleware is below TokenMiddleware in MIDDLEWARE, so the cache may return "
            "the page of one user to another user.",
            hint="Move UpdateCacheMiddleware above TokenMiddleware.",
            id="tokenauth.W028",
        )


def _bases(path: str) -> set[str]:
    """Return the names of the class of *path* and its base classes."""
    # Django reports a middleware that cannot be imported. A middleware can also be a function.
    with suppress(ImportError):
        found = import_string(path)
        return {f"{each.__module__}.{each.__qualname__}" for each in getattr(found, "__mro__", ())}
    return set()
