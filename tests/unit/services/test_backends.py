"""The names under which a sign-in passes the username to authentication backends."""

from __future__ import annotations

import pytest
from django.contrib.auth.backends import BaseBackend, ModelBackend
from django.contrib.auth.models import User
from django.views.decorators.debug import sensitive_variables

from django_tokenauth import checks
from django_tokenauth.services.backends import credentials, username_arguments


class ByUsername(BaseBackend):
    def authenticate(self, request, username=None, password=None):
        """Reject each sign-in."""


class ByEmail(BaseBackend):
    def authenticate(self, request, email=None, password=None):
        """Reject each sign-in."""


class ByEmailOrMore(BaseBackend):
    def authenticate(self, request, email=None, password=None, **kwargs):
        """Reject each sign-in."""


class ByAnything(BaseBackend):
    def authenticate(self, request, **kwargs):
        """Reject each sign-in."""


class ByToken(BaseBackend):
    def authenticate(self, request, token=None):
        """Reject each sign-in."""


class Static(BaseBackend):
    @staticmethod
    def authenticate(request, email=None, password=None):
        """Reject each sign-in."""


class Class(BaseBackend):
    @classmethod
    def authenticate(cls, request, *, email, password):
        """Reject each sign-in."""


class Decorated(BaseBackend):
    @sensitive_variables()
    def authenticate(self, request, email, password):
        """Reject each sign-in."""


class Default(BaseBackend):
    """A backend that rejects each sign-in, with the method of its base class."""


class PositionalOnly(BaseBackend):
    def authenticate(self, request, email, password, /):
        """Reject each sign-in."""


class OwnModelBackend(ModelBackend):
    """Django's backend, with the same method."""


class ByPhone(BaseBackend):
    def authenticate(self, request, phone, password):
        """Reject each sign-in."""


@pytest.fixture
def backends(settings, monkeypatch):
    """Return a function that sets the backends of a project that signs in by e-mail."""
    monkeypatch.setattr(User, "USERNAME_FIELD", "email")

    def backends(*classes):
        settings.AUTHENTICATION_BACKENDS = [
            f"{each.__module__}.{each.__name__}" for each in classes
        ]

    return backends


@pytest.mark.parametrize(
    ("classes", "names"),
    [
        ([ModelBackend], ("username",)),
        ([ByUsername], ("username",)),
        # The backend may read either name from **kwargs.
        ([ByAnything], ("username", "email")),
        ([ByAnything, ByUsername], ("username",)),
        ([ByAnything, ByEmail], ("email",)),
        ([ModelBackend, ByAnything], ("username", "email")),
        ([ByToken], ("username",)),
        ([Static, Class], ("email",)),
        ([Decorated], ("email",)),
        ([Default], ("username", "email")),
        ([ByEmail], ("email",)),
        ([ByEmailOrMore], ("username", "email")),
        ([ModelBackend, ByEmail], ("email",)),
        ([ModelBackend, ByEmailOrMore], ("username", "email")),
        ([OwnModelBackend, ByEmail, ByToken], ("email",)),
        ([ByUsername, ModelBackend, ByEmail], ("username",)),
    ],
    ids=str,
)
def test_username_has_the_names_that_most_backends_accept(backends, classes, names):
    backends(*classes)
    assert username_arguments() == names
    expected = dict.fromkeys(names, "alice@example.com")
    assert credentials("alice@example.com", "secret") == {**expected, "password": "secret"}


def test_username_field_of_django_needs_no_other_name(settings):
    settings.AUTHENTICATION_BACKENDS = [f"{__name__}.ByEmail"]
    assert username_arguments() == ("username",)


class TestCheck:
    def messages(self):
        found = [each for each in checks.check_installation() if each.id == "tokenauth.W027"]
        assert all(each.hint for each in found)
        return [each.msg for each in found]

    @pytest.mark.parametrize(
        "classes",
        [
            *([ModelBackend], [ByEmail], [ByToken, ModelBackend], [ByAnything], [Default]),
            *([Static, Class], [Decorated], [ByAnything, ByEmail]),
        ],
    )
    def test_backend_that_is_called_causes_no_message(self, backends, classes):
        backends(*classes)
        assert self.messages() == []

    @pytest.mark.parametrize("backend", [ByPhone, PositionalOnly])
    def test_backend_with_other_arguments_is_reported(self, backends, backend):
        backends(ModelBackend, backend)
        [message] = self.messages()
        assert message == (
            f"The authentication backend {__name__}.{backend.__name__} does not get the username "
            "when users sign in: its signature does not fit authenticate(request, username=..., "
            "password=...)."
        )

    def test_backend_that_loses_the_majority_is_reported(self, backends):
        backends(ByUsername, ByEmail)
        [message] = self.messages()
        assert "ByEmail does not get the username" in message

    def test_backend_that_cannot_be_imported_is_left_to_the_sign_in(self, settings):
        settings.AUTHENTICATION_BACKENDS = ["missing.Backend"]
        assert self.messages() == []
