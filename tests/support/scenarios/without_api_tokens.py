"""A project without the optional app of API tokens."""

from __future__ import annotations

import sys
from importlib import import_module

from django.apps import apps
from django.core.exceptions import ImproperlyConfigured

from tests.support.scenarios import default_classes as project

SECRET_KEY = project.SECRET_KEY
ROOT_URLCONF = project.ROOT_URLCONF
INSTALLED_APPS = project.INSTALLED_APPS
DATABASES = project.DATABASES


def scenario() -> dict[str, object]:
    """Return what is loaded of the app, and the error of a project that includes its routes."""
    import_module(ROOT_URLCONF)
    loaded = [name for name in sys.modules if name.startswith("django_tokenauth.api_tokens")]
    try:
        import_module("django_tokenauth.api_tokens.urls")
    except ImproperlyConfigured as error:
        message = str(error)
    models = [model.__name__ for model in apps.get_models()]
    return {"loaded": loaded, "message": message, "has_model": "APIToken" in models}
