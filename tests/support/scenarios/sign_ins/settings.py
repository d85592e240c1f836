"""The settings of the project of ``docs/sign-ins.rst``, whose modules are written to a folder."""

from __future__ import annotations

import atexit
import shutil
import sys
import tempfile
from pathlib import Path

from tests.support.documents import DOCS, sections

FOLDER = tempfile.mkdtemp(prefix="tokenauth-sign-ins-")
atexit.register(shutil.rmtree, FOLDER)
FILES: dict[str, str] = {"accounts/__init__.py": "", "mysite/__init__.py": ""}
for found in sections(DOCS / "sign-ins.rst"):
    for block in found.blocks:
        FILES[block.file] = FILES.get(block.file, "") + block.text
# The page does not show the service that sends text messages.
FILES["accounts/sms.py"] = """
sent, before = [], []

def send_sms(*message):
    for function in before:
        function(*message)
    sent.append(message)
"""
for name, text in FILES.items():
    path = Path(FOLDER, name)
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, encoding="utf-8")
sys.path.insert(0, FOLDER)

SECRET_KEY = "the secret key of a project, longer than 32 bytes"
ALLOWED_HOSTS = ["testserver"]
ROOT_URLCONF = "mysite.urls"
USE_TZ = True
AUTH_USER_MODEL = "accounts.User"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "rest_framework",
    "django_tokenauth",
    "django_otp",
    "django_otp.plugins.otp_totp",
    "accounts",
]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
# Versions of Django without this setting use the backend of setup_test_environment().
MAILERS = {"default": {"BACKEND": "django.core.mail.backends.locmem.EmailBackend"}}
# The threads that send messages share the database.
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": f"{FOLDER}/db.sqlite3"}}

exec(FILES["mysite/settings.py"])  # noqa: S102
DIRECTORY = "tests.support.scenarios.sign_ins.directory.DirectoryBackend"
AUTHENTICATION_BACKENDS = [
    # The tests need no LDAP server.
    DIRECTORY if "ldap" in backend else backend
    for backend in AUTHENTICATION_BACKENDS  # type: ignore[name-defined]  # noqa: F821
]
