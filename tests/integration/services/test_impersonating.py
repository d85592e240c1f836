"""``services.impersonate``: a session in which a member of the staff acts as a user."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.signals import user_logged_in
from django.core.exceptions import ImproperlyConfigured, PermissionDenied
from django.db import IntegrityError
from django.test import RequestFactory
from rest_framework.request import Request
from rest_framework.test import APIRequestFactory

from django_tokenauth import services, signals
from django_tokenauth.authentication import JWTAuthentication
from django_tokenauth.errors import ImpersonationDenied, InvalidGrant, InvalidScope
from django_tokenauth.models import Session
from django_tokenauth.sessions import store
from django_tokenauth.sessions.log_ids import log_id
from tests.support.client import log_messages
from tests.support.clock import NOW, after
from tests.support.impersonation import ALLOWED, claims_of
from tests.support.signal_capture import received

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _allowed(settings, time_machine):
    time_machine.move_to(NOW, tick=False)
    settings.TOKENAUTH = ALLOWED


@pytest.fixture
def staff(bob):
    bob.is_staff = True
    bob.save()
    return bob


def authenticated_request(pair):
    """Return a request of REST framework that ``JWTAuthentication`` has authenticated."""
    headers = {"Authorization": f"Bearer {pair.access_token}"}
    request = Request(
        APIRequestFactory().post("/", headers=headers), authenticators=[JWTAuthentication()]
    )
    assert request.user
    return request


class TestTokens:
    def test_impersonated_tokens_name_the_user_and_the_actor(self, staff, alice):
        pair = services.impersonate(staff, alice)
        claims = claims_of(pair)
        assert (claims.subject, claims.actor) == (str(alice.pk), str(staff.pk))
        assert (claims.auth_time, claims.amr) == (int(NOW.timestamp()), ())
        assert services.get_user(claims) == pair.user == alice

    def test_impersonation_calls_extra_claims_without_session_data(self, staff, alice, settings):
        settings.TOKENAUTH = {
            **ALLOWED,
            "SESSION_DATA": lambda user, request, fields: {"team": 1},
            "EXTRA_CLAIMS": lambda user, session, request, data: {"data": data},
        }
        assert claims_of(services.sign_in(alice)).extra["data"] == {"team": 1}
        pair = services.impersonate(staff, alice)
        assert claims_of(pair).extra["data"] is None
        assert claims_of(services.refresh(pair.refresh_token)).extra["data"] is None

    def test_introspection_returns_the_act_claim(self, staff, alice):
        """RFC 8693 section 4.1 registers ``act`` for the introspection response too."""
        found = services.introspect(services.impersonate(staff, alice).access_token)
        assert (found["username"], found["act"]) == ("alice", {"sub": str(staff.pk)})

    def test_refresh_keeps_the_actor_in_two_statements(
        self, staff, alice, django_assert_num_queries
    ):
        pair = services.impersonate(staff, alice)
        for _ in range(2):
            with django_assert_num_queries(2):
                pair = services.refresh(pair.refresh_token)
            assert claims_of(pair).actor == str(staff.pk)

    def test_impersonated_request_takes_one_statement(
        self, staff, alice, django_assert_num_queries
    ):
        pair = services.impersonate(staff, alice)
        with django_assert_num_queries(1):
            claims_of(pair)

    def test_actor_is_the_subject_of_the_chosen_field(self, staff, alice, settings):
        settings.TOKENAUTH = {**ALLOWED, "USER_ID_FIELD": "username"}
        pair = services.refresh(services.impersonate(staff, alice).refresh_token)
        assert (claims_of(pair).subject, claims_of(pair).actor) == ("alice", "bob")

    @pytest.mark.parametrize(
        ("options", "expected"),
        [
            ({}, timedelta(hours=1)),
            ({"lifetime": timedelta(minutes=10)}, timedelta(minutes=10)),
            ({"lifetime": timedelta(days=90)}, timedelta(days=90)),
        ],
    )
    def test_session_ends_after_its_lifetime(self, staff, alice, options, expected):
        session = services.impersonate(staff, alice, **options).session
        assert session.absolute_expires_at == NOW + expected
        assert session.idle_expires_at == NOW + min(expected, timedelta(days=14))

    def test_default_lifetime_is_at_most_the_session_lifetime(self, staff, alice, settings):
        settings.TOKENAUTH = {**ALLOWED, "SESSION_LIFETIME": timedelta(minutes=20)}
        assert services.impersonate(staff, alice).session.absolute_expires_at == after(minutes=20)

    def test_refresh_never_extends_the_session(self, staff, alice, time_machine):
        pair = services.impersonate(staff, alice, lifetime=timedelta(minutes=10))
        time_machine.move_to(after(minutes=9), tick=False)
        pair = services.refresh(pair.refresh_token)
        assert pair.session.idle_expires_at == after(minutes=10)
        assert claims_of(pair).expires_at == after(minutes=10).timestamp()
        time_machine.move_to(after(minutes=10), tick=False)
        with pytest.raises(InvalidGrant):
            services.refresh(pair.refresh_token)

    def test_arguments_describe_the_device_and_narrow_the_scope(self, staff, alice, settings):
        settings.TOKENAUTH = {**ALLOWED, "SCOPES": ["notes:read", "notes:write"]}
        options = {"client_id": "desk", "device_name": "laptop", "user_agent": "curl"}
        pair = services.impersonate(staff, alice, scope=["notes:read"], ip="192.0.2.1", **options)
        session = Session.objects.get()
        assert {name: getattr(session, name) for name in options} == options
        assert (session.ip, session.scope, session.scope_limited) == (
            *("192.0.2.1", "notes:read"),
            True,
        )
        assert pair.scope == {"notes:read"}

    def test_impersonation_without_scope_gets_the_scope_of_the_user(self, staff, alice, settings):
        policy = lambda user, scopes, request: scopes if user == alice else ()  # noqa: E731
        settings.TOKENAUTH = {**ALLOWED, "SCOPES": ["notes:read"], "SCOPE_POLICY": policy}
        pair = services.impersonate(staff, alice)
        assert (pair.scope, pair.session.scope_limited) == ({"notes:read"}, False)


class TestRecords:
    def test_signals_and_log_name_both_users(self, staff, alice, caplog):
        request = RequestFactory().get("/")
        with (
            received(signals.impersonated) as started,
            received(signals.audit_event) as audited,
            received(signals.signed_in) as signed_in,
            received(user_logged_in) as logged_in,
        ):
            session = services.impersonate(staff, alice, request=request).session
        assert started == [
            {
                "sender": Session,
                "session": session,
                "user": alice,
                "actor": staff,
                "request": request,
            }
        ]
        assert audited == [
            {
                "sender": None,
                "action": "sessions.impersonate",
                "actor": staff,
                "count": 1,
                "ids": (log_id(session.pk),),
                "request": request,
            }
        ]
        # last_login and e-mails about new devices are about the user.
        assert signed_in == logged_in == []
        assert log_messages(caplog, "WARNING") == [
            f"user {staff.pk} acts as user {alice.pk}, session {log_id(session.pk)}"
        ]

    def test_denial_is_logged(self, staff, alice, caplog):
        with pytest.raises(ImpersonationDenied):
            services.impersonate(alice, staff)
        assert log_messages(caplog, "WARNING") == [
            f"user {alice.pk} may not act as user {staff.pk}"
        ]


class TestDenied:
    @pytest.fixture(autouse=True)
    def _permit_everything(self, settings):
        settings.TOKENAUTH = {"IMPERSONATION": lambda staff, user, request: True}

    def assert_denied(self, staff, user, **options):
        with received(signals.impersonated) as started, pytest.raises(PermissionDenied) as denied:
            services.impersonate(staff, user, **options)
        assert isinstance(denied.value, ImpersonationDenied)
        assert str(denied.value) == "You may not act as this user."
        assert started == []

    def test_user_cannot_act_as_themselves(self, staff):
        self.assert_denied(staff, get_user_model().objects.get(pk=staff.pk))
        assert not Session.objects.exists()

    @pytest.mark.parametrize("name", ["alice", "bob"])
    def test_inactive_users_are_denied(self, staff, alice, name):
        user = {"alice": alice, "bob": staff}[name]
        user.is_active = False
        user.save()
        self.assert_denied(staff, alice)

    def test_only_superusers_act_as_superusers(self, staff, alice):
        alice.is_superuser = True
        self.assert_denied(staff, alice)
        staff.is_superuser = True
        assert services.impersonate(staff, alice).user == alice

    def test_impersonated_request_cannot_impersonate(self, staff, alice):
        carol = get_user_model().objects.create_user("carol", is_staff=True)
        request = authenticated_request(services.impersonate(staff, carol))
        self.assert_denied(carol, alice, request=request)

    def test_request_of_the_staff_can_impersonate(self, staff, alice):
        request = authenticated_request(services.sign_in(staff))
        assert services.impersonate(staff, alice, request=request).user == alice

    def test_hook_receives_both_users_and_the_django_request(self, staff, alice, settings):
        calls = []
        settings.TOKENAUTH = {"IMPERSONATION": lambda *arguments: bool(calls.append(arguments))}
        request = authenticated_request(services.sign_in(staff))
        self.assert_denied(staff, alice, request=request)
        assert calls == [(staff, alice, request._request)]

    @pytest.mark.parametrize("result", [None, 1, "yes", []])
    def test_hook_must_return_a_boolean(self, staff, alice, settings, result):
        settings.TOKENAUTH = {"IMPERSONATION": lambda *arguments: result}
        with pytest.raises(ImproperlyConfigured, match="IMPERSONATION must return True or False"):
            services.impersonate(staff, alice)

    @pytest.mark.parametrize("name", ["alice", "bob"])
    @pytest.mark.parametrize("change", [{"is_active": False}, {"password": "new"}])
    def test_change_during_the_call_is_denied(self, staff, alice, settings, name, change):
        def change_user(*arguments):
            get_user_model().objects.filter(username=name).update(**change)
            return True

        settings.TOKENAUTH = {"IMPERSONATION": change_user}
        self.assert_denied(staff, alice)
        assert Session.objects.get().revoked_at == NOW


@pytest.mark.django_db(transaction=True)
class TestErrors:
    @pytest.mark.parametrize("name", ["alice", "bob"])
    def test_user_deleted_during_the_call_is_denied(self, staff, alice, settings, name):
        def delete_user(*arguments):
            get_user_model().objects.filter(username=name).delete()
            return True

        settings.TOKENAUTH = {"IMPERSONATION": delete_user}
        with pytest.raises(ImpersonationDenied):
            services.impersonate(staff, alice)
        assert not Session.objects.exists()

    def test_other_integrity_errors_are_raised(self, staff, alice, monkeypatch):
        first = services.impersonate(staff, alice).session
        monkeypatch.setattr(store, "new_id", lambda now: first.pk)
        # Saving a session with this id would update the row.
        monkeypatch.setattr(
            store, "add", lambda session: Session.objects.bulk_create([session]) and None
        )
        with pytest.raises(IntegrityError):
            services.impersonate(staff, alice)

    def test_error_after_the_insert_revokes_the_session(self, staff, alice, monkeypatch):
        def fail(*arguments, **options):
            raise LookupError("a bug")

        monkeypatch.setattr(store, "find_with_actor", fail)
        with pytest.raises(LookupError, match="a bug"):
            services.impersonate(staff, alice)
        assert Session.objects.get().revoked_at == NOW


class TestArguments:
    def test_without_the_setting_impersonation_is_off(self, staff, alice, settings):
        settings.TOKENAUTH = {}
        with pytest.raises(ImproperlyConfigured, match="set IMPERSONATION in TOKENAUTH"):
            services.impersonate(staff, alice)

    def test_stateless_refresh_cannot_impersonate(self, staff, alice, settings):
        settings.TOKENAUTH = {**ALLOWED, "STATELESS_REFRESH": True}
        with pytest.raises(ImproperlyConfigured, match="Remove STATELESS_REFRESH"):
            services.impersonate(staff, alice)

    @pytest.mark.parametrize(
        ("options", "error"),
        [
            ({"lifetime": timedelta(0)}, ValueError),
            ({"lifetime": timedelta(days=91)}, ValueError),
            ({"lifetime": 3600}, TypeError),
            ({"scope": "notes:read"}, TypeError),
            ({"client_id": "x" * 256}, ValueError),
            ({"device_name": "x" * 101}, ValueError),
            ({"user_agent": 1}, TypeError),
            ({"ip": "localhost"}, ValueError),
            ({"now": NOW.replace(tzinfo=None)}, TypeError),
        ],
    )
    def test_invalid_arguments_store_nothing(self, staff, alice, options, error):
        with pytest.raises(error, match=next(iter(options))):
            services.impersonate(staff, alice, **options)
        assert not Session.objects.exists()

    def test_unknown_scope_is_an_invalid_scope(self, staff, alice):
        with pytest.raises(InvalidScope):
            services.impersonate(staff, alice, scope=["notes:read"])

    @pytest.mark.parametrize("position", [0, 1])
    def test_unsaved_users_are_rejected(self, staff, alice, position):
        users = [staff, alice]
        users[position] = get_user_model()()
        with pytest.raises(TypeError, match="a user that is stored"):
            services.impersonate(*users)
