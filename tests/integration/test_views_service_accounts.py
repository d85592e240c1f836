"""``grant_type=client_credentials`` at ``token/``, and requests with the issued token."""

from __future__ import annotations

from functools import partial

import pytest
from django.core.cache.backends.base import BaseCache
from rest_framework.decorators import api_view, permission_classes, throttle_classes
from rest_framework.parsers import BaseParser, JSONParser
from rest_framework.permissions import IsAuthenticated
from rest_framework.response import Response
from rest_framework.test import APIRequestFactory
from rest_framework.throttling import UserRateThrottle
from rest_framework.views import APIView

from django_tokenauth.permissions import HasScope, SignedInWithin
from django_tokenauth.services.clients import encode_secret
from django_tokenauth.views import authenticate_client
from tests.support.client import (
    BASIC,
    INVALID_CLIENT,
    INVALID_SCOPE,
    UNSUPPORTED_GRANT_TYPE,
    call,
    get,
    malformed,
    post,
    status_and_json,
)
from tests.support.confidential_clients import basic, clients_setting
from tests.support.service_accounts import (
    GRANT,
    ISSUER,
    JWT_BEARER,
    NEXT_SECRET,
    SECRET,
    account,
    assertion_claims,
    private_jwk,
    public_jwk,
    request_token,
    sign,
    with_assertion,
)

SCOPES = ["notes:read", "notes:write", "statistics"]
UNAUTHORIZED_CLIENT = {
    "error": "unauthorized_client",
    "error_description": "The client may not use this grant type.",
}


class ForgetfulCache(BaseCache):
    """A cache that fails as Django's database cache does: silently."""

    def __init__(self, location, params):
        super().__init__(params)

    def add(self, *args, **kwargs):
        return False

    def get(self, *args, **kwargs):
        return None


class PlainTextParser(BaseParser):
    media_type = "text/plain"

    def parse(self, stream, media_type=None, parser_context=None):
        return stream.read()


@pytest.fixture(autouse=True)
def configure(settings):
    def configure(**members):
        clients = {**clients_setting(), "statistics": account(**members)}
        settings.TOKENAUTH = {"ISSUER": ISSUER, "SCOPES": SCOPES, "CLIENTS": clients}

    configure()
    return configure


class TestSecret:
    @pytest.mark.standard("rfc6749-4.4.2-1", "rfc6749-4.4.3-1", "rfc9700-4.14.2-5")
    def test_client_gets_a_token_for_its_secret(self):
        response = request_token()
        assert response.status_code == 200
        assert response.headers["Cache-Control"] == "no-store"
        body = response.json()
        assert body.keys() == {"access_token", "token_type", "expires_in", "scope"}
        assert body["scope"] == "notes:read statistics"

    def test_client_gets_a_token_by_http_basic(self):
        response = post("token/", GRANT, Authorization=basic("statistics", SECRET))
        assert response.status_code == 200

    @pytest.mark.standard("rfc6749-4.4-1")
    @pytest.mark.parametrize(
        ("name", "secret"),
        [("statistics", "wrong"), ("statistics", ""), ("unknown", ""), ("", ""), ("unknown", "x")],
    )
    def test_client_without_valid_secret_is_invalid(self, name, secret):
        response = request_token(name, secret)
        assert status_and_json(response) == (401, INVALID_CLIENT)
        assert response.headers["WWW-Authenticate"] == BASIC

    def test_each_of_several_secrets_is_valid_until_it_is_removed(self, configure):
        old, new = encode_secret(SECRET), encode_secret(NEXT_SECRET)
        configure(secrets=[old, new])
        statuses = [request_token(secret=each).status_code for each in (SECRET, NEXT_SECRET, "x")]
        assert statuses == [200, 200, 401]
        configure(secrets=[new])
        statuses = [request_token(secret=each).status_code for each in (SECRET, NEXT_SECRET)]
        assert statuses == [401, 200]

    def test_client_without_service_account_is_unauthorized(self):
        response = post("token/", GRANT, Authorization=basic("reports"))
        assert status_and_json(response) == (400, UNAUTHORIZED_CLIENT)

    def test_grant_without_service_accounts_is_not_supported(self, settings):
        for clients in ({}, clients_setting()):
            settings.TOKENAUTH = {"CLIENTS": clients}
            response = post("token/", GRANT, Authorization=basic("reports"))
            assert status_and_json(response) == (400, UNSUPPORTED_GRANT_TYPE)

    def test_scope_of_the_request_narrows_the_token(self):
        assert request_token(scope="statistics").json()["scope"] == "statistics"
        assert status_and_json(request_token(scope="notes:write")) == (400, INVALID_SCOPE)

    @pytest.mark.parametrize("name", ["client_id", "client_secret"])
    def test_malformed_parameter_is_named(self, name):
        response = request_token(**{"client_id": "statistics", "secret": SECRET, name: 1})
        assert status_and_json(response) == (400, malformed(name))


class TestRequest:
    @pytest.fixture
    def token(self):
        return request_token().json()["access_token"]

    def view(self, *permissions, throttles=()):
        @api_view(["GET"])
        @permission_classes([IsAuthenticated, *permissions])
        @throttle_classes(throttles)
        def view(request):
            user = request.user
            return Response([user.pk, user.is_authenticated, user.has_perm("auth.add_user")])

        view.cls.required_scopes = ["statistics"]
        return view

    def send(self, view, token):
        headers = {"HTTP_AUTHORIZATION": f"Bearer {token}"}
        return view(APIRequestFactory().get("/", **headers))

    def test_view_gets_an_authenticated_user_without_permissions(self, token):
        response = self.send(self.view(HasScope), token)
        assert (response.status_code, response.data) == (200, ["statistics", True, False])

    def test_throttle_of_rest_framework_counts_by_client(self, token, configure):
        class Twice(UserRateThrottle):
            rate = "2/day"

        view = self.view(throttles=[Twice])
        statuses = [self.send(view, token).status_code for _ in range(3)]
        assert statuses == [200, 200, 429]
        # A new token is the same client.
        assert self.send(view, request_token().json()["access_token"]).status_code == 429

    @pytest.mark.attack(226)
    def test_sessions_of_users_are_denied(self, token):
        for method, path in (("GET", "/auth/sessions/"), ("DELETE", "/auth/sessions/")):
            assert call(method, path, token).status_code == 403

    def test_client_cannot_meet_the_requirement_of_a_sign_in(self, token):
        assert self.send(self.view(SignedInWithin(minutes=10)), token).status_code == 401

    @pytest.mark.django_db
    def test_token_is_verified_and_forwarded(self, token):
        assert post("token/verify/", {"token": token}).json()["active"] is True
        response = get("/auth/token/forward-auth/", token)
        assert response.headers["X-Auth-User"] == "statistics"
        assert response.headers["X-Auth-Session"] == ""


class TestAssertion:
    @pytest.fixture(autouse=True)
    def _keys(self, configure):
        configure(secrets=[], jwks={"keys": [public_jwk(), public_jwk(number=1)]})

    def send(self, assertion, **parameters):
        return with_assertion("token/", assertion, **GRANT, **parameters)

    @pytest.mark.standard("rfc6749-2.3.2-1", "rfc7523-2.2-1", "rfc9700-2.5-2")
    @pytest.mark.parametrize("number", [0, 1])
    def test_client_gets_a_token_for_its_assertion(self, number):
        assert self.send(sign(assertion_claims(), number=number)).status_code == 200

    @pytest.mark.parametrize("audience", [f"{ISSUER}/auth/token/", [ISSUER]], ids=str)
    def test_token_endpoint_is_an_audience_too(self, audience):
        assert self.send(sign(assertion_claims(aud=audience))).status_code == 200

    @pytest.mark.standard("rfc7523-3.2-1")
    @pytest.mark.attack(223)
    def test_replayed_assertion_is_rejected(self):
        assertion = sign(assertion_claims())
        assert self.send(assertion).status_code == 200
        for _ in range(2):
            assert status_and_json(self.send(assertion)) == (401, INVALID_CLIENT)

    @pytest.mark.parametrize("client_id", ["", "statistics"])
    def test_client_id_beside_the_assertion_may_be_its_client(self, client_id):
        response = self.send(sign(assertion_claims()), client_id=client_id)
        assert response.status_code == 200

    @pytest.mark.standard("rfc7523-2.2-3")
    def test_another_client_id_is_rejected(self):
        response = self.send(sign(assertion_claims()), client_id="reports")
        assert status_and_json(response) == (401, INVALID_CLIENT)

    def test_two_methods_in_one_request_are_rejected(self):
        in_body = {"client_id": "statistics", "client_secret": SECRET}
        responses = [self.send(sign(assertion_claims()), **in_body)]
        body = {"client_assertion": sign(assertion_claims()), **GRANT}
        body["client_assertion_type"] = JWT_BEARER
        responses.append(post("token/", body, Authorization=basic("reports")))
        for response in responses:
            assert status_and_json(response) == (
                401,
                {
                    "error": "invalid_client",
                    "error_description": "Use only one method of client authentication.",
                },
            )

    @pytest.mark.parametrize("kind", ["", "urn:ietf:params:oauth:grant-type:jwt-bearer", 1, None])
    def test_assertion_of_unknown_type_is_invalid_request(self, kind):
        body = {"client_assertion": sign(assertion_claims()), "client_assertion_type": kind}
        response = post("token/", {**body, **GRANT})
        assert (response.status_code, response.json()["error"]) == (400, "invalid_request")

    @pytest.mark.standard("rfc7523-2.2-2")
    @pytest.mark.parametrize("value", [1, [], {}, None, ""])
    def test_assertion_of_wrong_type_is_invalid_request(self, value):
        response = self.send(value)
        assert (response.status_code, response.json()["error"]) == (400, "invalid_request")

    def test_assertion_authenticates_at_the_other_endpoints(self, alice):
        for path in ("token/revoke/", "token/introspect/"):
            response = with_assertion(path, sign(assertion_claims()), token="a.b.c")
            assert response.status_code == 200, path

    @pytest.mark.attack(223)
    def test_assertion_is_accepted_once_by_all_tenants(self, monkeypatch):
        """With a constant issuer, all tenants have the same audience."""
        assertion, statuses = sign(assertion_claims()), []
        for tenant in ("a", "b"):
            current = "django_tokenauth.http.throttling.current_tenant"
            monkeypatch.setattr(current, partial(tuple, [tenant]))
            statuses.append(self.send(assertion).status_code)
        assert statuses == [200, 401]

    def test_assertion_beside_a_bearer_token_is_invalid_request(self, configure):
        configure(jwks=[public_jwk()], scopes=["notes:read"])
        token = request_token().json()["access_token"]
        assertion = sign(assertion_claims())
        body = {"token": token, "client_assertion": assertion, "client_assertion_type": JWT_BEARER}
        response = post("token/introspect/", body, Authorization=f"Bearer {token}")
        assert (response.status_code, response.json()["error"]) == (400, "invalid_request")

    def test_issuer_that_is_no_url_is_the_only_audience(self, settings):
        for issuer in ("https://[x", "auth"):
            settings.TOKENAUTH = {**settings.TOKENAUTH, "ISSUER": issuer}
            assert self.send(sign(assertion_claims(aud=issuer))).status_code == 200
        for audience, status in ((f"{ISSUER}/auth/token/", 401), ("auth", 200)):
            assert self.send(sign(assertion_claims(aud=audience))).status_code == status

    @pytest.mark.parametrize(
        ("body", "content_type"), [("[]", "application/json"), ("a", "text/plain")]
    )
    def test_other_bodies_of_a_projects_view_need_no_assertion(self, body, content_type):
        class View(APIView):
            parser_classes = [JSONParser, PlainTextParser]

            def post(self, request):
                return Response(authenticate_client(request, "", ""))

        request = APIRequestFactory().generic(
            "POST", "/", body, content_type, HTTP_AUTHORIZATION=basic("reports")
        )
        assert View.as_view()(request).data == "reports"

    def test_cache_that_forgets_assertions_rejects_them_for_now(self, settings):
        settings.CACHES = {"default": {"BACKEND": f"{__name__}.ForgetfulCache"}}
        assert self.send(sign(assertion_claims())).status_code == 503

    def test_wrong_assertions_are_throttled(self, settings):
        settings.TOKENAUTH = {**settings.TOKENAUTH, "SIGN_IN_RATE_IP": "2/min"}
        statuses = [self.send("a.b.c").status_code for _ in range(3)]
        assert statuses == [401, 401, 429]

    def test_unavailable_cache_rejects_the_assertion_for_now(self, settings):
        settings.CACHES = {"default": {"BACKEND": "tests.support.broken.DownCache"}}
        response = self.send(sign(assertion_claims()))
        assert (response.status_code, response.headers["Retry-After"]) == (503, "1")

    def test_unusable_key_of_the_client_is_unavailable(self, configure, caplog):
        configure(secrets=[], jwks={"keys": [{"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"}]})
        response = self.send(sign(assertion_claims()))
        assert response.status_code == 503
        assert "A key of a client in CLIENTS cannot be used." in caplog.text

    def test_assertion_is_ignored_without_clients(self, alice, settings):
        settings.TOKENAUTH = {}
        response = with_assertion(
            "token/", "x", username="alice", password="correct horse", grant_type="password"
        )
        assert response.status_code == 200


class TestMetadata:
    PATH = "/.well-known/oauth-authorization-server"

    @pytest.fixture
    def metadata(self, client):
        return lambda: client.get(self.PATH).json()

    @pytest.mark.standard("rfc8414-2-8", "rfc8414-2-9")
    def test_metadata_lists_the_grant_and_the_methods(self, metadata, configure):
        found = metadata()
        assert found["grant_types_supported"] == ["refresh_token", "client_credentials"]
        assert "private_key_jwt" not in found["token_endpoint_auth_methods_supported"]
        assert "token_endpoint_auth_signing_alg_values_supported" not in found
        configure(jwks=[public_jwk()])
        found = metadata()
        for endpoint in ("token", "revocation", "introspection"):
            assert "private_key_jwt" in found[f"{endpoint}_endpoint_auth_methods_supported"]
            algorithms = found[f"{endpoint}_endpoint_auth_signing_alg_values_supported"]
            assert {"ES256", "RS256", "EdDSA"} <= set(algorithms)

    def test_metadata_without_service_accounts_is_unchanged(self, metadata, settings):
        settings.TOKENAUTH = {"ISSUER": ISSUER, "CLIENTS": clients_setting()}
        found = metadata()
        assert found["grant_types_supported"] == ["refresh_token"]
        assert "private_key_jwt" not in str(found)


def test_private_key_is_not_published():
    assert "d" in private_jwk()
    assert "d" not in public_jwk()
