"""Arguments of the services: Django's or REST framework's request, UUID or string, optional now."""

from __future__ import annotations

import inspect
from datetime import timedelta, timezone

import pytest
from django.contrib.auth.models import AnonymousUser, User
from django.contrib.auth.signals import user_logged_in, user_login_failed
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest
from django.test import RequestFactory, override_settings
from rest_framework.request import Request

from django_tokenauth import services, signals
from django_tokenauth.errors import InvalidGrant
from django_tokenauth.models import RevokedReason, Session
from django_tokenauth.services.clients import encode_secret
from tests.support.clock import NOW, after
from tests.support.signal_capture import received
from tests.support.unsaved import unsaved_alice


@pytest.fixture
def plain():
    return RequestFactory().post("/")


@pytest.fixture(params=["django", "rest_framework"])
def request_argument(request, plain):
    return {"django": plain, "rest_framework": Request(plain)}[request.param]


@pytest.fixture
def pair(alice):
    return services.sign_in(alice, now=NOW)


class TestRequest:
    """Hooks, backends and receivers get Django's request, whichever kind the caller passes."""

    def test_check_password_passes_django_request_to_receivers(
        self, alice, request_argument, plain
    ):
        with received(user_login_failed) as calls, pytest.raises(InvalidGrant):
            services.check_password(request_argument, "alice", "wrong")
        assert [call["request"] for call in calls] == [plain]

    def test_sign_in_passes_django_request_to_hooks_and_receivers(
        self, alice, request_argument, plain, settings
    ):
        hook_requests = []
        settings.TOKENAUTH = {
            "SCOPE_POLICY": lambda user, scopes, request: hook_requests.append(request) or scopes,
            "EXTRA_CLAIMS": lambda user, session, request: hook_requests.append(request) or {},
        }
        with received(user_logged_in) as logged_in, received(signals.signed_in) as signed_in:
            services.sign_in(alice, request=request_argument, now=NOW)
        assert [call["request"] for call in (*logged_in, *signed_in)] == [plain, plain]
        assert hook_requests == [plain, plain]

    def test_refresh_passes_django_request_to_receivers(self, pair, request_argument, plain):
        with received(signals.refreshed) as calls:
            services.refresh(pair.refresh_token, request=request_argument, now=after(hours=1))
        assert [call["request"] for call in calls] == [plain]

    @pytest.mark.parametrize(
        "revoke",
        [
            lambda pair, **options: services.revoke_token(pair.refresh_token, **options),
            lambda pair, **options: services.sign_out(pair.user, pair.session.pk, **options),
            lambda pair, **options: services.sign_out_everywhere(pair.user, **options),
            lambda pair, **options: services.sign_out_users([pair.user], **options),
            lambda pair, **options: services.revoke_sessions(
                Session.objects.all(), RevokedReason.ADMIN, **options
            ),
        ],
        ids=[
            "revoke_token",
            "sign_out",
            "sign_out_everywhere",
            "sign_out_users",
            "revoke_sessions",
        ],
    )
    def test_revocation_passes_django_request_to_receivers(
        self, pair, revoke, request_argument, plain
    ):
        with received(signals.session_revoked) as calls:
            revoke(pair, request=request_argument, now=after(hours=1))
        assert [call["request"] for call in calls] == [plain]

    def test_full_scope_passes_django_request_to_the_policy(
        self, pair, request_argument, plain, settings
    ):
        hook_requests = []
        settings.TOKENAUTH = {
            "SCOPE_POLICY": lambda user, scopes, request: hook_requests.append(request) or scopes
        }
        claims = services.authenticate_access_token(pair.access_token, now=NOW)
        services.full_scope(claims, request=request_argument)
        assert hook_requests == [plain]


@pytest.mark.parametrize(
    "form",
    [lambda pk: pk, str, lambda pk: str(pk).upper()],
    ids=["uuid", "string", "uppercase string"],
)
class TestSessionId:
    def test_sign_out_accepts_session_id_as_uuid_or_string(self, alice, pair, form):
        assert services.sign_out(alice, form(pair.session.pk), now=NOW) is True
        assert list(services.list_sessions(alice, now=NOW)) == []

    def test_sign_out_everywhere_accepts_keep_as_uuid_or_string(self, alice, pair, form):
        services.sign_in(alice, now=NOW)
        assert services.sign_out_everywhere(alice, keep=form(pair.session.pk), now=NOW) == 1
        assert list(services.list_sessions(alice, now=NOW)) == [pair.session]


def impersonate(pair, now):
    bob = User.objects.create_user("bob", is_staff=True)
    with override_settings(TOKENAUTH={"IMPERSONATION": lambda staff, user, request: True}):
        return services.impersonate(bob, pair.user, now=now)


def as_client(call):
    """Return *call* with a client that is a service account and may exchange tokens."""
    own = "django-tokenauth"
    client = {"secrets": [encode_secret("secret")], "scopes": [], "exchange": {own: [own]}}

    def call_as_client(pair, now):
        with override_settings(TOKENAUTH={"CLIENTS": {"reports": client}}):
            call(pair, now)

    return call_as_client


def narrow(pair, now):
    claims = services.authenticate_access_token(pair.access_token, now=after(minutes=1))
    services.narrow(claims, audience=pair.audience, now=now)


SERVICES_WITH_NOW = {
    "issue_client_token": as_client(
        lambda pair, now: services.issue_client_token("reports", now=now)
    ),
    "exchange_token": as_client(
        lambda pair, now: services.exchange_token(pair.access_token, client_id="reports", now=now)
    ),
    "narrow": narrow,
    "sign_in": lambda pair, now: services.sign_in(pair.user, now=now),
    "step_up": lambda pair, now: services.step_up(pair.user, pair.refresh_token, now=now),
    "refresh": lambda pair, now: services.refresh(pair.refresh_token, now=now),
    "list_sessions": lambda pair, now: list(services.list_sessions(pair.user, now=now)),
    "sign_out": lambda pair, now: services.sign_out(pair.user, pair.session.pk, now=now),
    "sign_out_everywhere": lambda pair, now: services.sign_out_everywhere(pair.user, now=now),
    "sign_out_users": lambda pair, now: services.sign_out_users([pair.user], now=now),
    "revoke_token": lambda pair, now: services.revoke_token(pair.refresh_token, now=now),
    "revoke_sessions": lambda pair, now: services.revoke_sessions(
        Session.objects.all(), RevokedReason.ADMIN, now=now
    ),
    "authenticate_access_token": lambda pair, now: services.authenticate_access_token(
        pair.access_token, now=now
    ),
    "authenticate_token": lambda pair, now: services.authenticate_token(pair.access_token, now=now),
    "update_session_auth_hash": lambda pair, now: services.update_session_auth_hash(
        HttpRequest(), pair.user, now=now
    ),
    "set_session_data": lambda pair, now: services.set_session_data(pair.session, {}, now=now),
    "impersonate": impersonate,
    "introspect": lambda pair, now: services.introspect(pair.access_token, now=now),
    "is_revoked": lambda pair, now: services.is_revoked(
        services.authenticate_access_token(pair.access_token, now=after(minutes=1)), now=now
    ),
}
NOT_A_DATETIME = r"^now must be a datetime as django.utils.timezone.now\(\) returns it.$"
NOT_AWARE = [NOW.replace(tzinfo=None), NOW.timestamp(), NOW.date(), "2026-11-23T12:00:00Z", 0]
IN_SEOUL = after(minutes=1).astimezone(timezone(timedelta(hours=9)))


@pytest.mark.parametrize("call", SERVICES_WITH_NOW.values(), ids=SERVICES_WITH_NOW)
class TestZoneOfNow:
    @pytest.mark.parametrize("now", NOT_AWARE, ids=lambda now: type(now).__name__)
    def test_services_reject_now_that_is_not_an_aware_datetime(self, pair, call, now):
        with pytest.raises(TypeError, match=NOT_A_DATETIME):
            call(pair, now)
        session = Session.objects.get()
        assert (session.revoked_at, session.generation) == (None, 1)

    @pytest.mark.parametrize("use_tz", [True, False])
    def test_services_accept_now_in_another_time_zone(self, alice, settings, call, use_tz):
        settings.USE_TZ = use_tz
        pair = services.sign_in(alice, now=NOW)
        call(pair, IN_SEOUL)
        for session in Session.objects.all():
            assert session.created_at.timestamp() in {NOW.timestamp(), IN_SEOUL.timestamp()}
            assert session.revoked_at in {None, after(minutes=1)}

    def test_services_accept_naive_now_with_use_tz_false(self, alice, settings, call):
        settings.USE_TZ = False
        pair = services.sign_in(alice, now=NOW.replace(tzinfo=None))
        call(pair, after(minutes=1).replace(tzinfo=None))
        assert Session.objects.get(pk=pair.session.pk).created_at == NOW


class TestNow:
    def test_services_share_type_and_default_of_the_parameter_now(self):
        functions = [getattr(services, name) for name in services.__all__]
        parameters = [
            inspect.signature(function).parameters["now"]
            for function in functions
            if inspect.isfunction(function) and "now" in inspect.signature(function).parameters
        ]
        assert len(parameters) == len(SERVICES_WITH_NOW) == 19
        assert {
            (parameter.annotation, parameter.default, parameter.kind) for parameter in parameters
        } == {("datetime | None", None, inspect.Parameter.KEYWORD_ONLY)}

    def test_introspect_without_now_uses_the_current_time(self, pair, time_machine):
        time_machine.move_to(after(minutes=4), tick=False)
        assert services.introspect(pair.access_token)["active"] is True
        time_machine.move_to(after(minutes=5), tick=False)
        assert services.introspect(pair.access_token)["active"] is False

    def test_is_revoked_without_now_uses_the_current_time(self, pair, time_machine):
        time_machine.move_to(NOW, tick=False)
        claims = services.authenticate_access_token(pair.access_token)
        assert services.is_revoked(claims) is False
        services.sign_out_everywhere(pair.user)
        assert services.is_revoked(claims) is False
        time_machine.move_to(after(seconds=10), tick=False)
        assert services.is_revoked(claims) is True


class TestCollections:
    """A string is a collection too: that of its characters."""

    @pytest.mark.parametrize("name", ["scope", "amr"])
    @pytest.mark.parametrize("value", ["notes:read notes:write", "pwd", "", b"pwd", 1, [1]])
    def test_sign_in_rejects_a_string_as_scope_or_amr(self, alice, settings, name, value):
        settings.TOKENAUTH = {"SCOPES": ["notes:read", "notes:write"]}
        with pytest.raises(TypeError, match=f"{name} must "):
            services.sign_in(alice, **{name: value}, now=NOW)
        assert not Session.objects.exists()

    @pytest.mark.parametrize("amr", [["two words"], [""], ["pwd", "otp "]])
    def test_sign_in_rejects_empty_amr_values_and_amr_with_spaces(self, alice, amr):
        with pytest.raises(ValueError, match="amr") as caught:
            services.sign_in(alice, amr=amr, now=NOW)
        assert str(caught.value) == (
            'amr must contain names without spaces (RFC 8176), for example "pwd".'
        )
        assert not Session.objects.exists()

    @pytest.mark.parametrize("value", ["notes:read", "", b"notes:read"])
    def test_refresh_rejects_a_string_as_scope(self, pair, value):
        with pytest.raises(TypeError, match="scope must be a collection of strings"):
            services.refresh(pair.refresh_token, scope=value, now=after(hours=1))
        pair.session.refresh_from_db()
        assert pair.session.generation == 1

    @pytest.mark.parametrize(
        "returned", ["notes:read", None, b"notes:read", {"notes:read": 1}, [1]]
    )
    def test_scope_policy_must_return_a_collection_of_strings(self, alice, settings, returned):
        settings.TOKENAUTH = {
            "SCOPES": ["notes:read"],
            "SCOPE_POLICY": lambda user, scopes, request: returned,
        }
        with pytest.raises(ImproperlyConfigured, match="SCOPE_POLICY must return a collection of"):
            services.sign_in(alice, now=NOW)
        assert not Session.objects.exists()

    @pytest.mark.parametrize("keep", ["", "current", "laptop", 1, []])
    def test_sign_out_everywhere_rejects_an_invalid_keep_id(self, alice, pair, keep):
        message = "^keep must be the id of one session, a UUID or its string.$"
        with pytest.raises(ValueError, match=message):
            services.sign_out_everywhere(alice, keep=keep, now=NOW)
        assert services.list_sessions(alice, now=NOW).count() == 1

    def test_sign_out_everywhere_rejects_a_session_object_as_keep(self, alice, pair):
        pair.session.device_name = "laptop"
        with pytest.raises(ValueError, match="keep must be the id of one session"):
            services.sign_out_everywhere(alice, keep=pair.session, now=NOW)
        assert services.list_sessions(alice, now=NOW).count() == 1


LONG = "x" * 256
SIGN_IN_ARGUMENTS = [
    ({"device_name": "x" * 101}, ValueError, "device_name must have at most 100 characters"),
    ({"client_id": LONG}, ValueError, "client_id must have at most 255 characters, not 256"),
    ({"amr": ["x" * 128] * 2}, ValueError, "amr must have at most 255 characters"),
    ({"device_name": "a\0b"}, ValueError, "device_name must not contain the character NUL"),
    ({"user_agent": "\ud800"}, ValueError, "user_agent must not contain"),
    ({"user_agent": "\udfff"}, ValueError, "user_agent must not contain"),
    ({"client_id": "\0"}, ValueError, "client_id must not contain"),
    ({"device_name": None}, TypeError, "device_name must be a string, not NoneType"),
    ({"user_agent": b"x"}, TypeError, "user_agent must be a string, not bytes"),
    ({"client_id": 7}, TypeError, "client_id must be a string, not int"),
    ({"ip": "localhost"}, ValueError, "ip must be an IPv4 or IPv6 address"),
    ({"ip": "192.0.2.1:80"}, ValueError, "ip must be an IPv4 or IPv6 address"),
    ({"ip": "fe80::1%eth0"}, ValueError, "ip must be an IPv4 or IPv6 address"),
    ({"ip": "192.0.2.1, 192.0.2.2"}, ValueError, "ip must be .* Pass None if it is unknown.$"),
    ({"ip": 3221225985}, TypeError, "ip must be a string, not int"),
]


class TestColumnLimits:
    @pytest.mark.parametrize("stateless", [False, True])
    @pytest.mark.parametrize(("arguments", "error", "message"), SIGN_IN_ARGUMENTS)
    def test_sign_in_rejects_values_that_a_session_cannot_store(
        self, arguments, error, message, stateless, settings
    ):
        settings.TOKENAUTH = {"STATELESS_REFRESH": stateless}
        with (
            received(user_logged_in) as calls,
            pytest.raises(error, match=f"^{message}"),
        ):
            services.sign_in(unsaved_alice(), **arguments)
        assert calls == []

    def test_sign_in_stores_values_of_the_maximum_length(self, alice):
        arguments = {"device_name": "\N{GRINNING FACE}" * 100, "client_id": "x" * 255}
        for ip in ("192.0.2.1", "2001:db8::1", "", None):
            services.sign_in(alice, **arguments, amr=["x" * 255], ip=ip)
        # With the space between them, two names of 127 characters have 255.
        services.sign_in(alice, amr=["x" * 127] * 2)
        session = Session.objects.first()
        assert {name: getattr(session, name) for name in arguments} == arguments

    def test_sign_in_truncates_a_long_user_agent(self, alice):
        pair = services.sign_in(alice, user_agent="x" * 300)
        assert Session.objects.get(pk=pair.session.pk).user_agent == "x" * 255

    @pytest.mark.parametrize(
        ("arguments", "error", "message"),
        [
            ({"ip": "localhost"}, ValueError, "ip must be an IPv4 or IPv6 address"),
            ({"user_agent": None}, TypeError, "user_agent must be a string, not NoneType"),
        ],
    )
    def test_refresh_rejects_values_that_a_session_cannot_store(
        self, pair, arguments, error, message, django_assert_num_queries
    ):
        with django_assert_num_queries(0), pytest.raises(error, match=f"^{message}"):
            services.refresh(pair.refresh_token, now=NOW, **arguments)
        assert services.refresh(pair.refresh_token, now=NOW).session.generation == 2


class TestWrongObjects:
    @pytest.mark.parametrize(
        ("user", "name"),
        [
            (None, "None"),
            (AnonymousUser(), "an object of AnonymousUser"),
            (User(), "an object of User"),
            ("alice", "an object of str"),
        ],
    )
    @pytest.mark.parametrize(
        "call",
        [
            services.sign_in,
            services.list_sessions,
            services.sign_out_everywhere,
            lambda user: services.sign_out(user, "x"),
        ],
        ids=["sign_in", "list_sessions", "sign_out_everywhere", "sign_out"],
    )
    def test_services_reject_objects_that_are_not_stored_users(self, user, name, call):
        with pytest.raises(TypeError) as caught:
            call(user)
        assert str(caught.value) == f"user must be a user that is stored, not {name}."

    def test_anonymous_user_cannot_revoke_sessions_of_deleted_users(self, alice, pair):
        """Their rows have no user, as an unsaved user has no key."""
        Session.objects.update(user=None)
        with pytest.raises(TypeError):
            services.sign_out_everywhere(AnonymousUser())
        assert Session.objects.get().revoked_at is None

    @pytest.mark.parametrize(
        ("queryset", "name"),
        [
            ([], "an object of list"),
            (None, "None"),
            ("x", "an object of str"),
            (Session, "an object of ModelBase"),
            (User.objects.all(), "an object of QuerySet"),
        ],
    )
    def test_revoke_sessions_rejects_all_but_session_querysets(self, queryset, name):
        with pytest.raises(TypeError) as caught:
            services.revoke_sessions(queryset, RevokedReason.ADMIN)
        assert str(caught.value) == (
            "queryset must be a query set of sessions, for example Session.objects.filter(...), "
            f"not {name}."
        )
