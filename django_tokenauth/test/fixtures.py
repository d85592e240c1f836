"""The fixtures of the pytest plugin. ``_pytest_plugin`` registers this module if the app is
installed."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from ..services.issuing import TokenPair
from .clients import TokenClient
from .isolation import isolated
from .keys import with_test_keys


@pytest.fixture(autouse=True)
def tokenauth_isolation() -> Iterator[None]:
    """Start each test with empty throttles and without a snapshot of revoked sessions."""
    with isolated():
        yield


@pytest.fixture
def token_client() -> TokenClient:
    """A ``TokenClient``: REST framework's ``APIClient`` with ``sign_in(user, scope=...)``."""
    return TokenClient()


@pytest.fixture
def sign_in(token_client: TokenClient) -> Callable[..., TokenPair]:
    """The method ``sign_in(user, scope=...)`` of ``token_client``."""
    return token_client.sign_in


@pytest.fixture(scope="session")
def token_keys() -> Iterator[None]:
    """Sign access tokens with a key that is generated for this test run."""
    with with_test_keys():
        yield
