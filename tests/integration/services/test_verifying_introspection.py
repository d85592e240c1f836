"""What the issuer says of a token."""

from __future__ import annotations

import pytest
from django.contrib.auth import get_user_model

from django_tokenauth import services
from django_tokenauth.conf.settings import load
from django_tokenauth.errors import ServiceUnavailable
from django_tokenauth.models import Session
from django_tokenauth.services import introspect
from django_tokenauth.tokens.access import access_tokens
from tests.support.client import logged
from tests.support.clock import NOW, after
from tests.support.locks import unreadable

START = int(NOW.timestamp())
INACTIVE = {"active": False}


def extra(user, session, request):
    return {"plan": {"name": "gold", "limits": [1, 2]}, "active": False, "username": "root"}


def sign_in(user, **options):
    return services.sign_in(user, now=NOW, **options)


def with_claims(token, **changes):
    """The same token with other claims, under our own signature."""
    tokens = access_tokens(load())
    return tokens.encode(tokens.decode(token, now=START)._replace(**changes))


@pytest.mark.django_db
class TestActive:
    def test_a_name_that_is_a_number_is_said_as_a_text(self, alice, monkeypatch):
        """RFC 7662 section 2.2 has a text; a user model may have another field for it."""
        token = sign_in(alice).access_token
        monkeypatch.setattr(type(alice), "USERNAME_FIELD", "id")
        assert introspect(token, now=after(seconds=1))["username"] == str(alice.pk)

    @pytest.mark.standard("rfc7662-2.2-1")
    def test_it_says_what_the_token_says_and_whose_it_is(
        self, alice, settings, django_assert_num_queries
    ):
        settings.TOKENAUTH = {
            "SCOPES": ["notes:read", "notes:write"],
            "ISSUER": "https://a.example",
        }
        pair = sign_in(alice, client_id="phone", amr=["pwd"])
        with django_assert_num_queries(1):
            found = introspect(pair.access_token, now=after(seconds=1))
        assert found == {
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
            "jti": found["jti"],
            "sid": str(pair.session.pk),
            "auth_time": START,
            "amr": ["pwd"],
        }
        assert next(iter(found)) == "active"
        assert found["jti"] == services.authenticate_access_token(pair.access_token, now=NOW).jwt_id

    def test_when_it_begins_is_told_if_the_token_tells_it(self, alice):
        token = with_claims(sign_in(alice).access_token, not_before=START + 5)
        assert introspect(token, now=after(seconds=4)) == INACTIVE
        assert introspect(token, now=after(seconds=5))["nbf"] == START + 5

    def test_further_claims_are_told_and_change_nothing_of_ours(self, alice, settings):
        settings.TOKENAUTH = {"EXTRA_CLAIMS": extra}
        found = introspect(sign_in(alice).access_token, now=NOW)
        assert found["plan"] == {"name": "gold", "limits": (1, 2)}
        assert (found["active"], found["username"]) == (True, "alice")

    def test_without_sessions_too(self, alice, settings):
        settings.TOKENAUTH = {"STATELESS_REFRESH": True}
        found = introspect(sign_in(alice).access_token, now=NOW)
        assert (found["active"], found["username"]) == (True, "alice")


@pytest.mark.attack(126)
@pytest.mark.django_db
class TestInactive:
    @pytest.mark.standard("rfc7662-4-4")
    @pytest.mark.parametrize(
        "token",
        [*("", "garbage", "a.b.c", "{refresh}", "{access} ", "{access}x", "x" * 9000), None, 17],
    )
    def test_what_is_no_access_token_costs_no_statement(
        self, alice, token, django_assert_num_queries
    ):
        pair = sign_in(alice)
        if isinstance(token, str):
            token = token.format(access=pair.access_token, refresh=pair.refresh_token)
        with django_assert_num_queries(0):
            assert introspect(token, now=NOW) == INACTIVE

    @pytest.mark.standard("rfc7662-4-1")
    def test_nor_does_one_that_expired(self, alice, django_assert_num_queries):
        token = sign_in(alice).access_token
        assert introspect(token, now=after(seconds=299.5))["active"] is True
        with django_assert_num_queries(0):
            assert introspect(token, now=after(seconds=300)) == INACTIVE

    @pytest.mark.standard("rfc7662-2.2-2", "rfc7662-4-11", "rfc7662-4-4")
    def test_one_of_another_server(self, alice, settings):
        token = sign_in(alice).access_token
        settings.SECRET_KEY = "another secret key, of another server, and long enough"
        assert introspect(token, now=NOW) == INACTIVE

    @pytest.mark.standard("rfc7662-4-3")
    def test_one_that_was_signed_out(self, alice):
        pair = sign_in(alice)
        services.revoke_token(pair.refresh_token, now=NOW)
        assert introspect(pair.access_token, now=NOW) == INACTIVE

    @pytest.mark.standard("rfc7662-4-3")
    def test_one_whose_user_changed_the_password(self, alice):
        token = sign_in(alice).access_token
        alice.set_password("another")
        alice.save()
        assert introspect(token, now=NOW) == INACTIVE

    def test_why_is_in_the_log_only(self, alice, caplog):
        caplog.set_level("INFO", "django_tokenauth")
        assert introspect(sign_in(alice).access_token, now=after(seconds=300)) == INACTIVE
        assert logged(caplog)[-1] == "access token rejected: expired"

    @pytest.mark.standard("rfc7662-4-3")
    @pytest.mark.parametrize("stateless", [False, True])
    def test_one_of_a_user_who_is_inactive_or_gone(self, alice, settings, stateless):
        settings.TOKENAUTH = {"STATELESS_REFRESH": stateless}
        token = sign_in(alice).access_token
        people = get_user_model().objects.filter(pk=alice.pk)
        people.update(is_active=False)
        assert introspect(token, now=NOW) == INACTIVE
        people.update(is_active=True)
        assert introspect(token, now=NOW)["active"] is True
        alice.delete()
        assert introspect(token, now=NOW) == INACTIVE

    def test_one_whose_session_is_gone(self, alice):
        token = sign_in(alice).access_token
        Session.objects.all().delete()
        assert introspect(token, now=NOW) == INACTIVE


@pytest.mark.django_db(transaction=True)
def test_a_database_that_does_not_answer_leaves_it_open(alice):
    token = sign_in(alice).access_token
    with unreadable(Session), pytest.raises(ServiceUnavailable):
        introspect(token, now=NOW)
