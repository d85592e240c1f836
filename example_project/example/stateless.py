"""The settings of a process that has no database: it knows the key, and that is enough."""

from __future__ import annotations

from example.settings import *  # noqa: F403
from example.settings import TOKENAUTH as SHARED

# Any query would raise ImproperlyConfigured: an answer proves that none was made.
DATABASES = {}
TOKENAUTH = {**SHARED, "REVOCATION_POLL": None}
