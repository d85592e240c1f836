"""The test clients and request factories send real access tokens."""

from __future__ import annotations

import pytest
from asgiref.sync import async_to_sync
from django.test import AsyncClient, AsyncRequestFactory, Client, RequestFactory
from rest_framework.test import APIClient, APIRequestFactory

from django_tokenauth import services
from django_tokenauth.authentication import JWTAuthentication
from django_tokenauth.errors import InvalidRequest, InvalidScope, OAuthError
from django_tokenauth.models import RevokedReason, Session
from django_tokenauth.test import (
    AsyncTokenClient,
    AsyncTokenRequestFactory,
    DjangoTokenClient,
    DjangoTokenRequestFactory,
    SignInMixin,
    TokenClient,
    TokenRequestFactory,
)
from tests.support.clock import NOW
from tests.views import Notes, Who

SESSIONS = "django.contrib.sessions"
SCOPES = {"SCOPES": ["notes:read", "notes:write"]}


class AsyncAsSync:
    """An ``AsyncTokenClient`` whose requests and sign-ins are called synchronously."""

    def __init__(self):
        self.client = AsyncTokenClient()

    def __getattr__(self, name):
        name = {"sign_in": "asign_in", "sign_out": "asign_out", "logout": "alogout"}.get(name, name)
        return async_to_sync(getattr(self.client, name))

    def use_token(self, token):
        self.client.use_token(token)


CLIENTS = pytest.mark.parametrize("client_class", [TokenClient, DjangoTokenClient, AsyncAsSync])
# An asynchronous client reads the database in another thread, which sees only committed rows.
STORED = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize(
    ("client_class", "base"),
    [
        (TokenClient, APIClient),
        (DjangoTokenClient, Client),
        (AsyncTokenClient, AsyncClient),
        (TokenRequestFactory, APIRequestFactory),
        (DjangoTokenRequestFactory, RequestFactory),
        (AsyncTokenRequestFactory, AsyncRequestFactory),
    ],
)
def test_token_client_is_a_client_of_django_or_rest_framework(client_class, base):
    assert issubclass(client_class, base)
    assert issubclass(client_class, SignInMixin)


@CLIENTS
@STORED
class TestSignIn:
    def test_signed_in_client_sends_a_real_token(self, client_class, alice):
        client = client_class()
        assert client.get("/who/").status_code == 401
        pair = client.sign_in(alice)
        assert client.get("/who/").json() == {"user": "alice", "sub": str(alice.pk)}
        assert client.get("/who/stateless/").status_code == 200
        assert Session.objects.get() == pair.session

    def test_second_sign_in_replaces_the_first(self, client_class, alice, bob):
        client = client_class()
        client.sign_in(alice)
        client.sign_in(bob)
        assert client.get("/who/").json()["user"] == "bob"

    @pytest.mark.parametrize("scope", ["notes:read", ["notes:read"]], ids=["string", "list"])
    def test_sign_in_requests_the_given_scope(self, client_class, scope, alice, settings):
        settings.TOKENAUTH = SCOPES
        client = client_class()
        assert client.sign_in(alice, scope=scope).scope == {"notes:read"}
        assert [client.get("/notes/").status_code, client.post("/notes/").status_code] == [200, 403]

    def test_sign_in_passes_other_arguments_to_the_service(self, client_class, alice):
        pair = client_class().sign_in(alice, client_id="phone", device_name="laptop", now=NOW)
        assert (pair.session.client_id, pair.session.device_name) == ("phone", "laptop")
        assert pair.session.created_at == NOW

    def test_failed_sign_in_keeps_the_former_token(self, client_class, alice, bob, settings):
        settings.TOKENAUTH = SCOPES
        client = client_class()
        client.sign_in(alice)
        with pytest.raises(InvalidScope) as caught:
            client.sign_in(bob, scope="unknown")
        [note] = caught.value.__notes__
        assert note == (
            "The test requested the scope 'unknown', and SCOPES of TOKENAUTH is 'notes:read "
            "notes:write'. SCOPE_POLICY may grant fewer names."
        )
        assert client.get("/who/").json()["user"] == "alice"

    def test_rejected_sign_in_explains_the_error(self, client_class, alice, settings):
        def reject(user, request, fields):
            raise InvalidRequest("You are not a member.")

        def sign_in(user):
            with pytest.raises(OAuthError) as caught:
                client_class().sign_in(user)
            return caught.value.__notes__

        type(alice).objects.filter(pk=alice.pk).update(is_active=False)
        [note] = sign_in(alice)
        assert note == (
            "The stored user is inactive, was deleted or has another password than the argument. "
            "Read the user again after a change, for example with refresh_from_db()."
        )
        settings.TOKENAUTH = {"SESSION_DATA": reject}
        assert sign_in(alice) == ["You are not a member."]

    def test_stateless_sign_in_sends_a_token_without_a_session(self, client_class, alice, settings):
        settings.TOKENAUTH = {"STATELESS_REFRESH": True}
        client = client_class()
        assert client.sign_in(alice).session is None
        assert client.get("/who/").status_code == 200
        client.sign_out()
        assert client.get("/who/").status_code == 401

    def test_header_of_one_request_replaces_the_token(self, client_class, alice, bob):
        client = client_class()
        client.sign_in(alice)
        token = services.sign_in(bob).access_token
        headers = {"Authorization": f"Bearer {token}"}
        assert client.get("/who/", headers=headers).json()["user"] == "bob"
        assert client.get("/who/").json()["user"] == "alice"

    def test_used_token_is_sent_until_it_is_removed(self, client_class, alice):
        client = client_class()
        client.use_token(services.sign_in(alice).access_token)
        assert client.get("/who/").status_code == 200
        client.use_token(None)
        assert client.get("/who/").status_code == 401


@CLIENTS
@STORED
class TestSignOut:
    def test_sign_out_revokes_the_session_and_removes_the_token(self, client_class, alice):
        client = client_class()
        pair, other = client.sign_in(alice), services.sign_in(alice)
        client.sign_out()
        assert client.get("/who/").status_code == 401
        assert Session.objects.get(pk=pair.session.pk).revoked_reason == RevokedReason.SIGNED_OUT
        assert list(services.list_sessions(alice)) == [other.session]

    def test_stateless_view_rejects_the_token_after_sign_out(self, client_class, alice):
        client = client_class()
        token = client.sign_in(alice).access_token
        # This request reads the revoked sessions, which are valid for ten seconds.
        assert client.get("/who/stateless/").status_code == 200
        client.sign_out()
        client.use_token(token)
        assert client.get("/who/stateless/").status_code == 401

    def test_sign_out_without_a_sign_in_does_nothing(self, client_class, alice):
        services.sign_in(alice)
        client = client_class()
        client.use_token(services.sign_in(alice).access_token)
        client.sign_out()
        client.sign_out()
        assert client.get("/who/").status_code == 401
        assert services.list_sessions(alice).count() == 2

    def test_sign_out_of_a_deleted_user_raises_no_error(self, client_class, alice):
        client = client_class()
        client.sign_in(alice)
        alice.delete()
        client.sign_out()
        assert client.get("/who/").status_code == 401

    def test_logout_removes_the_token_and_keeps_the_session(self, client_class, alice):
        client = client_class()
        client.sign_in(alice)
        client.logout()
        assert client.get("/who/").status_code == 401
        assert services.list_sessions(alice).count() == 1


@pytest.mark.django_db
class TestDjangoClients:
    @pytest.mark.parametrize("client_class", [DjangoTokenClient, AsyncTokenClient])
    def test_synchronous_logout_removes_the_token(self, client_class, alice):
        client = client_class()
        client.sign_in(alice)
        client.logout()
        assert client.defaults == {}

    @pytest.mark.parametrize("client_class", [TokenClient, DjangoTokenClient, AsyncTokenClient])
    @pytest.mark.parametrize("name", ["logout", "alogout"])
    def test_logout_needs_no_sessions_of_django(
        self, client_class, name, settings, django_assert_num_queries
    ):
        settings.INSTALLED_APPS = [each for each in settings.INSTALLED_APPS if each != SESSIONS]
        client = client_class()
        client.use_token("token")
        client.cookies["theme"] = "dark"
        with django_assert_num_queries(0):
            if name == "logout":
                client.logout()
            else:
                async_to_sync(client.alogout)()
        assert (client.defaults, client.cookies) == ({}, {})

    @STORED
    def test_asynchronous_logout_of_django_client_removes_token(self, alice):
        client = DjangoTokenClient()
        async_to_sync(client.asign_in)(alice)
        assert client.get("/who/").status_code == 200
        async_to_sync(client.alogout)()
        assert client.get("/who/").status_code == 401

    def test_django_client_encodes_dicts_as_json_as_usual(self, alice):
        body = {"username": "alice", "password": "correct horse"}
        response = DjangoTokenClient().post("/auth/token/", body, content_type="application/json")
        assert response.status_code == 200


@pytest.mark.django_db
class TestRestFrameworkClient:
    def test_sign_in_replaces_forced_user_and_credentials(self, alice, bob):
        client = TokenClient()
        client.force_authenticate(bob)
        client.sign_in(alice)
        assert client.get("/who/").json()["user"] == "alice"
        client.credentials(HTTP_AUTHORIZATION=f"Bearer {services.sign_in(bob).access_token}")
        assert client.get("/who/").json()["user"] == "bob"
        client.sign_in(alice)
        assert client.get("/who/").json()["user"] == "alice"

    def test_forced_user_replaces_the_token(self, alice, bob):
        client = TokenClient()
        client.sign_in(alice)
        client.force_authenticate(bob)
        assert client.get("/open/").json()["user"] == "bob"

    def test_empty_credentials_remove_the_token(self, alice):
        client = TokenClient()
        client.sign_in(alice)
        client.credentials()
        assert client.get("/who/").status_code == 401


@pytest.mark.django_db
class TestFactories:
    @pytest.mark.parametrize(
        "factory_class", [TokenRequestFactory, DjangoTokenRequestFactory, AsyncTokenRequestFactory]
    )
    def test_requests_of_a_signed_in_factory_are_authenticated(
        self, factory_class, alice, settings
    ):
        settings.TOKENAUTH = SCOPES
        factory = factory_class()
        factory.sign_in(alice, "notes:read")
        assert Who.as_view()(factory.get("/")).data["user"] == "alice"
        view = Notes.as_view()
        assert [view(factory.get("/")).status_code, view(factory.post("/")).status_code] == [
            200,
            403,
        ]
        factory.sign_out()
        assert Who.as_view()(factory.get("/")).status_code == 401


class OwnHeaderClient(TokenClient):
    authorization_header = "X-Access-Token"


class OwnHeaderAsyncFactory(AsyncTokenRequestFactory):
    authorization_header = "X-Access-Token"


class GatewayAuthentication(JWTAuthentication):
    header = "X-Auth-Token"


@pytest.mark.django_db
def test_token_is_sent_in_the_header_of_the_project(alice, settings):
    settings.REST_FRAMEWORK = {
        "DEFAULT_AUTHENTICATION_CLASSES": [f"{__name__}.GatewayAuthentication"]
    }
    client = TokenClient()
    client.sign_in(alice)
    assert client.get("/auth/sessions/").status_code == 200
    assert "HTTP_AUTHORIZATION" not in client.defaults
    client.sign_out()
    assert client.get("/auth/sessions/").status_code == 401


@pytest.mark.django_db
def test_token_is_sent_in_the_header_that_the_client_names(alice):
    client = OwnHeaderClient()
    token = client.sign_in(alice).access_token
    request = client.get("/open/").wsgi_request
    assert request.META["HTTP_X_ACCESS_TOKEN"] == f"Bearer {token}"
    assert "HTTP_AUTHORIZATION" not in request.META
    factory = OwnHeaderAsyncFactory()
    factory.use_token(token)
    assert factory.get("/").headers["X-Access-Token"] == f"Bearer {token}"


@pytest.mark.django_db
def test_client_can_sign_in_for_another_service(alice, settings):
    notes = "https://notes.example.com"
    settings.TOKENAUTH = {**SCOPES, "AUDIENCES": {notes: ["notes:read"]}}
    client = TokenClient()
    pair = client.sign_in(alice, audiences=[notes])
    assert (pair.audience, pair.scope) == (notes, {"notes:read"})
    assert client.get("/notes/").status_code == 401
    settings.TOKENAUTH = {**SCOPES, "AUDIENCE": notes}
    assert client.get("/notes/").status_code == 200
