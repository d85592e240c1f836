"""Labels, links, fields and messages of the admin pages of sessions."""

from __future__ import annotations

import re
from datetime import timedelta
from html import unescape

import pytest
from django.contrib.admin import site
from django.contrib.admin.templatetags.admin_list import result_headers
from django.contrib.auth import get_user_model
from django.db import connection
from django.test.utils import CaptureQueriesContext

from django_tokenauth.admin import SessionAdmin
from django_tokenauth.models import Session
from tests.support.clock import NOW, after
from tests.support.session_rows import create_session

LIST = "/admin/django_tokenauth/session/"


@pytest.fixture(autouse=True)
def _now(time_machine):
    time_machine.move_to(NOW, tick=False)


@pytest.fixture
def session(alice):
    return create_session(alice, device_name="phone")


class EditableSessionAdmin(SessionAdmin):
    """An admin of a project that permits changes."""

    def has_change_permission(self, request, obj=None):
        return True


class TestList:
    def test_admin_list_has_a_label_for_each_column(self, admin_client, session):
        headers = result_headers(admin_client.get(LIST).context["cl"])
        # The first column contains the checkboxes.
        assert [str(header["text"]) for header in headers][1:] == [
            *("user", "device", "client", "active", "signed in at", "last refreshed at"),
            "sign out",
        ]

    def test_admin_list_links_the_device_to_its_session(self, admin_client, session):
        text = admin_client.get(LIST).content.decode()
        assert re.findall(r'<a href="([^"]+)">phone</a>', text) == [f"{LIST}{session.pk}/change/"]

    def test_admin_list_has_labels_for_filters_and_statuses(self, admin_client, session):
        changelist = admin_client.get(LIST).context["cl"]
        status, *others = changelist.filter_specs
        titles = [str(spec.title) for spec in (status, *others)]
        assert titles == ["status", "reason for revocation", "client", "signed in at"]
        displayed = [str(choice["display"]) for choice in status.choices(changelist)]
        assert displayed == ["All", "active", "expired or revoked"]

    def test_admin_list_offers_only_the_sign_out_action(self, admin_client, session):
        choices = admin_client.get(LIST).context["action_form"].fields["action"].choices
        assert [(name, str(label)) for name, label in choices if name] == [
            ("revoke_sessions", "Sign out the selected sessions")
        ]

    @pytest.mark.parametrize(("seconds", "active"), [(0, False), (1, True)])
    def test_admin_list_marks_a_session_expired_at_its_idle_expiry(self, seconds, active):
        session = Session(created_at=NOW, idle_expires_at=after(seconds=seconds))
        assert site.get_model_admin(Session).is_active(session) is active


class TestFields:
    def test_admin_page_of_a_session_shows_all_public_fields(self, admin_client, session):
        text = admin_client.get(f"{LIST}{session.pk}/change/").content.decode()
        assert re.findall(r'class="form-row field-(\w+)"', text) == [
            *("id", "user", "actor", "device_name", "client_id", "client_authenticated"),
            *(
                "user_agent",
                "ip",
                "last_user_agent",
                "last_ip",
                "scope",
                "scope_limited",
                "amr",
                "generation",
            ),
            *("retried", "created", "refreshed", "idle_expiry", "absolute_expiry"),
            *("stepped_up", "revoked", "revoked_reason", "audiences"),
            *("access_lifetime", "idle_lifetime", "data"),
        ]

    def test_admin_page_of_a_session_shows_its_data_and_lifetimes(self, admin_client, session):
        session.data, session.idle_lifetime = {"org": "acme"}, timedelta(hours=1)
        session.audiences = "self https://notes.example.com"
        session.save()
        text = unescape(admin_client.get(f"{LIST}{session.pk}/change/").content.decode())
        assert '{"org": "acme"}' in text
        assert "1:00:00" in text
        assert "self https://notes.example.com" in text

    def test_admin_that_permits_changes_has_read_only_times(self, rf, session):
        form = EditableSessionAdmin(Session, site).get_form(rf.get("/"), session, change=True)
        assert set(form.base_fields) == {
            *("user", "actor", "device_name", "client_id", "client_authenticated"),
            *(
                "user_agent",
                "ip",
                "last_user_agent",
                "last_ip",
                "scope",
                "scope_limited",
                "amr",
                "generation",
            ),
            *("retried", "revoked_reason"),
        }


class TestSignOut:
    def sign_out(self, client, *sessions):
        selected = [session.pk for session in sessions]
        data = {"action": "revoke_sessions", "_selected_action": selected}
        with CaptureQueriesContext(connection) as captured:
            response = client.post(LIST, data)
        assert response.status_code == 302
        return len(captured)

    def test_admin_sign_out_message_has_the_level_success(self, admin_client, session):
        self.sign_out(admin_client, session)
        [message] = admin_client.get(LIST).context["messages"]
        assert message.level_tag == "success"

    def test_admin_sign_out_loads_all_users_in_one_query(self, admin_client, session):
        create_user = get_user_model().objects.create_user
        others = [create_session(create_user(f"user {number}")) for number in range(6)]
        # The first request of a process reads the content type of the model.
        self.sign_out(admin_client, others.pop())
        assert self.sign_out(admin_client, session) == self.sign_out(admin_client, *others)
