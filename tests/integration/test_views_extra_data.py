"""Data of the project in the responses of the token endpoints, and fields of the sign-in."""

from __future__ import annotations

import functools
import json
import uuid
from collections import UserDict
from datetime import timedelta
from io import StringIO
from types import MappingProxyType
from typing import ClassVar

import pytest
import time_machine
from django.contrib.auth.signals import user_logged_in
from django.core.exceptions import ImproperlyConfigured
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework import serializers
from rest_framework.test import APIRequestFactory

from django_tokenauth import services
from django_tokenauth.models import Session
from django_tokenauth.serializers import SignInSerializer
from django_tokenauth.services import Lifetimes
from django_tokenauth.signals import signed_in
from django_tokenauth.views import RefreshView, TokenEndpoint, TokenView
from tests.support.client import MEMBERS, malformed, post
from tests.support.clock import NOW, after
from tests.support.signal_capture import received

pytestmark = pytest.mark.django_db
BOTH = pytest.mark.parametrize("stateless", [False, True], ids=["session", "stateless"])
PATHS = pytest.mark.parametrize("path", ["refresh", "grant"])
ALICE = {"username": "alice", "password": "correct horse"}
REQUESTS = APIRequestFactory()
DAY = timedelta(days=1)


class UserInResponse:
    """Adds the user to the response, and keeps the calls of the method."""

    calls: ClassVar[list] = []

    def get_extra_data(self, user, pair):
        self.calls.append((self.request, user, pair))
        return {"user": {"name": user.get_username(), "same": self.request.user is user}}


class UserTokenView(UserInResponse, TokenView):
    pass


class UserRefreshView(UserInResponse, RefreshView):
    pass


USER = {"user": {"name": "alice", "same": True}}


def respond(view, body):
    """Return the rendered response of *view*."""
    return view.as_view()(REQUESTS.post("/", body, format="json")).render()


def call(view, body):
    """Return the status and the data of the rendered response of *view*."""
    response = respond(view, body)
    return response.status_code, response.data


def endpoint(request, service, *arguments):
    """Return the token response of the view that handles *request*."""
    return request.parser_context["view"].token_response(service, *arguments)


def sign_in(view=UserTokenView, **more):
    status, body = call(view, {**ALICE, **more})
    assert status == 200, body
    return body


def refresh(path, token, token_view=UserTokenView, refresh_view=UserRefreshView):
    """Refresh by the refresh route, or by the token endpoint."""
    if path == "refresh":
        return call(refresh_view, {"refresh_token": token})
    return call(token_view, {"grant_type": "refresh_token", "refresh_token": token})


@pytest.fixture(autouse=True)
def _no_calls():
    UserInResponse.calls.clear()


@BOTH
class TestExtraData:
    @pytest.fixture(autouse=True)
    def _stateless(self, settings, stateless):
        settings.TOKENAUTH = {"STATELESS_REFRESH": stateless}

    @PATHS
    def test_response_contains_the_data_at_sign_in_and_refresh(self, alice, path):
        body = sign_in()
        assert body.keys() == {*MEMBERS, "user"}
        assert body["user"] == USER["user"]
        status, body = refresh(path, body["refresh_token"])
        assert (status, body["user"]) == (200, USER["user"])

    def test_method_receives_the_user_and_the_pair(self, alice, stateless):
        body = sign_in()
        [(request, user, pair)] = UserInResponse.calls
        assert user == alice
        assert pair.access_token == body["access_token"]
        assert (pair.session is None) == stateless
        assert request.data["username"] == "alice"
        assert request.user.is_anonymous

    @PATHS
    def test_data_takes_no_additional_statement(self, alice, path):
        token = sign_in()["refresh_token"]
        counts = []
        for views in ((UserTokenView, UserRefreshView), (TokenView, RefreshView)):
            with CaptureQueriesContext(connection) as statements:
                token = refresh(path, token, *views)[1]["refresh_token"]
            counts.append(len(statements))
        assert counts[0] == counts[1]

    def test_method_of_a_sign_in_sees_changes_by_receivers(self, alice):
        def rename(user, **kwargs):
            user.username = "renamed"

        user_logged_in.connect(rename)
        try:
            assert sign_in()["user"]["name"] == "renamed"
        finally:
            user_logged_in.disconnect(rename)


def failing(error):
    """Return the two views, whose method raises *error*."""

    class Failing:
        def get_extra_data(self, user, pair):
            raise error

    return type("FailingToken", (Failing, TokenView), {}), type("F", (Failing, RefreshView), {})


class TestErrors:
    def test_error_of_the_method_at_sign_in_leaves_no_session(self, alice):
        view, _ = failing(KeyError("org"))
        with pytest.raises(KeyError, match="org"):
            call(view, ALICE)
        assert not Session.objects.exists()

    @PATHS
    def test_error_of_the_method_keeps_the_refresh_token_valid(self, alice, path):
        views = failing(KeyError("org"))
        with time_machine.travel(NOW, tick=False):
            token = sign_in()["refresh_token"]
        for hours in (1, 2):
            now = after(hours=hours)
            with time_machine.travel(now, tick=False), pytest.raises(KeyError, match="org"):
                refresh(path, token, *views)
        with time_machine.travel(after(hours=3), tick=False):
            assert refresh(path, token)[0] == 200
        assert Session.objects.get().generation == 2

    def test_error_of_the_method_sends_no_signed_in(self, alice):
        view, _ = failing(KeyError("org"))
        with received(signed_in) as sessions, pytest.raises(KeyError):
            call(view, ALICE)
        assert sessions == []

    @pytest.mark.parametrize(
        ("extra", "message"),
        [
            (None, "must return a dict whose keys are strings."),
            ([("user", 1)], "must return a dict whose keys are strings."),
            ({1: "user"}, "must return a dict whose keys are strings."),
            (
                {"scope": "all", "access_token": "x", "user": 1},
                "must not return the standard members access_token, scope.",
            ),
            ({"error": None}, "must not return the standard members error."),
            (
                {"refresh_token_expires_in": 1},
                "must not return the standard members refresh_token_expires_in.",
            ),
            (
                {"id": 1, "user": object()},
                (
                    "must return values that JSON can represent. The member 'user' has an invalid "
                    "value of type object."
                ),
            ),
            (
                {"rate": float("nan")},
                (
                    "must return values that JSON can represent. The member 'rate' has an invalid "
                    "value of type float."
                ),
            ),
            (
                {"nested": functools.reduce(lambda inner, _: [inner], range(100_000), [])},
                (
                    "must return values that JSON can represent. The member 'nested' has an "
                    "invalid value of type list."
                ),
            ),
        ],
    )
    def test_invalid_data_is_improperly_configured(self, alice, extra, message):
        class View(TokenView):
            def get_extra_data(self, user, pair):
                return extra

        with pytest.raises(ImproperlyConfigured) as caught:
            call(View, ALICE)
        assert str(caught.value) == f"View.get_extra_data() {message}"
        assert not Session.objects.exists()

    @pytest.mark.parametrize("nested", [False, True], ids=["member", "nested"])
    @pytest.mark.parametrize("make", [iter, lambda names: (name for name in names), StringIO])
    def test_iterator_is_a_list_in_the_response(self, alice, make, nested):
        names = "ab" if make is StringIO else ["a", "b"]

        class View(TokenView):
            def get_extra_data(self, user, pair):
                return {"groups": ({"names": [make(names)]},) if nested else make(names)}

        expected = ["ab"] if make is StringIO else names
        body = json.loads(respond(View, ALICE).content)
        assert body["groups"] == ([{"names": [expected]}] if nested else expected)

    @pytest.mark.parametrize("make", [MappingProxyType, UserDict, dict.values, frozenset])
    def test_iterator_in_another_collection_is_a_list(self, alice, make):
        class View(TokenView):
            def get_extra_data(self, user, pair):
                names = iter(["a"])
                return {"groups": make([names] if make is frozenset else {"names": names})}

        expected = {"names": ["a"]} if make in (MappingProxyType, UserDict) else [["a"]]
        assert json.loads(respond(View, ALICE).content)["groups"] == expected

    @pytest.mark.parametrize("error", [KeyError("org"), TypeError("org")])
    def test_error_of_an_iterator_propagates_and_leaves_no_session(self, alice, error):
        def groups():
            yield "a"
            raise error

        class View(TokenView):
            def get_extra_data(self, user, pair):
                return {"groups": groups()}

        with pytest.raises(type(error), match="org"):
            call(View, ALICE)
        assert not Session.objects.exists()

    def test_data_of_an_earlier_call_is_not_in_the_response(self, alice):
        """A service may issue tokens again, for example after another process was faster."""

        def sign_in_twice(user, *, on_issued, **named):
            services.sign_in(user, on_issued=on_issued, **named)
            return services.sign_in(user, on_issued=on_issued, **named)

        class View(TokenView):
            grants = {"urn:example:twice": lambda request: endpoint(request, sign_in_twice, alice)}
            names: ClassVar[list[str]] = ["first", "second"]

            def get_extra_data(self, user, pair):
                return {self.names.pop(0): 1}

        _, body = call(View, {"grant_type": "urn:example:twice"})
        assert body.keys() == {*MEMBERS, "second"}

    def test_data_may_have_values_that_rest_framework_encodes(self, alice):
        class View(TokenView):
            def get_extra_data(self, user, pair):
                return {"id": uuid.UUID(int=1), "at": NOW}

        assert sign_in(View)["id"] == uuid.UUID(int=1)


class TestProjectGrants:
    def test_grant_of_a_project_can_return_the_data(self, alice):
        def code_grant(request):
            view = request.parser_context["view"]
            return view.token_response(services.sign_in, alice, amr=["otp"])

        class View(UserTokenView):
            grants = {**TokenView.grants, "urn:example:code": code_grant}

        _, body = call(View, {"grant_type": "urn:example:code"})
        assert body["user"] == USER["user"]
        assert Session.objects.get().amr == "otp"

    def test_default_grant_in_another_view_returns_no_data(self, alice):
        class View(TokenEndpoint):
            def post(self, request):
                return TokenView.grants["password"](request)

        assert sign_in(View).keys() == MEMBERS


class RememberSerializer(SignInSerializer):
    """A sign-in with a check box, and with fields named like arguments of ``sign_in``."""

    remember = serializers.BooleanField(default=False)
    org = serializers.CharField(required=False, max_length=20)
    ip = serializers.CharField(required=False)
    request = serializers.SerializerMethodField()

    def validate_org(self, value):
        if value == self.context["request"].META["REMOTE_ADDR"]:
            raise serializers.ValidationError("not here")
        return value


class RememberView(TokenView):
    sign_in_serializer_class = RememberSerializer


class TestFields:
    @pytest.fixture(autouse=True)
    def _hooks(self, settings):
        settings.TOKENAUTH = {"LIFETIMES": self.lifetimes, "SESSION_DATA": self.data}

    @staticmethod
    def lifetimes(user, client_id, request, fields):
        return None if fields.get("remember", True) else Lifetimes(idle=DAY, absolute=DAY)

    @staticmethod
    def data(user, request, fields):
        return {"path": request.path, **fields}

    def test_hooks_receive_the_validated_fields(self, alice):
        assert sign_in(RememberView)["refresh_token_expires_in"] == 86400
        body = sign_in(RememberView, remember="yes", org="acme", ip="192.0.2.1", other=1)
        assert body["refresh_token_expires_in"] == 14 * 86400
        first, second = Session.objects.order_by("pk")
        assert first.data == {"path": "/", "remember": False}
        assert second.data == {
            "path": "/",
            "remember": True,
            "org": "acme",
            "ip": "192.0.2.1",
        }
        assert second.ip == "127.0.0.1"

    @pytest.mark.parametrize("org", ["x" * 21, "127.0.0.1", ["acme"]])
    def test_invalid_field_is_named_before_the_password_is_checked(self, alice, org):
        body = {**ALICE, "password": "wrong", "org": org}
        assert call(RememberView, body) == (400, malformed("org"))

    def test_default_view_passes_no_fields(self, alice):
        post("token/", {**ALICE, "remember": False, "org": "acme"})
        assert Session.objects.get().data == {"path": "/auth/token/"}
