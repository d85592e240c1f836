"""Verification of access tokens: the signature, then the session, then the user."""

from __future__ import annotations

import pytest

from django_tokenauth import services
from django_tokenauth.errors import InvalidToken, TokenErrorCode
from django_tokenauth.models import Session
from tests.support.clock import NOW, after
from tests.support.unsaved import issue_tokens


@pytest.fixture
def pair(alice):
    return services.sign_in(alice, now=NOW)


@pytest.fixture
def claims(pair):
    return services.authenticate_access_token(pair.access_token, now=NOW)


@pytest.fixture
def unsaved_claims():
    """Return claims of a session that is not stored: their test has no database."""
    return services.authenticate_access_token(issue_tokens(now=NOW).access_token, now=NOW)


def error_code(claims):
    with pytest.raises(InvalidToken) as error:
        services.get_user(claims)
    return error.value.code


def test_names_in_services_dunder_all_exist_and_are_sorted():
    assert all(hasattr(services, name) for name in services.__all__)
    assert services.__all__ == sorted(services.__all__)


class TestAuthenticateAccessToken:
    def test_authenticate_access_token_takes_no_query(self):
        pair = issue_tokens(now=NOW)
        claims = services.authenticate_access_token(pair.access_token, now=NOW)
        assert (claims.subject, claims.session_id) == (str(pair.user.pk), str(pair.session.pk))

    def test_expired_access_token_is_rejected(self):
        pair = issue_tokens(now=NOW)
        with pytest.raises(InvalidToken) as error:
            services.authenticate_access_token(pair.access_token, now=after(minutes=5))
        assert error.value.code == TokenErrorCode.EXPIRED

    def test_refresh_token_as_access_token_is_rejected(self):
        pair = issue_tokens(now=NOW)
        with pytest.raises(InvalidToken) as error:
            services.authenticate_access_token(pair.refresh_token, now=NOW)
        assert error.value.code == TokenErrorCode.TYP


class TestGetUser:
    def test_get_user_takes_one_query(self, alice, claims, django_assert_num_queries):
        with django_assert_num_queries(1):
            assert services.get_user(claims) == alice

    def test_get_user_of_revoked_session_is_rejected(self, pair, claims):
        services.revoke_token(pair.refresh_token, now=NOW)
        assert error_code(claims) == TokenErrorCode.REVOKED

    def test_get_user_of_deleted_session_is_rejected(self, claims):
        Session.objects.all().delete()
        assert error_code(claims) == TokenErrorCode.REVOKED

    def test_get_user_without_session_id_is_rejected(self, unsaved_claims):
        assert error_code(unsaved_claims._replace(session_id=None)) == TokenErrorCode.REVOKED

    @pytest.mark.attack(93)
    def test_get_user_with_the_subject_of_another_user_is_rejected(self, bob, claims):
        assert error_code(claims._replace(subject=str(bob.pk))) == TokenErrorCode.USER

    def test_get_user_of_inactive_user_is_rejected(self, alice, claims):
        type(alice).objects.update(is_active=False)
        assert error_code(claims) == TokenErrorCode.USER

    def test_get_user_of_session_without_user_is_rejected(self, claims):
        Session.objects.update(user=None)
        assert error_code(claims) == TokenErrorCode.USER

    def test_get_user_after_password_change_is_rejected(self, alice, claims):
        alice.set_password("another")
        type(alice).objects.update(password=alice.password)
        assert error_code(claims) == TokenErrorCode.REVOKED


class TestGetUserStateless:
    @pytest.fixture(autouse=True)
    def _stateless(self, settings):
        settings.TOKENAUTH = {"STATELESS_REFRESH": True}

    def test_get_user_in_stateless_mode_takes_one_query(
        self, alice, claims, django_assert_num_queries
    ):
        with django_assert_num_queries(1):
            assert services.get_user(claims) == alice

    def test_stateless_get_user_rejects_inactive_user(self, alice, claims):
        type(alice).objects.update(is_active=False)
        assert error_code(claims) == TokenErrorCode.USER

    def test_stateless_get_user_rejects_deleted_user(self, alice, claims):
        alice.delete()
        assert error_code(claims) == TokenErrorCode.USER

    @pytest.mark.attack(90)
    def test_stateless_get_user_rejects_other_spelling_of_subject(self, alice, claims):
        assert error_code(claims._replace(subject=f"0{alice.pk}")) == TokenErrorCode.USER


class TestFullScope:
    """The scope of a token that was not narrowed at its sign-in or refresh."""

    READ, WRITE = "notes:read", "notes:write"

    @pytest.fixture(autouse=True)
    def _scopes(self, settings):
        settings.TOKENAUTH = {"SCOPES": (self.READ, self.WRITE)}

    def claims(self, pair):
        return services.authenticate_access_token(pair.access_token, now=NOW)

    def test_full_scope_ignores_a_narrow_refresh_in_one_query(
        self, alice, django_assert_num_queries
    ):
        pair = services.sign_in(alice, now=NOW)
        narrow = services.refresh(pair.refresh_token, scope=[self.READ], now=NOW)
        for each in (pair, narrow):
            claims = self.claims(each)
            with django_assert_num_queries(1):
                assert services.full_scope(claims) == {self.READ, self.WRITE}

    def test_full_scope_of_a_narrow_session_is_all_user_scopes(self, alice):
        pair = services.sign_in(alice, scope=[self.READ], now=NOW)
        assert services.full_scope(self.claims(pair)) == {self.READ, self.WRITE}

    def test_full_scope_ignores_scopes_added_after_the_sign_in(self, alice, settings):
        settings.TOKENAUTH = {"SCOPES": (self.READ,)}
        pair = services.sign_in(alice, now=NOW)
        settings.TOKENAUTH = {"SCOPES": (self.READ, self.WRITE)}
        assert services.full_scope(self.claims(pair)) == {self.READ}

    def test_full_scope_omits_scopes_that_the_policy_now_denies(self, alice, settings):
        pair = services.sign_in(alice, now=NOW)
        policy_calls = []

        def policy(*arguments):
            policy_calls.append(arguments)
            return [self.READ]

        settings.TOKENAUTH = {"SCOPES": (self.READ, self.WRITE), "SCOPE_POLICY": policy}
        request = object()
        assert services.full_scope(self.claims(pair), request=request) == {self.READ}
        assert policy_calls == [(alice, frozenset({self.READ, self.WRITE}), request)]

    def test_full_scope_without_session_id_is_empty(self):
        claims = self.claims(issue_tokens(scope=[self.READ, self.WRITE], now=NOW))
        assert services.full_scope(claims._replace(session_id=None)) == frozenset()

    def test_full_scope_in_stateless_mode_is_all_user_scopes(self, settings):
        claims = self.claims(issue_tokens(scope=[self.READ], now=NOW))
        settings.TOKENAUTH = {**settings.TOKENAUTH, "STATELESS_REFRESH": True}
        assert services.full_scope(claims) == {self.READ, self.WRITE}

    def test_full_scope_of_an_unknown_session_is_all_user_scopes(self, alice):
        """While a replica lags behind the sign-in, no token counts as having the full scope."""
        claims = self.claims(services.sign_in(alice, scope=[self.READ], now=NOW))
        Session.objects.all().delete()
        assert services.full_scope(claims) == {self.READ, self.WRITE}


class TestIsRevoked:
    # Inside a transaction the query would need a savepoint.
    @pytest.mark.django_db(transaction=True)
    def test_is_revoked_becomes_true_after_the_poll_interval(
        self, pair, claims, django_assert_num_queries
    ):
        with django_assert_num_queries(1):
            assert services.is_revoked(claims, now=NOW) is False
        services.revoke_token(pair.refresh_token, now=NOW)
        with django_assert_num_queries(0):
            assert services.is_revoked(claims, now=after(seconds=9)) is False
        with django_assert_num_queries(1):
            assert services.is_revoked(claims, now=after(seconds=10)) is True
        with django_assert_num_queries(0):
            assert services.is_revoked(claims, now=after(seconds=19)) is True

    @pytest.mark.parametrize(
        "tokenauth", [{"REVOCATION_POLL_INTERVAL": None}, {"STATELESS_REFRESH": True}], ids=str
    )
    def test_is_revoked_without_polling_takes_no_query(
        self, pair, claims, settings, tokenauth, django_assert_num_queries
    ):
        services.revoke_token(pair.refresh_token, now=NOW)
        settings.TOKENAUTH = tokenauth
        with django_assert_num_queries(0):
            assert services.is_revoked(claims, now=after(hours=1)) is False

    def test_is_revoked_without_session_id_is_false(self, unsaved_claims):
        unbound = unsaved_claims._replace(session_id=None)
        assert services.is_revoked(unbound, now=NOW) is False
