"""Deployment checks of the database, logging and libraries."""

from __future__ import annotations

import logging
import re

import pytest
from django.core.checks import run_checks
from django.db import connections
from django.views.debug import SafeExceptionReporterFilter

from django_tokenauth.authentication import JWTAuthentication
from django_tokenauth.checks.deployment import OLDEST_PYJWT
from tests.support.documents import ROOT
from tests.support.system_checks import (
    check_ids,
    configure_clean_project,
    deploy_check_ids,
    message_of,
    messages,
)


@pytest.fixture(autouse=True)
def _clean_project(settings):
    configure_clean_project(settings)


class ReplicaRouter:
    """A typical router that reads from a replica."""

    def db_for_read(self, model, **hints):
        return "replica"


class TestDatabase:
    def test_deploy_check_warns_of_sessions_read_from_replica(self, settings):
        settings.DATABASE_ROUTERS = [ReplicaRouter()]
        assert check_ids() == []
        assert deploy_check_ids() == ["W015"]
        assert "from a replica" in message_of("W015")

    @pytest.mark.parametrize(
        ("options", "ids"),
        [
            ("-c synchronous_commit=off", ["W015"]),
            ("-c search_path=a -c synchronous_commit = OFF", ["W015"]),
            ("--synchronous-commit=false", ["W015"]),
            ("-c synchronous_commit=no", ["W015"]),
            ("-c synchronous_commit=0", ["W015"]),
            ("-c synchronous_commit=on", []),
            ("-c synchronous_commit=local", []),
            ("-c search_path=off", []),
        ],
    )
    def test_deploy_check_warns_of_asynchronous_commits(self, monkeypatch, options, ids):
        monkeypatch.setitem(connections.settings["default"]["OPTIONS"], "options", options)
        assert check_ids() == []
        assert deploy_check_ids() == ids
        assert all("synchronous_commit is off" in message_of(check_id) for check_id in ids)

    @pytest.mark.parametrize(
        ("level", "ids"),
        [
            ("read uncommitted", ["W015"]),
            ("READ UNCOMMITTED", ["W015"]),
            ("read committed", []),
            ("serializable", []),
            (None, []),
        ],
    )
    def test_deploy_check_warns_of_read_uncommitted_isolation(self, monkeypatch, level, ids):
        options = connections.settings["default"]["OPTIONS"]
        monkeypatch.setitem(options, "isolation_level", level)
        assert check_ids() == []
        assert deploy_check_ids() == ids
        assert all("READ UNCOMMITTED" in message_of(check_id) for check_id in ids)

    def test_stateless_refresh_disables_deploy_check_of_database(self, settings):
        settings.DATABASE_ROUTERS = [ReplicaRouter()]
        settings.TOKENAUTH = {"STATELESS_REFRESH": True}
        assert deploy_check_ids() == ["W007"]


SHOWS_HEADER = (
    "Error reports show tokens, because Django does not hide the header X-Bearer. Choose a name "
    'that contains "Auth" or "Token", such as X-Auth-Token, or extend hidden_settings of a '
    "subclass of SafeExceptionReporterFilter."
)


class OwnAuthentication(JWTAuthentication):
    pass


class ShowsHeaders(SafeExceptionReporterFilter):
    hidden_settings = re.compile("TOKEN|KEY|SECRET")


class ShowsKeys(SafeExceptionReporterFilter):
    hidden_settings = re.compile("AUTH")


class ShowsPackageSettings(SafeExceptionReporterFilter):
    hidden_settings = re.compile("HTTP_AUTH|KEY|SECRET")


class HidesMore(SafeExceptionReporterFilter):
    hidden_settings = re.compile(
        f"{SafeExceptionReporterFilter.hidden_settings.pattern}|IBAN", re.IGNORECASE
    )


class HidesNamesInCapitals(SafeExceptionReporterFilter):
    hidden_settings = re.compile("^(HTTP_AUTHORIZATION|TOKENAUTH|SECRET_KEY)$")


def make_filter():
    return HidesMore()


class TestLogging:
    @pytest.mark.parametrize(
        ("logger", "handler", "ids"),
        [
            (logging.DEBUG, logging.NOTSET, ["W017"]),
            (logging.NOTSET, logging.DEBUG, ["W017"]),
            (logging.DEBUG, logging.INFO, []),
            (logging.INFO, logging.NOTSET, []),
        ],
    )
    def test_deploy_check_warns_of_debug_level_of_root_logger(
        self, monkeypatch, caplog, logger, handler, ids
    ):
        output = logging.StreamHandler()
        output.setLevel(handler)
        caplog.set_level(logger)
        monkeypatch.setattr(logging.getLogger(), "handlers", [output])
        assert check_ids() == []
        assert deploy_check_ids() == ids
        assert all(
            "The root logger has the level DEBUG" in message_of(check_id) for check_id in ids
        )

    def test_deploy_check_accepts_debug_level_of_this_package(self, caplog):
        caplog.set_level(logging.DEBUG, "django_tokenauth")
        assert deploy_check_ids() == []

    @pytest.mark.parametrize(
        ("kind", "ids"),
        [
            ("builtins.object", ["W017"]),
            (f"{__name__}.ShowsHeaders", ["W017"]),
            (f"{__name__}.ShowsKeys", ["W017"]),
            (f"{__name__}.ShowsPackageSettings", ["W017"]),
            (f"{__name__}.HidesMore", []),
            (f"{__name__}.HidesNamesInCapitals", []),
            (f"{__name__}.make_filter", []),
        ],
    )
    def test_deploy_check_warns_of_error_reports_that_show_secrets(self, settings, kind, ids):
        settings.DEFAULT_EXCEPTION_REPORTER_FILTER = kind
        assert check_ids() == []
        assert deploy_check_ids() == ids
        assert all(
            "shows tokens and keys in error reports" in message_of(check_id) for check_id in ids
        )

    @pytest.mark.parametrize(
        ("name", "ids"),
        [("X-Auth-Token", []), ("Authorization", []), ("X-Bearer", ["W017"])],
    )
    def test_deploy_check_warns_of_a_header_in_error_reports(
        self, settings, monkeypatch, name, ids
    ):
        monkeypatch.setattr(OwnAuthentication, "header", name)
        settings.REST_FRAMEWORK = {
            "DEFAULT_AUTHENTICATION_CLASSES": [f"{__name__}.OwnAuthentication"]
        }
        assert check_ids() == []
        assert deploy_check_ids() == ids
        assert all(message_of(check_id) == SHOWS_HEADER for check_id in ids)


class TestLibraries:
    @pytest.mark.parametrize(
        ("version", "ids"),
        [
            ("1.7.1", ["W014"]),
            ("2.9.0", ["W014"]),
            ("2.14.2", ["W014"]),
            ("2.15", []),
            ("2.15.0", []),
            ("2.15.1.dev1", []),
            ("3.0", []),
        ],
    )
    def test_deploy_check_warns_of_old_pyjwt(self, monkeypatch, version, ids):
        monkeypatch.setattr("jwt.__version__", version)
        assert check_ids() == []
        assert deploy_check_ids() == ids

    def test_deploy_check_requires_the_pyjwt_version_of_setup_cfg(self):
        required = ".".join(map(str, OLDEST_PYJWT))
        assert f"PyJWT>={required}\n" in (ROOT / "setup.cfg").read_text(encoding="utf-8")


class TestDjangoChecks:
    @pytest.mark.parametrize(
        ("more", "check_id"),
        [
            ({"DEBUG": True}, "security.W018"),
            ({"SECURE_SSL_REDIRECT": False}, "security.W008"),
            ({"SECURE_HSTS_SECONDS": 0}, "security.W004"),
            ({"SESSION_COOKIE_SECURE": False}, "security.W012"),
            ({"MIDDLEWARE": []}, "security.W001"),
        ],
    )
    def test_deploy_check_does_not_repeat_checks_of_django(self, settings, more, check_id):
        settings.MIDDLEWARE = [
            "django.middleware.security.SecurityMiddleware",
            *settings.MIDDLEWARE,
        ]
        for name, value in more.items():
            setattr(settings, name, value)
        django_ids = {m.id for m in run_checks(include_deployment_checks=True)}
        assert check_id in django_ids
        assert messages(include_deployment_checks=True) == []
