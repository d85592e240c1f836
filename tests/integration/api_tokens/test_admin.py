"""Staff list and revoke API tokens in the admin, and never see a token."""

from __future__ import annotations

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.test import Client

from django_tokenauth.api_tokens import services
from django_tokenauth.api_tokens.models import APIToken
from django_tokenauth.signals import audit_event
from tests.support.api_tokens import issue
from tests.support.client import get
from tests.support.clock import after
from tests.support.signal_capture import received

LIST = "/admin/tokenauth_api_tokens/apitoken/"


@pytest.fixture
def staff(django_user_model):
    """Return a function that signs in a staff member with the given permissions."""

    def staff(*codenames):
        user = django_user_model.objects.create_user("helper", is_staff=True)
        user.user_permissions.set(Permission.objects.filter(codename__in=codenames))
        client = Client()
        client.force_login(user)
        return client

    return staff


def revoke(client, *tokens):
    data = {"action": "revoke_api_tokens", "_selected_action": [token.pk for token in tokens]}
    return client.post(LIST, data, follow=True)


def names_on(client, query):
    response = client.get(f"{LIST}?{query}")
    assert response.status_code == 200
    return [token.name for token in response.context["cl"].result_list]


def test_pages_show_the_last_characters_only(alice, staff):
    issued = issue(alice, scope=["notes:read"])
    rotated = services.rotate(alice, issued.api_token.pk)
    get("/who/", rotated.token)
    client = staff("view_apitoken")
    row = APIToken.objects.get()
    for path in (LIST, f"{LIST}{row.pk}/change/", f"{LIST}{row.pk}/history/"):
        page = client.get(path).content.decode()
        assert "nightly" in page
        secrets = (issued.token, rotated.token, row.digest, row.previous_digest)
        assert not any(secret[-38:][:30] in page for secret in secrets)
    page = client.get(f"{LIST}{row.pk}/change/").content.decode()
    assert f"…{row.last_four}" in page
    assert "Nov. 24, 2026, noon" in page


def test_token_that_ended_with_the_password_is_inactive(alice, staff):
    issue(alice, ends_with_password=True)
    client = staff("view_apitoken")
    assert 'alt="True"' in client.get(LIST).content.decode()
    alice.set_password("other")
    alice.save()
    page = client.get(LIST).content.decode()
    assert 'alt="True"' not in page
    assert 'alt="False"' in page


def test_unused_token_has_no_last_use_on_its_page(alice, staff):
    page = staff("view_apitoken").get(f"{LIST}{issue(alice).api_token.pk}/change/")
    assert "None" not in page.content.decode()


def test_staff_can_neither_add_nor_change_tokens(alice, admin_client):
    path = f"{LIST}{issue(alice).api_token.pk}/change/"
    assert admin_client.get(f"{LIST}add/").status_code == 403
    assert admin_client.post(path, {"name": "x"}).status_code == 403
    assert APIToken.objects.get().name == "nightly"


def test_staff_revokes_selected_tokens(alice, staff):
    first, second, other = issue(alice), issue(alice, name="second"), issue(alice, name="other")
    expired = issue(alice, name="expired", expires_at=after(seconds=1))
    services.revoke(alice, second.api_token.pk)
    APIToken.objects.filter(pk=expired.api_token.pk).update(expires_at=after(seconds=-1))
    client = staff("view_apitoken", "revoke_apitoken")
    with received(audit_event) as events:
        page = revoke(client, first.api_token, second.api_token, expired.api_token)
    assert "Revoked 1 API token." in page.content.decode()
    assert get("/who/", first.token).status_code == 401
    assert get("/who/", other.token).status_code == 200
    [event] = events
    assert (event["action"], event["count"]) == ("api_tokens.revoke", 1)
    assert event["ids"] == (str(first.api_token.pk),)
    [entry] = LogEntry.objects.all()
    assert (entry.object_repr, entry.get_change_message()) == ("nightly", "Revoked 1 API token.")


def test_search_result_can_be_revoked(alice, bob, staff):
    tokens = [issue(alice).api_token, issue(bob).api_token]
    client = staff("view_apitoken", "revoke_apitoken")
    data = {
        "action": "revoke_api_tokens",
        "select_across": 1,
        "_selected_action": [token.pk for token in tokens],
    }
    assert client.post(f"{LIST}?q=alice", data).status_code == 302
    revoked = [each.user for each in APIToken.objects.exclude(revoked_at=None)]
    assert revoked == [alice]


def test_staff_without_the_permission_cannot_revoke(alice, staff):
    issued = issue(alice)
    page = revoke(staff("view_apitoken"), issued.api_token)
    assert "revoke_api_tokens" not in page.content.decode()
    assert APIToken.objects.get().revoked_at is None


def test_filters_and_search_find_tokens(alice, bob, staff, settings):
    issue(alice, name="active")
    revoked, others = issue(alice, name="revoked"), issue(bob, name="others")
    services.revoke(alice, revoked.api_token.pk)
    client = staff("view_apitoken")
    assert {*names_on(client, "status=active")} == {"active", "others"}
    assert names_on(client, "status=inactive") == ["revoked"]
    assert len(names_on(client, "")) == 3
    assert names_on(client, f"user={bob.pk}") == ["others"]
    assert names_on(client, "q=bob") == ["others"]
    assert names_on(client, f"q={others.api_token.last_four}") == ["others"]
    settings.TOKENAUTH = {"NOT_BEFORE": after(seconds=1)}
    assert names_on(client, "status=active") == []
    page = client.get(f"{LIST}{others.api_token.pk}/change/")
    assert page.status_code == 200
    assert "icon-yes" not in client.get(LIST).content.decode()


def test_list_takes_a_fixed_number_of_queries(alice, staff, django_assert_num_queries):
    client = staff("view_apitoken")
    issue(alice)
    client.get(LIST)
    with django_assert_num_queries(6) as one:
        client.get(LIST)
    issue(alice)
    with django_assert_num_queries(len(one)):
        client.get(LIST)


def test_users_with_tokens_can_be_deleted(alice, admin_client):
    issue(alice)
    response = admin_client.post(f"/admin/auth/user/{alice.pk}/delete/", {"post": "yes"})
    assert response.status_code == 302
    assert not APIToken.objects.exists()
