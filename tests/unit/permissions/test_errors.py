"""``InsufficientUserAuthentication``: the challenge of RFC 9470 section 3."""

from __future__ import annotations

import pytest

from django_tokenauth.errors import TokenAuthError
from django_tokenauth.permissions import InsufficientUserAuthentication


@pytest.mark.standard("rfc9470-3-1", "rfc9470-3-2", "rfc9470-3-3")
@pytest.mark.parametrize(
    ("requirements", "parameters"),
    [
        ({"max_age": 600}, 'max_age="600"'),
        ({"max_age": 0}, 'max_age="0"'),
        ({"acr_values": ["hwk", "mfa"]}, 'acr_values="hwk mfa"'),
        ({"max_age": 5, "acr_values": ["mfa"]}, 'acr_values="mfa", max_age="5"'),
    ],
)
def test_challenge_names_the_requirements(requirements, parameters):
    error = InsufficientUserAuthentication(**requirements)
    assert isinstance(error, TokenAuthError)
    assert error.status_code == 401
    assert error.auth_header == (
        'Bearer realm="api", error="insufficient_user_authentication", error_description="Sign in '
        f'again. This request needs a newer or safer sign-in.", {parameters}'
    )


@pytest.mark.parametrize(
    "requirements", [{}, {"acr_values": "mfa"}, {"acr_values": [1]}, {"acr_values": []}]
)
def test_missing_requirement_or_wrong_type_is_rejected(requirements):
    with pytest.raises(TypeError):
        InsufficientUserAuthentication(**requirements)


@pytest.mark.parametrize(
    "requirements",
    [{"max_age": -1}, {"max_age": True}, {"max_age": 0.5}, {"acr_values": ['"']}],
)
def test_invalid_requirement_is_rejected(requirements):
    with pytest.raises(ValueError, match="must be"):
        InsufficientUserAuthentication(**requirements)
