"""What the README shows is what happens: its examples are run, its ``curl`` lines are sent."""

from __future__ import annotations

import json
import re
from datetime import timedelta

import pytest
from django.test import override_settings
from rest_framework.test import APIClient

from django_tokenauth import signals
from tests.meta.readme import (
    ADMIN,
    HOOKS,
    QUICK_START,
    SCOPES,
    SIGNALS,
    STATELESS,
    WITH_EXAMPLES,
    add,
    consoles,
    curl_lines,
    python,
    quick_start_project,
)
from tests.support.documents import README, sections
from tests.support.projects import curl

# Of version 7, as those of sessions are.
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}\Z")
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z\Z")


def same(shown, got):
    """Whether ``got`` is what is shown, but for what differs from run to run."""
    if isinstance(shown, dict):
        return (
            isinstance(got, dict)
            and list(shown) == list(got)
            and all(same(shown[name], got[name]) for name in shown)
        )
    if isinstance(shown, list):
        return len(shown) == len(got) and all(map(same, shown, got))
    if isinstance(shown, str) and shown.endswith("..."):
        return got.startswith(shown.removesuffix("..."))
    for form in (UUID, MOMENT):
        if isinstance(shown, str) and form.match(shown):
            return bool(form.match(got))
    return shown == got


def walk(lines, origin, variables):
    """Send every ``curl`` line and hold the answer against what is shown below it."""
    for command, shown in lines:
        answer = curl(command, origin, variables)
        head, body = "HTTP/1.1 200 OK", shown
        if shown.startswith("HTTP/"):
            head, _, body = shown.partition("\n\n")
        status, *headers = head.splitlines()
        assert f"HTTP/1.1 {answer.status} {answer.reason}" == status, (command, answer)
        for header in headers:
            name, _, value = header.partition(": ")
            assert answer.headers[name] == value, command
        got = json.loads(answer.body) if answer.body else None
        assert same(json.loads(body) if body else None, got), (command, answer.body)
        if isinstance(got, dict) and "access_token" in got:
            variables["ACCESS"], variables["REFRESH"] = got["access_token"], got["refresh_token"]


@pytest.fixture(scope="module")
def quick_start(tmp_path_factory):
    return quick_start_project(tmp_path_factory.mktemp("quick_start"))


class TestBlocks:
    def test_no_example_is_left_out_here(self):
        shown = [each.title for each in sections(README) if each.blocks]
        assert shown == ["Try it", *(each.title for each in WITH_EXAMPLES)]

    @pytest.mark.parametrize("found", WITH_EXAMPLES, ids=lambda each: each.title)
    def test_every_example_is_of_a_kind_that_is_run(self, found):
        for block in found.blocks:
            assert block.language == "console" or (block.language == "python" and block.file)


class TestSame:
    @pytest.mark.parametrize(
        ("shown", "got"),
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
    def test_a_difference_is_one(self, shown, got):
        assert not same(shown, got)


class TestQuickStart:
    def test_the_project_has_nothing_to_complain_of(self, quick_start):
        said = quick_start.shell("python manage.py check --database default")
        assert "no issues (0 silenced)" in said

    def test_every_line_answers_as_shown(self, quick_start, tmp_path):
        with quick_start.copy(tmp_path / "project").served() as origin:
            walk(curl_lines(QUICK_START), origin, {})

    def test_the_installation_names_an_extra_that_exists(self):
        setup = (README.parent / "setup.cfg").read_text(encoding="utf-8")
        assert consoles(QUICK_START)[0] == ('pip install ".[crypto]"', "")
        assert "\ncrypto =\n" in setup


class TestScopesAndStateless:
    def test_every_line_answers_as_shown(self, quick_start, tmp_path):
        project = quick_start.copy(tmp_path / "project")
        add(project, [*python(SCOPES), *python(STATELESS)])
        with project.served() as origin:
            walk(curl_lines(SCOPES, STATELESS), origin, {})


class TestHooks:
    def test_the_claims_and_the_policy_are_those_of_the_hooks(self, quick_start, tmp_path):
        project = quick_start.copy(tmp_path / "project")
        add(project, python(HOOKS))
        reader = 'Response(dict(request.auth.extra, scope=" ".join(sorted(request.auth.scope))))'
        project.add("mysite/views.py", f"@api_view()\ndef who(request):\n    return {reader}\n")
        project.shell('python manage.py shell -c "' + NEW_USER + '"')
        with project.served() as origin:
            for name, staff, scope in (
                ("alice", True, "notes:read notes:write"),
                ("bob", False, "notes:read"),
            ):
                line = curl_lines(QUICK_START)[0][0].replace("alice", name)
                pair = json.loads(curl(line, origin, {}).body)
                who = curl(curl_lines(QUICK_START)[1][0], origin, {"ACCESS": pair["access_token"]})
                assert json.loads(who.body) == {
                    "preferred_username": name,
                    "staff": staff,
                    "scope": scope,
                }
                assert pair["scope"] == scope


NEW_USER = (
    "from django.contrib.auth.models import User;"
    "User.objects.create_user('bob', password='correct-horse')"
)


class TestSignals:
    def test_the_receiver_of_the_example_ends_all_sessions_of_the_user(self, alice):
        client = APIClient()

        def sign_in():
            body = {"username": "alice", "password": "correct horse"}
            answer = client.post("/auth/token/", body, format="json")
            return {"refresh_token": answer.json()["refresh_token"]}

        def refresh(body):
            return client.post("/auth/token/refresh/", body, format="json").status_code

        [block] = python(SIGNALS)
        names = {"__name__": "accounts.receivers"}
        exec(block.text, names)  # noqa: S102
        try:
            with override_settings(TOKENAUTH={"REFRESH_GRACE": timedelta(0)}):
                stolen, other = sign_in(), sign_in()
                assert [refresh(stolen), refresh(stolen), refresh(other)] == [200, 400, 400]
        finally:
            signals.refresh_token_reused.disconnect(names["end_all_sessions"])


class TestAdmin:
    def test_the_prune_command_prints_what_is_shown(self, quick_start):
        for command, shown in consoles(ADMIN):
            assert quick_start.shell(command).strip() == shown
