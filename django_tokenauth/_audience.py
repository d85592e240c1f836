"""The syntax of an audience (RFC 8707 section 2), and the audiences that a session stores."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

#: Maximum length of ``Session.audiences``, in characters.
MAX_AUDIENCES_LENGTH = 1024
#: Maximum length of an audience. The ``aud`` claim has at most 255 characters.
MAX_AUDIENCE_LENGTH = 255

#: The ``AUDIENCE`` of the server in ``Session.audiences``. An absolute URI contains a colon.
OWN_AUDIENCE = "self"

#: The parameters that name an audience in a project with ``AUDIENCES``.
AUDIENCE_PARAMETERS = frozenset({"resource", "audience"})

# A scheme, and the other characters of RFC 3986 except "#", which starts a fragment.
_URI = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):[A-Za-z0-9._~:/?\[\]@!$&'()*+,;=%-]+\Z")


def is_absolute_uri(text: str) -> bool:
    """Return whether *text* is an absolute URI without a fragment, of at most 255 characters."""
    match = _URI.match(text)
    if match is None or len(text) > MAX_AUDIENCE_LENGTH:
        return False
    try:
        parts = urlsplit(text)
    except ValueError:
        # The host in brackets is not an IPv6 address.
        return False
    return bool(parts.netloc) or match[1].lower() not in ("http", "https")
