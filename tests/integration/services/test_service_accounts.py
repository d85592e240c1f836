"""Access tokens of service accounts (RFC 6749 section 4.4), and the user of such a token."""

from __future__ import annotations

import pytest
from django.contrib.auth import get_user_model

from django_tokenauth import services
from django_tokenauth.authentication import TokenUser
from django_tokenauth.errors import (
    InvalidScope,
    InvalidTarget,
    InvalidToken,
    TokenErrorCode,
    UnauthorizedClient,
    UnsupportedTokenType,
)
from django_tokenauth.models import Session
from tests.support.client import log_messages
from tests.support.clock import NOW, after
from tests.support.confidential_clients import clients_setting
from tests.support.service_accounts import account

READ, STATISTICS = "notes:read", "statistics"
API, OTHER = "https://api.example.com", "https://other.example.com"


@pytest.fixture(autouse=True)
def configure(settings):
    """Return a function that changes the entry of the service account and the settings."""

    def configure(entry=(), **changes):
        client = None if entry is None else account(**dict(entry))
        settings.TOKENAUTH = {
            "AUDIENCE": API,
            "AUDIENCES": {OTHER: [READ]},
            "SCOPES": [READ, "notes:write", STATISTICS],
            "CLIENTS": {**clients_setting(), "statistics": client},
            **changes,
        }

    configure()
    return configure


def issue(**arguments):
    return services.issue_client_token("statistics", now=NOW, **arguments)


def claims_of(issued, **arguments):
    return services.authenticate_access_token(issued.access_token, now=NOW, **arguments)


def code_of(function):
    with pytest.raises(InvalidToken) as caught:
        function()
    return caught.value.code


class TestIssue:
    @pytest.mark.standard("rfc9068-2.2-3", "rfc9700-4.15.1-2")
    def test_token_names_the_client_as_its_subject(self):
        issued = issue()
        claims = claims_of(issued)
        assert (claims.subject, claims.client_id) == ("statistics", "statistics")
        assert (claims.session_id, claims.auth_time, claims.amr) == (None, None, ())
        assert claims.scope == issued.scope == {READ, STATISTICS}
        assert claims.audience == (issued.audience,) == (API,)
        assert claims.expires_at - claims.issued_at == issued.expires_in == 300

    @pytest.mark.standard("rfc6749-4.4.3-1")
    def test_response_has_no_refresh_token(self):
        issued = issue()
        assert issued.to_response() == {
            "access_token": issued.access_token,
            "token_type": "Bearer",
            "expires_in": 300,
            "scope": "notes:read statistics",
        }
        assert issued.access_token not in repr(issued)

    def test_response_without_scope_omits_it(self, configure):
        configure({"scopes": []})
        assert set(issue().to_response()) == {"access_token", "token_type", "expires_in"}

    @pytest.mark.django_db
    def test_token_without_user_takes_no_statement(self, django_assert_num_queries):
        with django_assert_num_queries(0):
            claims = claims_of(issue())
            assert services.get_user(claims) == TokenUser(claims)
        assert not Session.objects.exists()

    def test_scope_narrows_the_scopes_of_the_entry(self):
        assert issue(scope=[READ]).scope == {READ}
        for scope in (["notes:write"], ["unknown"], [READ, "notes:write"]):
            with pytest.raises(InvalidScope):
                issue(scope=scope)
        with pytest.raises(TypeError, match="scope"):
            issue(scope=READ)

    def test_audience_is_one_of_the_entry(self, configure):
        configure({"audiences": [OTHER, API]})
        issued = issue()
        assert (issued.audience, issued.scope) == (OTHER, {READ})
        assert claims_of(issued, audience=OTHER).audience == (OTHER,)
        assert issue(audience=API).scope == {READ, STATISTICS}
        configure({"audiences": [OTHER]})
        for audience in (API, "https://unknown.example.com"):
            with pytest.raises(InvalidTarget):
                issue(audience=audience)

    def test_audience_that_no_longer_exists_is_rejected(self, configure):
        configure({"audiences": ["https://gone.example.com"]}, AUDIENCE=lambda request: API)
        with pytest.raises(InvalidTarget):
            issue()

    def test_other_audience_needs_an_entry(self):
        with pytest.raises(InvalidTarget):
            issue(audience=OTHER)

    @pytest.mark.parametrize("name", ["reports", "unknown", ""])
    def test_client_without_scopes_is_unauthorized(self, name, caplog):
        with caplog.at_level("INFO", "django_tokenauth"), pytest.raises(UnauthorizedClient):
            services.issue_client_token(name)
        assert log_messages(caplog)[-1].startswith("service account rejected:")

    def test_hooks_for_users_are_not_called_without_user(self, configure):
        def fail(*args, **kwargs):
            raise AssertionError

        configure(SCOPE_POLICY=fail, EXTRA_CLAIMS=fail, LIFETIMES=fail, ACR=fail)
        assert issue().scope == {READ, STATISTICS}

    @pytest.mark.django_db
    def test_stateless_refresh_changes_nothing(self, configure):
        configure(STATELESS_REFRESH=True)
        claims = claims_of(issue())
        assert services.get_user(claims) == TokenUser(claims)


class TestUserOfEntry:
    @pytest.fixture(autouse=True)
    def _user(self, alice, configure):
        configure({"user": "alice"})

    def test_token_acts_as_the_user(self, alice, django_assert_num_queries):
        with django_assert_num_queries(1):
            claims = claims_of(issue())
        assert (claims.subject, claims.client_id) == (str(alice.pk), "statistics")
        with django_assert_num_queries(1):
            assert services.get_user(claims) == alice

    def test_scope_policy_of_the_user_narrows_the_scope(self, alice, configure):
        calls = []

        def policy(user, scopes, request):
            calls.append((user, request))
            return scopes - {STATISTICS}

        configure({"user": "alice"}, SCOPE_POLICY=policy)
        assert issue().scope == {READ}
        assert calls == [(alice, None)]

    @pytest.mark.parametrize("change", ["inactive", "deleted", "renamed"])
    def test_user_who_cannot_sign_in_has_no_token(self, alice, caplog, change):
        claims = claims_of(issue())
        if change == "deleted":
            alice.delete()
        else:
            alice.is_active, alice.username = change != "inactive", change
            alice.save()
        with pytest.raises(UnauthorizedClient):
            issue()
        assert log_messages(caplog, "ERROR") == [
            "service account rejected: its user in CLIENTS cannot sign in"
        ]
        assert code_of(lambda: services.get_user(claims)) == TokenErrorCode.USER

    def test_username_in_other_case_is_another_user(self, configure):
        configure({"user": "ALICE"})
        with pytest.raises(UnauthorizedClient):
            issue()

    def test_new_password_does_not_end_the_token(self, alice):
        claims = claims_of(issue())
        alice.set_password("another")
        alice.save()
        assert services.get_user(claims) == alice

    def test_token_is_rejected_if_the_entry_names_another_user(self, bob, configure):
        claims = claims_of(issue())
        for user in ("bob", None):
            configure({"user": user})
            assert code_of(lambda: services.get_user(claims)) == TokenErrorCode.USER

    def test_user_model_with_another_subject_is_respected(self, alice, configure):
        configure({"user": "alice"}, USER_ID_FIELD="username")
        claims = claims_of(issue())
        assert claims.subject == "alice"
        assert services.get_user(claims) == get_user_model().objects.get()


@pytest.mark.attack(227)
class TestEnd:
    def test_token_expires(self):
        issued = issue()
        late = after(minutes=5)
        code = code_of(lambda: services.authenticate_access_token(issued.access_token, now=late))
        assert code == TokenErrorCode.EXPIRED

    @pytest.mark.parametrize("entry", [None, {"scopes": None}, {"secrets": []}])
    def test_token_ends_with_the_service_account(self, configure, entry):
        claims = claims_of(issue())
        configure(entry)
        assert code_of(lambda: services.get_user(claims)) == TokenErrorCode.REVOKED

    def test_not_before_ends_the_token(self, configure):
        issued = issue()
        configure(NOT_BEFORE=after(seconds=1))
        assert code_of(lambda: claims_of(issued)) == TokenErrorCode.REVOKED

    @pytest.mark.standard("rfc9700-4.15.1-2")
    def test_token_without_grant_and_session_is_rejected(self):
        """``STATELESS_REFRESH`` issues such tokens for users. They must not become clients."""
        claims = claims_of(issue())._replace(grant=None)
        assert code_of(lambda: services.get_user(claims)) == TokenErrorCode.REVOKED

    def test_token_cannot_be_revoked(self):
        with pytest.raises(UnsupportedTokenType):
            services.revoke_token(issue().access_token, client_id="statistics", now=NOW)


@pytest.mark.attack(226)
class TestRights:
    def test_token_never_has_full_rights(self):
        claims = claims_of(issue())
        assert code_of(lambda: services.full_scope(claims)) == TokenErrorCode.USER

    @pytest.mark.parametrize("subject", ["1", "statistics"])
    def test_service_functions_for_users_reject_the_user(self, alice, subject):
        """The key of the user of a service account may be that of another user."""
        claims = claims_of(issue())._replace(subject=subject)
        for function in (services.list_sessions, services.sign_out_everywhere):
            with pytest.raises(TypeError, match="must be a user that is stored"):
                function(TokenUser(claims))

    def test_introspection_names_no_user(self, alice, configure):
        members = services.introspect(issue().access_token, now=NOW)
        assert members["active"] is True
        assert (members["sub"], members["client_id"]) == ("statistics", "statistics")
        assert "username" not in members
        configure({"user": "alice"})
        assert services.introspect(issue().access_token, now=NOW)["username"] == "alice"

    def test_introspection_of_a_removed_account_is_inactive(self, configure):
        issued = issue()
        configure(None)
        assert services.introspect(issued.access_token, now=NOW) == {"active": False}
