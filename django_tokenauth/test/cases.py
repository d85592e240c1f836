"""A mixin for the test cases of unittest, Django and REST framework."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any
from unittest import TestResult

from django.test import SimpleTestCase

from ..services.issuing import TokenPair
from .clients import AsyncTokenClient, DjangoTokenClient, SignInMixin, TokenClient
from .isolation import isolated


class TokenTestMixin(SimpleTestCase):
    """Test clients that sign in, and throttles that start empty for each test.

    Put the mixin first: ``class NotesTests(TokenTestMixin, APITestCase)``. ``self.client`` is a
    :class:`TokenClient` in the test cases of REST framework and a :class:`DjangoTokenClient` in
    those of Django. ``self.async_client`` is an :class:`AsyncTokenClient`. If a test case has its
    own ``client_class``, ``self.client`` is an object of a subclass.
    """

    # Type checkers permit no other annotation here, because the second base class has its own. A
    # test case can annotate the class of its client.
    client: Any
    async_client: Any

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls.client_class = _with_sign_in(cls.client_class)
        cls.async_client_class = _with_sign_in(cls.async_client_class)

    def sign_in(
        self, user: Any, scope: str | Collection[str] | None = None, **options: Any
    ) -> TokenPair:
        """Call :meth:`~SignInMixin.sign_in` of ``self.client``."""
        pair: TokenPair = self.client.sign_in(user, scope, **options)
        return pair

    def run(self, result: TestResult | None = None) -> TestResult | None:
        # Not in setUp(), which test cases override without a call of super().setUp().
        with isolated():
            return super().run(result)

    def debug(self) -> None:
        with isolated():
            super().debug()


def _with_sign_in(client_class: type[Any]) -> type[Any]:
    """Return *client_class*, or a subclass that can sign in.

    A class that is no client of Django, such as REST framework's ``RequestsClient``, is unchanged.
    """
    for token_class in (TokenClient, DjangoTokenClient, AsyncTokenClient):
        base = token_class.__bases__[-1]
        if issubclass(client_class, SignInMixin) or not issubclass(client_class, base):
            continue
        if client_class is base:
            return token_class
        return type(f"Token{client_class.__name__}", (token_class, client_class), {})
    return client_class
