"""Tokens of ours, made in numbers."""

from __future__ import annotations

import time
import uuid
from typing import Any

from django_tokenauth import services
from django_tokenauth.conf.settings import load
from django_tokenauth.tokens.access import access_tokens

from . import signatures


def settings_for(algorithm: str) -> dict[str, Any]:
    """The values of ``TOKENAUTH`` that sign with ``algorithm``."""
    return {"ALGORITHM": algorithm, "SIGNING_KEY": signatures.jwk(algorithm)}


def access_tokens_of(user: Any, number: int) -> list[str]:
    """That many access tokens of one sign-in, with the settings that there are now."""
    kind = access_tokens(load())
    claims = kind.decode(services.sign_in(user).access_token, now=time.time())
    return [kind.encode(claims._replace(jwt_id=uuid.uuid4().hex)) for _ in range(number)]
