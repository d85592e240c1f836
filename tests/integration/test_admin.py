"""Sessions in Django's admin: to look at and to end, not to write."""

from __future__ import annotations

import uuid
from datetime import timedelta

import pytest
import time_machine
from django.contrib.admin import site
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from django_tokenauth import services
from django_tokenauth.models import RevokedReason, Session
from django_tokenauth.signals import session_revoked
from tests.support.client import get
from tests.support.clock import NOW
from tests.support.signal_capture import received

pytestmark = pytest.mark.django_db

LIST = "/admin/django_tokenauth/session/"
# The button of the page that asks whether to delete.
CONFIRM = 'name="post" value="yes"'


@pytest.fixture(autouse=True)
def _now():
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def administrator(admin_user):
    """A client that is signed in as somebody who may do everything."""
    client = Client()
    client.force_login(admin_user)
    return client


@pytest.fixture
def helper(django_user_model):
    """Signs in a member of the staff with these permissions."""

    def helper(*codenames):
        user = django_user_model.objects.create_user("helper", is_staff=True)
        user.user_permissions.set(Permission.objects.filter(codename__in=codenames))
        client = Client()
        client.force_login(user)
        return client

    return helper


@pytest.fixture
def sessions(alice, bob):
    """Of alice a phone, a laptop that was signed out and a tablet that was not used; bob's."""
    old = NOW - timedelta(days=20)
    services.sign_in(alice, device_name="tablet", client_id="app", ip="192.0.2.1", now=old)
    services.sign_in(
        alice, device_name="laptop", client_id="app", user_agent="Firefox", ip="192.0.2.2"
    )
    services.revoke_sessions(Session.objects.filter(device_name="laptop"), RevokedReason.SIGNED_OUT)
    services.sign_in(alice, device_name="phone", client_id="web", ip="2001:db8::1")
    services.sign_in(bob, device_name="<b>bob's</b>", client_id="web", ip="192.0.2.3")
    return {session.device_name: session for session in Session.objects.all()}


def names(answer):
    """Of the sessions that are listed."""
    assert answer.status_code == 200
    return {session.device_name for session in answer.context["cl"].result_list}


class TestList:
    def test_all_are_listed(self, administrator, sessions):
        answer = administrator.get(LIST)
        assert names(answer) == {"tablet", "laptop", "phone", "<b>bob's</b>"}
        text = answer.content.decode()
        for shown in ("alice", "bob", "phone", "2001:db8::1", "&lt;b&gt;bob&#x27;s&lt;/b&gt;"):
            assert shown in text
        assert "<b>bob" not in text

    def test_the_statements_do_not_grow(self, administrator, alice):
        def statements():
            with CaptureQueriesContext(connection) as captured:
                administrator.get(LIST)
            return len(captured)

        services.sign_in(alice)
        few = statements()
        for _ in range(5):
            services.sign_in(alice)
        assert statements() == few < 10

    def test_the_hash_of_the_password_is_nowhere(self, administrator, sessions):
        for path in (LIST, f"{LIST}{sessions['phone'].pk}/change/"):
            answer = administrator.get(path, follow=True)
            assert answer.status_code == 200
            text = answer.content.decode()
            assert "auth_hash" not in text
            assert sessions["phone"].auth_hash not in text

    @pytest.mark.parametrize(
        ("query", "found"),
        [
            ("alice", {"tablet", "laptop", "phone"}),
            ("bo", {"<b>bob's</b>"}),
            ("192.0.2.2", {"laptop"}),
            ("2001:db8::1", {"phone"}),
            ("192.0.2", set()),
            ("pho", {"phone"}),
            ("firefox", {"laptop"}),
            ("web", {"phone", "<b>bob's</b>"}),
            ("alice app", {"tablet", "laptop"}),
            ("nobody", set()),
            ("%", set()),
        ],
    )
    def test_it_can_be_searched(self, administrator, sessions, query, found):
        assert names(administrator.get(LIST, {"q": query})) == found

    @pytest.mark.parametrize("write", [str, lambda pk: str(pk).upper()])
    def test_it_can_be_searched_for_an_id(self, administrator, sessions, write):
        """As it stands in the log, whatever the database makes of a UUID."""
        query = write(sessions["phone"].pk)
        assert names(administrator.get(LIST, {"q": query})) == {"phone"}
        assert names(administrator.get(LIST, {"q": str(uuid.uuid4())})) == set()

    @pytest.mark.parametrize(
        ("given", "found"),
        [
            ({"status": "active"}, {"phone", "<b>bob's</b>"}),
            ({"status": "ended"}, {"tablet", "laptop"}),
            ({"status": "x"}, {"tablet", "laptop", "phone", "<b>bob's</b>"}),
            ({"revoked_reason__exact": "signed_out"}, {"laptop"}),
            ({"client_id": "app"}, {"tablet", "laptop"}),
            ({"created_at__gte": "2026-11-20 00:00:00Z"}, {"laptop", "phone", "<b>bob's</b>"}),
        ],
    )
    def test_it_can_be_filtered(self, administrator, sessions, given, found):
        assert names(administrator.get(LIST, given)) == found

    def test_what_is_active_is_marked(self, administrator, sessions):
        answer = administrator.get(LIST)
        is_active = site.get_model_admin(Session).is_active
        listed = {
            session.device_name: is_active(session) for session in answer.context["cl"].result_list
        }
        assert listed == {"tablet": False, "laptop": False, "phone": True, "<b>bob's</b>": True}
        assert answer.content.decode().count('icon-yes.svg" alt="True"') == 2

    def test_a_session_without_a_user_is_listed(self, administrator, sessions, alice):
        alice.delete()
        assert names(administrator.get(LIST)) == {"tablet", "laptop", "phone", "<b>bob's</b>"}
        path = f"{LIST}{sessions['phone'].pk}/change/"
        assert administrator.get(path).status_code == 200


class TestReadOnly:
    def test_a_session_can_be_looked_at(self, administrator, sessions):
        answer = administrator.get(f"{LIST}{sessions['phone'].pk}/change/")
        assert answer.status_code == 200
        text = answer.content.decode()
        for shown in ("alice", "phone", "web", "2001:db8::1", str(sessions["phone"].pk)):
            assert shown in text
        for button in ("_save", "deletelink", "_addanother", '<input type="text"'):
            assert button not in text

    @pytest.mark.parametrize("name", ["add/", "{pk}/delete/"])
    @pytest.mark.parametrize("method", ["get", "post"])
    def test_none_can_be_added_or_deleted(self, administrator, sessions, name, method):
        path = LIST + name.format(pk=sessions["phone"].pk)
        assert getattr(administrator, method)(path, {"post": "yes"}).status_code == 403
        assert Session.objects.count() == 4

    def test_none_can_be_changed(self, administrator, sessions):
        path = f"{LIST}{sessions['phone'].pk}/change/"
        answer = administrator.post(path, {"device_name": "x", "idle_expires_at_0": "2099-01-01"})
        assert answer.status_code == 403
        assert set(Session.objects.values_list("device_name", flat=True)) == set(sessions)

    def test_the_action_of_django_that_deletes_is_not_there(self, administrator, sessions):
        given = {"action": "delete_selected", "_selected_action": sessions["phone"].pk}
        answer = administrator.post(LIST, {**given, "post": "yes"}, follow=True)
        assert "No action selected." in answer.content.decode()
        assert Session.objects.count() == 4

    def test_who_has_no_permission_sees_none(self, helper, sessions):
        client = helper()
        assert client.get(LIST).status_code == 403
        assert client.get(f"{LIST}{sessions['phone'].pk}/change/").status_code == 403

    def test_who_may_look_at_them_may_not_end_them(self, helper, sessions):
        client = helper("view_session")
        answer = client.get(LIST)
        assert names(answer) == set(sessions)
        assert "revoke_sessions" not in answer.content.decode()
        end(client, *sessions.values())
        assert alive() == {"phone", "<b>bob's</b>"}


def end(client, *sessions):
    """Sign the selected sessions out, and say what the page says."""
    given = {"action": "revoke_sessions", "_selected_action": [session.pk for session in sessions]}
    answer = client.post(LIST, given, follow=True)
    assert answer.status_code == 200
    return [str(message) for message in answer.context["messages"]]


def alive():
    rows = Session.objects.filter(revoked_at=None, idle_expires_at__gt=NOW)
    return set(rows.values_list("device_name", flat=True))


class TestRevoke:
    def test_only_those_that_are_alive_are_ended(self, administrator, sessions, admin_user):
        with received(session_revoked) as calls:
            assert end(administrator, *sessions.values()) == ["Signed out 2 sessions."]
        assert alive() == set()
        assert {call["session"].device_name for call in calls} == {"phone", "<b>bob's</b>"}
        assert {call["user"].get_username() for call in calls} == {"alice", "bob"}
        assert {call["request"].user for call in calls} == {admin_user}
        laptop = Session.objects.get(device_name="laptop")
        assert laptop.revoked_reason == "signed_out"
        assert laptop.revoked_at == sessions["laptop"].revoked_at
        assert Session.objects.get(device_name="phone").revoked_reason == "admin"

    def test_one_is_one(self, administrator, sessions):
        assert end(administrator, sessions["phone"]) == ["Signed out 1 session."]
        assert alive() == {"<b>bob's</b>"}

    def test_none_is_none(self, administrator, sessions):
        assert end(administrator, sessions["laptop"]) == ["Signed out 0 sessions."]

    def test_its_access_token_is_refused_at_once(self, administrator, alice):
        pair = services.sign_in(alice)
        assert get("/who/", pair.access_token).status_code == 200
        end(administrator, pair.session)
        assert get("/who/", pair.access_token).status_code == 401

    def test_the_permission_to_change_is_needed(self, helper, sessions):
        client = helper("view_session", "change_session")
        assert end(client, sessions["phone"]) == ["Signed out 1 session."]

    def test_all_pages_can_be_ended_at_once(self, administrator, alice):
        for _ in range(3):
            services.sign_in(alice)
        given = {"action": "revoke_sessions", "select_across": "1", "_selected_action": []}
        given["_selected_action"] = [Session.objects.first().pk]
        administrator.post(LIST, given)
        assert alive() == set()


class TestUsers:
    def path(self, user):
        return f"/admin/auth/user/{user.pk}/delete/"

    def test_a_user_with_sessions_can_be_deleted(self, administrator, sessions, alice):
        page = administrator.get(self.path(alice))
        assert page.status_code == 200
        assert CONFIRM in page.content.decode()
        answer = administrator.post(self.path(alice), {"post": "yes"})
        assert answer.status_code == 302
        assert not get_user_model().objects.filter(pk=alice.pk).exists()
        assert alive() == {"<b>bob's</b>"}
        assert Session.objects.get(device_name="phone").revoked_reason == "user_deleted"

    def test_nor_do_sessions_stand_in_the_way_of_many(self, administrator, sessions, alice, bob):
        given = {"action": "delete_selected", "_selected_action": [alice.pk, bob.pk]}
        page = administrator.post("/admin/auth/user/", given)
        assert CONFIRM in page.content.decode()
        administrator.post("/admin/auth/user/", {**given, "post": "yes"})
        assert alive() == set()

    def test_who_may_delete_users_need_not_know_of_sessions(self, helper, sessions, alice):
        client = helper("view_user", "delete_user")
        answer = client.post(self.path(alice), {"post": "yes"})
        assert answer.status_code == 302
        assert not get_user_model().objects.filter(pk=alice.pk).exists()
