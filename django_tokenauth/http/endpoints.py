"""What the endpoints share: bodies that are read strictly, answers that no cache keeps, and errors.

Errors of :mod:`django_tokenauth.services` become answers here and nowhere else, as RFC 6749 section
5.2 has them.
"""

from __future__ import annotations

import logging
from functools import lru_cache
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.db import connections
from django.db.transaction import non_atomic_requests
from django.utils.translation import gettext_lazy as _
from django.views.decorators.debug import sensitive_variables
from rest_framework import status
from rest_framework.exceptions import ParseError, UnsupportedMediaType, ValidationError
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import Serializer
from rest_framework.views import APIView

from ..authentication import Unavailable
from ..errors import (
    InvalidClient,
    InvalidRequest,
    InvalidScope,
    OAuthError,
    ServiceUnavailable,
    TooManyRequests,
)
from .client_authentication import BASIC_CHALLENGE
from .parsers import StrictFormParser, StrictJSONParser

logger = logging.getLogger("django_tokenauth")


def non_atomic(view: Any) -> Any:
    """``view``, for which no database opens a transaction, whatever ``ATOMIC_REQUESTS`` says."""
    for alias in connections:
        view = non_atomic_requests(using=alias)(view)
    return view


class AlwaysJSONNegotiation(DefaultContentNegotiation):
    """These endpoints speak JSON whatever the client says it accepts (RFC 6749 section 5.1)."""

    def select_renderer(
        self, request: Request, renderers: Any, format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        return renderers[0], renderers[0].media_type


class NoStoreView(APIView):
    """Answers that no cache may keep (RFC 6749 section 5.1, RFC 9111 section 5.2.2.5)."""

    # The project's own way of naming versions is not that of these routes.
    versioning_class = None

    def finalize_response(
        self, request: Request, response: Response, *args: Any, **kwargs: Any
    ) -> Response:
        response = super().finalize_response(request, response, *args, **kwargs)
        response["Cache-Control"] = "no-store"
        response["Pragma"] = "no-cache"
        return response

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        # Keeps passwords and tokens out of Django's error reports.
        request._request.sensitive_post_parameters = "__ALL__"  # type: ignore[attr-defined]
        super().initial(request, *args, **kwargs)


class TokenEndpoint(NoStoreView):
    """What the token endpoints share: everybody may call them, and errors are RFC 6749's."""

    authentication_classes = ()
    permission_classes = ()
    throttle_classes = ()
    parser_classes = (StrictJSONParser, StrictFormParser)
    renderer_classes = (JSONRenderer,)
    content_negotiation_class = AlwaysJSONNegotiation
    #: What a client that was not authenticated is told to bring.
    client_challenge = BASIC_CHALLENGE

    @classmethod
    def as_view(cls, **initkwargs: Any) -> Any:
        """Outside of ``ATOMIC_REQUESTS``: a revocation is committed before the error leaves."""
        return non_atomic(super().as_view(**initkwargs))

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        # Said here, because REST framework takes any form that a middleware has read already. Not
        # of other methods, for which some servers make up a type.
        content_type = request.content_type if request.method == "POST" else ""
        negotiator = self.get_content_negotiator()
        if content_type and not negotiator.select_parser(request, self.get_parsers()):
            raise UnsupportedMediaType(content_type)

    def handle_exception(self, exc: Exception) -> Response:
        if isinstance(exc, (ParseError, ValidationError)):
            exc = _invalid_request(exc)
        if isinstance(exc, ImproperlyConfigured):
            logger.critical("TOKENAUTH cannot be used: %s", exc)
            exc = ServiceUnavailable()
        if isinstance(exc, ServiceUnavailable):
            return error_response(
                status.HTTP_503_SERVICE_UNAVAILABLE,
                Unavailable.default_code,
                Unavailable.default_detail,
                {"Retry-After": str(exc.retry_after)},
            )
        if isinstance(exc, TooManyRequests):
            return error_response(
                status.HTTP_429_TOO_MANY_REQUESTS,
                exc.error,
                exc.description,
                {"Retry-After": str(exc.retry_after)},
            )
        if isinstance(exc, InvalidClient):
            return error_response(
                status.HTTP_401_UNAUTHORIZED,
                exc.error,
                exc.description,
                {"WWW-Authenticate": self.client_challenge},
            )
        if isinstance(exc, OAuthError):
            return error_response(status.HTTP_400_BAD_REQUEST, exc.error, exc.description)
        return super().handle_exception(exc)


def _invalid_request(exc: ParseError | ValidationError) -> OAuthError:
    if not isinstance(exc.detail, dict):
        return InvalidRequest()
    names = sorted(exc.detail)
    # A scope has an error of its own (RFC 6749 section 5.2), if nothing else is wrong.
    kind = InvalidScope if names == ["scope"] else InvalidRequest
    return kind(
        _("These parameters are missing or malformed: %(names)s.") % {"names": ", ".join(names)}
    )


def error_response(
    code: int, error: str, description: Any, headers: dict[str, str] | None = None
) -> Response:
    """An answer as RFC 6749 section 5.2 has it: ``code`` is its status."""
    body = {"error": error, "error_description": description}
    return Response(body, status=code, headers=headers, exception=True)


@sensitive_variables()
def validated_data(serializer_class: type[Serializer[Any]], request: Request) -> dict[str, Any]:
    """What the body says. Raises REST framework's ``ParseError`` and ``ValidationError``."""
    asked: dict[str, Any] = _reader(serializer_class).run_validation(request.data)
    return asked


@lru_cache(maxsize=16)
def _reader(serializer_class: type[Serializer[Any]]) -> Serializer[Any]:
    # One for all requests, because a new one copies each of its fields, which takes longer than to
    # read the body: it keeps nothing of what it reads. The texts of its errors may stay in the
    # language of an earlier request, so nobody is shown more than the names in them.
    return serializer_class()
