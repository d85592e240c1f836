"""The settings of the authorization server: those of the example, with files in one folder."""

from __future__ import annotations

import os
from hashlib import sha256
from pathlib import Path

from example.settings import *  # noqa: F403
from example.settings import DATABASES as EXAMPLE_DATABASES
from example.settings import TOKENAUTH as EXAMPLE_TOKENAUTH

FOLDER = Path(os.environ["TOKENAUTH_GATEWAYS"])
SECRET_KEY = "the secret key of the authorization server"
DEBUG = False
ALLOWED_HOSTS = ["127.0.0.1", "localhost"]
# MD5 is fast, and these tests sign in often.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
DATABASES = {
    "default": {**EXAMPLE_DATABASES["default"], "NAME": FOLDER / "database" / "db.sqlite3"}
}
TOKENAUTH = {
    **EXAMPLE_TOKENAUTH,
    "ISSUER": "https://auth.example.com",
    "KEY_DIRECTORY": FOLDER / "keys",
    "CLIENTS": {"gateway": f"sha256${sha256(os.environ['GATEWAY_SECRET'].encode()).hexdigest()}"},
}
