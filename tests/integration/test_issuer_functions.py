"""All routes with ``ISSUER`` as a function of the request: one issuer for each host."""

from __future__ import annotations

from io import StringIO

import pytest
from asgiref.sync import async_to_sync
from django.core.exceptions import ImproperlyConfigured
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import AsyncClient, Client, RequestFactory

from django_tokenauth import services
from django_tokenauth.checks import check_routes, tenants
from django_tokenauth.errors import InvalidGrant, InvalidToken, TokenErrorCode
from django_tokenauth.models import Session
from django_tokenauth.services.clients import encode_secret
from django_tokenauth.sessions.tenants import _has_schemas
from django_tokenauth.test import (
    AsyncTokenClient,
    AsyncTokenRequestFactory,
    DjangoTokenClient,
    DjangoTokenRequestFactory,
    TokenClient,
    TokenRequestFactory,
    assert_needs_scope,
    assert_signed_out,
    expired_token,
    other_issuers_token,
    revoked_token,
    tampered_token,
)
from tests.support.client import PASSWORDS
from tests.support.system_checks import SIGNED, deploy_check_ids

A, B = "a.example.com", "b.example.com"
SECRET = "the secret of the client"


def issuer_of_host(request):
    """Return the URL of the requested host."""
    return f"https://{request.get_host()}"


@pytest.fixture(autouse=True)
def _issuer(settings):
    settings.ALLOWED_HOSTS = [".example.com"]
    settings.TOKENAUTH = {
        **SIGNED,
        "ISSUER": f"{__name__}.issuer_of_host",
        "CLIENTS": {"api": encode_secret(SECRET)},
    }


def send(host, path, token=None):
    headers = {"host": host}
    if token:
        headers["authorization"] = f"Bearer {token}"
    return Client().get(path, headers=headers)


def post(host, path, **body):
    return Client().post(
        f"/auth/token/{path}", body, content_type="application/json", headers={"host": host}
    )


@pytest.fixture
def tokens(alice):
    response = post(A, "", username="alice", password=PASSWORDS["alice"])
    assert response.status_code == 200
    return response.json()


@pytest.mark.django_db
class TestRoutes:
    @pytest.mark.parametrize("path", ["/who/", "/who/stateless/", "/auth/token/forward-auth/"])
    def test_access_token_is_accepted_at_its_own_host_only(self, tokens, path):
        token = tokens["access_token"]
        assert send(A, path, token).status_code in (200, 204)
        assert send(B, path, token).status_code == 401
        assert send(A, path, token).status_code in (200, 204)

    def test_async_requests_of_several_hosts_are_kept_apart(self, tokens, settings):
        # AsyncClient appends the header Host to its own one.
        settings.USE_X_FORWARDED_HOST = True
        get = async_to_sync(AsyncClient().get)
        for host, status in ((A, 200), (B, 401), (A, 200)):
            headers = {
                "x-forwarded-host": host,
                "authorization": f"Bearer {tokens['access_token']}",
            }
            assert get("/who/", headers=headers).status_code == status

    def test_verification_and_introspection_depend_on_the_host(self, tokens):
        token = tokens["access_token"]
        client = {"client_id": "api", "client_secret": SECRET}
        assert [post(host, "verify/", token=token).status_code for host in (A, B)] == [200, 401]
        found = [post(host, "introspect/", token=token, **client).json() for host in (A, B)]
        assert found[0]["iss"] == found[0]["client_id"] == f"https://{A}"
        assert found[1] == {"active": False}

    def test_refresh_and_revocation_at_another_host_change_nothing(self, tokens):
        token = tokens["refresh_token"]
        assert post(B, "refresh/", refresh_token=token).status_code == 400
        assert post(B, "revoke/", token=token).status_code == 200
        assert post(A, "refresh/", refresh_token=token).status_code == 200
        assert post(A, "revoke/", token=token).status_code == 200
        assert post(A, "refresh/", refresh_token=token).status_code == 400

    def test_stateless_refresh_depends_on_the_host(self, alice, settings):
        settings.TOKENAUTH = {**settings.TOKENAUTH, "STATELESS_REFRESH": True}
        tokens = post(A, "", username="alice", password=PASSWORDS["alice"]).json()
        refreshed = [
            post(host, "refresh/", refresh_token=tokens["refresh_token"]).status_code
            for host in (A, B)
        ]
        assert refreshed == [200, 400]

    def test_host_that_is_not_allowed_gets_400(self, alice):
        response = Client(raise_request_exception=False).post(
            "/auth/token/",
            {"username": "alice", "password": PASSWORDS["alice"]},
            headers={"host": "attacker.example.org"},
        )
        assert response.status_code == 400
        assert not Session.objects.exists()


def test_metadata_and_keys_are_published_at_each_host():
    for host in (A, B):
        metadata = send(host, "/.well-known/oauth-authorization-server").json()
        assert metadata["issuer"] == f"https://{host}"
        assert metadata["token_endpoint"] == f"https://{host}/auth/token/"
        assert metadata["jwks_uri"] == f"https://{host}/.well-known/jwks.json"
        assert send(host, "/.well-known/jwks.json").json()["keys"]


@pytest.mark.django_db
class TestServices:
    def test_services_accept_the_request_of_the_token(self, alice):
        at_a, at_b = (RequestFactory(headers={"host": host}).get("/") for host in (A, B))
        pair = services.sign_in(alice, request=at_a)
        claims = services.authenticate_access_token(pair.access_token, request=at_a)
        assert (claims.issuer, claims.audience) == (f"https://{A}", (f"https://{A}",))
        assert claims.tenant is None
        assert services.introspect(pair.access_token, request=at_a)["active"]
        assert not services.introspect(pair.access_token, request=at_b)["active"]
        with pytest.raises(InvalidToken):
            services.authenticate_access_token(pair.access_token, request=at_b)
        with pytest.raises(InvalidGrant):
            services.refresh(pair.refresh_token, request=at_b)
        services.refresh(pair.refresh_token, request=at_a)

    @pytest.mark.parametrize(
        "call",
        [
            lambda pair, user: services.sign_in(user),
            lambda pair, user: services.refresh(pair.refresh_token),
            lambda pair, user: services.revoke_token(pair.refresh_token),
            lambda pair, user: services.authenticate_access_token(pair.access_token),
            lambda pair, user: services.introspect(pair.access_token),
        ],
        ids=["sign_in", "refresh", "revoke_token", "authenticate_access_token", "introspect"],
    )
    def test_service_without_a_request_asks_for_it(self, alice, call):
        pair = services.sign_in(alice, request=RequestFactory(headers={"host": A}).get("/"))
        with pytest.raises(ImproperlyConfigured, match="Pass request= to the function"):
            call(pair, alice)
        assert Session.objects.get().generation == 1

    def test_services_for_users_need_no_request(self, tokens, alice):
        [session] = services.list_sessions(alice)
        assert services.sign_out(alice, session.pk)
        assert services.sign_out_everywhere(alice) == 0


@pytest.mark.django_db
class TestCommands:
    def revoke(self, **options):
        call_command("tokenauth_revoke", interactive=False, stdout=StringIO(), **options)

    def test_revoke_command_finds_the_sessions_of_an_issuer(self, tokens):
        self.revoke(client=f"https://{A}")
        assert Session.objects.get().revoked_at is not None

    def test_revoke_command_for_unknown_client_lists_clients(self, tokens):
        with pytest.raises(CommandError, match="Known clients: api"):
            self.revoke(client="another")
        self.revoke(client="api")

    def test_revoke_command_without_known_clients_says_so(self, settings):
        settings.TOKENAUTH = {"ISSUER": issuer_of_host}
        with pytest.raises(CommandError, match="Known clients: none"):
            self.revoke(client="another")


class TestChecks:
    def test_deploy_checks_accept_an_issuer_function(self):
        assert "W008" not in deploy_check_ids()

    def test_deploy_check_without_https_reports_a_constant(self, settings):
        settings.TOKENAUTH = {**settings.TOKENAUTH, "ISSUER": "http://auth.example.com"}
        assert "W008" in deploy_check_ids()

    def test_missing_token_route_is_reported_with_issuer_function(self, settings):
        settings.ROOT_URLCONF = "django_tokenauth.well_known"
        assert [message.id for message in check_routes()] == ["tokenauth.W026"]

    @pytest.mark.parametrize(
        ("tokenauth", "reported"),
        [
            ({}, True),
            ({"ISSUER": "https://auth.example.com"}, True),
            ({"ISSUER": issuer_of_host}, False),
            ({"AUDIENCE": issuer_of_host}, False),
        ],
    )
    def test_tenant_package_needs_a_function(self, settings, monkeypatch, tokenauth, reported):
        settings.TOKENAUTH = tokenauth
        assert "W029" not in deploy_check_ids()
        # The scenario of tests/integration/test_tenants.py installs django_tenants.
        monkeypatch.setattr(tenants, "PACKAGES", ("django_tenants", "tests"))
        assert ("W029" in deploy_check_ids()) == reported


@pytest.mark.django_db
def test_impersonation_has_the_issuer_of_the_request(alice, bob, settings):
    hook = {"IMPERSONATION": lambda staff, user, request: True}
    settings.TOKENAUTH = {**settings.TOKENAUTH, **hook}
    request = RequestFactory(headers={"host": A}).post("/")
    pair = services.impersonate(bob, alice, request=request)
    claims = services.authenticate_access_token(pair.access_token, request=request)
    assert (claims.issuer, claims.client_id) == (f"https://{A}", f"https://{A}")
    assert claims.actor == str(bob.pk)


@pytest.mark.django_db
class TestTestHelpers:
    @pytest.fixture
    def request_to_a(self):
        return RequestFactory(headers={"host": A}).get("/")

    @pytest.mark.parametrize(
        ("helper", "code"),
        [
            (expired_token, TokenErrorCode.EXPIRED),
            (revoked_token, TokenErrorCode.REVOKED),
            (tampered_token, TokenErrorCode.SIGNATURE),
            (other_issuers_token, TokenErrorCode.ISSUER),
        ],
    )
    def test_tokens_to_reject_have_the_issuer_of_the_request(
        self, alice, request_to_a, helper, code
    ):
        token = helper(alice, request=request_to_a)
        with pytest.raises(InvalidToken) as error:
            services.get_user(services.authenticate_access_token(token, request=request_to_a))
        assert error.value.code is code

    @pytest.mark.parametrize("at_client", [True, False], ids=["client", "request"])
    @pytest.mark.parametrize("client_class", [TokenClient, DjangoTokenClient])
    def test_needed_scope_is_asserted_at_the_requested_host(
        self, alice, client_class, at_client, settings
    ):
        settings.TOKENAUTH = {**settings.TOKENAUTH, "SCOPES": ["notes:read", "notes:write"]}
        of_client, of_request = ({"HTTP_HOST": A}, {}) if at_client else ({}, {"HTTP_HOST": A})
        client = client_class(**of_client)
        assert_needs_scope(client, alice, "get", "/notes/", scope="notes:read", **of_request)

    def test_given_request_replaces_the_host_of_the_client(self, alice, request_to_a, settings):
        settings.TOKENAUTH = {**settings.TOKENAUTH, "SCOPES": ["notes:read"]}
        client = TokenClient(HTTP_HOST=B)
        pair = client.sign_in(alice, request=request_to_a)
        assert pair.session.client_id == f"https://{A}"
        with pytest.raises(AssertionError, match="got 401"):
            assert_needs_scope(
                *(client, alice, "get", "/notes/"), scope="notes:read", request=request_to_a
            )

    @pytest.mark.parametrize(
        "client_class",
        [TokenClient, DjangoTokenClient, TokenRequestFactory, DjangoTokenRequestFactory],
    )
    def test_sign_in_has_the_issuer_of_the_host_of_the_client(self, alice, client_class):
        pair = client_class(HTTP_HOST=A).sign_in(alice)
        assert pair.session.client_id == f"https://{A}"

    @pytest.mark.parametrize("client_class", [AsyncTokenClient, AsyncTokenRequestFactory])
    def test_asynchronous_sign_in_has_the_issuer_of_the_host(self, alice, client_class, settings):
        settings.USE_X_FORWARDED_HOST = True
        pair = client_class(X_FORWARDED_HOST=A).sign_in(alice)
        assert pair.session.client_id == f"https://{A}"

    def test_signed_in_client_of_a_host_is_accepted_there(self, alice):
        client = TokenClient(HTTP_HOST=A)
        client.sign_in(alice)
        assert client.get("/who/").status_code == 200
        assert client.get("/who/", HTTP_HOST=B).status_code == 401

    def test_sign_in_at_an_unknown_host_passes_no_request(self, alice, settings):
        hosts = {A: "https://a.example.com"}
        settings.TOKENAUTH = {
            "ISSUER": lambda request: hosts[request.get_host()] if request else "https://default"
        }
        assert TokenClient().sign_in(alice).session.client_id == "https://default"
        assert TokenClient(HTTP_HOST=A).sign_in(alice).session.client_id == hosts[A]

    def test_sign_out_is_asserted_with_the_issuer_of_the_request(self, alice, request_to_a):
        pair = services.sign_in(alice, request=request_to_a)
        with pytest.raises(AssertionError, match="The session of user alice is active"):
            assert_signed_out(pair, request=request_to_a)
        services.sign_out_everywhere(alice)
        assert_signed_out(pair, request=request_to_a)


@pytest.mark.django_db
def test_tenant_claim_of_another_schema_is_rejected(alice, settings):
    settings.TOKENAUTH = {"REVOKE_BY_ACCESS_TOKEN": ["web"]}
    connection.schema_name = "a"
    _has_schemas.cache_clear()
    try:
        pair = services.sign_in(alice, client_id="web")
        connection.schema_name = "b"
        with pytest.raises(InvalidToken) as error:
            services.authenticate_access_token(pair.access_token)
        with pytest.raises(InvalidGrant):
            services.refresh(pair.refresh_token)
        services.revoke_token(pair.refresh_token)
        services.revoke_token(pair.access_token)
        connection.schema_name = "a"
        pair = services.refresh(pair.refresh_token)
        services.revoke_token(pair.access_token)
        assert Session.objects.get().revoked_at is not None
    finally:
        del connection.schema_name
        _has_schemas.cache_clear()
    assert error.value.code == TokenErrorCode.AUDIENCE
    # A service without schemas accepts the claim.
    assert services.authenticate_access_token(pair.access_token).tenant
