"""The tables of the docs match the package."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

import django_tokenauth
from django_tokenauth import errors, signals
from django_tokenauth.conf import settings as conf
from django_tokenauth.errors import TokenErrorCode
from django_tokenauth.models import RevokedReason
from django_tokenauth.urls import urlpatterns
from tests.meta.translations import PACKAGE
from tests.support.documents import DOCS, ROOT, Block, literal, section, sections


class TestTables:
    def test_settings_table_has_all_settings_and_defaults_in_order(self):
        [[head, *rows]] = section(DOCS / "settings.rst", "Settings").tables
        assert head == ["Name", "Default", "Meaning"]
        documented = {
            literal(name): eval(literal(default), {"timedelta": timedelta})  # noqa: S307
            for name, default, _ in rows
        }
        fields = conf.setting_fields()
        assert documented == {name: field.default for name, field in fields.items()}
        assert list(documented) == list(fields)

    def test_keys_table_has_a_row_for_each_key_setting(self):
        [[_, *rows]] = section(DOCS / "settings.rst", "Keys").tables
        documented = {literal(row[0]) for row in rows}
        assert documented == {"none", "SIGNING_KEY", "VERIFYING_KEYS", "KEY_DIRECTORY", "KEYS"}
        assert documented - {"none"} <= set(conf.setting_fields())

    def test_route_table_has_all_routes(self):
        [[_, *rows]] = section(DOCS / "http.rst", "Routes").tables
        documented = {re.sub(r"``\w+ ([^?`]*).*", r"\1", route) for route, _, _ in rows}
        assert documented == {
            str(pattern.pattern).replace("<uuid:session_id>", "<id>") for pattern in urlpatterns
        }

    def test_error_tables_have_all_response_errors(self):
        oauth, api = section(DOCS / "http.rst", "Errors").tables
        kinds = {kind.error for kind in errors.OAuthError.__subclasses__()}
        others = {"invalid_token", "temporarily_unavailable"}
        # The row of a project's own error has no code.
        assert {literal(row[1]) for row in oauth[1:] if row[1]} == kinds | others
        assert [row[:2] for row in api[1:]] == [
            ["401", '``Bearer realm="api"``'],
            ["401", '``error="invalid_token"``'],
            ["401", '``error="insufficient_user_authentication"``'],
            ["403", '``error="insufficient_scope"``'],
            ["503", ""],
        ]

    def test_code_table_has_all_token_error_codes_in_order(self):
        [[head, *rows]] = section(DOCS / "errors.rst", "Why a token was rejected").tables
        assert head == ["Code", "Cause", "Remedy"]
        assert [literal(row[0]) for row in rows] == list(TokenErrorCode)
        assert [row for row in rows if not all(row)] == []

    def test_reason_table_has_all_revoked_reasons_in_order(self):
        [[_, *rows]] = section(DOCS / "signals.rst", "Revocation reasons").tables
        assert [literal(row[0]) for row in rows] == list(RevokedReason)

    def test_signals_page_names_all_signals(self):
        existing = {
            name for name, value in vars(signals).items() if isinstance(value, signals.Signal)
        }
        assert len(existing) == 8
        assert existing <= section(DOCS / "signals.rst", "Signals and logging").literals


class TestLog:
    @pytest.mark.parametrize(
        ("page", "line"),
        [
            ("errors", "access token rejected: "),
            ("errors", "refresh rejected: "),
            ("errors", "client rejected"),
            ("errors", "client throttled"),
            ("errors", "token rejected: it belongs to another client"),
            ("keys", "Key folder error"),
        ],
    )
    def test_documented_log_line_is_in_the_source(self, page, line):
        text = " ".join((DOCS / f"{page}.rst").read_text(encoding="utf-8").split())
        assert f"``{line}" in text
        source = "".join(path.read_text(encoding="utf-8") for path in PACKAGE.rglob("*.py"))
        assert f'"{line}' in source


class TestChangelog:
    def test_changelog_starts_with_unreleased_or_this_version(self):
        newest = sections(ROOT / "CHANGELOG.rst")[1].title
        assert newest.startswith(("Unreleased", django_tokenauth.__version__))


class TestDocuments:
    def test_docs_block_has_the_file_named_in_its_first_line(self):
        assert Block("python", "# a/b.py\nx = 1\n").file == "a/b.py"
        assert Block("python", "x = 1\n").file == ""
