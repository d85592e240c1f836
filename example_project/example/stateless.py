"""The settings of a process that has no database and no secret: `manage.py verifier` gives it the
public keys of the issuer, and that is enough."""

from __future__ import annotations

from django.core.management.utils import get_random_secret_key

from example.settings import *  # noqa: F403
from example.settings import TOKENAUTH as SHARED

# That of the API would let this process make refresh tokens. Django wants one; it is for nothing.
SECRET_KEY = get_random_secret_key()
# Any query would raise ImproperlyConfigured: an answer proves that none was made.
DATABASES = {}
TOKENAUTH = {**SHARED, "REVOCATION_POLL_INTERVAL": None}
