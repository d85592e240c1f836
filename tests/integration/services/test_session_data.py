"""Data chosen at sign-in: the argument, the hook ``SESSION_DATA``, and ``set_session_data``."""

from __future__ import annotations

import functools
import uuid
from datetime import timedelta

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest

from django_tokenauth import services
from django_tokenauth.errors import InvalidRequest
from django_tokenauth.models import RevokedReason, Session
from django_tokenauth.services import Lifetimes
from django_tokenauth.sessions.managers import get_by_session
from tests.support.clock import NOW, after

pytestmark = pytest.mark.django_db
BOTH = pytest.mark.parametrize("stateless", [False, True], ids=["session", "stateless"])
ACME = {"org": "acme", "branches": [1, 2]}
REQUEST = HttpRequest()
UNKNOWN = uuid.UUID("01a207a2-3280-729f-8b86-2cd0bec312f2")


def org_claims(user, session, request, *, data):
    return {"org": data}


def claim(pair, now=NOW):
    return services.authenticate_access_token(pair.access_token, now=now).extra["org"]


@BOTH
class TestClaims:
    @pytest.fixture(autouse=True)
    def _settings(self, settings, stateless):
        settings.TOKENAUTH = {"EXTRA_CLAIMS": org_claims, "STATELESS_REFRESH": stateless}

    def test_extra_claims_receives_the_data_at_sign_in_and_refresh(self, alice):
        pair = services.sign_in(alice, data=ACME, now=NOW)
        assert claim(pair) == {"org": "acme", "branches": (1, 2)}
        for minutes in (1, 2):
            pair = services.refresh(pair.refresh_token, now=after(minutes=minutes))
            assert claim(pair, after(minutes=minutes)) == {"org": "acme", "branches": (1, 2)}

    def test_extra_claims_receives_none_without_data(self, alice):
        pair = services.sign_in(alice, now=NOW)
        assert claim(pair) is None
        assert claim(services.refresh(pair.refresh_token, now=NOW)) is None

    @pytest.mark.parametrize("data", [False, 0, "", [], {}])
    def test_empty_data_is_kept(self, alice, data):
        pair = services.sign_in(alice, data=data, now=NOW)
        new = services.refresh(pair.refresh_token, now=after(minutes=1))
        assert claim(new, after(minutes=1)) == (() if data == [] else data)

    def test_data_with_the_deepest_nesting_is_read_from_the_tokens(self, alice):
        data = functools.reduce(lambda inner, _: [inner], range(15), 1)
        pair = services.sign_in(alice, data=data, now=NOW)
        new = services.refresh(pair.refresh_token, now=after(minutes=1))
        assert claim(new, after(minutes=1)) == claim(pair)

    def test_extra_claims_receives_uuids_as_strings_at_sign_in_too(self, alice):
        pk = uuid.uuid4()
        assert claim(services.sign_in(alice, data=pk, now=NOW)) == str(pk)


@pytest.mark.parametrize(
    "hook",
    [
        lambda user, session, request: {"org": session.data["org"]},
        lambda *arguments: {"org": arguments[1].data["org"]},
        lambda user, data, request: {"org": data.data["org"]},
        lambda user, session, request, data: {"org": data["org"]},
        lambda user, session, request, /, data=None: {"org": data["org"]},
        functools.partial(lambda user, session, request, n, data: {"org": data["org"]}, n=1),
    ],
)
def test_extra_claims_hooks_with_and_without_data_are_called(alice, settings, hook):
    settings.TOKENAUTH = {"EXTRA_CLAIMS": hook}
    assert claim(services.sign_in(alice, data=ACME, now=NOW)) == "acme"


def test_hook_without_a_signature_is_called_without_data(alice, settings):
    class Hook:
        __signature__ = "none"

        def __call__(self, *arguments):
            return {"org": len(arguments)}

    settings.TOKENAUTH = {"EXTRA_CLAIMS": Hook()}
    assert claim(services.sign_in(alice, data=ACME, now=NOW)) == 3


class TestHook:
    @pytest.fixture(autouse=True)
    def calls(self, settings):
        calls = []

        def choose(*arguments):
            calls.append(arguments)
            return self.result

        self.result = ACME
        settings.TOKENAUTH = {"SESSION_DATA": choose}
        return calls

    def test_hook_receives_user_request_and_fields_at_sign_in_only(self, alice, calls):
        pair = services.sign_in(alice, request=REQUEST, fields={"org": "acme"}, now=NOW)
        services.refresh(pair.refresh_token, now=after(minutes=1))
        assert calls == [(alice, REQUEST, {"org": "acme"})]
        assert Session.objects.get().data == ACME

    def test_hook_receives_no_fields_outside_the_token_endpoint(self, alice, calls):
        services.sign_in(alice, now=NOW)
        assert calls == [(alice, None, {})]

    def test_argument_replaces_the_hook(self, alice, calls):
        services.sign_in(alice, data={}, now=NOW)
        assert (calls, Session.objects.get().data) == ([], {})

    def test_hook_that_returns_none_stores_null(self, alice):
        self.result = None
        services.sign_in(alice, now=NOW)
        assert Session.objects.filter(data__isnull=True).count() == 1

    def test_hook_that_returns_other_types_is_improperly_configured(self, alice):
        self.result = {"org": object()}
        with pytest.raises(ImproperlyConfigured, match=r"^SESSION_DATA returned invalid"):
            services.sign_in(alice, now=NOW)
        assert not Session.objects.exists()

    @pytest.mark.parametrize("result", ["x" * 2048, "\0"])
    def test_data_that_cannot_be_stored_is_a_bad_request(self, alice, caplog, result):
        self.result = result
        with pytest.raises(InvalidRequest) as caught:
            services.sign_in(alice, now=NOW)
        assert str(caught.value.description) == "A session cannot store the data of this request."
        assert "SESSION_DATA returned invalid data: data must" in caplog.text
        assert not Session.objects.exists()


class TestInvalidArgument:
    @pytest.mark.parametrize(
        ("data", "error"), [("x" * 2048, ValueError), (object(), TypeError), ("\0", ValueError)]
    )
    def test_invalid_data_stores_no_session(self, alice, data, error):
        with pytest.raises(error, match=r"^data must"):
            services.sign_in(alice, data=data, now=NOW)
        assert not Session.objects.exists()

    def test_invalid_new_data_keeps_the_old_data(self, alice):
        session = services.sign_in(alice, data=ACME, now=NOW).session
        with pytest.raises(ValueError, match=r"^data must"):
            services.set_session_data(session, "x" * 2048, now=NOW)
        assert Session.objects.get().data == ACME


class TestSetSessionData:
    @pytest.fixture
    def pair(self, alice, settings):
        settings.TOKENAUTH = {"EXTRA_CLAIMS": org_claims}
        return services.sign_in(alice, data=ACME, now=NOW)

    @pytest.mark.parametrize(
        "session_of",
        [lambda session: session, lambda session: session.pk, lambda session: str(session.pk)],
        ids=["session", "uuid", "string"],
    )
    def test_new_data_is_in_the_claims_of_the_next_refresh(
        self, pair, session_of, django_assert_num_queries
    ):
        with django_assert_num_queries(1):
            assert services.set_session_data(session_of(pair.session), "other", now=NOW)
        later = after(minutes=1)
        assert claim(services.refresh(pair.refresh_token, now=later), later) == "other"

    def test_given_session_object_gets_the_new_data(self, pair):
        services.set_session_data(pair.session, (1,), now=NOW)
        assert pair.session.data == [1]

    def test_none_removes_the_data(self, pair):
        assert services.set_session_data(pair.session, None, now=NOW)
        assert Session.objects.filter(data__isnull=True).count() == 1

    def test_data_of_an_expired_session_is_kept(self, pair):
        assert not services.set_session_data(pair.session, 1, now=after(days=14))
        assert pair.session.data == Session.objects.get().data == ACME

    def test_data_of_a_revoked_session_is_kept(self, pair):
        services.revoke_sessions(Session.objects.all(), RevokedReason.ADMIN, now=NOW)
        assert not services.set_session_data(pair.session, 1, now=NOW)
        assert Session.objects.get().data == ACME

    @pytest.mark.parametrize("session", ["", "x", str(UNKNOWN), UNKNOWN, None])
    def test_unknown_session_is_not_changed(self, pair, session):
        assert not services.set_session_data(session, 1, now=NOW)

    def test_stateless_refresh_stores_no_data(self, pair, settings, django_assert_num_queries):
        settings.TOKENAUTH = {"STATELESS_REFRESH": True}
        with django_assert_num_queries(0):
            assert not services.set_session_data(pair.session.pk, 1, now=NOW)


def test_columns_of_a_session_are_read_through_the_users_manager(alice):
    """Managers of the user model that are not plain read the session in this way."""
    hour = timedelta(hours=1)
    pair = services.sign_in(alice, data=ACME, lifetimes=Lifetimes(idle=hour), now=NOW)
    names = ["data", "access_lifetime", "idle_lifetime", "actor_id"]
    found = get_by_session("default", pair.session.pk, names)
    assert found == [alice, ACME, None, hour, None]
