"""The base classes of the views, with strict request bodies and the error responses.

:class:`TokenEndpoint` turns the errors of :mod:`django_tokenauth.services` into responses (RFC 6749
section 5.2).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from django.db import connections
from django.db.transaction import non_atomic_requests
from django.utils.translation import gettext_lazy as _
from django.views.decorators.debug import sensitive_variables
from rest_framework import status
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import ParseError, UnsupportedMediaType, ValidationError
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import Serializer
from rest_framework.views import APIView

from .. import _log
from ..authentication import AccessTokenRejected
from ..conf.settings import UnusableSettings
from ..errors import (
    InvalidClient,
    InvalidGrant,
    InvalidRequest,
    InvalidScope,
    InvalidTarget,
    InvalidToken,
    OAuthError,
    ServiceUnavailable,
    TooManyRequests,
)
from ..permissions import InsufficientScope, InsufficientUserAuthentication
from .authenticators import authenticator
from .client_authentication import BASIC_CHALLENGE
from .parsers import (
    MAX_BODY,
    TOO_LARGE,
    StrictFormParser,
    StrictJSONParser,
    StrictMultiPartParser,
    UnreadableBody,
    check_form,
)


def non_atomic(view: Any) -> Any:
    """Return ``view`` with ``ATOMIC_REQUESTS`` turned off for all databases."""
    for alias in connections:
        view = non_atomic_requests(using=alias)(view)
    return view


class AlwaysJSONNegotiation(DefaultContentNegotiation):
    """Respond with JSON, whatever the ``Accept`` header says (RFC 6749 section 5.1)."""

    def select_renderer(
        self, request: Request, renderers: Any, format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        return renderers[0], renderers[0].media_type


class NoStoreView(APIView):
    """A view whose responses are not cached (RFC 6749 section 5.1, RFC 9111 section 5.2.2.5).

    ``ATOMIC_REQUESTS`` does not apply to a ``NoStoreView``: a revocation is committed before an
    error is raised, and a database outage returns 503 instead of 500.
    """

    # The project's versioning scheme does not apply to the routes of this package.
    versioning_class = None

    @classmethod
    def as_view(cls, **initkwargs: Any) -> Any:
        return non_atomic(super().as_view(**initkwargs))

    def get_authenticators(self) -> list[BaseAuthentication]:
        return [authenticator(each) for each in self.authentication_classes]

    def finalize_response(
        self, request: Request, response: Response, *args: Any, **kwargs: Any
    ) -> Response:
        response = super().finalize_response(request, response, *args, **kwargs)
        response["Cache-Control"] = "no-store"
        response["Pragma"] = "no-cache"
        return response

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        # Keep passwords and tokens out of Django's error reports.
        request._request.sensitive_post_parameters = "__ALL__"  # type: ignore[attr-defined]
        super().initial(request, *args, **kwargs)


class UnsupportedContentType(InvalidRequest):
    """No parser reads the content type. *supported* contains the types that have a parser."""

    def __init__(self, supported: Iterable[str]) -> None:
        super().__init__(
            _("The content type of the request is not supported. Send one of these: %(types)s.")
            % {"types": ", ".join(supported)}
        )


class TokenEndpoint(NoStoreView):
    """A token endpoint, with errors in the format of RFC 6749 section 5.2.

    Subclasses raise the errors of :mod:`django_tokenauth.errors`. An ``InvalidToken`` of a service
    becomes ``invalid_grant``; an ``InvalidKey`` is a mistake on the server and is not caught.
    """

    authentication_classes = ()
    permission_classes = ()
    throttle_classes = ()
    parser_classes = (StrictJSONParser, StrictFormParser, StrictMultiPartParser)
    renderer_classes = (JSONRenderer,)
    content_negotiation_class = AlwaysJSONNegotiation
    #: The HTTP status of each error. An error that is not listed has the status of its nearest
    #: listed base class.
    error_statuses: ClassVar[Mapping[type[Exception], int]] = {
        OAuthError: status.HTTP_400_BAD_REQUEST,
        InvalidClient: status.HTTP_401_UNAUTHORIZED,
        AccessTokenRejected: status.HTTP_401_UNAUTHORIZED,
        InsufficientScope: status.HTTP_403_FORBIDDEN,
        InsufficientUserAuthentication: status.HTTP_401_UNAUTHORIZED,
        UnsupportedContentType: status.HTTP_415_UNSUPPORTED_MEDIA_TYPE,
        TooManyRequests: status.HTTP_429_TOO_MANY_REQUESTS,
        ServiceUnavailable: status.HTTP_503_SERVICE_UNAVAILABLE,
    }
    #: The challenge of a 401 response, unless the error has its own challenge.
    client_challenge = BASIC_CHALLENGE

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        # If a middleware has read the form, REST framework accepts the form without a matching
        # parser. Some servers add a content type to requests without one, such as ``text/plain`` by
        # ``manage.py runserver``, so the content type counts only for a body.
        content_type = request.content_type if _has_body(request) else ""
        negotiator = self.get_content_negotiator()
        if content_type and not negotiator.select_parser(request, self.get_parsers()):
            raise UnsupportedMediaType(content_type)
        if content_type.lower().startswith(StrictMultiPartParser.media_type):
            _check_multipart(request)

    def handle_exception(self, exc: Exception) -> Response:
        if isinstance(exc, (ParseError, ValidationError)):
            exc = _invalid_request(exc)
        elif isinstance(exc, UnsupportedMediaType):
            exc = UnsupportedContentType(parser.media_type for parser in self.get_parsers())
        elif isinstance(exc, UnusableSettings):
            _log.misconfigured(exc)
            exc = ServiceUnavailable()
        elif isinstance(exc, InvalidToken) and not isinstance(exc, AccessTokenRejected):
            # A service called by the project's own grant or view has raised InvalidToken.
            _log.access_token_rejected(exc.code)
            exc = InvalidGrant()
        for kind in type(exc).__mro__:
            if kind in self.error_statuses:
                return self._error_response(exc, self.error_statuses[kind])
        return super().handle_exception(exc)

    def _error_response(self, exc: Any, code: int) -> Response:
        headers = {}
        if code == status.HTTP_401_UNAUTHORIZED or hasattr(exc, "auth_header"):
            headers["WWW-Authenticate"] = getattr(exc, "auth_header", self.client_challenge)
        if hasattr(exc, "retry_after"):
            headers["Retry-After"] = str(exc.retry_after)
        body = {"error": exc.error, "error_description": exc.description}
        return Response(body, status=code, headers=headers, exception=True)


def _has_body(request: Request) -> bool:
    """Return whether the request is a ``POST`` with a body (RFC 9112 section 6.3)."""
    has_length = request.META.get("CONTENT_LENGTH") not in (None, "", "0")
    return request.method == "POST" and (has_length or "HTTP_TRANSFER_ENCODING" in request.META)


def _check_multipart(request: Request) -> None:
    """Check a multipart body as its parser does: a middleware may have read it already."""
    form = request.POST
    if request.FILES:
        raise ParseError
    if sum(len(name) + len(form[name]) for name in form) > MAX_BODY:
        raise UnreadableBody(TOO_LARGE)
    check_form(form)


def _invalid_request(exc: ParseError | ValidationError) -> OAuthError:
    if isinstance(exc, UnreadableBody):
        return InvalidRequest(str(exc.detail))
    if not isinstance(exc.detail, dict):
        return InvalidRequest()
    names = sorted(exc.detail)
    # RFC 6749 section 5.2 defines invalid_scope for an invalid scope, and RFC 8707 section 2
    # defines invalid_target for an invalid audience. If another parameter is invalid too, the error
    # is invalid_request.
    kind: type[OAuthError] = InvalidScope if names == ["scope"] else InvalidRequest
    codes: Any = exc.get_codes()
    if all(code == [InvalidTarget.error] for code in codes.values()):
        kind = InvalidTarget
    return kind(
        _("These parameters are missing or malformed: %(names)s.") % {"names": ", ".join(names)}
    )


@sensitive_variables()
def validated_data(serializer_class: type[Serializer[Any]], request: Request) -> dict[str, Any]:
    """Return the validated parameters of the request body.

    The context of the serializer contains ``request``.

    Raises REST framework's ``ParseError`` and ``ValidationError``, which :class:`TokenEndpoint`
    turns into ``invalid_request`` or ``invalid_scope``.
    """
    serializer = serializer_class(data=request.data, context={"request": request})
    serializer.is_valid(raise_exception=True)
    return dict(serializer.validated_data)
