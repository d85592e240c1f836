"""Who a token stands for: the signature, then the session, then the user."""

from __future__ import annotations

import pytest

from django_tokenauth import services
from django_tokenauth.errors import InvalidToken, TokenErrorCode
from django_tokenauth.models import Session
from tests.support.clock import NOW, after

pytestmark = pytest.mark.django_db


@pytest.fixture
def pair(alice):
    return services.sign_in(alice, now=NOW)


@pytest.fixture
def claims(pair):
    return services.authenticate_access_token(pair.access_token, now=NOW)


def refusal(claims):
    with pytest.raises(InvalidToken) as error:
        services.get_user(claims)
    return error.value.code


def test_all_names_of_the_services_exist_and_are_sorted():
    assert all(hasattr(services, name) for name in services.__all__)
    assert services.__all__ == sorted(services.__all__)


class TestAuthenticateAccessToken:
    def test_it_makes_no_statement(self, alice, pair, django_assert_num_queries):
        with django_assert_num_queries(0):
            claims = services.authenticate_access_token(pair.access_token, now=NOW)
        assert (claims.subject, claims.session_id) == (str(alice.pk), str(pair.session.pk))

    def test_a_token_that_expired_is_refused(self, pair):
        with pytest.raises(InvalidToken) as error:
            services.authenticate_access_token(pair.access_token, now=after(minutes=5))
        assert error.value.code == TokenErrorCode.EXPIRED

    def test_a_refresh_token_is_refused(self, pair):
        with pytest.raises(InvalidToken) as error:
            services.authenticate_access_token(pair.refresh_token, now=NOW)
        assert error.value.code == TokenErrorCode.TYP


class TestUserOf:
    def test_it_takes_one_statement(self, alice, claims, django_assert_num_queries):
        with django_assert_num_queries(1):
            assert services.get_user(claims) == alice

    def test_a_session_that_was_revoked_is_refused(self, pair, claims):
        services.revoke_token(pair.refresh_token, now=NOW)
        assert refusal(claims) == TokenErrorCode.REVOKED

    def test_a_session_that_is_gone_is_refused(self, claims):
        Session.objects.all().delete()
        assert refusal(claims) == TokenErrorCode.REVOKED

    def test_a_token_of_no_session_is_refused(self, claims, django_assert_num_queries):
        with django_assert_num_queries(0):
            assert refusal(claims._replace(session_id=None)) == TokenErrorCode.REVOKED

    @pytest.mark.attack(93)
    def test_a_session_of_another_is_refused(self, bob, claims):
        assert refusal(claims._replace(subject=str(bob.pk))) == TokenErrorCode.USER

    def test_an_inactive_user_is_refused(self, alice, claims):
        type(alice).objects.update(is_active=False)
        assert refusal(claims) == TokenErrorCode.USER

    def test_a_session_without_a_user_is_refused(self, claims):
        Session.objects.update(user=None)
        assert refusal(claims) == TokenErrorCode.USER

    def test_a_user_with_a_new_password_is_refused(self, alice, claims):
        alice.set_password("another")
        type(alice).objects.update(password=alice.password)
        assert refusal(claims) == TokenErrorCode.REVOKED


class TestUserOfStateless:
    @pytest.fixture(autouse=True)
    def _stateless(self, settings):
        settings.TOKENAUTH = {"STATELESS_REFRESH": True}

    def test_it_takes_one_statement(self, alice, claims, django_assert_num_queries):
        with django_assert_num_queries(1):
            assert services.get_user(claims) == alice

    def test_an_inactive_user_is_refused(self, alice, claims):
        type(alice).objects.update(is_active=False)
        assert refusal(claims) == TokenErrorCode.USER

    def test_a_user_who_is_gone_is_refused(self, alice, claims):
        alice.delete()
        assert refusal(claims) == TokenErrorCode.USER

    @pytest.mark.attack(90)
    def test_another_spelling_is_refused(self, alice, claims):
        assert refusal(claims._replace(subject=f"0{alice.pk}")) == TokenErrorCode.USER


class TestWholeScope:
    """What a token has that was not handed out with less than its user may have."""

    READ, WRITE = "notes:read", "notes:write"

    @pytest.fixture(autouse=True)
    def _scopes(self, settings):
        settings.TOKENAUTH = {"SCOPES": (self.READ, self.WRITE)}

    def claims(self, pair):
        return services.authenticate_access_token(pair.access_token, now=NOW)

    def test_it_is_that_of_the_session_in_one_statement(self, alice, django_assert_num_queries):
        pair = services.sign_in(alice, now=NOW)
        narrow = services.refresh(pair.refresh_token, scope=[self.READ], now=NOW)
        for each in (pair, narrow):
            claims = self.claims(each)
            with django_assert_num_queries(1):
                assert services.full_scope(claims) == {self.READ, self.WRITE}

    def test_that_of_a_session_with_less_is_all_that_the_user_may_have(self, alice):
        pair = services.sign_in(alice, scope=[self.READ], now=NOW)
        assert services.full_scope(self.claims(pair)) == {self.READ, self.WRITE}

    def test_a_scope_that_came_later_is_no_loss_to_a_session(self, alice, settings):
        settings.TOKENAUTH = {"SCOPES": (self.READ,)}
        pair = services.sign_in(alice, now=NOW)
        settings.TOKENAUTH = {"SCOPES": (self.READ, self.WRITE)}
        assert services.full_scope(self.claims(pair)) == {self.READ}

    def test_what_the_policy_takes_away_today_does_not_count(self, alice, settings):
        pair = services.sign_in(alice, now=NOW)
        asked = []

        def policy(*arguments):
            asked.append(arguments)
            return [self.READ]

        settings.TOKENAUTH = {"SCOPES": (self.READ, self.WRITE), "SCOPE_POLICY": policy}
        request = object()
        assert services.full_scope(self.claims(pair), request=request) == {self.READ}
        assert asked == [(alice, frozenset({self.READ, self.WRITE}), request)]

    def test_a_token_of_no_session_has_none(self, alice, django_assert_num_queries):
        claims = self.claims(services.sign_in(alice, now=NOW))
        with django_assert_num_queries(0):
            assert services.full_scope(claims._replace(session_id=None)) == frozenset()

    def test_where_no_sessions_are_kept_there_is_none(
        self, alice, settings, django_assert_num_queries
    ):
        claims = self.claims(services.sign_in(alice, now=NOW))
        settings.TOKENAUTH = {**settings.TOKENAUTH, "STATELESS_REFRESH": True}
        with django_assert_num_queries(0):
            assert services.full_scope(claims) == frozenset()

    def test_of_a_session_that_is_not_found_nobody_knows_so_it_is_all(self, alice):
        """A replica may lag behind the sign-in: no token is whole for that."""
        claims = self.claims(services.sign_in(alice, scope=[self.READ], now=NOW))
        Session.objects.all().delete()
        assert services.full_scope(claims) == {self.READ, self.WRITE}


class TestIsRevoked:
    # In a transaction it would take a savepoint too.
    @pytest.mark.django_db(transaction=True)
    def test_it_is_known_after_the_poll_and_costs_a_statement_per_poll(
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
    def test_where_it_is_turned_off_nothing_is_asked(
        self, pair, claims, settings, tokenauth, django_assert_num_queries
    ):
        services.revoke_token(pair.refresh_token, now=NOW)
        settings.TOKENAUTH = tokenauth
        with django_assert_num_queries(0):
            assert services.is_revoked(claims, now=after(hours=1)) is False

    def test_a_token_of_no_session_cannot_be_revoked(self, claims, django_assert_num_queries):
        with django_assert_num_queries(0):
            unbound = claims._replace(session_id=None)
            assert services.is_revoked(unbound, now=NOW) is False
