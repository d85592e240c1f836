"""Staff open the sessions of a user from the user's page, whatever admin the project has."""

from __future__ import annotations

import re

import pytest
from django.contrib.admin import AdminSite, ModelAdmin, site
from django.contrib.auth import get_user_model
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.models import Group, Permission
from django.http import HttpResponse
from django.template.response import TemplateResponse
from django.test import Client
from django.urls import path

from django_tokenauth.admin import SessionAdmin
from django_tokenauth.models import Session
from tests.models import Person
from tests.support.session_rows import create_session

LIST = "/admin/django_tokenauth/session/"


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
def register(settings):
    """Return a function that puts a site with the given admins of models at ``/admin/``."""

    def register(admins):
        own_site = AdminSite("own")
        for model, model_admin in admins:
            own_site.register(model, model_admin)
        settings.ROOT_URLCONF = (path("admin/", own_site.urls),)
        return own_site

    return register


def session_links(client, path):
    response = client.get(path)
    assert response.status_code == 200
    return re.findall(rf'<li><a href="({LIST}[^"]*)">Sessions</a></li>', response.content.decode())


class TestLink:
    def test_user_page_links_to_the_sessions_of_the_user(self, admin_client, alice, bob):
        session = create_session(alice)
        create_session(bob)
        [link] = session_links(admin_client, f"/admin/auth/user/{alice.pk}/change/")
        assert link == f"{LIST}?user={alice.pk}"
        changelist = admin_client.get(link).context["cl"]
        assert list(changelist.result_list) == [session]

    @pytest.mark.parametrize("digits", [20, 5000])
    def test_list_with_a_huge_user_key_shows_no_session(self, admin_client, alice, digits):
        create_session(alice)
        response = admin_client.get(LIST, {"user": "9" * digits}, follow=True)
        assert response.status_code == 200
        assert len(response.context["cl"].result_list) == (0 if digits == 20 else 1)

    def test_user_page_without_view_permission_has_no_link(self, staff_client, alice):
        client = staff_client("view_user", "change_user", "revoke_session")
        assert session_links(client, f"/admin/auth/user/{alice.pk}/change/") == []

    def test_user_page_with_view_permissions_has_a_link(self, staff_client, alice):
        client = staff_client("view_user", "view_session")
        assert len(session_links(client, f"/admin/auth/user/{alice.pk}/change/")) == 1

    @pytest.mark.parametrize("name", ["auth/user/add/", "auth/group/{}/change/", "auth/user/"])
    def test_other_admin_pages_have_no_link(self, admin_client, name):
        group = Group.objects.create(name="editors")
        assert session_links(admin_client, f"/admin/{name.format(group.pk)}") == []

    def test_collecting_the_urls_again_adds_no_second_link(self, admin_client, alice):
        assert site.get_urls()
        assert len(session_links(admin_client, f"/admin/auth/user/{alice.pk}/change/")) == 1


class OwnTemplateAdmin(ModelAdmin):
    change_form_template = "own/user.html"


class OwnResponseAdmin(ModelAdmin):
    def render_change_form(self, request, context, **options):
        return HttpResponse("own page")


class TestProjects:
    @pytest.mark.parametrize("sessions_first", [True, False])
    @pytest.mark.parametrize("user_admin", [ModelAdmin, UserAdmin, OwnTemplateAdmin])
    def test_any_admin_of_users_links_to_the_sessions(
        self, admin_client, alice, register, settings, user_admin, sessions_first
    ):
        own = '{% extends "admin/change_form.html" %}{% block form_top %}own form{% endblock %}'
        loaders = [
            ("django.template.loaders.locmem.Loader", {"own/user.html": own}),
            "django.template.loaders.app_directories.Loader",
        ]
        [engine] = settings.TEMPLATES
        options = {**engine["OPTIONS"], "loaders": loaders}
        settings.TEMPLATES = [{**engine, "APP_DIRS": False, "OPTIONS": options}]
        admins = [(Session, SessionAdmin), (get_user_model(), user_admin)]
        register(admins if sessions_first else admins[::-1])
        page = f"/admin/auth/user/{alice.pk}/change/"
        assert session_links(admin_client, page) == [f"{LIST}?user={alice.pk}"]
        text = admin_client.get(page).content.decode()
        assert ("own form" in text) is (user_admin is OwnTemplateAdmin)

    def test_admin_of_a_proxy_of_users_links_to_the_sessions(self, admin_client, alice, register):
        register([(Session, SessionAdmin), (Person, ModelAdmin)])
        path = f"/admin/tests/person/{alice.pk}/change/"
        assert session_links(admin_client, path) == [f"{LIST}?user={alice.pk}"]

    def test_own_response_of_a_project_is_unchanged(self, admin_client, alice, register):
        register([(Session, SessionAdmin), (get_user_model(), OwnResponseAdmin)])
        response = admin_client.get(f"/admin/auth/user/{alice.pk}/change/")
        assert response.content == b"own page"

    def test_site_without_the_admin_of_sessions_has_no_link(self, admin_client, alice, register):
        register([(get_user_model(), UserAdmin)])
        assert session_links(admin_client, f"/admin/auth/user/{alice.pk}/change/") == []


class KeywordsAdmin(ModelAdmin):
    """Handles the arguments as many projects do."""

    def render_change_form(self, request, context, *args, **kwargs):
        context["arguments"] = (args, kwargs)
        return TemplateResponse(request, "admin/change_form.html", context)


class FurtherArgumentAdmin(ModelAdmin):
    def render_change_form(
        self, request, context, add=False, change=False, form_url="", obj=None, tab=None
    ):
        return TemplateResponse(request, "admin/change_form.html", {**context, "tab": tab})


class TestArguments:
    """A project may call ``render_change_form`` of its admin in any way that Django permits."""

    @pytest.fixture
    def render(self, register, rf, admin_user):
        def render(user_admin, *args, **kwargs):
            own_site = register([(Session, SessionAdmin), (get_user_model(), user_admin)])
            assert own_site.urls
            kwargs = {name: request if value is rf else value for name, value in kwargs.items()}
            args = [request if value is rf else value for value in args]
            return own_site._registry[get_user_model()].render_change_form(*args, **kwargs)

        request = rf.get("/")
        request.user = admin_user
        return render

    @pytest.mark.parametrize("user_admin", [KeywordsAdmin, FurtherArgumentAdmin])
    def test_arguments_by_position_or_keyword_give_a_link(self, alice, render, rf, user_admin):
        link = f"{LIST}?user={alice.pk}"
        for args, kwargs in [
            ((rf, {}, False, True, "", alice), {}),
            ((rf, {}, False, True), {"obj": alice}),
            ((rf,), {"context": {}, "obj": alice, "form_url": ""}),
            ((), {"request": rf, "context": {}, "change": True, "obj": alice}),
        ]:
            response = render(user_admin, *args, **kwargs)
            assert response.context_data["tokenauth_sessions_url"] == link

    def test_method_of_the_project_receives_the_same_arguments(self, alice, render, rf):
        response = render(KeywordsAdmin, rf, {}, False, True, "", alice)
        assert response.context_data["arguments"] == ((False, True, "", alice), {})
        response = render(KeywordsAdmin, rf, {}, change=True, obj=alice)
        assert response.context_data["arguments"] == ((), {"change": True, "obj": alice})

    def test_further_argument_of_the_project_is_passed(self, alice, render, rf):
        response = render(FurtherArgumentAdmin, rf, {}, obj=alice, tab="notes")
        assert response.context_data["tab"] == "notes"
        assert response.context_data["tokenauth_sessions_url"]
        response = render(FurtherArgumentAdmin, rf, {}, False, True, "", None, "notes")
        assert "tokenauth_sessions_url" not in response.context_data


class TestFilter:
    def filters(self, response):
        return [str(spec.title) for spec in response.context["cl"].filter_specs]

    def test_user_filter_names_the_user(self, admin_client, alice):
        response = admin_client.get(LIST, {"user": alice.pk})
        changelist = response.context["cl"]
        assert self.filters(response)[0] == "user"
        choices = list(changelist.filter_specs[0].choices(changelist))
        assert [(choice["display"], choice["selected"]) for choice in choices] == [
            ("All", False),
            ("alice", True),
        ]

    def test_list_without_a_user_has_no_user_filter(self, admin_client):
        assert "user" not in self.filters(admin_client.get(LIST))

    def test_user_filter_of_an_unknown_user_lists_nothing(self, admin_client, alice):
        create_session(alice)
        response = admin_client.get(LIST, {"user": "999999"})
        assert list(response.context["cl"].result_list) == []

    def test_user_filter_with_an_invalid_key_is_removed(self, admin_client):
        response = admin_client.get(LIST, {"user": "x"})
        assert response["Location"] == f"{LIST}?e=1"
