"""Names that a project, or another package, could use too: each has a prefix of this package."""

from __future__ import annotations

import ast
import re
from datetime import timedelta
from pathlib import Path

import pytest
from django.apps import apps
from django.contrib.auth import get_user_model
from django.core.cache import cache
from django.core.checks import CheckMessage
from django.core.management import find_commands
from django.db import connection
from django.test import RequestFactory
from django.urls import get_resolver
from rest_framework.authentication import BaseAuthentication
from rest_framework.permissions import AllowAny
from rest_framework.response import Response
from rest_framework.views import APIView

import django_tokenauth
from django_tokenauth import services
from django_tokenauth.authentication import JWTAuthentication
from django_tokenauth.permissions import HasFullScope, HasScope
from tests.support.client import post
from tests.support.confidential_clients import clients_setting

PACKAGE = Path(django_tokenauth.__file__).parent
EXAMPLE = PACKAGE.parent / "example_project"
CONFIG = apps.get_app_config("django_tokenauth")
#: Classes and ids of Django's admin, which a template may use.
DJANGO_CLASSES = ("module", "button", "object-tools", "field-", "form-row", "help", "breadcrumbs")
OWN_OR_DJANGO = (
    *("tokenauth", "django-tokenauth", "app-django_tokenauth", "cancel-link"),
    *DJANGO_CLASSES,
)
PREFIX = re.compile(r"_?(django_)?tokenauth")


def without_prefix(names):
    """Return the *names* without the prefix. There must be at least one name."""
    names = list(names)
    assert names
    return sorted(name for name in names if not PREFIX.match(name.lower()))


def called(function, argument=0, keyword=None):
    """Return the strings that the package passes to *function*."""
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            if ast.unparse(node.func).rpartition(".")[2] not in function:
                continue
            values = [each.value for each in node.keywords if each.arg == keyword]
            for value in values if keyword else node.args[argument : argument + 1]:
                text = value.value if isinstance(value, ast.Constant) else ast.unparse(value)
            yield text.removeprefix("f'")


def test_loggers_have_the_name_of_the_package():
    # The errors of receivers are in Django's own logger, as those of Signal.send_robust().
    assert set(called({"getLogger"})) == {"django_tokenauth", "django.dispatch"}


def test_context_variables_have_a_prefix():
    assert without_prefix(called({"ContextVar"})) == []


def test_ids_of_system_checks_have_a_prefix():
    names = {each.__name__ for each in (CheckMessage, *CheckMessage.__subclasses__())}
    assert without_prefix(called(names, keyword="id")) == []


def test_management_commands_have_a_prefix():
    assert without_prefix(find_commands(str(PACKAGE / "management"))) == []


def test_url_namespaces_have_a_prefix():
    namespaces = set(get_resolver().namespace_dict) - {"admin"}
    assert without_prefix(namespaces) == []
    assert len(namespaces) == 3


@pytest.mark.django_db
def test_tables_indexes_and_constraints_have_a_prefix():
    tables = {model._meta.db_table for model in CONFIG.get_models(include_auto_created=True)}
    assert without_prefix(tables) == []
    with connection.cursor() as cursor:
        for table in tables:
            constraints = connection.introspection.get_constraints(cursor, table)
            # SQLite and MariaDB name primary and foreign keys themselves.
            own = {name for name in constraints if not name.startswith(("__", "PRIMARY", "fk_"))}
            assert without_prefix(own) == []


def test_related_names_of_other_models_have_a_prefix():
    fields = get_user_model()._meta.get_fields(include_hidden=True)
    models = set(CONFIG.get_models())
    related = [each.name for each in fields if each.is_relation and each.related_model in models]
    # The user has no attribute for the relation "+".
    related.remove("+")
    assert without_prefix(related) == []


@pytest.mark.django_db
def test_cache_keys_have_a_prefix(alice, settings):
    settings.TOKENAUTH = {
        "CLIENTS": clients_setting(),
        "SIGN_IN_DELAY_USER": timedelta(minutes=1),
    }
    for _ in range(15):
        post("token/", {"username": "alice", "password": "a guess"})
    wrong = {"client_id": "reports", "client_secret": "a guess"}
    post("token/refresh/", {"refresh_token": "a.b.c", **wrong})
    keys = [key.split(":", 2)[2] for key in cache._cache]
    assert len({key.split(".")[1] for key in keys}) >= 4
    assert without_prefix(keys) == []


class NoAuthentication(BaseAuthentication):
    def authenticate(self, request):
        return request._request.user, None


class View(APIView):
    required_scopes = ("notes:read",)

    def get(self, request):
        self.seen = request
        return Response({})


def added_names(token, user, **initkwargs):
    """Return the names on the request, its META, the view and the user after a request."""
    request = RequestFactory().get("/", headers={"Authorization": f"Bearer {token}"})
    request.user = user
    view = View(**initkwargs)
    response = view.dispatch(request)
    names = {*vars(request), *request.META, *vars(view), *vars(view.request), *vars(response)}
    return names | set(vars(view.request.user))


@pytest.mark.django_db
@pytest.mark.parametrize("valid", [True, False])
def test_attributes_of_requests_and_users_have_a_prefix(alice, settings, valid):
    settings.TOKENAUTH = {"SCOPES": ["notes:read"]}
    token = services.sign_in(alice).access_token if valid else "a.b.c"
    plain = added_names(
        "", alice, authentication_classes=[NoAuthentication], permission_classes=[AllowAny]
    )
    names = added_names(
        token,
        alice,
        authentication_classes=[JWTAuthentication],
        permission_classes=[HasScope, HasFullScope] if valid else [AllowAny],
    )
    own = names - plain
    # REST framework sets these for each response with an error.
    own -= {"exception", "status_code", "_has_been_logged"}
    assert [name for name in own if not PREFIX.match(name)] == []
    assert valid or own == {"_django_tokenauth_rejected"}


@pytest.mark.django_db
def test_attributes_of_saved_users_have_a_prefix(alice):
    before = set(vars(alice))
    services.sign_in(alice)
    alice.set_password("another")
    alice.save()
    assert without_prefix(set(vars(alice)) - before - {"_password"}) == []


def test_permissions_belong_to_the_app():
    for model in CONFIG.get_models():
        assert model._meta.app_label == "django_tokenauth"


def names_in(text):
    """Return the ids and CSS classes that an HTML page or a style sheet defines."""
    names = re.findall(r"""\b(?:id|class)=["']([^"'{}]+)["']""", text)
    names += re.findall(r"^\s*[.#]([\w-]+)[^{};]*\{", text, re.MULTILINE)
    return [name for value in names for name in value.split()]


def files_in(*folders):
    return [
        path
        for folder in folders
        for path in sorted((PACKAGE / folder).rglob("*"))
        if path.is_file()
    ]


def test_names_of_html_and_css_are_found():
    assert names_in('<p id="one" class="two three">') == ["one", "two", "three"]
    assert names_in(".four > a {}\n#five, p {\n") == ["four", "five"]


def test_templates_and_static_files_have_a_prefix():
    for path in files_in("templates", "static"):
        assert "django_tokenauth" in path.relative_to(PACKAGE).parts[:-1], path
        names = names_in(path.read_text(encoding="utf-8"))
        assert [name for name in names if not name.startswith(OWN_OR_DJANGO)] == []


def test_browser_storage_of_the_example_has_a_prefix():
    source = (EXAMPLE / "page" / "client.js").read_text(encoding="utf-8")
    keys = set(re.findall(r"(?:localStorage\.\w+Item|locks\.request)\((\w+)", source))
    assert keys == {"STORED"}
    [stored] = re.findall(r'const STORED = "([^"]+)"', source)
    assert stored.startswith("tokenauth.")
