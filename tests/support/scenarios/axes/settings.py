"""A project with django-axes, configured as in ``docs/axes.rst``."""

from __future__ import annotations

from tests.support.documents import DOCS, section

SECRET_KEY = "the secret key of a project, longer than 32 bytes"
ALLOWED_HOSTS = ["testserver"]
ROOT_URLCONF = "tests.support.scenarios.urls"
USE_TZ = True
INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "rest_framework",
    "django_tokenauth",
    "axes",
]
MIDDLEWARE = ["axes.middleware.AxesMiddleware"]
PASSWORD_HASHERS = ["tests.support.guessing.CountingHasher"]
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}
REST_FRAMEWORK = {"NUM_PROXIES": 1}

PAGE = {block.file: block.text for block in section(DOCS / "axes.rst", "With django-axes").blocks}
exec(PAGE["mysite/settings.py"])  # noqa: S102
# The page has this function in mysite/, which does not exist here.
AXES_LOCKOUT_CALLABLE = "tests.support.scenarios.axes.lockout.lockout_response"
