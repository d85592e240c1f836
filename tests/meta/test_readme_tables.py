"""The tables and the fixed texts of the README are those of the package."""

from __future__ import annotations

import re
from datetime import timedelta

import django_tokenauth
from django_tokenauth import errors, signals
from django_tokenauth.conf import settings as conf
from django_tokenauth.urls import urlpatterns
from tests.support.documents import README, ROOT, Block, literal, section, sections
from tests.support.projects import DOCUMENTED_ORIGIN

DEMO = 'pip install -e ".[example]" && .venv/bin/python example_project/manage.py demo'
SUITE = "pip install tox && .venv/bin/tox"


class TestText:
    def test_the_two_commands_stand_there_to_the_letter(self):
        commands = [block.text.strip() for block in section(README, "Try it").blocks]
        assert commands == [f"python3 -m venv .venv && .venv/bin/{end}" for end in (DEMO, SUITE)]

    def test_every_server_is_the_one_of_the_quick_start(self):
        assert set(re.findall(r"https?://[\w.:-]+", README.read_text(encoding="utf-8"))) == {
            DOCUMENTED_ORIGIN,
            "https://auth.example.com",
        }

    def test_the_signals_are_those_that_exist(self):
        existing = {
            name for name, value in vars(signals).items() if isinstance(value, signals.Signal)
        }
        assert len(existing) == 4
        assert existing <= section(README, "Signals and log").literals

    def test_the_changelog_begins_with_what_is_not_released_or_with_this_version(self):
        newest = sections(ROOT / "CHANGELOG.rst")[1].title
        assert newest.startswith(("Unreleased", django_tokenauth.__version__))


class TestTables:
    def test_the_settings_are_those_of_the_package_with_their_defaults(self):
        [[head, *rows]] = section(README, "Settings").tables
        assert head == ["Name", "Default", "What it does"]
        shown = {
            literal(name): eval(literal(default), {"timedelta": timedelta})  # noqa: S307
            for name, default, _ in rows
        }
        fields = conf.setting_fields()
        assert shown == {name: field.default for name, field in fields.items()}
        assert list(shown) == list(fields)

    def test_the_routes_are_those_of_the_package(self):
        [[_, *rows]] = section(README, "HTTP routes").tables
        shown = {re.sub(r"``\w+ ([^?`]*).*", r"\1", route) for route, _, _ in rows}
        assert shown == {
            str(pattern.pattern).replace("<uuid:session_id>", "<id>") for pattern in urlpatterns
        }

    def test_the_errors_are_those_that_the_wire_can_carry(self):
        oauth, api = section(README, "Errors on the wire").tables
        kinds = {kind.error for kind in errors.OAuthError.__subclasses__()}
        assert {literal(row[1]) for row in oauth[1:]} == kinds | {"temporarily_unavailable"}
        assert [row[:2] for row in api[1:]] == [
            ["401", '``Bearer realm="api"``'],
            ["401", '``error="invalid_token"``'],
            ["403", '``error="insufficient_scope"``'],
            ["503", ""],
        ]


class TestDocuments:
    def test_a_block_knows_its_file(self):
        assert Block("python", "# a/b.py\nx = 1\n").file == "a/b.py"
        assert Block("python", "x = 1\n").file == ""
