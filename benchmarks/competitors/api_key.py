"""djangorestframework-api-key. A key belongs to no user: a permission checks it."""

from __future__ import annotations

from typing import Any

from rest_framework_api_key.models import APIKey
from rest_framework_api_key.permissions import HasAPIKey

Authentication = None
Permission = HasAPIKey


def credentials(user: Any) -> str:
    _, key = APIKey.objects.create_key(name=user.get_username())
    return f"Api-Key {key}"
