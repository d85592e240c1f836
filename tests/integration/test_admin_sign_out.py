"""Staff sign out one session from its row or its page in the admin, after a confirmation."""

from __future__ import annotations

import re

import pytest
from django import urls
from django.contrib.admin import AdminSite
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.test import Client

from django_tokenauth import services
from django_tokenauth.admin import SessionAdmin
from django_tokenauth.errors import InvalidGrant
from django_tokenauth.models import RevokedReason, Session
from django_tokenauth.signals import audit_event, session_revoked
from tests.support.clock import NOW, after
from tests.support.session_rows import create_session
from tests.support.signal_capture import received

LIST = "/admin/django_tokenauth/session/"


@pytest.fixture(autouse=True)
def _now(time_machine):
    time_machine.move_to(NOW, tick=False)


@pytest.fixture
def session(alice):
    return create_session(alice, device_name="phone")


@pytest.fixture
def staff_client(django_user_model):
    """Return a function that signs in a staff member with the given permissions."""

    def staff_client(*codenames, **options):
        user = django_user_model.objects.create_user("helper", is_staff=True)
        user.user_permissions.set(Permission.objects.filter(codename__in=codenames))
        client = Client(**options)
        client.force_login(user)
        return client

    return staff_client


@pytest.fixture
def helper(staff_client):
    """Return the client of a staff member who may view and revoke sessions."""
    return staff_client("view_session", "revoke_session")


def sign_out_path(session):
    return f"{LIST}{session.pk}/sign-out/"


def links(response):
    """Return the paths of the links to sign out, without the query."""
    return re.findall(r'href="([^"?]+/sign-out/)', response.content.decode())


def reason_of(session):
    session.refresh_from_db()
    return session.revoked_reason


class PositionalAdmin(SessionAdmin):
    def render_change_form(self, request, context, add, change, form_url, obj):
        return super().render_change_form(request, context, add, change, form_url, obj)


class TestLinks:
    def test_admin_list_links_only_active_sessions_to_their_sign_out(self, helper, alice, session):
        revoked = create_session(alice)
        services.sign_out(alice, revoked.pk)
        create_session(alice, idle_expires_at=NOW)
        assert links(helper.get(LIST)) == [sign_out_path(session)]

    def test_admin_page_of_an_active_session_links_to_its_sign_out(self, helper, session):
        assert links(helper.get(f"{LIST}{session.pk}/change/")) == [sign_out_path(session)]

    def test_admin_that_passes_the_session_by_position_links_to_it(self, helper, session, settings):
        own_site = AdminSite("own")
        own_site.register(Session, PositionalAdmin)
        settings.ROOT_URLCONF = (urls.path("admin/", own_site.urls),)
        assert links(helper.get(f"{LIST}{session.pk}/change/")) == [sign_out_path(session)]

    def test_admin_page_of_a_revoked_session_has_no_sign_out(self, helper, alice, session):
        services.sign_out(alice, session.pk)
        assert links(helper.get(f"{LIST}{session.pk}/change/")) == []

    def test_admin_pages_without_permission_have_no_sign_out(self, staff_client, session):
        client = staff_client("view_session", "change_session")
        for path in (LIST, f"{LIST}{session.pk}/change/"):
            response = client.get(path)
            assert response.status_code == 200
            assert "sign-out" not in response.content.decode()


class TestConfirmation:
    def test_admin_sign_out_page_describes_the_session(self, helper, alice):
        session = create_session(
            alice, device_name="<b>", user_agent="Firefox", client_id="web", ip="2001:db8::1"
        )
        response = helper.get(sign_out_path(session))
        text = response.content.decode()
        for expected in ("alice", "&lt;b&gt;", "Firefox", "web", "2001:db8::1"):
            assert f"<dd>{expected}</dd>" in text
        assert "The user must sign in again" in text
        assert "csrfmiddlewaretoken" in text
        assert reason_of(session) == ""

    def test_admin_sign_out_page_of_an_ended_session_has_no_button(self, helper, alice, session):
        services.sign_out(alice, session.pk)
        text = helper.get(sign_out_path(session)).content.decode()
        assert "The session has expired or was revoked." in text
        assert 'type="submit" value=' not in text

    def test_admin_sign_out_page_shows_sessions_of_deleted_users(self, helper, alice, session):
        alice.delete()
        assert helper.get(sign_out_path(session)).status_code == 200


class TestPost:
    def test_admin_sign_out_revokes_only_this_session(self, helper, alice, session):
        other = create_session(alice)
        response = helper.post(sign_out_path(session))
        assert (response.status_code, response["Location"]) == (302, LIST)
        assert reason_of(session) == RevokedReason.ADMIN
        assert reason_of(other) == ""
        [message] = helper.get(LIST).context["messages"]
        assert str(message) == "Signed out 1 session."

    def test_admin_sign_out_is_recorded(self, helper, session, django_user_model):
        with received(audit_event) as events, received(session_revoked) as revocations:
            helper.post(sign_out_path(session))
        actor = django_user_model.objects.get(username="helper")
        assert [(each["action"], each["actor"], each["count"]) for each in events] == [
            ("sessions.revoke", actor, 1)
        ]
        assert [(each["session"].pk, each["request"].user) for each in revocations] == [
            (session.pk, actor)
        ]
        entry = LogEntry.objects.get()
        assert (entry.user, entry.object_id) == (actor, str(session.pk))

    def test_admin_sign_out_needs_the_csrf_token(self, staff_client, session):
        client = staff_client("view_session", "revoke_session", enforce_csrf_checks=True)
        page = client.get(sign_out_path(session)).content.decode()
        assert client.post(sign_out_path(session)).status_code == 403
        assert reason_of(session) == ""
        [token] = re.findall(r'name="csrfmiddlewaretoken" value="(\w+)"', page)[-1:]
        data = {"csrfmiddlewaretoken": token}
        assert client.post(sign_out_path(session), data).status_code == 302
        assert reason_of(session) == RevokedReason.ADMIN

    def test_admin_sign_out_of_an_ended_session_keeps_its_reason(self, helper, alice, session):
        services.sign_out(alice, session.pk)
        assert helper.post(sign_out_path(session)).status_code == 302
        assert reason_of(session) == RevokedReason.SIGNED_OUT

    def test_admin_sign_out_returns_to_the_filtered_list(self, helper, session):
        page = helper.get(LIST, {"client_id": session.client_id, "q": "phone"}).content.decode()
        [path] = re.findall(r'href="([^"]+/sign-out/[^"]*)"', page)
        response = helper.post(path.replace("&amp;", "&"))
        assert response["Location"] == f"{LIST}?client_id={session.client_id}&q=phone"

    @pytest.mark.parametrize("method", ["get", "post"])
    @pytest.mark.parametrize("key", ["01a22b44-af10-7198-9ce4-51da8e65e0b9", "x", "_00"])
    def test_admin_sign_out_of_an_unknown_session_returns_404(self, helper, method, key):
        assert getattr(helper, method)(f"{LIST}{key}/sign-out/").status_code == 404


@pytest.mark.parametrize("method", ["get", "post"])
class TestPermissions:
    @pytest.mark.parametrize(
        "codenames",
        [(), ("view_session",), ("revoke_session",), ("view_session", "change_session")],
    )
    def test_staff_without_both_permissions_get_403(self, staff_client, session, codenames, method):
        client = staff_client(*codenames)
        assert getattr(client, method)(sign_out_path(session)).status_code == 403
        # The response does not show whether a session exists.
        assert getattr(client, method)(f"{LIST}x/sign-out/").status_code == 403
        assert reason_of(session) == ""

    def test_users_who_are_not_staff_are_redirected_to_the_sign_in(
        self, client, alice, session, method
    ):
        client.force_login(alice)
        response = getattr(client, method)(sign_out_path(session))
        assert response["Location"].startswith("/admin/login/")
        assert reason_of(session) == ""


def test_session_model_has_a_permission_to_revoke(db):
    names = Permission.objects.filter(content_type__app_label="django_tokenauth")
    assert "revoke_session" in names.values_list("codename", flat=True)
    assert Session._meta.permissions == [("revoke_session", "Can revoke session")]


def test_admin_sign_out_rejects_the_next_refresh(helper, alice):
    pair = services.sign_in(alice)
    helper.post(sign_out_path(pair.session))
    with pytest.raises(InvalidGrant):
        services.refresh(pair.refresh_token, now=after(minutes=1))
