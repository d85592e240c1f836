"""Log records of the package: one per event, and without secrets."""

from __future__ import annotations

import logging

import pytest

from django_tokenauth import services
from django_tokenauth.errors import InvalidGrant, InvalidScope, InvalidToken
from django_tokenauth.models import Session
from django_tokenauth.sessions.log_ids import log_id
from tests.support.clock import NOW, after

pytestmark = pytest.mark.django_db

PASSWORDS = ("correct horse", "a wrong guess", "a new password")


@pytest.fixture(autouse=True)
def _log_all_levels(caplog, time_machine):
    caplog.set_level(logging.DEBUG)
    time_machine.move_to(NOW, tick=False)


def run_all_events():
    """Cause each kind of logged event and return the issued tokens."""
    with pytest.raises(InvalidGrant):
        services.check_password(None, "alice", PASSWORDS[1])
    user = services.check_password(None, "alice", PASSWORDS[0])
    first = services.sign_in(user)
    second = services.refresh(first.refresh_token)
    with pytest.raises(InvalidScope):
        services.refresh(second.refresh_token, scope=["unknown"])
    with pytest.raises(InvalidGrant):
        services.refresh(second.access_token)
    with pytest.raises(InvalidToken):
        services.authenticate_access_token(second.refresh_token, now=NOW)
    with pytest.raises(InvalidGrant):
        services.refresh(first.refresh_token, now=after(hours=1))
    third = services.sign_in(user)
    services.revoke_token(third.refresh_token)
    fourth = services.sign_in(user)
    user.set_password(PASSWORDS[2])
    user.save()
    return first, second, third, fourth


def test_log_has_at_most_one_line_per_authentication_event(alice, caplog):
    first, _, third, fourth = (log_id(pair.session.pk) for pair in run_all_events())
    lines = [
        (record.levelname, record.getMessage())
        for record in caplog.records
        if record.name == "django_tokenauth"
    ]
    assert lines == [
        ("INFO", "sign-in rejected"),
        ("INFO", f"user {alice.pk}: the password is correct"),
        ("INFO", f"user {alice.pk} signed in, session {first}"),
        ("INFO", "refresh rejected: typ"),
        (
            "WARNING",
            f"refresh token of session {first} of user {alice.pk} reused: session revoked",
        ),
        ("INFO", f"user {alice.pk} signed in, session {third}"),
        ("INFO", f"session {third} of user {alice.pk} revoked: signed_out"),
        ("INFO", f"user {alice.pk} signed in, session {fourth}"),
        ("INFO", f"1 session of user {alice.pk} revoked: user_changed"),
    ]


@pytest.mark.attack(173)
@pytest.mark.usefixtures("alice")
def test_log_contains_no_token_and_no_password(caplog):
    pairs = run_all_events()
    logged = "\n".join([caplog.text, *(repr(vars(record)) for record in caplog.records)])
    assert "sign-in rejected" in logged
    for pair in pairs:
        for token in (pair.access_token, pair.refresh_token):
            assert not [part for part in token.split(".")[1:] if part in logged]
    assert not [password for password in PASSWORDS if password in logged]


@pytest.mark.attack(179)
@pytest.mark.promise(24)
@pytest.mark.usefixtures("alice")
def test_log_contains_no_session_id(caplog, settings):
    """All loggers of a server, at INFO. With DEBUG, Django logs SQL with its parameters."""
    caplog.set_level(logging.INFO)
    pairs = run_all_events()
    settings.TOKENAUTH = {"REFRESH_RETRY": True, "MAX_SESSIONS_PER_USER": 1}
    services.sign_in(pairs[0].user)
    retried = services.sign_in(pairs[0].user)
    services.refresh(retried.refresh_token)
    services.refresh(retried.refresh_token, now=after(hours=1))
    logged = "\n".join([caplog.text, *(repr(vars(record)) for record in caplog.records)])
    assert "accepted after the grace period" in logged
    assert "revoked: evicted" in logged
    ids = list(Session.objects.values_list("pk", flat=True))
    assert len(ids) == 5
    for session_id in ids:
        assert log_id(session_id) in logged
        assert not [text for text in spellings(session_id) if text in logged]


def spellings(session_id):
    """Return the forms of the id in logs, SQL and ``repr``, and its random part alone."""
    return {str(session_id), session_id.hex, session_id.hex[-16:], str(session_id.int)}
