"""``audit_event`` and the admin's history: a record of each action of the staff on sessions."""

from __future__ import annotations

from io import StringIO

import pytest
from django.contrib.admin.models import CHANGE, LogEntry
from django.core.management import call_command
from django.db import OperationalError, connection
from django.test import Client

from django_tokenauth import services
from django_tokenauth.models import Session
from django_tokenauth.services.auditing import MAX_IDS
from django_tokenauth.sessions.log_ids import log_id
from django_tokenauth.signals import audit_event
from tests.support.clock import NOW, after
from tests.support.session_rows import create_session
from tests.support.signal_capture import failing_receivers, received

LIST = "/admin/django_tokenauth/session/"


@pytest.fixture(autouse=True)
def _now(time_machine):
    time_machine.move_to(NOW, tick=False)


@pytest.fixture
def administrator(admin_user):
    client = Client()
    client.force_login(admin_user)
    return client


def sign_out(client, *sessions, **data):
    data["_selected_action"] = [session.pk for session in sessions]
    response = client.post(LIST, {"action": "revoke_sessions", **data}, follow=True)
    assert response.status_code == 200


def active():
    return Session.objects.filter(revoked_at=None).count()


class TestAdmin:
    def test_audit_event_names_actor_sessions_and_request(self, administrator, admin_user, alice):
        sessions = [create_session(alice), create_session(alice)]
        revoked = create_session(alice, revoked_at=NOW, idle_expires_at=NOW)
        with received(audit_event) as events:
            sign_out(administrator, *sessions, revoked)
        [event] = events
        assert set(event.pop("ids")) == {log_id(session.pk) for session in sessions}
        assert event.pop("request").path == LIST
        assert event == {
            "sender": None,
            "action": "sessions.revoke",
            "actor": admin_user,
            "count": 2,
        }

    def test_audit_event_is_logged_with_actor_and_session_count(
        self, administrator, admin_user, alice, caplog
    ):
        caplog.set_level("INFO", logger="django_tokenauth")
        sign_out(administrator, create_session(alice))
        assert caplog.messages[-1] == f"sessions.revoke by user {admin_user.pk}: 1"

    def test_audit_event_for_a_revoked_session_has_count_zero(self, administrator, alice):
        with received(audit_event) as events:
            sign_out(administrator, create_session(alice, revoked_at=NOW, idle_expires_at=NOW))
        assert [(event["count"], event["ids"]) for event in events] == [(0, ())]
        assert not LogEntry.objects.exists()

    @pytest.mark.django_db(transaction=True)
    def test_audit_event_counts_sessions_before_a_database_error(
        self, administrator, alice, monkeypatch
    ):
        monkeypatch.setattr("django_tokenauth.sessions.store.BATCH_SIZE", 2)
        sessions = [create_session(alice) for _ in range(5)]
        updates = []

        def fail(execute, sql, *arguments):
            if sql.startswith("UPDATE") and Session._meta.db_table in sql:
                updates.append(sql)
                if len(updates) == 2:
                    raise OperationalError
            return execute(sql, *arguments)

        with (
            received(audit_event) as events,
            connection.execute_wrapper(fail),
            pytest.raises(OperationalError),
        ):
            sign_out(administrator, *sessions)
        assert [(event["count"], len(event["ids"])) for event in events] == [(2, 2)]
        assert active() == 3

    def test_audit_event_and_admin_history_list_at_most_1000_ids(self, administrator, alice):
        for _ in range(MAX_IDS + 5):
            create_session(alice)
        session = Session.objects.first()
        with received(audit_event) as events:
            sign_out(administrator, session, select_across="1")
        assert active() == 0
        [event] = events
        assert event["count"] == MAX_IDS + 5
        assert len(event["ids"]) == LogEntry.objects.count() == MAX_IDS
        message = f"Signed out {event['count']} sessions."
        assert set(LogEntry.objects.values_list("change_message", flat=True)) == {message}

    def test_admin_history_names_the_user_who_revoked_the_session(
        self, administrator, admin_user, alice
    ):
        session = create_session(alice, device_name="phone")
        sign_out(administrator, session)
        [entry] = LogEntry.objects.all()
        assert (entry.user, entry.action_flag) == (admin_user, CHANGE)
        assert (entry.object_id, entry.object_repr) == (str(session.pk), "phone")
        page = administrator.get(f"{LIST}{session.pk}/history/").content.decode()
        assert "Signed out 1 session." in page
        assert admin_user.get_username() in page

    def test_failing_audit_receiver_does_not_undo_the_sign_out(self, administrator, alice, caplog):
        with failing_receivers():
            sign_out(administrator, create_session(alice))
        assert active() == 0
        assert LogEntry.objects.count() == 1
        assert "a receiver of another app" in caplog.text

    def test_audit_event_is_not_sent_by_the_services(self, alice):
        with received(audit_event) as events:
            pair = services.sign_in(alice)
            services.sign_in(alice)
            services.revoke_token(pair.refresh_token)
            services.sign_out_everywhere(alice)
        assert events == []


def create_expired_sessions(user, number):
    times = ("created_at", "refreshed_at", "idle_expires_at", "absolute_expires_at")
    for days in range(number):
        create_session(user, **dict.fromkeys(times, after(days=-100 - days)))


class TestPrune:
    def test_audit_event_of_prune_counts_the_deleted_sessions(self, alice):
        create_expired_sessions(alice, 3)
        with received(audit_event) as events:
            call_command("tokenauth_prune", "--dry-run", stdout=StringIO())
            assert events == []
            call_command("tokenauth_prune", stdout=StringIO())
        common = {"sender": None, "actor": None, "ids": (), "request": None}
        assert events == [{**common, "action": "sessions.prune", "count": 3}]

    def test_audit_event_of_prune_is_sent_if_the_command_is_stopped(self, alice):
        create_expired_sessions(alice, 3)

        class Stopped(StringIO):
            def write(self, text):
                raise KeyboardInterrupt

        with received(audit_event) as events, pytest.raises(KeyboardInterrupt):
            call_command("tokenauth_prune", "--batch-size", "1", stdout=Stopped())
        assert [event["count"] for event in events] == [1]
        assert Session.objects.count() == 2
