"""docs/api-tokens.rst: its examples run, and its tables match the package."""

from __future__ import annotations

import re

from django_tokenauth.api_tokens import formats, services
from django_tokenauth.api_tokens.urls import urlpatterns
from django_tokenauth.services import authenticate_token
from tests.meta.docs_examples import (
    API_TOKENS,
    SCOPES,
    add,
    consoles,
    curl_lines,
    python,
    walk,
)
from tests.support.documents import DOCS, literal, section

PAGE = DOCS / "api-tokens.rst"


def test_responses_match_the_documentation(quick_start, tmp_path):
    project = quick_start.copy(tmp_path / "project")
    # A project without the app has no table of it, and loads nothing of it.
    assert "tokenauth_api_tokens" not in project.shell("python manage.py showmigrations")
    printed = project.shell('python manage.py shell -c "import sys; print(*sys.modules)"')
    assert "django_tokenauth.services" in printed
    assert "django_tokenauth.api_tokens" not in printed
    add(project, [*python(SCOPES), *python(API_TOKENS)])
    for command, _ in consoles(API_TOKENS):
        if command.startswith("python manage.py"):
            project.shell(command)
    with project.served() as origin:
        walk(curl_lines(API_TOKENS), origin, {})


def test_example_replaces_the_deploy_token(alice, settings):
    settings.TOKENAUTH = {"SCOPES": ["notes:read"]}
    [block] = python(API_TOKENS, "mysite/deploying.py")
    names = {}
    exec(block.text, names)  # noqa: S102
    other = services.create(alice, name="other")
    tokens = [names["replace_deploy_token"](alice) for _ in range(2)]
    assert authenticate_token(tokens[1]).scope == {"notes:read"}
    listed = list(services.list_api_tokens(alice))
    assert len(listed) == 2
    assert other.api_token in listed


def test_documented_pattern_is_that_of_the_package():
    found = section(PAGE, "Secret scanners")
    assert [block.text.strip() for block in found.blocks] == [formats.pattern("acme")]


def test_route_table_has_all_routes():
    [[_, *rows]] = section(PAGE, "List, rename, rotate and revoke").tables
    documented = {literal(row[0]).partition(" ")[2] for row in rows}
    assert documented == {
        re.sub("<uuid:token_id>", "<id>", str(route.pattern)) for route in urlpatterns
    }
