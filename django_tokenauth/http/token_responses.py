"""The base class of the endpoints that issue tokens, whose response a project can extend."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar

from django.core.exceptions import ImproperlyConfigured
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import Serializer

from ..services import TokenPair
from .endpoints import TokenEndpoint

#: The members of a token response, and those of an error (RFC 6749 sections 5.1 and 5.2).
STANDARD_MEMBERS = frozenset(
    {
        *("access_token", "refresh_token", "token_type", "expires_in", "scope"),
        *("refresh_token_expires_in", "error", "error_description", "error_uri"),
    }
)


class TokenIssuingEndpoint(TokenEndpoint):
    """A token endpoint that returns tokens, and the project's own data beside them."""

    #: The serializer class that describes the members of :meth:`get_extra_data` in the OpenAPI
    #: schema, or ``None``.
    extra_serializer_class: ClassVar[type[Serializer[Any]] | None] = None

    def get_extra_data(self, user: Any, pair: TokenPair) -> Mapping[str, Any]:
        """Return further members of the response, by name. Override this method in a subclass.

        *user* is the user of the tokens, as the default manager of the user model returns it, and
        also ``self.request.user``. *pair* is a :class:`~django_tokenauth.services.TokenPair`, whose
        ``session`` is ``None`` with ``STATELESS_REFRESH``. The values are those that REST
        framework's ``JSONRenderer`` can represent; an iterator becomes a list. They cannot replace
        the standard members.

        The view calls this method before the session is stored or rotated. If the method raises an
        error, a sign-in leaves no session, and the refresh token of a refresh stays valid.
        """
        return {}

    def token_response(
        self, service: Callable[..., TokenPair], *arguments: Any, **named: Any
    ) -> Response:
        """Call *service* and return the response with its tokens and :meth:`get_extra_data`.

        *service* is ``services.sign_in``, ``services.refresh`` or a function with the keyword
        arguments ``request`` and ``on_issued``. The other arguments are passed to *service*.

        Raises the errors of *service*. Raises ``ImproperlyConfigured`` if :meth:`get_extra_data`
        returns a standard member or a value that JSON cannot represent.
        """
        extra: dict[str, Any] = {}

        def add_extra_data(pair: TokenPair) -> None:
            # A service calls this again if it issues tokens again.
            extra.clear()
            extra.update(self._extra_data(pair))

        named = {"request": self.request, **named, "on_issued": add_extra_data}
        pair = service(*arguments, **named)
        return Response({**extra, **pair.to_response()})

    def _extra_data(self, pair: TokenPair) -> Mapping[str, Any]:
        request = self.request
        former, request.user = request.user, pair.user
        try:
            return self._checked(self.get_extra_data(pair.user, pair))
        finally:
            request.user = former

    def _checked(self, extra: Any) -> dict[str, Any]:
        """Return *extra* with lists in place of iterators, which only one reader can use.

        Raises ``ImproperlyConfigured`` unless the response can have the members of *extra*.
        """
        name = f"{type(self).__name__}.get_extra_data()"
        if not isinstance(extra, Mapping) or not all(isinstance(each, str) for each in extra):
            raise ImproperlyConfigured(f"{name} must return a dict whose keys are strings.")
        if reserved := STANDARD_MEMBERS.intersection(extra):
            members = ", ".join(sorted(reserved))
            raise ImproperlyConfigured(f"{name} must not return the standard members {members}.")
        return {member: self._checked_value(name, member, extra[member]) for member in extra}

    def _checked_value(self, name: str, member: str, value: Any) -> Any:
        invalid = ImproperlyConfigured(
            f"{name} must return values that JSON can represent. The member {member!r} has an "
            f"invalid value of type {type(value).__name__}."
        )
        try:
            # An iterator of the project may raise other errors, which propagate.
            value = _without_iterators(value)
        except RecursionError as error:
            raise invalid from error
        try:
            self.get_renderers()[0].render({member: value})
        except (TypeError, ValueError, RecursionError) as error:
            raise invalid from error
        return value


def _without_iterators(value: Any) -> Any:
    """Return *value* with lists in place of iterators, as REST framework encodes them.

    REST framework encodes a view of a dict and a set as lists too. It encodes other objects with
    ``__getitem__``, such as strings and query sets, and arrays, in other ways.
    """
    if isinstance(value, Mapping):
        return {name: _without_iterators(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)) or (
        isinstance(value, Iterable) and not hasattr(value, "__getitem__")
    ):
        return [_without_iterators(item) for item in value]
    return value


def issuing_endpoint(request: Request) -> TokenIssuingEndpoint:
    """Return the view that handles *request*, so that its response has the project's data.

    Return a new endpoint for a request of another view, which calls a function of
    ``TokenView.grants``.
    """
    view = request.parser_context.get("view")
    if not isinstance(view, TokenIssuingEndpoint):
        view = TokenIssuingEndpoint()
        view.request = request
    return view
