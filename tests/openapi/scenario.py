"""What ``manage.py spectacular`` writes, of a project that signs in and of one that verifies."""

from __future__ import annotations

import json
from io import StringIO
from typing import Any

from django.core.management import call_command
from django.test import override_settings
from django.urls import path

from django_tokenauth.views import TokenView
from tests.openapi.urls import verifying


class OnlyVerifies:
    """The routes of a service that has no sign-in."""

    urlpatterns = verifying


class HasOneRoute:
    """The routes of a project that names them itself."""

    urlpatterns = [*verifying, path("sign-in/", TokenView.as_view(), name="token")]


def schema() -> Any:
    """Any warning fails, and so does what OpenAPI does not allow."""
    written = StringIO()
    call_command(
        "spectacular", format="openapi-json", validate=True, fail_on_warn=True, stdout=written
    )
    return json.loads(written.getvalue())


def scenario() -> dict[str, Any]:
    everything = schema()
    with override_settings(ROOT_URLCONF=OnlyVerifies):
        verifies = schema()
    with override_settings(ROOT_URLCONF=HasOneRoute):
        named = schema()
    call_command("check", deploy=True, tag=["compatibility"])
    return {"all": everything, "verifies": verifies, "named": named}
