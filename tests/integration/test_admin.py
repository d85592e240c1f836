"""Sessions in Django's admin, where staff can view and sign them out but not edit them."""

from __future__ import annotations

import re
import uuid
from datetime import timedelta

import pytest
import time_machine
from django.contrib.admin import site
from django.contrib.admin.widgets import ForeignKeyRawIdWidget
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from django_tokenauth import services
from django_tokenauth.admin import ClientFilter, SessionAdmin
from django_tokenauth.models import RevokedReason, Session
from django_tokenauth.sessions.store import new_id
from django_tokenauth.signals import session_revoked
from tests.support.client import get
from tests.support.clock import NOW
from tests.support.signal_capture import received

LIST = "/admin/django_tokenauth/session/"
# The hidden field of Django's confirmation page for deletions.
CONFIRM = 'name="post" value="yes"'


@pytest.fixture(autouse=True)
def _now():
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def administrator(admin_user):
    """Return a client that is signed in as a superuser."""
    client = Client()
    client.force_login(admin_user)
    return client


@pytest.fixture
def staff_client(django_user_model):
    """Return a function that signs in a staff member with the given permissions."""

    def staff_client(*codenames):
        user = django_user_model.objects.create_user("helper", is_staff=True)
        user.user_permissions.set(Permission.objects.filter(codename__in=codenames))
        client = Client()
        client.force_login(user)
        return client

    return staff_client


@pytest.fixture
def sessions(alice, bob):
    """Create an active, a signed-out and an expired session of alice, and one of bob."""
    old = NOW - timedelta(days=20)
    services.sign_in(alice, device_name="tablet", client_id="app", ip="192.0.2.1", now=old)
    services.sign_in(
        alice, device_name="laptop", client_id="app", user_agent="Firefox", ip="192.0.2.2"
    )
    services.revoke_sessions(Session.objects.filter(device_name="laptop"), RevokedReason.SIGNED_OUT)
    services.sign_in(alice, device_name="phone", client_id="web", ip="2001:db8::1")
    services.sign_in(bob, device_name="<b>bob's</b>", client_id="web", ip="192.0.2.3")
    return {session.device_name: session for session in Session.objects.all()}


def device_names(response):
    """Return the device names of the listed sessions."""
    assert response.status_code == 200
    return {session.device_name for session in response.context["cl"].result_list}


class TestList:
    def test_admin_list_shows_all_sessions_with_escaped_names(self, administrator, sessions):
        response = administrator.get(LIST)
        assert device_names(response) == {"tablet", "laptop", "phone", "<b>bob's</b>"}
        text = response.content.decode()
        for expected in ("alice", "bob", "phone", "2001:db8::1", "&lt;b&gt;bob&#x27;s&lt;/b&gt;"):
            assert expected in text
        assert "<b>bob" not in text

    def test_admin_list_takes_a_constant_number_of_queries(self, administrator, alice):
        def statements():
            with CaptureQueriesContext(connection) as captured:
                administrator.get(LIST)
            return len(captured)

        services.sign_in(alice)
        number = statements()
        for _ in range(5):
            services.sign_in(alice)
        assert statements() == number < 10

    def test_admin_pages_never_show_the_auth_hash(self, administrator, sessions):
        for path in (LIST, f"{LIST}{sessions['phone'].pk}/change/"):
            response = administrator.get(path, follow=True)
            assert response.status_code == 200
            text = response.content.decode()
            assert "auth_hash" not in text
            assert sessions["phone"].auth_hash not in text

    @pytest.mark.parametrize(
        ("query", "expected"),
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
    def test_admin_search_matches_user_device_address_and_client(
        self, administrator, sessions, query, expected
    ):
        assert device_names(administrator.get(LIST, {"q": query})) == expected

    @pytest.mark.parametrize("write", [str, lambda pk: str(pk).upper()])
    def test_admin_search_matches_a_session_id(self, administrator, sessions, write):
        """The id is searched as the API returns it, however the database stores a UUID."""
        query = write(sessions["phone"].pk)
        assert device_names(administrator.get(LIST, {"q": query})) == {"phone"}
        assert device_names(administrator.get(LIST, {"q": str(uuid.uuid4())})) == set()

    @pytest.mark.parametrize(
        ("data", "expected"),
        [
            ({"status": "active"}, {"phone", "<b>bob's</b>"}),
            ({"status": "inactive"}, {"tablet", "laptop"}),
            ({"status": "x"}, {"tablet", "laptop", "phone", "<b>bob's</b>"}),
            ({"revoked_reason__exact": "signed_out"}, {"laptop"}),
            ({"client_id": "app"}, {"tablet", "laptop"}),
            ({"created_at__gte": "2026-11-20 00:00:00Z"}, {"laptop", "phone", "<b>bob's</b>"}),
        ],
    )
    def test_admin_filters_by_status_reason_client_and_date(
        self, administrator, sessions, data, expected
    ):
        assert device_names(administrator.get(LIST, data)) == expected

    def test_admin_list_marks_active_sessions(self, administrator, sessions):
        response = administrator.get(LIST)
        is_active = site.get_model_admin(Session).is_active
        listed = {
            session.device_name: is_active(session)
            for session in response.context["cl"].result_list
        }
        assert listed == {"tablet": False, "laptop": False, "phone": True, "<b>bob's</b>": True}
        assert response.content.decode().count('icon-yes.svg" alt="True"') == 2

    def test_admin_list_shows_is_active_next_to_the_client_id(self, administrator, sessions):
        text = administrator.get(LIST).content.decode()
        columns = re.findall(r'class="(?:sortable )?column-(\w+)', text)
        assert columns[:4] == ["who", "device", "client_id", "is_active"]

    def test_admin_page_of_an_active_session_has_no_revocation(self, administrator, sessions):
        page = administrator.get(f"{LIST}{sessions['phone'].pk}/change/").content.decode()
        assert ">None<" not in page
        assert re.search(r'field-revoked">.*?<div class="readonly">-</div>', page, re.DOTALL)

    def test_admin_list_shows_sessions_of_deleted_users(self, administrator, sessions, alice):
        alice.delete()
        assert device_names(administrator.get(LIST)) == {
            "tablet",
            "laptop",
            "phone",
            "<b>bob's</b>",
        }
        path = f"{LIST}{sessions['phone'].pk}/change/"
        assert administrator.get(path).status_code == 200


class TestManyClients:
    @pytest.fixture(autouse=True)
    def _client_ids(self, alice):
        """Store sessions, each of another client, and the newest ones of three clients."""
        moment = NOW - timedelta(days=1)
        Session.objects.bulk_create(
            session_row(alice, client_id=f"client {number:04} {'x' * 240}", now=moment)
            for number in range(ClientFilter.SESSIONS + 200)
        )
        for name, sessions in (("web", 3), ("app", 2), ("<b>", 1)):
            Session.objects.bulk_create(
                session_row(alice, client_id=name, now=NOW) for _ in range(sessions)
            )

    def test_admin_list_of_many_clients_has_20_client_filters(self, administrator):
        response = administrator.get(LIST)
        names = [name for name, _ in client_filter(response).lookup_choices]
        assert names[:3] == ["web", "app", "<b>"]
        assert len(names) == 20
        # Each of the 100 listed sessions has its client_id once.
        assert len(response.content) < 300_000

    def test_admin_client_filter_shows_a_selected_unlisted_client(self, administrator):
        name = Session.objects.order_by("pk").first().client_id
        response = administrator.get(LIST, {"client_id": name})
        assert [each.client_id for each in response.context["cl"].result_list] == [name]
        names = [name for name, _ in client_filter(response).lookup_choices]
        assert (names[-1], len(names)) == (name, 21)

    def test_admin_filter_by_an_unknown_client_lists_nothing(self, administrator):
        assert device_names(administrator.get(LIST, {"client_id": "unknown"})) == set()

    def test_admin_list_takes_one_count_query(self, administrator):
        with CaptureQueriesContext(connection) as captured:
            administrator.get(LIST, {"client_id": "web"})
        counts = [query["sql"] for query in captured if "COUNT(" in query["sql"]]
        assert len(counts) == 1


def session_row(user, *, client_id, now):
    """Return a session that is not stored, with the id of a session that started at *now*."""
    times = ("created_at", "refreshed_at", "idle_expires_at", "absolute_expires_at")
    return Session(id=new_id(now), user=user, client_id=client_id, **dict.fromkeys(times, now))


def client_filter(response):
    [found] = [
        spec for spec in response.context["cl"].filter_specs if isinstance(spec, ClientFilter)
    ]
    return found


def test_admin_user_field_is_a_raw_id_input(rf):
    """It is shown only by a project whose subclass permits changes."""
    field = SessionAdmin(Session, site).formfield_for_dbfield(
        Session._meta.get_field("user"), rf.get("/")
    )
    assert isinstance(field.widget, ForeignKeyRawIdWidget)


class TestReadOnly:
    def test_admin_page_of_a_session_is_read_only(self, administrator, sessions):
        response = administrator.get(f"{LIST}{sessions['phone'].pk}/change/")
        assert response.status_code == 200
        text = response.content.decode()
        for expected in ("alice", "phone", "web", "2001:db8::1", str(sessions["phone"].pk)):
            assert expected in text
        for button in ("_save", "deletelink", "_addanother", '<input type="text"'):
            assert button not in text

    @pytest.mark.parametrize("name", ["add/", "{pk}/delete/"])
    @pytest.mark.parametrize("method", ["get", "post"])
    def test_admin_cannot_add_or_delete_a_session(self, administrator, sessions, name, method):
        path = LIST + name.format(pk=sessions["phone"].pk)
        assert getattr(administrator, method)(path, {"post": "yes"}).status_code == 403
        assert Session.objects.count() == 4

    def test_admin_cannot_change_a_session(self, administrator, sessions):
        path = f"{LIST}{sessions['phone'].pk}/change/"
        response = administrator.post(path, {"device_name": "x", "idle_expires_at_0": "2099-01-01"})
        assert response.status_code == 403
        assert set(Session.objects.values_list("device_name", flat=True)) == set(sessions)

    def test_admin_action_delete_selected_is_unavailable(self, administrator, sessions):
        data = {"action": "delete_selected", "_selected_action": sessions["phone"].pk}
        response = administrator.post(LIST, {**data, "post": "yes"}, follow=True)
        assert "No action selected." in response.content.decode()
        assert Session.objects.count() == 4

    def test_staff_without_permission_cannot_view_sessions(self, staff_client, sessions):
        client = staff_client()
        assert client.get(LIST).status_code == 403
        assert client.get(f"{LIST}{sessions['phone'].pk}/change/").status_code == 403

    def test_staff_with_view_permission_cannot_sign_out_sessions(self, staff_client, sessions):
        client = staff_client("view_session", "change_session")
        response = client.get(LIST)
        assert device_names(response) == set(sessions)
        assert "revoke_sessions" not in response.content.decode()
        sign_out_selected(client, *sessions.values())
        assert live_names() == {"phone", "<b>bob's</b>"}


def sign_out_selected(client, *sessions):
    """Run the sign-out action on *sessions* and return the messages of the page."""
    data = {"action": "revoke_sessions", "_selected_action": [session.pk for session in sessions]}
    response = client.post(LIST, data, follow=True)
    assert response.status_code == 200
    return [str(message) for message in response.context["messages"]]


def live_names():
    rows = Session.objects.filter(revoked_at=None, idle_expires_at__gt=NOW)
    return set(rows.values_list("device_name", flat=True))


class TestRevoke:
    def test_admin_action_signs_out_only_live_sessions(self, administrator, sessions, admin_user):
        with received(session_revoked) as calls:
            assert sign_out_selected(administrator, *sessions.values()) == [
                "Signed out 2 sessions."
            ]
        assert live_names() == set()
        assert {call["session"].device_name for call in calls} == {"phone", "<b>bob's</b>"}
        assert {call["user"].get_username() for call in calls} == {"alice", "bob"}
        assert {call["request"].user for call in calls} == {admin_user}
        laptop = Session.objects.get(device_name="laptop")
        assert laptop.revoked_reason == "signed_out"
        assert laptop.revoked_at == sessions["laptop"].revoked_at
        assert Session.objects.get(device_name="phone").revoked_reason == "admin"

    def test_admin_action_message_for_one_session_is_singular(self, administrator, sessions):
        assert sign_out_selected(administrator, sessions["phone"]) == ["Signed out 1 session."]
        assert live_names() == {"<b>bob's</b>"}

    def test_admin_action_on_a_revoked_session_revokes_nothing(self, administrator, sessions):
        assert sign_out_selected(administrator, sessions["laptop"]) == ["Signed out 0 sessions."]

    def test_admin_sign_out_invalidates_access_tokens_at_once(self, administrator, alice):
        pair = services.sign_in(alice)
        assert get("/who/", pair.access_token).status_code == 200
        sign_out_selected(administrator, pair.session)
        assert get("/who/", pair.access_token).status_code == 401

    def test_staff_with_revoke_permission_can_sign_out_sessions(self, staff_client, sessions):
        client = staff_client("view_session", "revoke_session")
        assert sign_out_selected(client, sessions["phone"]) == ["Signed out 1 session."]

    def test_admin_action_with_select_across_signs_out_all_sessions(self, administrator, alice):
        for _ in range(3):
            services.sign_in(alice)
        data = {"action": "revoke_sessions", "select_across": "1", "_selected_action": []}
        data["_selected_action"] = [Session.objects.first().pk]
        administrator.post(LIST, data)
        assert live_names() == set()


class TestUsers:
    def path(self, user):
        return f"/admin/auth/user/{user.pk}/delete/"

    def test_admin_can_delete_a_user_with_sessions(self, administrator, sessions, alice):
        page = administrator.get(self.path(alice))
        assert page.status_code == 200
        assert CONFIRM in page.content.decode()
        response = administrator.post(self.path(alice), {"post": "yes"})
        assert response.status_code == 302
        assert not get_user_model().objects.filter(pk=alice.pk).exists()
        assert live_names() == {"<b>bob's</b>"}
        assert Session.objects.get(device_name="phone").revoked_reason == "user_deleted"

    def test_admin_can_delete_several_users_with_sessions(
        self, administrator, sessions, alice, bob
    ):
        data = {"action": "delete_selected", "_selected_action": [alice.pk, bob.pk]}
        page = administrator.post("/admin/auth/user/", data)
        assert CONFIRM in page.content.decode()
        administrator.post("/admin/auth/user/", {**data, "post": "yes"})
        assert live_names() == set()

    def test_staff_can_delete_users_without_session_permissions(
        self, staff_client, sessions, alice
    ):
        client = staff_client("view_user", "delete_user")
        response = client.post(self.path(alice), {"post": "yes"})
        assert response.status_code == 302
        assert not get_user_model().objects.filter(pk=alice.pk).exists()
