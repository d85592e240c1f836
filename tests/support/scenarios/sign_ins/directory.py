"""A backend with the interface of ``django_auth_ldap.backend.LDAPBackend``, without a server."""

from __future__ import annotations

from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.backends import BaseBackend

ENTRIES = {"dora@example.com": "her password in the directory"}


class DirectoryBackend(BaseBackend):
    def authenticate(
        self, request: Any, username: str | None = None, password: str | None = None, **kwargs: Any
    ) -> Any:
        if not password or ENTRIES.get(username or "") != password:
            return None
        model: Any = get_user_model()
        user, is_new = model.objects.get_or_create(email=username)
        if is_new:
            user.set_unusable_password()
            user.save()
        return user

    def get_user(self, user_id: Any) -> Any:
        return get_user_model()._default_manager.filter(pk=user_id).first()
