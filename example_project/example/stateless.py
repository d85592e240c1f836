"""The settings of a process without a database or a secret.

`manage.py verifier` adds the public keys of the issuer.
"""

from __future__ import annotations

from django.core.management.utils import get_random_secret_key

from example.settings import *  # noqa: F403
from example.settings import TOKENAUTH as SHARED

# Django requires one, and nothing uses it. With that of the API, this process could issue tokens.
SECRET_KEY = get_random_secret_key()
# A query would raise ImproperlyConfigured, so a response proves that there was none.
DATABASES = {}
TOKENAUTH = {
    **SHARED,
    # As in demo/parties.py.
    "AUDIENCE": "https://notes.example.com",
    "REVOCATION_POLL_INTERVAL": None,
}
