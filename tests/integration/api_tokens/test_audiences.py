"""API tokens for another service: the audience is chosen at the creation, and never changes."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from django_tokenauth import services as core
from django_tokenauth.api_tokens import services
from django_tokenauth.errors import InvalidScope, InvalidTarget, InvalidToken, TokenErrorCode
from tests.support.api_tokens import LIST, issue, send
from tests.support.client import get, post, sign_in

OWN, REPORTS = "https://notes.example.com", "https://reports.example.com"
SETTINGS = {
    "AUDIENCE": OWN,
    "SCOPES": ["introspect", "notes:read", "reports:create"],
    "AUDIENCES": {OWN: ["introspect", "notes:read"], REPORTS: ["reports:create", "notes:read"]},
}


@pytest.fixture(autouse=True)
def _audiences(settings, _project):
    settings.TOKENAUTH = SETTINGS


@pytest.fixture
def access(alice):
    return sign_in()["access_token"]


def create(access, **body):
    return send("POST", LIST, access, {"name": "nightly", **body})


class TestCreate:
    @pytest.mark.parametrize("name", ["resource", "audience"])
    def test_user_chooses_the_audience(self, access, name):
        body = create(access, scope="reports:create", **{name: REPORTS}).json()
        assert (body["audience"], body["scope"]) == (REPORTS, "reports:create")
        [listed] = get(LIST, access).json()
        assert listed["audience"] == REPORTS

    @pytest.mark.parametrize("resource", [{}, {"resource": ""}, {"resource": OWN}])
    def test_default_is_the_audience_of_the_server(self, access, resource):
        body = create(access, scope="notes:read", **resource).json()
        assert body["audience"] == OWN
        assert get("/who/", body["token"]).status_code == 200

    @pytest.mark.parametrize(
        "body",
        [
            {"resource": "https://other.example.com"},
            {"resource": f"{REPORTS}#x"},
            {"resource": "reports"},
            {"resource": REPORTS, "audience": OWN},
            {"resource": [REPORTS]},
        ],
        ids=["unknown", "fragment", "relative", "two", "list"],
    )
    def test_unusable_audience_is_a_client_error(self, access, body):
        response = create(access, **body)
        assert response.status_code == 400
        assert {*response.json()} <= {"resource", "audience"}

    def test_scope_of_another_audience_is_rejected(self, alice, access):
        assert create(access, scope="reports:create").status_code == 400
        assert create(access, scope="introspect", resource=REPORTS).status_code == 400
        with pytest.raises(InvalidScope):
            services.create(alice, name="x", scope=["introspect"], audience=REPORTS)

    def test_service_function_rejects_an_unknown_audience(self, alice):
        with pytest.raises(InvalidTarget):
            services.create(alice, name="x", audience="https://other.example.com")

    def test_audience_is_rejected_without_the_setting(self, access, settings):
        settings.TOKENAUTH = {"AUDIENCE": OWN, "SCOPES": SETTINGS["SCOPES"]}
        access = sign_in()["access_token"]
        assert create(access, resource=REPORTS).status_code == 400
        assert create(access).json()["audience"] == OWN


@pytest.mark.attack(234)
class TestRights:
    def test_token_for_another_service_is_rejected_here(self, alice):
        token = issue(alice, audience=REPORTS, scope=["reports:create"]).token
        assert get("/who/", token).status_code == 401
        with pytest.raises(InvalidToken) as caught:
            core.authenticate_token(token)
        assert caught.value.code == TokenErrorCode.AUDIENCE

    def test_other_service_introspects_its_token(self, alice, access):
        token = issue(alice, audience=REPORTS, scope=["reports:create", "notes:read"]).token
        own = {"Authorization": f"Bearer {access}"}
        found = post("token/introspect/", {"token": token, "resource": REPORTS}, **own).json()
        assert (found["active"], found["aud"]) == (True, REPORTS)
        assert found["scope"] == "notes:read reports:create"
        assert post("token/introspect/", {"token": token}, **own).json() == {"active": False}
        here = issue(alice).token
        body = {"token": here, "resource": REPORTS}
        assert post("token/introspect/", body, **own).json() == {"active": False}

    def test_token_of_a_removed_audience_is_rejected(self, alice, settings):
        token = issue(alice, audience=REPORTS).token
        settings.TOKENAUTH = {**SETTINGS, "AUDIENCES": {OWN: ["notes:read"]}}
        for audience, error in ((None, InvalidToken), (REPORTS, InvalidTarget)):
            with pytest.raises(error):
                core.authenticate_token(token, audience=audience)

    def test_session_of_one_audience_grants_no_other(self, alice):
        issued = issue(alice, audience=REPORTS, scope=["reports:create"])
        narrow = sign_in(resource=OWN)["access_token"]
        assert create(narrow, resource=REPORTS).status_code == 400
        rotation = f"{LIST}{issued.api_token.pk}/rotate/"
        response = send("POST", rotation, narrow, {})
        assert response.status_code == 403
        assert response.json() == {
            "detail": "This access token may not rotate the API token. Revoke it instead."
        }
        assert core.authenticate_token(issued.token, audience=REPORTS).scope == {"reports:create"}

    def test_rotation_keeps_the_audience(self, alice, access):
        issued = issue(alice, audience=REPORTS, scope=["reports:create"])
        rotated = send("POST", f"{LIST}{issued.api_token.pk}/rotate/", access, {}).json()
        assert rotated["audience"] == REPORTS
        claims = core.authenticate_token(rotated["token"], audience=REPORTS)
        assert (claims.audience, core.get_user(claims)) == ((REPORTS,), alice)

    def test_narrowed_token_grants_no_other_audience(self, alice, access):
        claims = core.authenticate_access_token(access)
        narrowed = core.authenticate_access_token(
            core.narrow(claims, scope=["notes:read"]).access_token
        )
        assert services.grantable_scope(narrowed, None) == {"notes:read"}
        with pytest.raises(InvalidTarget):
            services.grantable_scope(narrowed, REPORTS)

    def test_grantable_scope_without_an_audience_is_for_this_one(self, access):
        elsewhere = core.narrow(core.authenticate_access_token(access), audience=REPORTS)
        claims = core.authenticate_access_token(elsewhere.access_token, audience=REPORTS)
        with pytest.raises(InvalidTarget):
            services.grantable_scope(claims, None)

    def test_stateless_session_grants_only_its_audience(self, alice, settings):
        settings.TOKENAUTH = {**SETTINGS, "STATELESS_REFRESH": True}
        access = sign_in()["access_token"]
        assert create(access, resource=REPORTS).status_code == 400
        assert create(access, resource=OWN).status_code == 201


class TestStatements:
    def test_service_reads_its_token_in_one_statement(self, alice):
        token = issue(alice, audience=REPORTS).token
        with CaptureQueriesContext(connection) as queries:
            claims = core.authenticate_token(token, audience=REPORTS)
            core.get_user(claims)
        assert len(queries) == 1

    def test_own_audience_needs_no_statement(self, alice):
        claims = core.authenticate_access_token(sign_in()["access_token"])
        with CaptureQueriesContext(connection) as queries:
            assert services.grantable_scope(claims, OWN) == claims.scope
        assert len(queries) == 0

    def test_tenant_finds_its_token_for_another_service(self, alice, settings):
        settings.TOKENAUTH = {**SETTINGS, "ISSUER": lambda request: "https://a.example.com"}
        token = issue(alice, audience=REPORTS).token
        claims = core.authenticate_token(token, audience=REPORTS)
        core.get_user(claims)
        assert core.get_user(claims) == alice
