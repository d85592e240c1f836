"""Step-up: a new sign-in that continues the session of a refresh token."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.signals import user_logged_in

from django_tokenauth import services, signals
from django_tokenauth.errors import InvalidGrant, InvalidScope, ServiceUnavailable
from django_tokenauth.models import RevokedReason, Session
from django_tokenauth.services import refresh, sign_in, step_up
from tests.support.client import log_messages
from tests.support.clock import NOW, after
from tests.support.impersonation import ALLOWED
from tests.support.signal_capture import received

pytestmark = pytest.mark.django_db
READ, WRITE = "notes:read", "notes:write"
LATER = after(hours=1)
MFA = ("pwd", "otp", "mfa")


@pytest.fixture
def pair(alice, settings):
    settings.TOKENAUTH = {"SCOPES": [READ, WRITE]}
    return sign_in(alice, amr=["pwd"], now=NOW, device_name="phone", data={"team": "a"})


def row(pair):
    return Session.objects.get(pk=pair.session.pk)


def claims_of(pair, now=LATER):
    return services.authenticate_access_token(pair.access_token, now=now)


def is_rejected(pair, user, token=None, **options):
    """Return whether a step-up is rejected and changes no column of the session."""
    token = pair.refresh_token if token is None else token
    before = Session.objects.filter(pk=pair.session.pk).values().get()
    with received(signals.stepped_up) as sent, received(user_logged_in) as logged_in:
        try:
            step_up(user, token, **{"amr": MFA, "now": LATER, **options})
        except InvalidGrant as error:
            message = str(error.description)
        else:
            return False
    assert message == "The session has ended. Sign in again."
    assert (sent, logged_in) == ([], [])
    return Session.objects.filter(pk=pair.session.pk).values().get() == before


class TestSession:
    def test_step_up_updates_auth_time_and_methods_of_the_session(self, alice, pair):
        new = step_up(alice, pair.refresh_token, amr=MFA, now=LATER)
        claims = claims_of(new)
        assert claims.session_id == str(pair.session.pk)
        assert (claims.auth_time, claims.amr) == (int(LATER.timestamp()), MFA)
        session = row(pair)
        assert (session.authenticated_at, session.methods) == (LATER, MFA)
        assert new.session == session
        assert Session.objects.count() == 1

    def test_step_up_rotates_and_keeps_the_other_columns(self, alice, pair):
        step_up(alice, pair.refresh_token, amr=MFA, now=LATER)
        session = row(pair)
        assert (session.generation, session.refreshed_at) == (2, LATER)
        assert session.created_at == NOW
        assert session.idle_expires_at == LATER + timedelta(days=14)
        assert session.absolute_expires_at == after(days=90)
        assert (session.device_name, session.data) == ("phone", {"team": "a"})

    def test_refresh_after_step_up_keeps_auth_time_and_methods(self, alice, pair):
        new = step_up(alice, pair.refresh_token, amr=MFA, now=LATER)
        last = refresh(new.refresh_token, now=after(hours=2))
        claims = claims_of(last, after(hours=2))
        assert (claims.auth_time, claims.amr) == (int(LATER.timestamp()), MFA)

    def test_step_up_takes_two_statements_and_last_login(
        self, alice, pair, django_assert_num_queries
    ):
        with django_assert_num_queries(3):
            step_up(alice, pair.refresh_token, amr=MFA, now=LATER)

    def test_methods_of_the_last_sign_in_replace_the_others(self, alice, pair):
        new = step_up(alice, pair.refresh_token, amr=MFA, now=LATER)
        last = step_up(alice, new.refresh_token, amr=["pwd"], now=after(hours=2))
        assert claims_of(last, after(hours=2)).amr == ("pwd",)
        last = step_up(alice, last.refresh_token, now=after(hours=3))
        assert claims_of(last, after(hours=3)).amr == ()

    def test_context_follows_the_methods(self, alice, settings):
        settings.TOKENAUTH = {"ACR": lambda methods: "high" if "mfa" in methods else None}
        pair = sign_in(alice, amr=["pwd"], now=NOW)
        assert claims_of(pair, NOW).acr is None
        new = step_up(alice, pair.refresh_token, amr=MFA, now=LATER)
        assert claims_of(new).acr == "high"
        assert services.introspect(new.access_token, now=LATER)["acr"] == "high"


class TestScope:
    def test_step_up_keeps_the_scope_of_the_session(self, alice, settings):
        settings.TOKENAUTH = {"SCOPES": [READ, WRITE]}
        pair = sign_in(alice, scope=[READ], now=NOW)
        new = step_up(alice, pair.refresh_token, now=LATER)
        assert (new.scope, row(new).scope) == ({READ}, READ)

    @pytest.mark.standard("rfc9700-4.14.2-1")
    @pytest.mark.attack(204)
    def test_step_up_does_not_widen_the_scope(self, alice, settings):
        settings.TOKENAUTH = {"SCOPES": [READ, WRITE]}
        pair = sign_in(alice, scope=[READ], now=NOW)
        for scope in ([WRITE], [READ, WRITE], ["notes:all"]):
            with pytest.raises(InvalidScope):
                step_up(alice, pair.refresh_token, scope=scope, now=LATER)
        session = row(pair)
        assert (session.scope, session.generation, session.authenticated_at) == (READ, 1, None)

    def test_narrower_scope_applies_to_the_access_token_only(self, alice, pair):
        new = step_up(alice, pair.refresh_token, scope=[READ], now=LATER)
        assert (new.scope, row(pair).scopes) == ({READ}, {READ, WRITE})


class TestRejected:
    @pytest.mark.attack(201)
    def test_session_of_another_user_is_rejected(self, bob, pair):
        assert is_rejected(pair, bob)
        assert refresh(pair.refresh_token, now=after(hours=2))

    @pytest.mark.attack(201)
    def test_session_of_another_user_without_password_is_rejected(self, alice, bob):
        """The auth hashes of users of a single sign-on, without passwords, can be equal."""
        for user in (alice, bob):
            user.password = ""
            user.save()
        pair = sign_in(alice, now=NOW)
        assert is_rejected(pair, bob)
        assert not is_rejected(pair, alice)

    @pytest.mark.attack(201)
    def test_reused_token_of_another_user_revokes_no_session(self, bob, pair):
        refresh(pair.refresh_token, now=after(minutes=1))
        assert is_rejected(pair, bob)

    @pytest.mark.attack(202)
    def test_revoked_session_is_rejected(self, alice, pair):
        services.sign_out(alice, pair.session.pk, now=after(minutes=1))
        assert is_rejected(pair, alice)

    @pytest.mark.attack(202)
    @pytest.mark.parametrize("times", [{"days": 14}, {"days": 91}])
    def test_expired_session_is_rejected(self, alice, pair, times):
        assert is_rejected(pair, alice, now=after(**times))

    @pytest.mark.attack(202)
    def test_reused_token_revokes_the_session(self, alice, pair):
        new = refresh(pair.refresh_token, now=after(minutes=1))
        with pytest.raises(InvalidGrant):
            step_up(alice, pair.refresh_token, now=LATER)
        assert row(pair).revoked_reason == RevokedReason.REUSED
        assert is_rejected(pair, alice, new.refresh_token)

    @pytest.mark.parametrize("token", ["", "a.b.c", None])
    def test_other_strings_are_rejected(self, alice, pair, token):
        assert is_rejected(pair, alice, token or pair.access_token)

    def test_session_of_another_password_is_rejected(self, alice, pair):
        Session.objects.update(auth_hash="another")
        assert is_rejected(pair, alice)

    def test_inactive_user_is_rejected(self, alice, pair):
        type(alice).objects.update(is_active=False)
        assert is_rejected(pair, alice)

    def test_password_that_changed_after_its_check_is_rejected(self, alice, pair):
        stale = type(alice).objects.get(pk=alice.pk)
        alice.set_password("another")
        type(alice).objects.update(password=alice.password)
        Session.objects.update(auth_hash=alice.get_session_auth_hash())
        assert is_rejected(pair, stale)
        assert not is_rejected(pair, alice)

    def test_session_of_another_client_is_rejected(self, alice, pair):
        assert is_rejected(pair, alice, client_id="tablet")

    def test_session_of_a_deleted_user_is_rejected(self, alice, bob, pair):
        Session.objects.update(user=None)
        assert is_rejected(pair, bob)

    @pytest.mark.attack(203)
    def test_session_in_which_the_staff_act_is_rejected(self, alice, bob, settings):
        settings.TOKENAUTH = ALLOWED
        bob.is_staff = True
        bob.save()
        pair = services.impersonate(bob, alice, now=NOW)
        assert is_rejected(pair, alice, now=after(minutes=1))
        assert is_rejected(pair, bob, now=after(minutes=1))

    def test_not_before_rejects_the_session_by_its_start(self, alice, pair, settings):
        new = step_up(alice, pair.refresh_token, now=LATER)
        settings.TOKENAUTH = {"NOT_BEFORE": after(minutes=1)}
        assert is_rejected(pair, alice, new.refresh_token, now=after(hours=2))

    @pytest.mark.parametrize(
        ("options", "error"),
        [
            ({"amr": "mfa"}, TypeError),
            ({"amr": ["two words"]}, ValueError),
            ({"amr": ["x" * 256]}, ValueError),
            ({"scope": READ}, TypeError),
            ({"ip": "localhost"}, ValueError),
        ],
    )
    def test_invalid_argument_changes_nothing(self, alice, pair, options, error):
        with pytest.raises(error):
            step_up(alice, pair.refresh_token, **options, now=LATER)
        assert row(pair).generation == 1


class TestGrace:
    """Two tabs of one browser: one of them steps up with the token that the other has rotated."""

    def test_step_up_within_grace_returns_the_current_refresh_token(self, alice, pair):
        other = refresh(pair.refresh_token, now=LATER)
        now = LATER + timedelta(seconds=5)
        new = step_up(alice, pair.refresh_token, amr=MFA, now=now)
        assert new.refresh_token == other.refresh_token
        claims, session = claims_of(new, now), row(pair)
        assert (claims.auth_time, claims.amr) == (int(now.timestamp()), MFA)
        assert (session.generation, session.refreshed_at) == (2, LATER)
        assert (session.authenticated_at, session.methods) == (now, MFA)

    def test_step_up_within_grace_sends_no_refreshed_signal(self, alice, pair):
        refresh(pair.refresh_token, now=LATER)
        with received(signals.refreshed) as calls, received(signals.stepped_up) as stepped_up:
            step_up(alice, pair.refresh_token, now=LATER)
        assert (calls, len(stepped_up)) == ([], 1)

    def test_step_up_after_a_concurrent_refresh_sends_signals_once(self, alice, pair):
        pending = [lambda: refresh(pair.refresh_token, now=LATER)]

        def rotate_first(issued):
            if pending:
                pending.pop()()

        with received(user_logged_in) as logged_in, received(signals.stepped_up) as sent:
            step_up(alice, pair.refresh_token, amr=MFA, on_issued=rotate_first, now=LATER)
        session = row(pair)
        assert (len(logged_in), len(sent)) == (1, 1)
        assert (session.authenticated_at, session.methods) == (LATER, MFA)
        assert session.revoked_at is None

    def test_concurrent_rotation_within_grace_revokes_no_session(self, alice, pair):
        other = refresh(pair.refresh_token, now=LATER)

        def rotate(issued):
            refresh(other.refresh_token, now=LATER)

        with pytest.raises(ServiceUnavailable):
            step_up(alice, pair.refresh_token, amr=MFA, on_issued=rotate, now=LATER)
        session = row(pair)
        assert (session.generation, session.authenticated_at) == (3, None)
        assert session.revoked_at is None

    def test_step_up_retries_a_lost_refresh_with_refresh_retry(self, alice, pair, settings):
        settings.TOKENAUTH = {"REFRESH_RETRY": True}
        refresh(pair.refresh_token, now=after(minutes=1))
        new = step_up(alice, pair.refresh_token, amr=MFA, now=LATER)
        session = row(pair)
        assert (session.generation, session.retried, session.methods) == (3, True, MFA)
        assert refresh(new.refresh_token, now=after(hours=2))


class TestSignals:
    def test_step_up_sends_login_and_stepped_up_signals(self, alice, pair, rf, caplog):
        caplog.set_level("INFO", logger="django_tokenauth")
        request, users = rf.post("/"), []
        request.user = None

        def receive(**keywords):
            users.append(keywords["request"].user)

        user_logged_in.connect(receive)
        try:
            with received(signals.stepped_up) as calls, received(signals.signed_in) as signed_in:
                step_up(alice, pair.refresh_token, request=request, now=LATER)
        finally:
            user_logged_in.disconnect(receive)
        expected = {"sender": Session, "session": row(pair), "user": alice, "request": request}
        assert (calls, signed_in, users) == ([expected], [], [alice])
        assert request.user is None
        assert log_messages(caplog)[-1].startswith(f"user {alice.pk} signed in again, session ")

    def test_error_of_a_login_receiver_leaves_the_session_unchanged(self, alice, pair):
        def fail(**keywords):
            raise LookupError

        user_logged_in.connect(fail)
        try:
            with pytest.raises(LookupError):
                step_up(alice, pair.refresh_token, amr=MFA, now=LATER)
        finally:
            user_logged_in.disconnect(fail)
        session = row(pair)
        assert (session.generation, session.authenticated_at, session.amr) == (1, None, "pwd")


class TestStateless:
    @pytest.fixture
    def pair(self, alice, settings):
        settings.TOKENAUTH = {"STATELESS_REFRESH": True, "SCOPES": [READ, WRITE]}
        return sign_in(alice, amr=["pwd"], scope=[READ], now=NOW)

    def test_stateless_step_up_changes_time_and_methods(self, alice, pair):
        new = step_up(alice, pair.refresh_token, amr=MFA, now=LATER)
        claims = claims_of(new)
        assert (claims.auth_time, claims.amr) == (int(LATER.timestamp()), MFA)
        assert (claims.scope, new.session) == ({READ}, None)

    def test_stateless_step_up_keeps_the_absolute_expiry(self, alice, pair):
        token = pair.refresh_token
        for day in range(13, 90, 13):
            token = step_up(alice, token, now=after(days=day)).refresh_token
        last = refresh(token, now=after(days=89))
        assert last.refresh_token_expires_in == 86400
        with pytest.raises(InvalidGrant):
            step_up(alice, last.refresh_token, now=after(days=90))

    @pytest.mark.attack(201, 202)
    def test_stateless_step_up_of_another_user_is_rejected(self, alice, bob, pair):
        with pytest.raises(InvalidGrant):
            step_up(bob, pair.refresh_token, now=LATER)
        with pytest.raises(InvalidGrant):
            step_up(alice, pair.refresh_token, now=after(days=14))
