"""What is around the app in a deployment (database, log, libraries): what is said, and where
nothing is."""

from __future__ import annotations

import logging
import re

import pytest
from django.core.checks import run_checks
from django.db import connections
from django.views.debug import SafeExceptionReporterFilter

from django_tokenauth.checks.deployment import OLDEST_PYJWT
from tests.support.documents import ROOT
from tests.support.system_checks import deployed, found, make_good, messages, said


@pytest.fixture(autouse=True)
def _good_project(settings):
    make_good(settings)


class ReadsElsewhere:
    """As the replicas of a project are often routed to."""

    def db_for_read(self, model, **hints):
        return "replica"


class TestDatabase:
    def test_sessions_that_are_read_from_a_replica(self, settings):
        settings.DATABASE_ROUTERS = [ReadsElsewhere()]
        assert found() == []
        assert deployed() == ["W015"]
        assert "from a replica" in said("W015")

    @pytest.mark.parametrize(
        ("options", "numbers"),
        [
            ("-c synchronous_commit=off", ["W015"]),
            ("-c search_path=a -c synchronous_commit = OFF", ["W015"]),
            ("--synchronous-commit=false", ["W015"]),
            ("-c synchronous_commit=on", []),
            ("-c synchronous_commit=local", []),
            ("-c search_path=off", []),
        ],
    )
    def test_commits_that_a_crash_undoes(self, monkeypatch, options, numbers):
        monkeypatch.setitem(connections.settings["default"]["OPTIONS"], "options", options)
        assert found() == []
        assert deployed() == numbers
        assert all("synchronous_commit is off" in said(number) for number in numbers)

    @pytest.mark.parametrize(
        ("level", "numbers"),
        [
            ("read uncommitted", ["W015"]),
            ("READ UNCOMMITTED", ["W015"]),
            ("read committed", []),
            ("serializable", []),
            (None, []),
        ],
    )
    def test_what_others_may_still_take_back(self, monkeypatch, level, numbers):
        options = connections.settings["default"]["OPTIONS"]
        monkeypatch.setitem(options, "isolation_level", level)
        assert found() == []
        assert deployed() == numbers
        assert all("READ UNCOMMITTED" in said(number) for number in numbers)

    def test_without_sessions_nothing_is_asked(self, settings):
        settings.DATABASE_ROUTERS = [ReadsElsewhere()]
        settings.TOKENAUTH = {"STATELESS_REFRESH": True}
        assert deployed() == ["W007"]


class ShowsHeaders(SafeExceptionReporterFilter):
    hidden_settings = re.compile("TOKEN|KEY|SECRET")


class ShowsKeys(SafeExceptionReporterFilter):
    hidden_settings = re.compile("AUTH")


class ShowsOurSettings(SafeExceptionReporterFilter):
    hidden_settings = re.compile("HTTP_AUTH|KEY|SECRET")


class HidesMore(SafeExceptionReporterFilter):
    hidden_settings = re.compile(
        f"{SafeExceptionReporterFilter.hidden_settings.pattern}|IBAN", re.IGNORECASE
    )


def made_by_a_function():
    return HidesMore()


class TestWhatIsWrittenDown:
    @pytest.mark.parametrize(
        ("logger", "handler", "numbers"),
        [
            (logging.DEBUG, logging.NOTSET, ["W017"]),
            (logging.NOTSET, logging.DEBUG, ["W017"]),
            (logging.DEBUG, logging.INFO, []),
            (logging.INFO, logging.NOTSET, []),
        ],
    )
    def test_all_that_libraries_have_to_say(self, monkeypatch, caplog, logger, handler, numbers):
        output = logging.StreamHandler()
        output.setLevel(handler)
        caplog.set_level(logger)
        monkeypatch.setattr(logging.getLogger(), "handlers", [output])
        assert found() == []
        assert deployed() == numbers
        assert all("The root logger has the level DEBUG" in said(number) for number in numbers)

    def test_all_that_this_app_has_to_say_is_harmless(self, caplog):
        caplog.set_level(logging.DEBUG, "django_tokenauth")
        assert deployed() == []

    @pytest.mark.parametrize(
        ("kind", "numbers"),
        [
            ("builtins.object", ["W017"]),
            (f"{__name__}.ShowsHeaders", ["W017"]),
            (f"{__name__}.ShowsKeys", ["W017"]),
            (f"{__name__}.ShowsOurSettings", ["W017"]),
            (f"{__name__}.HidesMore", []),
            (f"{__name__}.made_by_a_function", []),
        ],
    )
    def test_reports_of_errors_that_hide_too_little(self, settings, kind, numbers):
        settings.DEFAULT_EXCEPTION_REPORTER_FILTER = kind
        assert found() == []
        assert deployed() == numbers
        assert all("shows tokens and keys in error reports" in said(number) for number in numbers)


class TestLibraries:
    @pytest.mark.parametrize(
        ("version", "numbers"),
        [
            ("1.7.1", ["W014"]),
            ("2.9.0", ["W014"]),
            ("2.14.2", ["W014"]),
            ("2.15.0", []),
            ("2.15.1.dev1", []),
            ("3.0", []),
        ],
    )
    def test_an_old_pyjwt(self, monkeypatch, version, numbers):
        monkeypatch.setattr("jwt.__version__", version)
        assert found() == []
        assert deployed() == numbers

    def test_the_oldest_is_that_of_the_package(self):
        required = ".".join(map(str, OLDEST_PYJWT))
        assert f"PyJWT>={required}\n" in (ROOT / "setup.cfg").read_text(encoding="utf-8")


class TestWhatDjangoSays:
    @pytest.mark.parametrize(
        ("more", "number"),
        [
            ({"DEBUG": True}, "security.W018"),
            ({"SECURE_SSL_REDIRECT": False}, "security.W008"),
            ({"SECURE_HSTS_SECONDS": 0}, "security.W004"),
            ({"SESSION_COOKIE_SECURE": False}, "security.W012"),
            ({"MIDDLEWARE": []}, "security.W001"),
        ],
    )
    def test_is_not_said_again(self, settings, more, number):
        settings.MIDDLEWARE = [
            "django.middleware.security.SecurityMiddleware",
            *settings.MIDDLEWARE,
        ]
        for name, value in more.items():
            setattr(settings, name, value)
        said_by_django = {m.id for m in run_checks(include_deployment_checks=True)}
        assert number in said_by_django
        assert messages(include_deployment_checks=True) == []
