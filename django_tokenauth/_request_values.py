"""Values that belong to one request of Django.

Code that serves several requests in one (a batch endpoint, for example) copies ``request.META`` or
the whole request, and changes the host or the token. A value of the original request must not count
for the copy.
"""

from __future__ import annotations

import weakref
from typing import Any

#: The attribute of a request for the pair of the user and the claims of its access token, which
#: ``TokenMiddleware`` or ``token_required`` has set.
TOKEN_USER = "_django_tokenauth_user"  # noqa: S105


class _Bound:
    """A value and its request. A copied or pickled request has no value."""

    __slots__ = ("_request", "_value")

    def __init__(self, request: Any, value: Any) -> None:
        # A reference would keep the request in memory until the next garbage collection.
        self._request = weakref.ref(request)
        self._value = value

    def get(self, request: Any) -> Any:
        return self._value if self._request() is request else None

    def __reduce__(self) -> tuple[type[None], tuple[()]]:
        return type(None), ()


def set_value(request: Any, name: str, value: Any) -> None:
    """Set the attribute *name* of *request*, for :func:`get_value`."""
    setattr(request, name, _Bound(request, value))


def get_value(request: Any, name: str) -> Any:
    """Return the value of :func:`set_value`, or ``None``. A copy of a request has no value."""
    bound = getattr(request, name, None)
    return None if bound is None else bound.get(request)
