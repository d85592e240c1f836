"""Values that belong to one request of Django.

Code that serves several requests in one (a batch endpoint, for example) copies ``request.META`` or
the whole request, and changes the host or the token. A value of the original request must not count
for the copy.
"""

from __future__ import annotations

from typing import Any

#: The attribute of a request for the pair of the user and the claims of its access token, which
#: ``TokenMiddleware`` or ``token_required`` has set.
TOKEN_USER = "_django_tokenauth_user"  # noqa: S105


def set_value(request: Any, name: str, value: Any) -> None:
    """Set the attribute *name* of *request*, for :func:`get_value`."""
    setattr(request, name, (request, value))


def get_value(request: Any, name: str) -> Any:
    """Return the value of :func:`set_value`, or ``None``. A copy of a request has no value."""
    owner, value = getattr(request, name, (None, None))
    return value if owner is request else None
