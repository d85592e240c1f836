"""The settings of the optional app ``django_tokenauth.api_tokens``."""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from datetime import timedelta

from . import values
from .fields import setting

# A secret scanner finds "PREFIX_" and the characters after it with one regular expression.
_PREFIX = re.compile(r"[A-Za-z](?:[A-Za-z0-9_]{0,30}[A-Za-z0-9])?", re.ASCII)
_LONGEST_OVERLAP = timedelta(days=30)


def prefix(value: object) -> str:
    if not isinstance(value, str) or not _PREFIX.fullmatch(value):
        raise values.InvalidSetting(
            "1 to 32 ASCII letters, digits and underscores, with a letter first and no underscore "
            "at the end",
            'For example "acme".',
        )
    return value


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class APITokenSettings:
    """The settings of API tokens, which have no effect without the app."""

    api_token_prefix: str = setting(prefix, "tokenauth")
    api_token_lifetime: timedelta = setting(values.lifetime, timedelta(days=90))
    max_api_token_lifetime: timedelta = setting(values.lifetime, timedelta(days=366))
    api_token_overlap: timedelta = setting(
        values.duration_up_to(int(_LONGEST_OVERLAP.total_seconds())), timedelta(days=1)
    )
    api_tokens_end_with_password: bool = setting(values.flag, False)


#: The names of these settings in ``TOKENAUTH``.
API_TOKEN_NAMES = tuple(item.name.upper() for item in fields(APITokenSettings))
