"""System checks of settings, the installation and the authentication classes."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth import get_user_model
from django.db import models
from django.db.models import Q
from django.test.utils import isolate_apps
from rest_framework.authentication import SessionAuthentication

from django_tokenauth.checks.settings import identifies_user
from tests.support.system_checks import (
    ED25519,
    JWT,
    SECRET,
    SIGNED,
    STATELESS,
    URL,
    check_ids,
    configure_clean_project,
    deploy_check_ids,
    message_of,
)

SESSION = "rest_framework.authentication.SessionAuthentication"
BASIC = "rest_framework.authentication.BasicAuthentication"


def make_authentication():
    return SessionAuthentication()


@pytest.fixture(autouse=True)
def _clean_project(settings):
    configure_clean_project(settings)


def test_clean_project_passes_all_checks(settings):
    assert check_ids() == []
    assert deploy_check_ids() == []
    settings.TOKENAUTH = {**SIGNED, **URL}
    assert check_ids() == []
    assert deploy_check_ids() == []


class TestNotBefore:
    @pytest.mark.parametrize(
        ("ahead", "ids"),
        [(timedelta(days=-9), []), (timedelta(minutes=4), []), (timedelta(minutes=6), ["E004"])],
        ids=str,
    )
    def test_not_before_over_5_minutes_ahead_is_a_check_error(self, settings, ahead, ids):
        settings.TOKENAUTH = {"NOT_BEFORE": datetime.now(UTC) + ahead}
        assert check_ids() == ids
        if ids:
            assert "every token is rejected until then" in message_of("E004")


class TestSettings:
    @pytest.mark.parametrize(
        ("values", "message"),
        [
            ({"ISUER": "x"}, "TOKENAUTH has no setting 'ISUER'. Did you mean 'ISSUER'?"),
            ({"issuer": "x"}, "TOKENAUTH has no setting 'issuer'. Did you mean 'ISSUER'?"),
            ({1: "x"}, "TOKENAUTH has no setting 1. The settings are ISSUER, AUDIENCE,"),
            ({"ISSUER": ""}, "TOKENAUTH['ISSUER'] is invalid: got a value of type str, expected"),
            ({"ISSUER": None}, "TOKENAUTH['ISSUER'] is invalid: got None, expected"),
            ({"AUDIENCE": 1}, "TOKENAUTH['AUDIENCE'] is invalid: got 1, expected"),
            ({"REFRESH_RETRY": 2}, "TOKENAUTH['REFRESH_RETRY'] is invalid: got 2, expected"),
            (
                {"STATELESS_REFRESH": 1},
                "TOKENAUTH['STATELESS_REFRESH'] is invalid: got 1,",
            ),
            ({"ACCESS_TOKEN_LIFETIME": 300}, "got 300, expected a timedelta"),
            ({"SCOPES": "notes:read"}, "expected a list of scope names"),
            ({"SCOPE_POLICY": "no.where"}, "no.where cannot be imported: No module named 'no'."),
            ({"SIGN_IN_RATE_USER": "many"}, "expected None or a rate"),
            ({"TOKEN_CACHE_SIZE": 0}, "got 0, expected a positive integer."),
            (
                {"SCOPES": [f"{number:04}" for number in range(206)]},
                "SCOPES has more than 1024 characters.",
            ),
            ({"VERIFYING_KEYS": "x"}, "expected a list of keys"),
            ({"THROTTLE_CACHE": "nowhere"}, "THROTTLE_CACHE is not a name in CACHES."),
            ([], "TOKENAUTH is not a dict."),
            (None, "TOKENAUTH is not a dict."),
        ],
    )
    def test_invalid_setting_is_check_error_e008(self, settings, values, message):
        settings.TOKENAUTH = values
        assert check_ids() == ["E008"]
        assert message in message_of("E008")

    @pytest.mark.attack(83)
    @pytest.mark.parametrize(
        ("values", "message"),
        [
            ({"ACCESS_TOKEN_LIFETIME": timedelta(0)}, "from 1 second to 100 years"),
            ({"SESSION_LIFETIME": timedelta(-1)}, "from 1 second to 100 years"),
            ({"LEEWAY": timedelta(seconds=121)}, "from 0 to 120 seconds"),
            ({"LEEWAY": timedelta(-1)}, "from 0 to 120 seconds"),
            ({"LEEWAY": timedelta(days=1)}, "from 0 to 120 seconds"),
            ({"REFRESH_GRACE": timedelta(seconds=61)}, "from 0 to 60 seconds"),
            ({"ACCESS_TOKEN_LIFETIME": timedelta(14)}, "must be less than REFRESH_TOKEN_LIFETIME"),
            ({"SESSION_LIFETIME": timedelta(minutes=5)}, "must be less than SESSION_LIFETIME"),
        ],
    )
    def test_invalid_duration_is_check_error_e004(self, settings, values, message):
        settings.TOKENAUTH = values
        assert check_ids() == ["E004"]
        assert message in message_of("E004")

    @pytest.mark.standard("rfc9068-2.1-3")
    @pytest.mark.attack(11)
    @pytest.mark.parametrize(
        "value", ["none", "None", "", None, "HS256,RS256", [], ["HS256"], ("HS256", "RS256"), 256]
    )
    def test_unsupported_algorithm_is_check_error_e008(self, settings, value):
        settings.TOKENAUTH = {"ALGORITHM": value}
        assert check_ids() == ["E008"]
        assert "one of the strings HS256, HS384, HS512, RS256," in message_of("E008")

    @pytest.mark.attack(83)
    @pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 0, -1, 60, 86400.0, "60"])
    def test_leeway_that_is_not_a_timedelta_is_check_error_e008(self, settings, value):
        settings.TOKENAUTH = {"LEEWAY": value}
        assert check_ids() == ["E008"]
        assert "expected a timedelta" in message_of("E008")

    @pytest.mark.attack(87)
    @pytest.mark.parametrize("name", ["ISSUER", "AUDIENCE"])
    @pytest.mark.parametrize("value", [[], ["api"], ("api",), {"api"}, {"api": 1}, b"api", ""])
    def test_invalid_issuer_or_audience_is_check_error_e008(self, settings, name, value):
        settings.TOKENAUTH = {name: value}
        assert check_ids() == ["E008"]

    def test_several_invalid_settings_are_all_check_errors(self, settings):
        settings.TOKENAUTH = {"ISUER": "x", "LEEWAY": timedelta(-1), "ALGORITHM": "none"}
        assert sorted(check_ids()) == ["E004", "E008", "E008"]

    @pytest.mark.parametrize("wrong", [{"ISUER": "x"}, {"TOKEN_CACHE_SIZE": "9"}])
    @pytest.mark.parametrize(
        ("values", "check_id"),
        [
            ({"USER_ID_FIELD": "email"}, "E009"),
            ({"THROTTLE_CACHE": "nowhere"}, "E008"),
            ({"SESSION_LIFETIME": timedelta(minutes=1)}, "E004"),
            ({"REFRESH_TOKEN_LIFETIME": timedelta(minutes=1)}, "E004"),
            ({"SIGNING_KEY": "k" * 32, "KEY_DIRECTORY": "/keys"}, "E001"),
            ({"SIGNING_KEY": "short"}, "E002"),
            ({"ALGORITHM": "EdDSA"}, "E001"),
            ({"SCOPES": ["a" * 1025]}, "E008"),
            ({"SCOPES": ["introspect"]}, "W009"),
            ({"ISSUER": "reports", "CLIENTS": {"reports": None}}, "E008"),
            ({"REFRESH_GRACE": timedelta(0)}, "W007"),
            ({"STATELESS_REFRESH": True}, "W007"),
        ],
    )
    def test_invalid_setting_does_not_hide_other_check_messages(
        self, settings, wrong, values, check_id
    ):
        settings.TOKENAUTH = {**wrong, **values}
        assert check_ids(databases=["default"]) == sorted(["E008", check_id])

    @pytest.mark.parametrize(
        "values",
        [
            {"ACCESS_TOKEN_LIFETIME": 300, "REFRESH_TOKEN_LIFETIME": timedelta(seconds=1)},
            {"ISSUER": "", "CLIENTS": {"django-tokenauth": None}},
            {"ALGORITHM": "none", "SIGNING_KEY": ED25519},
            {"SIGNING_KEY": "", "KEY_DIRECTORY": "/no/keys"},
            {"SCOPE_POLICY": 1, "SCOPES": ["introspect"]},
            {"USER_ID_FIELD": 1},
        ],
    )
    def test_conflict_with_an_invalid_setting_is_not_reported(self, settings, values):
        settings.TOKENAUTH = values
        if "KEY_DIRECTORY" in values:
            assert check_ids() == ["E002", "E008"]
        else:
            assert check_ids() == ["E008"]

    def test_empty_secret_key_does_not_hide_other_check_messages(self, settings):
        settings.SECRET_KEY = ""
        settings.TOKENAUTH = {"ISUER": "x", "USER_ID_FIELD": "email", "STATELESS_REFRESH": True}
        assert check_ids() == ["E002", "E008", "E009", "W007"]

    @pytest.mark.parametrize(
        ("values", "message"),
        [
            ({"ALGORITHM": "none"}, "got 'none', expected one of the strings HS256, HS384,"),
            ({"ALGORITHM": "hs256"}, "got 'hs256', expected one of "),
            ({"ALGORITHM": "hs256"}, "Did you mean 'HS256'?"),
            ({"ALGORITHM": "RSA-SHA256"}, "got 'RSA-SHA256', expected one of "),
            ({"ALGORITHM": "ES256K"}, "Did you mean 'ES256'?"),
            ({"ALGORITHM": "HMAC-SHA256"}, "got 'HMAC-SHA256', expected one of "),
            ({"REFRESH_RETRY": "yes"}, "got 'yes', expected True or False. Did you mean True?"),
            ({"STATELESS_REFRESH": 0}, "got 0, expected True or False. Did you mean False?"),
            ({"SIGN_IN_RATE_IP": "20/hours"}, "got '20/hours', expected None or a rate"),
            ({"SIGN_IN_RATE_IP": "20 per Minutes"}, 'Did you mean "20/minute"?'),
            ({"SIGN_IN_RATE_USER": "20/week"}, "The period is second, minute, hour or day."),
            ({"THROTTLE_CACHE": "locale"}, "It is 'locale'. Did you mean 'local'?"),
            ({"THROTTLE_CACHE": "redis"}, "CACHES contains 'default', 'local'."),
        ],
    )
    def test_check_error_for_wrong_value_suggests_a_correct_value(self, settings, values, message):
        settings.TOKENAUTH = values
        assert message in message_of("E008")

    @pytest.mark.attack(174)
    @pytest.mark.parametrize(
        "name", ["ALGORITHM", "REFRESH_RETRY", "SIGN_IN_RATE_IP", "THROTTLE_CACHE", "SCOPE_POLICY"]
    )
    @pytest.mark.parametrize("secret", [SECRET, "redis://:swordfish@cache/1", "4711" * 8])
    def test_check_error_hides_wrong_value_that_can_be_a_secret(self, settings, name, secret):
        settings.TOKENAUTH = {name: secret}
        assert secret not in message_of("E008")

    @pytest.mark.parametrize(
        "values",
        [
            {"SCOPES": [f"{number:04}" for number in range(205)] * 2},
            {"SCOPE_POLICY": lambda user, scopes, request: []},
            {"STATELESS_REFRESH": True},
        ],
        ids=["maximum length", "policy", "no sessions"],
    )
    def test_long_scopes_with_policy_or_stateless_refresh_pass_check(self, settings, values):
        settings.TOKENAUTH = {"SCOPES": [f"{number:04}" for number in range(206)], **values}
        assert "E008" not in check_ids()


class TestRefreshSettings:
    def test_stateless_refresh_is_a_check_warning(self, settings):
        settings.TOKENAUTH = {"STATELESS_REFRESH": True}
        assert check_ids() == ["W007"]
        assert message_of("W007").startswith("STATELESS_REFRESH stores no sessions")

    def test_refresh_grace_of_zero_without_leeway_is_check_warning(self, settings):
        settings.TOKENAUTH = {"REFRESH_GRACE": timedelta(0)}
        assert check_ids() == ["W007"]
        assert message_of("W007").startswith("REFRESH_GRACE is zero")
        settings.TOKENAUTH = {"REFRESH_GRACE": timedelta(0), "REFRESH_RETRY": True}
        assert check_ids() == ["W007"]
        # The leeway extends the grace period.
        for name in ("REFRESH_GRACE", "LEEWAY"):
            settings.TOKENAUTH = {"REFRESH_GRACE": timedelta(0), name: timedelta(seconds=1)}
            assert check_ids() == []

    def test_stateless_refresh_hides_the_refresh_grace_warning(self, settings):
        settings.TOKENAUTH = {"STATELESS_REFRESH": True, "REFRESH_GRACE": timedelta(0)}
        assert message_of("W007").startswith("STATELESS_REFRESH stores no sessions")


class TestInstallation:
    def test_missing_rest_framework_app_is_a_check_error(self, settings):
        settings.INSTALLED_APPS = [
            app for app in settings.INSTALLED_APPS if app != "rest_framework"
        ]
        assert check_ids() == ["E005"]
        assert message_of("E005") == (
            "rest_framework is not in INSTALLED_APPS. Add it beside django_tokenauth."
        )

    @pytest.mark.parametrize("name", ["email", "nothing", "groups", "first_name", "pk__x", "ID"])
    def test_user_id_field_without_uniqueness_is_a_check_error(self, settings, name):
        settings.TOKENAUTH = {"USER_ID_FIELD": name}
        assert check_ids() == ["E009"]
        message = message_of("E009")
        assert message.startswith(
            f"USER_ID_FIELD is not the name of a unique field of the user model. It is {name!r}."
        )
        assert "Give one of 'pk', 'id', 'username', or a string," in message

    def test_misspelled_user_id_field_is_reported_with_suggestion(self, settings):
        settings.TOKENAUTH = {"USER_ID_FIELD": "user_name"}
        assert "It is 'user_name'. Did you mean 'username'?" in message_of("E009")

    @pytest.mark.parametrize("name", ["pk", "id", "username"])
    def test_unique_user_id_field_passes_the_check(self, settings, name):
        settings.TOKENAUTH = {"USER_ID_FIELD": name}
        assert check_ids() == []

    def test_reverse_relation_as_user_id_field_is_a_check_error(self, settings):
        """``logentry`` is a reverse relation without a column on the user."""
        [name] = {
            field.name
            for field in get_user_model()._meta.get_fields()
            if isinstance(field, models.ManyToOneRel) and field.name == "logentry"
        }
        settings.TOKENAUTH = {"USER_ID_FIELD": name}
        assert check_ids() == ["E009"]

    @isolate_apps("tests")
    @pytest.mark.parametrize(
        ("name", "fits"),
        [
            ("code", True),
            ("number", True),
            ("alias", True),
            ("nick", False),
            ("team", False),
            ("partner_id", True),
            ("partner", False),
            ("absent", False),
            ("raw", False),
        ],
    )
    def test_user_id_field_must_be_a_unique_non_null_column(self, name, fits):
        """Several users may have ``None``. Objects and bytes have no stable string."""

        class Member(models.Model):
            code = models.UUIDField(unique=True)
            number = models.BigIntegerField(unique=True)
            alias = models.CharField(max_length=9)
            nick = models.CharField(max_length=9)
            team = models.CharField(max_length=9)
            partner = models.OneToOneField("self", models.CASCADE)
            absent = models.CharField(max_length=9, unique=True, null=True)  # noqa: DJ001
            raw = models.BinaryField(unique=True)

            class Meta:
                app_label = "tests"
                constraints = (
                    models.UniqueConstraint(fields=["alias"], name="alias"),
                    models.UniqueConstraint(fields=["nick"], condition=~Q(nick=""), name="nick"),
                    models.UniqueConstraint(fields=["team", "number"], name="team"),
                )

            def __str__(self):
                return self.name

        assert identifies_user(Member, name) is fits


class TestAuthenticationClasses:
    @pytest.mark.parametrize("jwt_class", [JWT, STATELESS])
    def test_first_authenticator_without_challenge_is_check_warning(self, settings, jwt_class):
        settings.REST_FRAMEWORK = {"DEFAULT_AUTHENTICATION_CLASSES": [SESSION, jwt_class]}
        assert check_ids() == ["W013"]
        assert "responds 403 instead of 401" in message_of("W013")

    @pytest.mark.parametrize(
        "classes",
        [
            None,
            [f"{__name__}.make_authentication"],
            [f"{__name__}.make_authentication", JWT],
            ["builtins.object", JWT],
        ],
        ids=["none", "function", "function first", "other class first"],
    )
    def test_unusable_authentication_classes_are_not_checked(self, settings, classes):
        settings.REST_FRAMEWORK = {"DEFAULT_AUTHENTICATION_CLASSES": classes}
        assert check_ids() == []
        assert deploy_check_ids() == []

    @pytest.mark.parametrize("name", [JWT, BASIC])
    def test_authentication_classes_as_string_are_a_check_error(self, settings, name):
        settings.REST_FRAMEWORK = {"DEFAULT_AUTHENTICATION_CLASSES": name}
        assert "is a string" in message_of("E010")

    def test_project_without_rest_framework_setting_passes_check(self, settings):
        del settings.REST_FRAMEWORK
        assert "E010" not in check_ids()

    @pytest.mark.parametrize(
        "classes", [[JWT, SESSION], [STATELESS], [BASIC, JWT], [SESSION, BASIC], [SESSION], []]
    )
    def test_valid_order_of_authentication_classes_passes_check(self, settings, classes):
        settings.REST_FRAMEWORK = {"DEFAULT_AUTHENTICATION_CLASSES": classes}
        assert check_ids() == []
