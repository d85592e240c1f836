"""The lifetimes that settings permit, and their order.

The settings are the lifetimes of a session without other lifetimes. ``MAX_ACCESS_TOKEN_LIFETIME``
and ``MAX_SESSION_LIFETIME`` limit the lifetimes that the hook ``LIFETIMES`` and
``services.sign_in(lifetimes=...)`` set.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from typing import Any

#: The default of ``MAX_ACCESS_TOKEN_LIFETIME`` with the hook ``LIFETIMES``.
LONGEST_ACCESS = timedelta(hours=1)
#: The default of ``MAX_SESSION_LIFETIME``.
LONGEST_SESSION = timedelta(days=366)

#: Pairs of settings. The first setting of a pair must be less than the second one. The third item
#: is the hint of the system check.
ORDERED = (
    (
        "access_token_lifetime",
        "refresh_token_lifetime",
        "Give an access token minutes and a refresh token days.",
    ),
    (
        "access_token_lifetime",
        "session_lifetime",
        "SESSION_LIFETIME is the absolute lifetime of a session. Give it days.",
    ),
)
#: Pairs of a setting and its upper limit, which may be equal.
LIMITED = (
    ("access_token_lifetime", "max_access_token_lifetime"),
    ("session_lifetime", "max_session_lifetime"),
    ("api_token_lifetime", "max_api_token_lifetime"),
)


def set_defaults(parsed: dict[str, Any]) -> None:
    """Replace ``None`` by the default limits in *parsed*, the parsed settings by field name.

    A limit whose default depends on an invalid setting is removed from *parsed*.
    """
    if parsed.get("max_access_token_lifetime", 0) is None:
        del parsed["max_access_token_lifetime"]
        with suppress(KeyError):
            # Without the hook, a larger limit would make the snapshot of revoked sessions larger.
            longest = LONGEST_ACCESS if parsed["lifetimes"] else timedelta(0)
            parsed["max_access_token_lifetime"] = max(longest, parsed["access_token_lifetime"])
    if parsed.get("max_session_lifetime", 0) is None:
        del parsed["max_session_lifetime"]
        with suppress(KeyError):
            parsed["max_session_lifetime"] = max(LONGEST_SESSION, parsed["session_lifetime"])
