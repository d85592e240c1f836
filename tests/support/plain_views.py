"""Routes of a project with views of Django, beside views of REST framework."""

from __future__ import annotations

from asgiref.sync import async_to_sync
from django.contrib import admin
from django.contrib.auth.decorators import login_required, permission_required
from django.contrib.auth.mixins import LoginRequiredMixin, PermissionRequiredMixin
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.urls import include, path
from django.utils.decorators import method_decorator
from django.views import View
from django.views.decorators.csrf import csrf_exempt
from rest_framework.authentication import SessionAuthentication
from rest_framework.decorators import api_view, authentication_classes, permission_classes
from rest_framework.permissions import IsAuthenticated
from rest_framework.response import Response

from django_tokenauth.authentication import (
    Claims,
    JWTAuthentication,
    StatelessJWTAuthentication,
)
from django_tokenauth.decorators import token_required
from django_tokenauth.middleware import TokenMiddleware
from django_tokenauth.permissions import (
    HasScope,
    InsufficientScope,
    InsufficientUserAuthentication,
    IsAuthenticatedWithoutToken,
)

SESSION = "django.contrib.sessions.middleware.SessionMiddleware"
CSRF = "django.middleware.csrf.CsrfViewMiddleware"
LOGIN = "django.contrib.auth.middleware.AuthenticationMiddleware"
TOKEN = "django_tokenauth.middleware.TokenMiddleware"
#: In the order of Django's project template.
MIDDLEWARE = [SESSION, CSRF, LOGIN, TOKEN]


class GatewayAuthentication(JWTAuthentication):
    header = "X-Auth-Token"


class OtherRealm(JWTAuthentication):
    realm = "pages"


class StatelessTokenMiddleware(TokenMiddleware):
    authentication_class = StatelessJWTAuthentication


class GatewayMiddleware(TokenMiddleware):
    authentication_class = GatewayAuthentication


class NotMine(JWTAuthentication):
    """A class of a project that authenticates no token."""

    def authenticate(self, request):
        super().authenticate(request)


class NotMineMiddleware(TokenMiddleware):
    authentication_class = NotMine


def user_of(request):
    return JsonResponse({"user": str(request.user), "token": bool(request.auth)})


def scope_of(request):
    return JsonResponse({"scope": sorted(request.auth.scope) if request.auth else None})


def public(request):
    return JsonResponse({"public": True})


def forbidden(request):
    raise PermissionDenied


def stale(request):
    raise InsufficientUserAuthentication(max_age=600)


def failing(request):
    raise InsufficientScope(["notes:write"])


def crashing(request):
    raise RuntimeError


def moved(request):
    return redirect(f"/public/?user={request.user}")


async def async_user(request):
    user = await request.auser()
    return JsonResponse({"user": str(user), "same": user == request.user})


@login_required
async def async_member(request):
    return JsonResponse({"user": str(await request.auser())})


class Member(LoginRequiredMixin, View):
    def get(self, request):
        return user_of(request)


class Editor(PermissionRequiredMixin, View):
    permission_required = "auth.change_user"

    def get(self, request):
        return user_of(request)


@permission_required("auth.change_user", raise_exception=True)
def editor(request):
    return user_of(request)


@token_required
def token_only(request):
    return JsonResponse({"user": str(request.user), "auth": type(request.auth) is Claims})


@token_required("notes:read", "notes:write")
def scoped(request):
    return JsonResponse({"user": str(request.user)})


@token_required("notes:read")
async def async_scoped(request):
    return JsonResponse({"user": str(request.user), "same": await request.auser() == request.user})


@token_required(authentication_class=StatelessJWTAuthentication)
def stateless(request):
    return JsonResponse({"user": type(request.user).__name__})


@token_required(authentication_class=OtherRealm)
def other_realm(request):
    return JsonResponse({"user": str(request.user)})


@token_required
def without_response(request):
    """Return nothing, which Django reports."""


@method_decorator(token_required("notes:write"), name="dispatch")
class Scoped(View):
    def get(self, request):
        return user_of(request)

    post = get


@method_decorator(token_required("notes:read"), name="dispatch")
class AsyncScoped(View):
    async def get(self, request):
        return user_of(request)


@api_view(["GET", "POST"])
@authentication_classes([JWTAuthentication])
def rest(request):
    return Response({"user": str(request.user), "sub": request.auth and request.auth.subject})


@api_view(["GET", "POST"])
@authentication_classes([StatelessJWTAuthentication])
def rest_stateless(request):
    return Response({"user": type(request.user).__name__})


@api_view(["GET"])
@authentication_classes([GatewayAuthentication])
@permission_classes([IsAuthenticated])
def rest_gateway(request):
    return Response({"user": str(request.user)})


@api_view(["GET"])
@authentication_classes([SessionAuthentication])
@permission_classes([])
def rest_session(request):
    return Response({"user": str(request.user), "token": bool(request.auth)})


@api_view(["GET"])
@authentication_classes([])
def rest_user(request):
    """Return the user that other middlewares see, in both ways to read it."""
    plain = request._request
    return Response([str(plain.user), str(async_to_sync(plain.auser)()), plain.auth is None])


@api_view(["GET"])
@authentication_classes([SessionAuthentication, JWTAuthentication])
@permission_classes([HasScope | IsAuthenticatedWithoutToken])
def rest_scoped(request):
    return Response({"user": str(request.user)})


rest_scoped.cls.required_scopes = ["notes:write"]


def sign_in_page(request):
    return HttpResponse("Sign in")


urlpatterns = [
    path("admin/", admin.site.urls),
    path("auth/", include("django_tokenauth.urls")),
    path("accounts/login/", sign_in_page),
    path("user/", user_of),
    path("scope/", scope_of),
    path("public/", public),
    path("exempt/", csrf_exempt(public)),
    path("forbidden/", forbidden),
    path("failing/", failing),
    path("stale/", stale),
    path("crashing/", crashing),
    path("moved/", moved),
    path("async/user/", async_user),
    path("async/member/", async_member),
    path("async/scoped/", async_scoped),
    path("async/class/", AsyncScoped.as_view()),
    path("member/", Member.as_view()),
    path("member/function/", login_required(user_of)),
    path("editor/", Editor.as_view()),
    path(
        "editor/function/", permission_required("auth.change_user", raise_exception=True)(user_of)
    ),
    path("token/", token_only),
    path("token/scoped/", scoped),
    path("token/class/", Scoped.as_view()),
    path("token/stateless/", stateless),
    path("token/realm/", other_realm),
    path("token/nothing/", without_response),
    path("rest/", rest),
    path("rest/stateless/", rest_stateless),
    path("rest/gateway/", rest_gateway),
    path("rest/session/", rest_session),
    path("rest/user/", rest_user),
    path("rest/scoped/", rest_scoped),
]


def read_user(get_response):
    """A middleware of a project that reads the user before the view."""

    def middleware(request):
        name = str(request.user)
        response = get_response(request)
        response.headers["X-User"] = name
        return response

    return middleware
