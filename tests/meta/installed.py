"""Script of ``tests.meta.package`` for an environment with only the wheel."""

from __future__ import annotations

from http import HTTPStatus

import django
from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.test import Client
from django.utils import translation

settings.configure(
    SECRET_KEY="the secret key of a project, longer than 32 bytes",
    ALLOWED_HOSTS=["testserver"],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
    INSTALLED_APPS=[
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "rest_framework",
        "django_tokenauth",
    ],
    MIDDLEWARE=[],
    REST_FRAMEWORK={
        "DEFAULT_AUTHENTICATION_CLASSES": ["django_tokenauth.authentication.JWTAuthentication"],
    },
    ROOT_URLCONF="django_tokenauth.urls",
    PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"],
)
django.setup()
call_command("check", fail_level="WARNING")
call_command("makemigrations", check_changes=True, dry_run=True)
call_command("migrate", verbosity=0)

get_user_model().objects.create_user("alice", password="a good password")
alice = {"username": "alice", "password": "a good password"}
client = Client()

response = client.post("/token/", alice, content_type="application/json")
assert response.status_code == HTTPStatus.OK, response.content
bearer = {"Authorization": f"Bearer {response.json()['access_token']}"}
response = client.get("/sessions/", headers=bearer)
assert response.status_code == HTTPStatus.OK, response.content

with translation.override("ko"):
    alice["password"] = "another"
    response = client.post("/token/", alice, content_type="application/json")
assert response.status_code == HTTPStatus.BAD_REQUEST, response.content
assert not response.json()["error_description"].isascii(), "the Korean messages are not installed"
