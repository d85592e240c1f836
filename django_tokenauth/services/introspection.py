"""What a token says, for a resource server that asks the issuer (RFC 7662)."""

from __future__ import annotations

import logging
from typing import Any

from django.views.decorators.debug import sensitive_variables

from ..errors import InvalidToken
from .signing_in import authenticate_access_token, user_of

logger = logging.getLogger("django_tokenauth")

#: The scope of an access token that lets its bearer ask.
SCOPE = "introspect"


@sensitive_variables()
def introspect(token: object, *, now: float) -> dict[str, Any]:
    """The members of the answer about ``token`` at ``now`` (seconds since the epoch).

    One statement for an access token that is good so far, none otherwise. A token that is not good
    here and now is not active, and nothing is said beyond that (RFC 7662 section 2.2); so is a
    refresh token, which no resource server may be shown. Raises :class:`ServiceUnavailable`.
    """
    try:
        claims = authenticate_access_token(token, now=now)
        user = user_of(claims)
    except InvalidToken as error:
        logger.info("access token refused: %s", error.code)
        return {"active": False}
    # The name of a user may be a number in the database, and is a text here.
    username = str(user.get_username())
    own = {"active": True, "token_type": "Bearer", "username": username}
    # First for who reads it, and again over the claims, some of which are the project's.
    return {**own, **claims.members(), **own}
