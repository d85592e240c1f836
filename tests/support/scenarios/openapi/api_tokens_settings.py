"""A project with API tokens, whose API is described by drf-spectacular."""

from __future__ import annotations

from tests.support.scenarios.openapi import settings as project

SECRET_KEY = project.SECRET_KEY
ROOT_URLCONF = "tests.support.scenarios.openapi.api_tokens_urls"
INSTALLED_APPS = [*project.INSTALLED_APPS, "django_tokenauth.api_tokens"]
DATABASES = project.DATABASES
REST_FRAMEWORK = project.REST_FRAMEWORK
TOKENAUTH = project.TOKENAUTH
