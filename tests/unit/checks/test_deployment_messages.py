"""The whole text of each message of ``check --deploy``, except those about keys."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connections

from django_tokenauth.checks import check_deployment
from django_tokenauth.models import Session
from tests.support.system_checks import (
    JWT,
    STATELESS,
    configure_clean_project,
    deploy_check_ids,
    message_of,
)

BASIC = "rest_framework.authentication.BasicAuthentication"
BACKENDS = "django.core.cache.backends."
HASHERS = "django.contrib.auth.hashers."


@pytest.fixture(autouse=True)
def _clean_project(settings):
    configure_clean_project(settings)


@pytest.mark.parametrize(
    ("check_id", "values", "message"),
    [
        (
            "W005",
            {"ACCESS_TOKEN_LIFETIME": timedelta(hours=2)},
            (
                "ACCESS_TOKEN_LIFETIME is longer than an hour. A stolen access token is valid for "
                "that long. Give minutes. A refresh takes two statements."
            ),
        ),
        (
            "W005",
            {"REFRESH_TOKEN_LIFETIME": timedelta(days=91)},
            (
                "REFRESH_TOKEN_LIFETIME is longer than 90 days. A stolen refresh token is valid "
                "for that long if its user does not refresh. Give days or weeks. Each refresh "
                "extends it."
            ),
        ),
        (
            "W005",
            {"SESSION_LIFETIME": timedelta(days=367)},
            (
                "SESSION_LIFETIME is longer than a year. Users effectively never have to sign in "
                "again. Give weeks or months."
            ),
        ),
        (
            "W006",
            {"SIGN_IN_RATE_USER": None},
            (
                "SIGN_IN_RATE_USER or SIGN_IN_RATE_IP is None. Attackers can guess passwords "
                "faster than with both limits. Set SIGN_IN_RATE_USER and SIGN_IN_RATE_IP."
            ),
        ),
    ],
)
def test_setting_deploy_message_has_its_text_and_hint(settings, check_id, values, message):
    settings.TOKENAUTH = values
    assert message_of(check_id) == message


@pytest.mark.parametrize(
    ("check_id", "project", "message"),
    [
        (
            "W005",
            {
                "REST_FRAMEWORK": {"DEFAULT_AUTHENTICATION_CLASSES": [STATELESS]},
                "TOKENAUTH": {
                    "ACCESS_TOKEN_LIFETIME": timedelta(minutes=16),
                    "REVOCATION_POLL_INTERVAL": None,
                },
            },
            (
                "A revoked session can be used for more than 15 minutes: "
                "StatelessJWTAuthentication sees a sign-out after REVOCATION_POLL_INTERVAL, or "
                "when the access token expires. Give ACCESS_TOKEN_LIFETIME and "
                "MAX_ACCESS_TOKEN_LIFETIME minutes, or "
                "REVOCATION_POLL_INTERVAL seconds."
            ),
        ),
        (
            "W006",
            {"CACHES": {"default": {"BACKEND": f"{BACKENDS}locmem.LocMemCache"}}},
            (
                "Failed sign-ins are counted in a cache that is private to each process. Set "
                "THROTTLE_CACHE to a shared cache, for example Redis."
            ),
        ),
        (
            "W006",
            {"CACHES": {"default": {"BACKEND": f"{BACKENDS}db.DatabaseCache", "LOCATION": "x"}}},
            (
                "Failed sign-ins are counted in a cache that reads and then writes, so that "
                "parallel guesses count as one. Set THROTTLE_CACHE to a shared cache, for example "
                "Redis."
            ),
        ),
        (
            "W006",
            {"USE_X_FORWARDED_HOST": True},
            (
                "Behind a proxy, all clients have the IP address of the proxy. They share one "
                'limit of failed sign-ins. Set REST_FRAMEWORK["NUM_PROXIES"] to the number of '
                "proxies."
            ),
        ),
        (
            "W010",
            {"PASSWORD_HASHERS": [f"{HASHERS}MD5PasswordHasher"]},
            (
                "The first of PASSWORD_HASHERS is fast. An attacker who obtains the user table can "
                "try billions of passwords per second. Put another of Django's hashers first, for "
                "example ScryptPasswordHasher."
            ),
        ),
        (
            "W010",
            {"PASSWORD_HASHERS": [f"{HASHERS}BCryptPasswordHasher"]},
            (
                "The first of PASSWORD_HASHERS is plain bcrypt, which reads only 72 bytes of a "
                "password. Since version 5, bcrypt rejects longer ones. Put "
                "BCryptSHA256PasswordHasher first, or a hasher other than bcrypt."
            ),
        ),
        (
            "W017",
            {"DEFAULT_EXCEPTION_REPORTER_FILTER": "builtins.object"},
            (
                "DEFAULT_EXCEPTION_REPORTER_FILTER shows tokens and keys in error reports. Derive "
                "it from SafeExceptionReporterFilter, and only extend hidden_settings."
            ),
        ),
        (
            "W023",
            {"REST_FRAMEWORK": {"DEFAULT_AUTHENTICATION_CLASSES": [JWT, BASIC]}},
            (
                "DEFAULT_AUTHENTICATION_CLASSES contains BasicAuthentication beside tokens. It "
                "lets attackers guess passwords without the throttle of the sign-in. Remove it, or "
                "add an authentication backend that counts failures (django-axes)."
            ),
        ),
    ],
)
def test_project_deploy_message_has_its_text_and_hint(settings, check_id, project, message):
    for name, value in project.items():
        setattr(settings, name, value)
    assert message_of(check_id) == message


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"options": "-c synchronous_commit=off"},
            (
                "synchronous_commit is off. A crash of the database can undo a sign-out after the "
                "response. Turn it on for the database that stores the sessions."
            ),
        ),
        (
            {"isolation_level": "read uncommitted"},
            (
                "The isolation level is READ UNCOMMITTED. A refresh can be rejected because of a "
                'sign-out that is rolled back later. Set "read committed", which is the default.'
            ),
        ),
    ],
)
def test_database_option_message_has_its_text_and_hint(monkeypatch, options, message):
    monkeypatch.setitem(connections.settings["default"], "OPTIONS", options)
    assert message_of("W015") == message


def test_root_logger_message_has_its_text_and_hint(caplog):
    caplog.set_level("DEBUG")
    assert message_of("W017") == (
        "The root logger has the level DEBUG, at which libraries log the Authorization header of "
        "requests. Set it to INFO. Set DEBUG only for loggers that you know."
    )


def test_old_pyjwt_message_has_its_text_and_hint(monkeypatch):
    monkeypatch.setattr("jwt.__version__", "2.9.0")
    assert message_of("W014") == (
        "PyJWT 2.9.0 has bugs that later versions fix. pip install --upgrade PyJWT"
    )


class SessionRouter:
    """A router that only knows the table of sessions."""

    def __init__(self, read, write):
        self.read, self.write = read, write

    def db_for_read(self, model, **hints):
        return self.read if model is Session else None

    def db_for_write(self, model, **hints):
        return self.write if model is Session else None


def test_sessions_in_replica_message_has_its_text_and_hint(settings):
    settings.DATABASE_ROUTERS = [SessionRouter("replica", None)]
    assert message_of("W015") == (
        "Sessions are read from a replica. Until the replica catches up, revoked sessions are "
        "still accepted, and new sessions are rejected. Let the router read the app "
        "django_tokenauth from the database that it writes."
    )


def test_deploy_check_reads_options_of_the_session_database(settings, monkeypatch):
    settings.DATABASE_ROUTERS = [SessionRouter("sessions", "sessions")]
    asynchronous = {"options": "-c synchronous_commit=off"}
    for options, ids in (({}, []), (asynchronous, ["tokenauth.W015"])):
        monkeypatch.setitem(connections.settings, "sessions", {"OPTIONS": options})
        assert [message.id for message in check_deployment()] == ids


@pytest.mark.parametrize("name", ["SIGN_IN_RATE_USER", "SIGN_IN_RATE_IP"])
def test_sign_ins_without_a_limit_have_one_deploy_warning(settings, name):
    """The cache of the throttle and the number of proxies matter only with both limits."""
    settings.USE_X_FORWARDED_HOST = True
    settings.TOKENAUTH = {name: None, "THROTTLE_CACHE": "local"}
    assert deploy_check_ids() == ["W006"]
