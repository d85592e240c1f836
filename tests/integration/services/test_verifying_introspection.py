"""Token introspection (RFC 7662) as a service."""

from __future__ import annotations

import pytest
from django.contrib.auth import get_user_model

from django_tokenauth import services
from django_tokenauth.conf.settings import load
from django_tokenauth.errors import ServiceUnavailable
from django_tokenauth.models import Session
from django_tokenauth.services import introspect
from django_tokenauth.tokens.access import access_tokens
from tests.support.client import log_messages
from tests.support.clock import NOW, after
from tests.support.locks import unreadable
from tests.support.unsaved import issue_tokens

START = int(NOW.timestamp())
INACTIVE = {"active": False}


def claims_hook(user, session, request):
    return {"plan": {"name": "gold", "limits": [1, 2]}, "active": False, "username": "root"}


def sign_in(user, **options):
    return services.sign_in(user, now=NOW, **options)


def with_claims(token, **changes):
    """Return *token* with changed claims, signed with the server's key."""
    tokens = access_tokens(load())
    return tokens.encode(tokens.decode(token, now=START)._replace(**changes))


@pytest.mark.django_db
class TestActive:
    def test_introspect_returns_a_numeric_username_as_a_string(self, alice, monkeypatch):
        """RFC 7662 section 2.2 requires a string; a user model may use a number."""
        token = sign_in(alice).access_token
        monkeypatch.setattr(type(alice), "USERNAME_FIELD", "id")
        assert introspect(token, now=after(seconds=1))["username"] == str(alice.pk)

    @pytest.mark.standard("rfc7662-2.2-1")
    def test_introspect_returns_claims_and_username_of_active_token(
        self, alice, settings, django_assert_num_queries
    ):
        settings.TOKENAUTH = {
            "SCOPES": ["notes:read", "notes:write"],
            "ISSUER": "https://a.example",
        }
        pair = sign_in(alice, client_id="phone", amr=["pwd"])
        with django_assert_num_queries(1):
            response = introspect(pair.access_token, now=after(seconds=1))
        assert response == {
            "active": True,
            "scope": "notes:read notes:write",
            "client_id": "phone",
            "username": "alice",
            "token_type": "Bearer",
            "exp": START + 300,
            "iat": START,
            "sub": str(alice.pk),
            "aud": "https://a.example",
            "iss": "https://a.example",
            "jti": response["jti"],
            "sid": str(pair.session.pk),
            "auth_time": START,
            "amr": ["pwd"],
        }
        assert next(iter(response)) == "active"
        assert (
            response["jti"] == services.authenticate_access_token(pair.access_token, now=NOW).jwt_id
        )

    def test_introspect_returns_the_nbf_claim_of_a_token(self, alice):
        token = with_claims(sign_in(alice).access_token, not_before=START + 5)
        assert introspect(token, now=after(seconds=4)) == INACTIVE
        assert introspect(token, now=after(seconds=5))["nbf"] == START + 5

    def test_introspect_extra_claims_replace_no_response_member(self, alice, settings):
        settings.TOKENAUTH = {"EXTRA_CLAIMS": claims_hook}
        response = introspect(sign_in(alice).access_token, now=NOW)
        assert response["plan"] == {"name": "gold", "limits": (1, 2)}
        assert (response["active"], response["username"]) == (True, "alice")

    def test_introspect_in_stateless_mode_returns_the_username(self, alice, settings):
        settings.TOKENAUTH = {"STATELESS_REFRESH": True}
        response = introspect(sign_in(alice).access_token, now=NOW)
        assert (response["active"], response["username"]) == (True, "alice")


@pytest.mark.attack(126)
class TestInactive:
    @pytest.mark.standard("rfc7662-4-4")
    @pytest.mark.parametrize(
        "token",
        [*("", "garbage", "a.b.c", "{refresh}", "{access} ", "{access}x", "x" * 9000), None, 17],
    )
    def test_introspect_invalid_token_runs_no_query(self, token):
        pair = issue_tokens(now=NOW)
        if isinstance(token, str):
            token = token.format(access=pair.access_token, refresh=pair.refresh_token)
        assert introspect(token, now=NOW) == INACTIVE

    @pytest.mark.standard("rfc7662-4-1")
    def test_introspect_expired_token_runs_no_query(self, alice, django_assert_num_queries):
        token = sign_in(alice).access_token
        assert introspect(token, now=after(seconds=299.5))["active"] is True
        with django_assert_num_queries(0):
            assert introspect(token, now=after(seconds=300)) == INACTIVE

    @pytest.mark.standard("rfc7662-2.2-2", "rfc7662-4-11", "rfc7662-4-4")
    def test_introspect_token_of_another_server_is_inactive(self, alice, settings):
        token = sign_in(alice).access_token
        settings.SECRET_KEY = "another secret key, of another server, and long enough"
        assert introspect(token, now=NOW) == INACTIVE

    @pytest.mark.standard("rfc7662-4-3")
    def test_introspect_after_sign_out_is_inactive(self, alice):
        pair = sign_in(alice)
        services.revoke_token(pair.refresh_token, now=NOW)
        assert introspect(pair.access_token, now=NOW) == INACTIVE

    @pytest.mark.standard("rfc7662-4-3")
    def test_introspect_after_password_change_is_inactive(self, alice):
        token = sign_in(alice).access_token
        alice.set_password("another")
        alice.save()
        assert introspect(token, now=NOW) == INACTIVE

    def test_introspect_logs_and_does_not_return_inactivity_reason(self, alice, caplog):
        caplog.set_level("INFO", "django_tokenauth")
        assert introspect(sign_in(alice).access_token, now=after(seconds=300)) == INACTIVE
        assert log_messages(caplog)[-1] == "access token rejected: expired"

    @pytest.mark.standard("rfc7662-4-3")
    @pytest.mark.parametrize("stateless", [False, True])
    def test_introspect_of_inactive_or_deleted_user_is_inactive(self, alice, settings, stateless):
        settings.TOKENAUTH = {"STATELESS_REFRESH": stateless}
        token = sign_in(alice).access_token
        users = get_user_model().objects.filter(pk=alice.pk)
        users.update(is_active=False)
        assert introspect(token, now=NOW) == INACTIVE
        users.update(is_active=True)
        assert introspect(token, now=NOW)["active"] is True
        alice.delete()
        assert introspect(token, now=NOW) == INACTIVE

    def test_introspect_of_deleted_session_is_inactive(self, alice):
        token = sign_in(alice).access_token
        Session.objects.all().delete()
        assert introspect(token, now=NOW) == INACTIVE


@pytest.mark.django_db(transaction=True)
def test_introspect_without_database_raises_service_unavailable(alice):
    token = sign_in(alice).access_token
    with unreadable(Session), pytest.raises(ServiceUnavailable):
        introspect(token, now=NOW)
