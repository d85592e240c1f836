"""The name of a device, derived from a user agent by the package ``ua-parser``, if installed."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from django.utils.translation import gettext

if TYPE_CHECKING:
    from ua_parser import Parser


def device_of(user_agent: str) -> str:
    """Return a name such as "Chrome on Windows", or an empty string if *user_agent* is unknown.

    Without ``ua-parser``, return an empty string. The first call of a process imports the package,
    which takes about 0.3 seconds. An unknown user agent takes about 5 ms, and a cached one 0.05 ms.
    """
    parser = _parser() if user_agent else None
    if parser is None:
        return ""
    found = parser.parse_user_agent(user_agent), parser.parse_os(user_agent)
    browser, system = (part.family if part else "" for part in found)
    if browser and system:
        return gettext("%(browser)s on %(system)s") % {"browser": browser, "system": system}
    return browser or system


@lru_cache(maxsize=1)
def _parser() -> Parser | None:
    """Return the parser with its cache of 2,000 user agents, or ``None`` without the package."""
    try:
        from ua_parser import Parser, load_lazy_builtins  # noqa: PLC0415
    except ImportError:
        return None
    return Parser.from_matchers(load_lazy_builtins())
