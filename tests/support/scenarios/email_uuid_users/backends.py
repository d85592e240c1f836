"""Authentication backends that take the email address in different ways."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.backends import BaseBackend
from django.core.exceptions import PermissionDenied

from tests.support.scenarios.email_uuid_users.models import Account


def _check(email: str, password: str) -> Account | None:
    account = Account.objects.filter(email=email).first()
    return account if account is not None and account.check_password(password) else None


class Credentials(BaseBackend):
    """A backend that reads the name of ``USERNAME_FIELD`` from any arguments."""

    def authenticate(self, request: Any, **credentials: Any) -> Account | None:
        return _check(credentials["email"], credentials["password"])


class Static(BaseBackend):
    @staticmethod
    def authenticate(request: Any, *, email: str, password: str) -> Account | None:
        return _check(email, password)


class Username(BaseBackend):
    def authenticate(self, request: Any, username: Any = None, password: Any = None) -> Any:
        return _check(username, password)


class Locked(BaseBackend):
    """A backend that forbids each sign-in, as a lockout does."""

    def authenticate(self, request: Any, **credentials: Any) -> None:
        raise PermissionDenied


class Broken(BaseBackend):
    """A backend with a mistake."""

    def authenticate(self, request: Any, **credentials: Any) -> None:
        raise TypeError("authenticate() got an unexpected keyword argument")
