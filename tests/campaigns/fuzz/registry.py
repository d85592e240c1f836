"""All targets by name, with their shares of the inputs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from tests.campaigns.fuzz.campaign import Target
from tests.campaigns.fuzz.endpoints import Authorization, Endpoint
from tests.campaigns.fuzz.forward_auth import ForwardAuth
from tests.campaigns.fuzz.targets import Decoder


@dataclass(frozen=True)
class Entry:
    """A target, its description for the help, and its share of the inputs in percent."""

    description: str
    share: int
    create: Callable[[], Target]


TARGETS = {
    "access": Entry("AccessTokens.decode with HS256", 28, lambda: Decoder("access")),
    "access-eddsa": Entry("AccessTokens.decode with EdDSA", 15, lambda: Decoder("access-eddsa")),
    "access-es256": Entry("AccessTokens.decode with ES256", 10, lambda: Decoder("access-es256")),
    "refresh": Entry("RefreshTokens.decode", 25, lambda: Decoder("refresh")),
    "header": Entry("a view with JWTAuthentication", 5, lambda: Authorization("/who/")),
    "header-stateless": Entry(
        "a view with StatelessJWTAuthentication", 5, lambda: Authorization("/who/stateless/")
    ),
    "token": Entry("POST token/", 2, lambda: Endpoint("token/")),
    "token-refresh": Entry("POST token/refresh/", 2, lambda: Endpoint("token/refresh/")),
    "token-verify": Entry("POST token/verify/", 2, lambda: Endpoint("token/verify/")),
    "token-revoke": Entry("POST token/revoke/", 2, lambda: Endpoint("token/revoke/")),
    "token-introspect": Entry("POST token/introspect/", 2, lambda: Endpoint("token/introspect/")),
    "forward-auth": Entry("token/forward-auth/", 2, ForwardAuth),
}


@cache
def target(name: str) -> Target:
    return TARGETS[name].create()
