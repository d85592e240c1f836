"""HTTP: the token endpoint and its companions, and the sessions of the user.

The views translate and nothing else: bodies into arguments of :mod:`django_tokenauth.services`, and
its errors into answers, in one place for each of the two styles (RFC 6749 section 5.2 for the token
endpoints, RFC 6750 section 3 for the API).
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.db import Error as DatabaseFault
from django.db import connections
from django.db.transaction import non_atomic_requests
from django.utils.translation import gettext_lazy as _
from django.views.decorators.debug import sensitive_variables
from rest_framework import status
from rest_framework.exceptions import (
    NotFound,
    ParseError,
    UnsupportedMediaType,
    ValidationError,
)
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.permissions import IsAuthenticated
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import Serializer
from rest_framework.views import APIView

from . import services
from .authentication import JWTAuthentication, Unavailable
from .conf import load
from .errors import (
    InvalidGrant,
    InvalidRequest,
    InvalidToken,
    OAuthError,
    ServiceUnavailable,
    TooManyRequests,
    UnsupportedGrantType,
)
from .parsers import StrictFormParser, StrictJSONParser
from .permissions import HasWholeScope
from .serializers import (
    RefreshSerializer,
    SessionSerializer,
    SignInSerializer,
    TokenSerializer,
)
from .throttling import SignInThrottle, client_address, valid_ip
from .users import stored_name

logger = logging.getLogger("django_tokenauth")


class AlwaysTheFirst(DefaultContentNegotiation):
    """These endpoints speak JSON whatever the client says it accepts (RFC 6749 section 5.1)."""

    def select_renderer(
        self, request: Request, renderers: Any, format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        return renderers[0], renderers[0].media_type


class NotCached(APIView):
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


class TokenEndpoint(NotCached):
    """What the token endpoints share: everybody may call them, and errors are RFC 6749's."""

    authentication_classes = ()
    permission_classes = ()
    throttle_classes = ()
    parser_classes = (StrictJSONParser, StrictFormParser)
    renderer_classes = (JSONRenderer,)
    content_negotiation_class = AlwaysTheFirst

    @classmethod
    def as_view(cls, **initkwargs: Any) -> Any:
        """Outside of ``ATOMIC_REQUESTS``: a revocation is committed before the error leaves."""
        view = super().as_view(**initkwargs)
        for alias in connections:
            view = non_atomic_requests(using=alias)(view)
        return view

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
            return _error(
                status.HTTP_503_SERVICE_UNAVAILABLE,
                Unavailable.default_code,
                Unavailable.default_detail,
                exc.retry_after,
            )
        if isinstance(exc, TooManyRequests):
            return _error(
                status.HTTP_429_TOO_MANY_REQUESTS, exc.error, exc.description, exc.retry_after
            )
        if isinstance(exc, OAuthError):
            return _error(status.HTTP_400_BAD_REQUEST, exc.error, exc.description)
        return super().handle_exception(exc)


def _invalid_request(exc: ParseError | ValidationError) -> InvalidRequest:
    if isinstance(exc.detail, dict):
        names = ", ".join(sorted(exc.detail))
        return InvalidRequest(
            _("These parameters are missing or malformed: %(names)s.") % {"names": names}
        )
    return InvalidRequest()


def _error(code: int, error: str, description: Any, retry_after: int | None = None) -> Response:
    headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
    body = {"error": error, "error_description": description}
    return Response(body, status=code, headers=headers, exception=True)


@sensitive_variables()
def _valid(serializer_class: type[Serializer[Any]], request: Request) -> dict[str, Any]:
    serializer = serializer_class(data=request.data)
    serializer.is_valid(raise_exception=True)
    return dict(serializer.validated_data)


class TokenView(TokenEndpoint):
    """``POST token/``: signs in, or whatever the ``grant_type`` says (RFC 6749 section 3.2)."""

    @sensitive_variables()
    def post(self, request: Request) -> Response:
        grants: dict[object, Callable[[Request], Response]] = {
            "": sign_in,
            "password": sign_in,
            "refresh_token": refresh,
        }
        body: Any = request.data
        grant_type = body.get("grant_type", "")
        if not isinstance(grant_type, str):
            raise InvalidRequest
        if grant_type not in grants:
            raise UnsupportedGrantType
        return grants[grant_type](request)


class RefreshView(TokenEndpoint):
    """``POST token/refresh/``: the refresh token grant at an address of its own."""

    def post(self, request: Request) -> Response:
        return refresh(request)


@sensitive_variables()
def sign_in(request: Request) -> Response:
    """The password grant (RFC 6749 section 4.3)."""
    asked = _valid(SignInSerializer, request)
    username, password = asked.pop("username"), asked.pop("password")
    django_request = request._request
    address = client_address(django_request)
    throttle = SignInThrottle(load(), address=address, username=stored_name(username))
    throttle.take()
    try:
        user = services.check_password(django_request, username, password)
    except InvalidGrant:
        raise
    except BaseException:
        throttle.give_back()
        raise
    throttle.give_back()
    pair = services.sign_in(
        user,
        request=django_request,
        user_agent=_user_agent(request),
        ip=valid_ip(address),
        amr=("pwd",),
        **asked,
    )
    return Response(pair.members())


@sensitive_variables()
def refresh(request: Request) -> Response:
    """The refresh token grant (RFC 6749 section 6)."""
    asked = _valid(RefreshSerializer, request)
    return Response(services.refresh(**asked, request=request._request).members())


def _user_agent(request: Request) -> str:
    text = request.META.get("HTTP_USER_AGENT", "")
    return "".join(character for character in text if character.isprintable())[:255]


class VerifyView(TokenEndpoint):
    """``POST token/verify/``: whether an access token is good here and now, revocation included."""

    @sensitive_variables()
    def post(self, request: Request) -> Response:
        token = _valid(TokenSerializer, request)["token"]
        now = time.time()
        try:
            claims = services.authenticate_access_token(token, now=now)
            services.user_of(claims)
        except InvalidToken as error:
            logger.info("access token refused: %s", error.code)
            return Response({"active": False})
        return Response({"active": True, "expires_in": max(0, int(claims.expires_at - now))})


class RevokeView(TokenEndpoint):
    """``POST token/revoke/``: signs out (RFC 7009). Also a token that is not good answers 200."""

    @sensitive_variables()
    def post(self, request: Request) -> Response:
        token = _valid(TokenSerializer, request)["token"]
        services.revoke_token(token, request=request._request)
        return Response({})


class SessionEndpoint(NotCached):
    """What the views of the user's sessions share: a token with all rights of the user."""

    authentication_classes = (JWTAuthentication,)
    permission_classes = (IsAuthenticated, HasWholeScope)

    def handle_exception(self, exc: Exception) -> Response:
        if isinstance(exc, (ServiceUnavailable, DatabaseFault)):
            exc = Unavailable()
        return super().handle_exception(exc)


class SessionListView(SessionEndpoint):
    """``GET sessions/``: the user's sessions. ``DELETE sessions/``: signs out all of them, or with
    ``?keep=current`` all others."""

    def get(self, request: Request) -> Response:
        found = services.sessions_of(request.user)
        return Response(SessionSerializer(found, many=True, context={"request": request}).data)

    def delete(self, request: Request) -> Response:
        auth: Any = request.auth
        keep = request.query_params.get("keep")
        if keep not in (None, "current"):
            raise ValidationError({"keep": [_("Give current, or leave it out.")]})
        services.sign_out_everywhere(
            request.user,
            keep=auth.session if keep else None,
            request=request._request,
        )
        return Response(status=status.HTTP_204_NO_CONTENT)


class SessionView(SessionEndpoint):
    """``DELETE sessions/ID/``: signs one session of the user out."""

    def delete(self, request: Request, session_id: object) -> Response:
        if not services.sign_out(request.user, str(session_id), request=request._request):
            raise NotFound
        return Response(status=status.HTTP_204_NO_CONTENT)
