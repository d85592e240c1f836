"""``NOT_BEFORE`` revokes every sign-in from before an incident, without a statement."""

from __future__ import annotations

from datetime import timedelta
from io import StringIO

import pytest
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.test import Client

from django_tokenauth import services
from django_tokenauth.conf.settings import load
from django_tokenauth.errors import InvalidGrant, InvalidToken, TokenErrorCode
from django_tokenauth.models import RevokedReason, Session
from tests.support.client import get, post, status_and_json
from tests.support.clock import NOW, after

pytestmark = pytest.mark.attack(193)

SCOPES = {"SCOPES": ["introspect"]}
INCIDENT = {**SCOPES, "NOT_BEFORE": NOW}


@pytest.fixture
def signed_in(alice, settings, time_machine):
    """Return a function that signs alice in at a time and sets the clock to a minute later."""
    settings.TOKENAUTH = SCOPES

    def signed_in(at):
        pair = services.sign_in(alice, now=at)
        time_machine.move_to(after(minutes=1), tick=False)
        return pair

    return signed_in


@pytest.fixture(params=[-1, 0], ids=["before", "after"])
def at(request):
    """Return a time of sign-in, a microsecond before ``NOT_BEFORE`` or exactly then."""
    return after(microseconds=request.param)


@pytest.mark.parametrize("path", ["/who/", "/who/stateless/"])
def test_not_before_rejects_access_tokens_of_earlier_sign_ins(signed_in, at, settings, path):
    pair = signed_in(at)
    assert get(path, pair.access_token).status_code == 200
    settings.TOKENAUTH = INCIDENT
    assert get(path, pair.access_token).status_code == (200 if at >= NOW else 401)


def test_not_before_applies_to_verify_introspect_and_refresh(signed_in, at, settings):
    pair = signed_in(at)
    caller = services.sign_in(pair.user, now=NOW).access_token
    settings.TOKENAUTH = INCIDENT
    revoked = at < NOW
    body = {"token": pair.access_token}
    assert post("token/verify/", body).status_code == (401 if revoked else 200)
    introspected = post("token/introspect/", body, Authorization=f"Bearer {caller}")
    assert introspected.json()["active"] is not revoked
    refreshed = post("token/refresh/", {"refresh_token": pair.refresh_token})
    if revoked:
        assert status_and_json(refreshed)[0] == 400
        assert refreshed.json()["error"] == "invalid_grant"
    else:
        assert refreshed.status_code == 200


def test_not_before_rejects_refreshed_tokens_of_earlier_sign_ins(signed_in, settings, time_machine):
    pair = signed_in(NOW - timedelta(days=1))
    refreshed = services.refresh(pair.refresh_token, now=after(seconds=30))
    settings.TOKENAUTH = INCIDENT
    for path in ("/who/", "/who/stateless/"):
        assert get(path, refreshed.access_token).status_code == 401
    with pytest.raises(InvalidGrant):
        services.refresh(refreshed.refresh_token)


def test_not_before_in_stateless_view_takes_no_statement(
    signed_in, at, settings, django_assert_num_queries
):
    pair = signed_in(at)
    settings.TOKENAUTH = {**INCIDENT, "REVOCATION_POLL_INTERVAL": None}
    with django_assert_num_queries(0):
        status = get("/who/stateless/", pair.access_token).status_code
    assert status == (200 if at >= NOW else 401)


def test_not_before_rejects_stateless_tokens_of_earlier_sign_ins(alice, at, settings, time_machine):
    settings.TOKENAUTH = {"STATELESS_REFRESH": True}
    pair = services.sign_in(alice, now=at)
    time_machine.move_to(after(minutes=1), tick=False)
    settings.TOKENAUTH = {"STATELESS_REFRESH": True, "NOT_BEFORE": NOW}
    if at < NOW:
        with pytest.raises(InvalidGrant):
            services.refresh(pair.refresh_token)
        with pytest.raises(InvalidToken) as error:
            services.authenticate_access_token(pair.access_token)
        assert error.value.code == TokenErrorCode.REVOKED
    else:
        assert services.refresh(pair.refresh_token)


def test_not_before_hides_earlier_sessions_from_session_lists(signed_in, settings):
    old, new = signed_in(NOW - timedelta(seconds=1)), signed_in(NOW)
    settings.TOKENAUTH = INCIDENT
    [shown] = get("/auth/sessions/", new.access_token).json()
    assert shown["id"] == str(new.session.pk)
    client = Client()
    client.force_login(get_user_model().objects.create_superuser("root"))
    path = "/admin/django_tokenauth/session/"
    for status, listed, hidden in (("active", new, old), ("inactive", old, new)):
        page = client.get(path, {"status": status}).content.decode()
        assert str(listed.session.pk) in page
        assert str(hidden.session.pk) not in page
    page = client.get(path).content.decode()
    assert page.count('alt="True"') == page.count('alt="False"') == 1
    output = StringIO()
    call_command("tokenauth_session", str(old.session.pk), stdout=output)
    assert "revoked by NOT_BEFORE" in output.getvalue()


def test_sign_out_revokes_sessions_older_than_not_before(signed_in, settings):
    """Without a stored revocation, a session would be active again without ``NOT_BEFORE``."""
    pair = signed_in(NOW - timedelta(seconds=1))
    settings.TOKENAUTH = INCIDENT
    assert services.sign_out(pair.user, pair.session.pk) is True
    again = signed_in(NOW - timedelta(seconds=1))
    assert services.sign_out_everywhere(again.user) == 1
    assert set(Session.objects.values_list("revoked_reason", flat=True)) == {
        RevokedReason.SIGNED_OUT
    }


def test_not_before_is_rounded_up_to_whole_seconds(settings):
    settings.TOKENAUTH = {"NOT_BEFORE": after(microseconds=1)}
    assert load().not_before == after(seconds=1)
