"""The README is short, its links work on PyPI, and its examples run."""

from __future__ import annotations

import json
import re

import pytest

from tests.meta.docs_examples import (
    AUDIENCES,
    AUTHENTICATION,
    HOOKS,
    NEXT_STEPS,
    PLAIN_VIEWS,
    PRUNE,
    QUICK_START,
    SCOPES,
    TESTING,
    TOKEN_HEADER,
    add,
    consoles,
    curl_lines,
    equal_json,
    ini,
    python,
    walk,
)
from tests.support.documents import README, ROOT, section, sections
from tests.support.projects import DOCUMENTED_ORIGIN, curl

DEMO = 'pip install -e ".[example]" && .venv/bin/python example_project/manage.py demo'
SUITE = "pip install tox && .venv/bin/tox -p"


class TestText:
    def test_readme_has_at_most_150_lines(self):
        assert len(README.read_text(encoding="utf-8").splitlines()) <= 150

    def test_readme_has_one_command_each_for_demo_and_tests(self):
        commands = [block.text.strip() for block in section(README, "Demo and tests").blocks]
        assert commands == [f"python3 -m venv .venv && .venv/bin/{end}" for end in (DEMO, SUITE)]

    def test_readme_links_are_absolute(self):
        targets = re.findall(r"`[^`]*<([^>]+)>`_", README.read_text(encoding="utf-8"))
        assert targets
        assert all(target.startswith("https://") for target in targets)

    def test_readme_links_to_existing_pages(self):
        text = README.read_text(encoding="utf-8")
        pages = re.findall(r"readthedocs\.io/en/latest/([\w/-]+)\.html", text)
        ours = [page for page in pages if f"drf-tokenauth.readthedocs.io/en/latest/{page}" in text]
        assert ours
        assert all((ROOT / "docs" / f"{page}.rst").is_file() for page in ours)

    def test_readme_examples_use_one_server(self):
        servers = {
            server
            for found in sections(README)
            for block in found.blocks
            for server in re.findall(r"https?://[\w.:-]+", block.text)
        }
        assert servers == {DOCUMENTED_ORIGIN}

    def test_readme_installs_an_existing_extra(self):
        setup = (ROOT / "setup.cfg").read_text(encoding="utf-8")
        assert consoles([section(README, "Install")]) == [('pip install ".[crypto]"', "")]
        assert "\ncrypto =\n" in setup
        assert "\nname = drf-tokenauth\n" in setup


class TestComparison:
    @pytest.mark.parametrize(
        ("documented", "actual"),
        [
            ({"a": 1}, {"a": 1, "b": 2}),
            ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
            ([1], []),
            ("eyJ...", "abc"),
            ("01a207a2-3280-729f-8b86-2cd0bec312f2", "01a207a2"),
            (
                "01a207a2-3280-729f-8b86-2cd0bec312f2",
                "a2af27d9-acd1-429f-8b86-2cd0bec312f2",
            ),
            ("2026-11-23T09:00:00.000001Z", "2026-11-23"),
            (300, 299),
        ],
    )
    def test_json_comparison_rejects_different_values(self, documented, actual):
        assert not equal_json(documented, actual)


class TestQuickStart:
    def test_quick_start_project_passes_system_and_database_checks(self, quick_start):
        printed = quick_start.shell("python manage.py check --database default")
        assert "no issues (0 silenced)" in printed

    def test_quick_start_responses_match_the_documentation(self, quick_start, tmp_path):
        with quick_start.copy(tmp_path / "project").served() as origin:
            walk(curl_lines(QUICK_START, NEXT_STEPS), origin, {})


class TestDocs:
    def test_scope_responses_match_the_documentation(self, quick_start, tmp_path):
        project = quick_start.copy(tmp_path / "project")
        add(project, [*python(SCOPES), *python(AUTHENTICATION)])
        with project.served() as origin:
            walk(curl_lines(SCOPES, AUTHENTICATION), origin, {})

    def test_audience_responses_match_the_documentation(self, quick_start, tmp_path):
        project = quick_start.copy(tmp_path / "project")
        add(project, python(AUDIENCES, "mysite/settings.py"))
        with project.served() as origin:
            walk(curl_lines(AUDIENCES), origin, {})

    def test_plain_view_responses_match_the_documentation(self, quick_start, tmp_path):
        project = quick_start.copy(tmp_path / "project")
        add(project, [*python(SCOPES, "mysite/settings.py"), *python(PLAIN_VIEWS)])
        imported = "from mysite.middleware import StatelessTokenMiddleware"
        project.shell(f'python manage.py shell -c "{imported}"')
        (sign_in, _), _ = curl_lines(QUICK_START)
        with project.served() as origin:
            variables = {"ACCESS": json.loads(curl(sign_in, origin, {}).body)["access_token"]}
            walk(curl_lines(PLAIN_VIEWS), origin, variables)

    def test_responses_with_another_header_match_the_documentation(self, quick_start, tmp_path):
        project = quick_start.copy(tmp_path / "project")
        add(project, python(TOKEN_HEADER))
        sign_in, _ = curl_lines(QUICK_START)
        with project.served() as origin:
            walk([sign_in, *curl_lines(TOKEN_HEADER)], origin, {})

    @pytest.mark.standard("rfc9068-2.2.2-1")
    def test_documented_hooks_change_claims_and_scope(self, quick_start, tmp_path):
        project = quick_start.copy(tmp_path / "project")
        add(project, python(HOOKS))
        project.add("mysite/urls.py", CLAIMS_VIEW)
        project.shell('python manage.py shell -c "' + NEW_USER + '"')
        sign_in, whoami = (line for line, _ in curl_lines(QUICK_START))
        with project.served() as origin:
            for name, staff, scope in (
                ("alice", True, "notes:read notes:write"),
                ("bob", False, "notes:read"),
            ):
                pair = json.loads(curl(sign_in.replace("alice", name), origin, {}).body)
                variables = {"ACCESS": pair["access_token"]}
                claims = curl(whoami.replace("/whoami/", "/claims/"), origin, variables)
                assert json.loads(claims.body) == {"preferred_username": name, "staff": staff}
                assert pair["scope"] == scope

    def test_tests_of_the_testing_page_pass(self, quick_start, tmp_path):
        project = quick_start.copy(tmp_path / "project")
        add(project, [*python(SCOPES), *python(TESTING), *ini(TESTING)])
        (unittest, _), (pytest_command, _), *tokens = consoles(TESTING)
        output = project.shell(unittest)
        assert "Ran 11 tests" in output
        assert "\nOK\n" in output
        assert pytest_command == "pytest"
        assert "3 passed" in project.pytest("-p", "no:randomly")
        assert len(tokens) == 2
        for command, documented in tokens:
            token = r"[\w.-]+"
            pattern = re.escape(documented).replace(re.escape("..."), token)
            assert re.fullmatch(pattern, project.shell(command).strip())

    def test_documented_pages_and_object_permissions_work(self, quick_start, tmp_path):
        project = quick_start.copy(tmp_path / "project")
        add(project, [*python(SCOPES), *python(AUTHENTICATION)])
        project.add("mysite/urls.py", BROWSABLE_NOTES)
        project.add("mysite/tests.py", PERMISSION_TESTS)
        output = project.shell("python manage.py test")
        assert "Ran 2 tests" in output
        assert "\nOK\n" in output

    def test_prune_command_prints_the_documented_lines(self, quick_start):
        for command, documented in consoles(PRUNE):
            assert quick_start.shell(command).strip() == documented


CLAIMS_VIEW = """\
@api_view()
def claims(request):
    return Response(request.auth.extra)


urlpatterns += [path("claims/", claims)]
"""
BROWSABLE_NOTES = """\
from mysite.views import BrowsableNotes

urlpatterns += [path("browsable/", BrowsableNotes.as_view())]
"""
PERMISSION_TESTS = """\
from django.contrib.auth.models import User
from django.test import TestCase

from django_tokenauth import services


class PermissionTests(TestCase):
    def setUp(self):
        self.alice = User.objects.create_user("alice")
        self.bob = User.objects.create_user("bob")

    def test_session_user_gets_the_browsable_page(self):
        self.assertContains(self.client.get("/api-auth/login/"), "password")
        self.client.force_login(self.alice)
        html = {"Accept": "text/html"}
        page = self.client.get("/browsable/", headers=html)
        self.assertContains(page, "alice")
        self.assertIn("text/html", page["Content-Type"])
        self.assertEqual(self.client.get("/notes/", headers=html).status_code, 403)
        response = self.client.post("/auth/token/verify/", {"token": "x"}, headers=html)
        self.assertEqual(response["Content-Type"], "application/json")

    def test_profile_needs_the_scope_and_the_owner(self):
        for user, scope, status in (
            (self.alice, ["notes:read"], 200),
            (self.alice, ["notes:write"], 403),
            (self.bob, ["notes:read"], 403),
        ):
            token = services.sign_in(user, scope=scope).access_token
            response = self.client.get(
                f"/profiles/{self.alice.pk}/", headers={"Authorization": f"Bearer {token}"}
            )
            self.assertEqual(response.status_code, status)
"""
NEW_USER = (
    "from django.contrib.auth.models import User;"
    "User.objects.create_user('bob', password='correct-horse')"
)
