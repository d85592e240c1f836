"""Requests with API tokens: the authentication classes, the claims and the rights."""

from __future__ import annotations

import copy
import pickle
from datetime import timedelta

import pytest
from django.contrib.auth import get_user_model
from django.db import OperationalError, connection
from django.test import RequestFactory
from django.test.utils import CaptureQueriesContext
from rest_framework.response import Response
from rest_framework.views import APIView

from django_tokenauth import services as core
from django_tokenauth.api_tokens import services
from django_tokenauth.authentication import Claims, JWTAuthentication, StatelessJWTAuthentication
from django_tokenauth.errors import InvalidTarget, InvalidToken, ServiceUnavailable, TokenErrorCode
from django_tokenauth.permissions import SignedInBy, SignedInWithin
from django_tokenauth.services.api_tokens import reader
from tests.support.api_tokens import NOT_ACCEPTED, SCOPES, UNKNOWN, issue
from tests.support.client import INVALID_TOKEN, get, log_messages, post, sign_in
from tests.support.clock import NOW, after

FACTORY = RequestFactory()


def code_of(token, now=NOW):
    """Return the code with which *token* is rejected, or ``None``."""
    try:
        core.get_user(core.authenticate_token(token, now=now))
    except InvalidToken as error:
        return error.code
    return None


def bearer(token):
    return FACTORY.get("/", headers={"Authorization": f"Bearer {token}"})


class TestAccepted:
    def test_request_takes_one_query(self, alice):
        token = issue(alice).token
        JWTAuthentication().authenticate(bearer(token))
        with CaptureQueriesContext(connection) as queries:
            user, claims = JWTAuthentication().authenticate(bearer(token))
        assert len(queries) == 1
        assert user == alice
        assert isinstance(claims, Claims)

    def test_claims_have_the_form_of_access_token_claims(self, alice):
        issued = issue(alice, scope=["notes:read"])
        claims = core.authenticate_token(issued.token)
        access = core.authenticate_access_token(core.sign_in(alice).access_token)
        same = ("issuer", "audience", "subject", "client_id", "issued_at")
        assert [getattr(claims, name) for name in same] == [getattr(access, name) for name in same]
        assert claims.jwt_id == str(issued.api_token.pk)
        assert claims.expires_at == after(days=90).timestamp()
        assert claims.scope == {"notes:read"}
        assert (claims.session_id, claims.auth_time, claims.amr) == (None, None, ())
        assert claims.to_payload().keys() <= access.to_payload().keys()
        assert hash(claims) == hash(copy.copy(claims))

    def test_views_and_scopes_accept_it(self, alice):
        reading, writing = issue(alice, scope=["notes:read"]), issue(alice)
        assert get("/who/", reading.token).json() == {"user": "alice", "sub": str(alice.pk)}
        assert get("/who/", writing.token).status_code == 200

    def test_introspection_and_verification_accept_it(self, alice, settings):
        settings.TOKENAUTH = {"SCOPES": ["introspect", "notes:read"]}
        issued = issue(alice, scope=["notes:read"])
        response = post("token/verify/", {"token": issued.token})
        assert response.json() == {"active": True, "expires_in": 90 * 86400}
        caller = issue(alice, scope=["introspect"]).token
        response = post(
            "token/introspect/", {"token": issued.token}, Authorization=f"Bearer {caller}"
        )
        assert response.json()["active"]
        assert (response.json()["jti"], response.json()["username"]) == (
            str(issued.api_token.pk),
            "alice",
        )

    def test_gateway_accepts_it_without_a_session(self, alice):
        token = issue(alice, scope=["notes:read"]).token
        response = get("/auth/token/forward-auth/?scope=notes:read", token)
        assert (response.status_code, response["X-Auth-Session"]) == (204, "")

    def test_user_id_field_sets_the_subject(self, alice, settings):
        settings.TOKENAUTH = {"USER_ID_FIELD": "username"}
        assert core.authenticate_token(issue(alice).token).subject == "alice"

    def test_issuer_function_gets_the_request(self, alice, settings):
        settings.TOKENAUTH = {"ISSUER": lambda request: request.get_host()}
        request = bearer("x")
        claims = core.authenticate_token(issue(alice, request=request).token, request=request)
        assert (claims.issuer, claims.audience) == ("testserver", ("testserver",))

    def test_subclass_may_return_another_user(self, alice, django_assert_num_queries):
        class Named(JWTAuthentication):
            def get_user(self, claims):
                return f"the {super().get_user(claims)}"

        token = issue(alice).token
        with django_assert_num_queries(1):
            user, _ = Named().authenticate(bearer(token))
        assert user == "the alice"


class TestRejected:
    def test_wrong_checksum_is_rejected_without_a_query(self, alice, django_assert_num_queries):
        token = issue(alice).token
        wrong = token[:-1] + ("a" if token[-1] != "a" else "b")
        with django_assert_num_queries(0):
            assert code_of(wrong) == TokenErrorCode.MALFORMED
            assert code_of(token[:-1]) == TokenErrorCode.MALFORMED
            assert code_of("tokenauth") == TokenErrorCode.MALFORMED
            assert code_of("tokenauth_\0") == TokenErrorCode.MALFORMED
            assert code_of(f"{token}é\ud800") == TokenErrorCode.MALFORMED

    @pytest.mark.attack(219)
    def test_unknown_token_is_rejected_with_one_query(self, alice, django_assert_num_queries):
        with django_assert_num_queries(1):
            assert code_of(UNKNOWN) == TokenErrorCode.REVOKED

    def test_expired_token_is_rejected(self, alice):
        token = issue(alice).token
        assert code_of(token, after(days=90, microseconds=-1)) is None
        assert code_of(token, after(days=90)) == TokenErrorCode.EXPIRED

    def test_token_from_before_not_before_is_rejected(self, alice, settings):
        token = issue(alice).token
        settings.TOKENAUTH = {"NOT_BEFORE": NOW}
        assert code_of(token) is None
        settings.TOKENAUTH = {"NOT_BEFORE": after(seconds=1)}
        assert code_of(token) == TokenErrorCode.REVOKED

    def test_response_says_only_that_a_token_expired(self, alice, time_machine, caplog):
        caplog.set_level("INFO")
        assert get("/who/", UNKNOWN)["WWW-Authenticate"] == INVALID_TOKEN
        token = issue(alice).token
        time_machine.move_to(after(days=90), tick=False)
        assert "expired" in get("/who/", token)["WWW-Authenticate"]
        rejected = [line for line in log_messages(caplog) if "rejected" in line]
        assert rejected == ["access token rejected: revoked", "access token rejected: expired"]

    def test_stateless_class_says_that_it_accepts_no_api_tokens(
        self, alice, django_assert_num_queries
    ):
        token = issue(alice).token
        with django_assert_num_queries(0):
            response = get("/who/stateless/", token)
        assert (response.status_code, response["WWW-Authenticate"]) == (401, NOT_ACCEPTED)
        assert response.json()["detail"] == "API tokens are not accepted here."
        with pytest.raises(InvalidToken) as caught:
            StatelessJWTAuthentication().authenticate(bearer(UNKNOWN))
        assert caught.value.code == TokenErrorCode.API_TOKEN

    def test_outage_of_the_database_is_reported_as_unavailable(self, alice):
        token = issue(alice).token

        def fail(*args):
            raise OperationalError

        with connection.execute_wrapper(fail):
            with pytest.raises(ServiceUnavailable):
                core.authenticate_token(token)
            assert get("/who/", token).status_code == 503

    @pytest.mark.parametrize("path", ["/auth/sessions/", "/auth/api-tokens/"])
    def test_token_with_all_scopes_has_no_full_scope(self, alice, path, settings):
        for values in (SCOPES, {}, {**SCOPES, "STATELESS_REFRESH": True}):
            settings.TOKENAUTH = values
            token = issue(alice, scope=values.get("SCOPES", ())).token
            assert get(path, token).status_code == 403

    @pytest.mark.parametrize("required", [SignedInWithin(days=400), SignedInBy("pwd", "mfa")])
    def test_token_is_no_sign_in_of_the_user(self, alice, required):
        class View(APIView):
            authentication_classes = (JWTAuthentication,)
            permission_classes = (required,)

            def get(self, request):
                return Response()

        response = View.as_view()(bearer(issue(alice).token))
        assert response.status_code == 401
        assert "insufficient_user_authentication" in response["WWW-Authenticate"]

    def test_token_is_for_the_audience_of_this_server_only(self, alice, settings):
        notes = "https://notes.example.com"
        settings.TOKENAUTH = {"AUDIENCE": "https://a.example.com", "AUDIENCES": {notes: []}}
        token = issue(alice).token
        assert core.authenticate_token(token, audience="https://a.example.com")
        with pytest.raises(InvalidToken) as caught:
            core.authenticate_token(token, audience=notes)
        assert caught.value.code == TokenErrorCode.AUDIENCE
        with pytest.raises(InvalidTarget):
            core.authenticate_token(token, audience="https://other.example.com")

    def test_services_of_sessions_reject_its_claims(self, alice):
        claims = core.authenticate_token(issue(alice).token)
        for service in (core.full_scope, core.is_revoked):
            with pytest.raises(InvalidToken) as caught:
                service(claims)
            assert caught.value.code == TokenErrorCode.API_TOKEN

    def test_revocation_endpoint_does_not_pretend_to_revoke_it(self, alice):
        response = post("token/revoke/", {"token": issue(alice).token})
        assert (response.status_code, response.json()["error"]) == (400, "unsupported_token_type")


class TestRights:
    def test_rights_are_those_of_token_and_user_at_the_request(self, alice, settings):
        granted = ["notes:read", "notes:write"]
        settings.TOKENAUTH = {
            **SCOPES,
            "SCOPE_POLICY": lambda user, scopes, request: granted,
        }
        token = issue(alice, scope=["notes:read", "notes:write"]).token
        narrow = issue(alice, scope=["notes:read"]).token
        assert core.authenticate_token(token).scope == {"notes:read", "notes:write"}
        granted.remove("notes:write")
        assert core.authenticate_token(token).scope == {"notes:read"}
        granted[:] = ["notes:write"]
        assert core.authenticate_token(token).scope == {"notes:write"}
        assert core.authenticate_token(narrow).scope == frozenset()

    def test_scope_removed_from_the_settings_is_not_granted(self, alice, settings):
        token = issue(alice, scope=["notes:read", "notes:write"]).token
        settings.TOKENAUTH = {"SCOPES": ["notes:write"]}
        assert core.authenticate_token(token).scope == {"notes:write"}

    def test_scope_policy_gets_user_and_request(self, alice, settings):
        calls = []
        settings.TOKENAUTH = {
            **SCOPES,
            "SCOPE_POLICY": lambda *arguments: calls.append(arguments) or [],
        }
        token = issue(alice).token
        calls.clear()
        request = bearer(token)
        JWTAuthentication().authenticate(request)
        assert calls == [(alice, frozenset(), request)]


class TestUser:
    def test_deactivation_ends_tokens_for_good(self, alice, django_capture_on_commit_callbacks):
        token = issue(alice).token
        alice.is_active = False
        with django_capture_on_commit_callbacks(execute=True):
            alice.save()
            assert code_of(token) == TokenErrorCode.USER
        assert code_of(token) == TokenErrorCode.REVOKED
        alice.is_active = True
        alice.save()
        assert code_of(token) == TokenErrorCode.REVOKED

    def test_deactivation_by_a_query_set_is_effective(self, alice):
        token = issue(alice).token
        get_user_model().objects.update(is_active=False)
        assert code_of(token) == TokenErrorCode.USER

    @pytest.mark.attack(218)
    def test_deleted_user_has_no_tokens(self, alice):
        token = issue(alice).token
        alice.delete()
        assert code_of(token) == TokenErrorCode.REVOKED

    def test_new_password_does_not_end_a_token_by_default(self, alice):
        token = issue(alice).token
        alice.set_password("other")
        alice.save()
        assert code_of(token) is None

    @pytest.mark.parametrize("by_setting", [True, False])
    def test_new_password_ends_a_token_by_choice(self, alice, settings, by_setting):
        settings.TOKENAUTH = {"API_TOKENS_END_WITH_PASSWORD": by_setting}
        issued = issue(alice, ends_with_password=None if by_setting else True)
        assert issued.api_token.ends_with_password
        assert code_of(issued.token) is None
        alice.set_password("other")
        alice.save()
        assert code_of(issued.token) == TokenErrorCode.REVOKED

    @pytest.mark.parametrize("stateless", [False, True])
    def test_rehash_of_the_same_password_does_not_end_a_token(self, alice, settings, stateless):
        settings.TOKENAUTH = {**SCOPES, "STATELESS_REFRESH": stateless}
        issued = issue(alice, ends_with_password=True)
        settings.PASSWORD_HASHERS = settings.PASSWORD_HASHERS[::-1]
        before = get_user_model().objects.get().password
        sign_in()
        assert get_user_model().objects.get().password != before
        assert code_of(issued.token) is None

    def test_kept_claims_are_checked_again(self, alice, django_assert_num_queries):
        issued = issue(alice)
        claims = core.authenticate_token(issued.token)
        with django_assert_num_queries(0):
            assert core.get_user(claims) == alice
        with django_assert_num_queries(1):
            assert core.get_user(claims) == alice
        services.rotate(alice, issued.api_token.pk, overlap=timedelta(0))
        with pytest.raises(InvalidToken):
            core.get_user(claims)

    def test_copied_claims_have_no_more_rights(self, alice):
        claims = core.authenticate_token(issue(alice).token)
        pickled, copied = pickle.dumps(claims), copy.copy(claims)
        assert core.get_user(pickle.loads(pickled)) == alice  # noqa: S301
        with pytest.raises(InvalidToken):
            core.get_user(claims._replace(subject="2"))
        get_user_model().objects.update(is_active=False)
        for kept in (pickle.loads(pickled), copied):  # noqa: S301
            with pytest.raises(InvalidToken):
                core.get_user(kept)

    def test_reader_of_the_app_is_connected(self):
        assert reader().matches(UNKNOWN)
