"""The production settings of the example project are complete, strict and documented."""

from __future__ import annotations

import os
import re
import runpy
import subprocess
import sys
import time

import pytest
from django.core.exceptions import ImproperlyConfigured

from django_tokenauth.conf.settings import load
from django_tokenauth.keys.rotating import generate
from tests.support.documents import DOCS, ROOT, literal, section
from tests.support.system_checks import OTHER_SECRET, SECRET

PROJECT = ROOT / "example_project"
SETTINGS = PROJECT / "example" / "production.py"
COMMAND = (
    "python -W error example_project/manage.py "
    "check --deploy --fail-level WARNING --settings example.production"
)
GIVEN = {
    "EXAMPLE_SECRET_KEY": SECRET,
    "EXAMPLE_HOSTS": "auth.example.com",
    "EXAMPLE_PAGE_ORIGIN": "https://www.example.com",
    "EXAMPLE_DATABASE_URL": "postgresql://alice:correct%2Fhorse@db.example.com:5433/notes",
    "EXAMPLE_REDIS_URL": "redis://cache.example.com:6379/1",
    "EXAMPLE_PROXIES": "1",
    "EXAMPLE_ISSUER": "https://auth.example.com",
    "EXAMPLE_KEY_DIRECTORY": "/srv/notes/keys",
}
DATABASE = "EXAMPLE_DATABASE_URL"


@pytest.fixture
def read(monkeypatch):
    """Return a function that reads the settings with ``GIVEN`` and changes as environment."""
    for name in [*os.environ]:
        if name.startswith("EXAMPLE_"):
            monkeypatch.delenv(name)
    monkeypatch.syspath_prepend(PROJECT)

    def read(**changes):
        for name, value in (GIVEN | changes).items():
            if value is None:
                monkeypatch.delenv(name, raising=False)
            else:
                monkeypatch.setenv(name, value)
        return runpy.run_path(str(SETTINGS))

    yield read
    # The next call must import the base settings again.
    for name in ("example", "example.settings"):
        sys.modules.pop(name, None)


def error_of(read, **changes):
    with pytest.raises(ImproperlyConfigured) as raised:
        read(**changes)
    # A traceback would show the cause, which could contain the value.
    assert raised.value.__suppress_context__ or raised.value.__context__ is None
    return str(raised.value)


@pytest.mark.standard(
    "rfc6749-10.3-1",
    "rfc6749-10.4-1",
    "rfc6749-10.8-1",
    "rfc6749-10.9-1",
    "rfc6749-2.3.1-4",
    "rfc6749-3.2-1",
    "rfc7009-2-3",
    "rfc7662-2-1",
    "rfc7662-4-8",
    "rfc8414-6.1-1",
    "rfc8693-6-1",
)
def test_production_settings_pass_all_checks(tmp_path):
    """Run the checks of this package, Django, REST framework and django-cors-headers."""
    words = COMMAND.split()
    given = {
        **GIVEN,
        DATABASE: f"sqlite:///{tmp_path}/db.sqlite3",
        "EXAMPLE_KEY_DIRECTORY": str(tmp_path / "keys"),
    }
    generate(tmp_path / "keys", load(), "EdDSA", now=time.time())
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("COVERAGE_", "DJANGO_SETTINGS_", "EXAMPLE_", "PYTHON"))
    }
    checked = subprocess.run(  # noqa: S603
        [sys.executable, *words[1:]],
        check=False,
        cwd=ROOT,
        env={**environment, **given},
        text=True,
        encoding="utf-8",
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    assert checked.stdout == "System check identified no issues (0 silenced).\n"
    assert checked.returncode == 0


class TestEnvironment:
    @pytest.mark.parametrize("name", GIVEN)
    @pytest.mark.parametrize("value", [None, ""])
    def test_missing_environment_variable_is_an_error(self, read, name, value):
        assert error_of(read, **{name: value}) == f"Set these environment variables: {name}."

    def test_error_names_all_missing_environment_variables(self, read):
        text = error_of(read, **dict.fromkeys(GIVEN))
        assert text == f"Set these environment variables: {', '.join(GIVEN)}."

    def test_production_settings_replace_the_demo_settings(self, read):
        settings = read()
        assert settings["DEBUG"] is False
        assert settings["SECRET_KEY"] == SECRET
        assert settings["ALLOWED_HOSTS"] == ["auth.example.com"]
        assert settings["CORS_ALLOWED_ORIGINS"] == ["https://www.example.com"]
        assert "demo" not in settings["INSTALLED_APPS"]
        assert settings["TOKENAUTH"]["SCOPES"] == ("notes:read", "notes:write", "statistics:read")
        assert settings["TOKENAUTH"].keys() & {"AUDIENCE", "AUDIENCES", "CLIENTS"} == set()
        assert settings["TOKENAUTH"]["ISSUER"] == "https://auth.example.com"
        assert settings["TOKENAUTH"]["KEY_DIRECTORY"] == "/srv/notes/keys"

    def test_environment_lists_are_split_at_commas(self, read):
        settings = read(
            EXAMPLE_HOSTS="auth.example.com, api.example.com,",
            EXAMPLE_SECRET_KEY_FALLBACKS=f"{OTHER_SECRET},{SECRET[::-1]}",
        )
        assert settings["ALLOWED_HOSTS"] == ["auth.example.com", "api.example.com"]
        assert settings["SECRET_KEY_FALLBACKS"] == [OTHER_SECRET, SECRET[::-1]]


class TestProxies:
    def test_proxy_headers_are_ignored_without_a_proxy(self, read):
        settings = read(EXAMPLE_PROXIES="0")
        assert settings["SECURE_PROXY_SSL_HEADER"] is None
        assert settings["REST_FRAMEWORK"]["NUM_PROXIES"] == 0

    def test_proxy_headers_are_trusted_with_proxies(self, read):
        settings = read(EXAMPLE_PROXIES="2")
        assert settings["SECURE_PROXY_SSL_HEADER"] == ("HTTP_X_FORWARDED_PROTO", "https")
        assert settings["REST_FRAMEWORK"]["NUM_PROXIES"] == 2
        assert "IsAuthenticated" in settings["REST_FRAMEWORK"]["DEFAULT_PERMISSION_CLASSES"][0]

    @pytest.mark.parametrize("wrong", ["one", "-1", "1.0", "²", "\u0661"])
    def test_invalid_number_of_proxies_is_rejected(self, read, wrong):
        assert error_of(read, EXAMPLE_PROXIES=wrong) == "EXAMPLE_PROXIES must be a number."


class TestDatabase:
    def test_postgresql_url_is_split_into_settings(self, read):
        database = read()["DATABASES"]["default"]
        assert database["ENGINE"] == "django.db.backends.postgresql"
        assert (database["USER"], database["PASSWORD"]) == ("alice", "correct/horse")
        assert (database["HOST"], database["PORT"]) == ("db.example.com", "5433")
        assert database["NAME"] == "notes"

    def test_mysql_url_without_credentials_is_accepted(self, read):
        database = read(**{DATABASE: "mysql://db.example.com/notes"})["DATABASES"]["default"]
        assert database["ENGINE"] == "django.db.backends.mysql"
        assert (database["USER"], database["PASSWORD"], database["PORT"]) == ("", "", "")

    def test_sqlite_url_uses_immediate_transactions(self, read):
        url = "sqlite:////srv/notes/db.sqlite3"
        database = read(**{DATABASE: url})["DATABASES"]["default"]
        assert database["NAME"] == "/srv/notes/db.sqlite3"
        assert database["OPTIONS"]["transaction_mode"] == "IMMEDIATE"

    @pytest.mark.parametrize(
        ("url", "text"),
        [
            (
                "oracle://alice:horse@db.example.com/notes",
                "must start with one of postgresql",
            ),
            ("alice:horse", "must start with one of"),
            ("postgresql://alice:horse@db.example.com", "must end with the database name"),
            ("sqlite://horse", "must end with the database name"),
            ("postgresql://alice:horse/staple@db.example.com/notes", "must be a number"),
        ],
    )
    def test_error_about_a_database_url_hides_its_password(self, read, url, text):
        message = error_of(read, **{DATABASE: url})
        assert text in message
        assert "horse" not in message


class TestPage:
    def test_deploying_page_lists_each_environment_variable(self):
        [[_, *rows]] = section(DOCS / "deploying.rst", "Environment variables").tables
        named = [literal(row[0]) for row in rows]
        assert named[: len(GIVEN)] == list(GIVEN)
        text = SETTINGS.read_text(encoding="utf-8")
        assert set(named) == set(re.findall(r'"(EXAMPLE_\w+)"', text))

    def test_deploying_page_shows_the_check_command(self):
        text = (DOCS / "deploying.rst").read_text(encoding="utf-8")
        assert COMMAND in " ".join(text.split())
