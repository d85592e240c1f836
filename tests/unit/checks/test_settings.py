"""What is always said: each message where it speaks and where it is silent."""

from __future__ import annotations

import math
from datetime import timedelta

import pytest
from django.contrib.auth import get_user_model
from django.db import models
from django.db.models import Q
from django.test.utils import isolate_apps
from rest_framework.authentication import SessionAuthentication

from django_tokenauth.checks.settings import identifies_user
from tests.support.system_checks import (
    JWT,
    SIGNED,
    STATELESS,
    URL,
    deployed,
    found,
    make_good,
    said,
)

SESSION = "rest_framework.authentication.SessionAuthentication"
BASIC = "rest_framework.authentication.BasicAuthentication"


def made_by_a_function():
    return SessionAuthentication()


@pytest.fixture(autouse=True)
def _good_project(settings):
    make_good(settings)


def test_about_a_good_project_nothing_is_said(settings):
    assert found() == []
    assert deployed() == []
    settings.TOKENAUTH = {**SIGNED, **URL}
    assert found() == []
    assert deployed() == []


class TestSettings:
    @pytest.mark.parametrize(
        ("wrong", "text"),
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
            ({"SCOPE_POLICY": "no.where"}, "The dotted path cannot be imported."),
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
    def test_a_name_or_a_type_that_cannot_be_is_an_error(self, settings, wrong, text):
        settings.TOKENAUTH = wrong
        assert found() == ["E008"]
        assert text in said("E008")

    @pytest.mark.attack(83)
    @pytest.mark.parametrize(
        ("wrong", "text"),
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
    def test_a_duration_that_cannot_be_is_an_error(self, settings, wrong, text):
        settings.TOKENAUTH = wrong
        assert found() == ["E004"]
        assert text in said("E004")

    @pytest.mark.standard("rfc9068-2.1-3")
    @pytest.mark.attack(11)
    @pytest.mark.parametrize(
        "wrong", ["none", "None", "", None, "HS256,RS256", [], ["HS256"], ("HS256", "RS256"), 256]
    )
    def test_there_is_one_algorithm_and_it_is_one_of_ours(self, settings, wrong):
        settings.TOKENAUTH = {"ALGORITHM": wrong}
        assert found() == ["E008"]
        assert "one of the strings HS256, HS384, HS512, RS256," in said("E008")

    @pytest.mark.attack(83)
    @pytest.mark.parametrize("wrong", [math.nan, math.inf, -math.inf, 0, -1, 60, 86400.0, "60"])
    def test_a_leeway_that_would_turn_the_end_of_a_token_off_is_an_error(self, settings, wrong):
        settings.TOKENAUTH = {"LEEWAY": wrong}
        assert found() == ["E008"]
        assert "expected a timedelta" in said("E008")

    @pytest.mark.attack(87)
    @pytest.mark.parametrize("name", ["ISSUER", "AUDIENCE"])
    @pytest.mark.parametrize("wrong", [[], ["api"], ("api",), {"api"}, {"api": 1}, b"api", ""])
    def test_an_audience_and_an_issuer_are_one_text_and_no_container(self, settings, name, wrong):
        settings.TOKENAUTH = {name: wrong}
        assert found() == ["E008"]

    def test_all_problems_are_said_at_once(self, settings):
        settings.TOKENAUTH = {"ISUER": "x", "LEEWAY": timedelta(-1), "ALGORITHM": "none"}
        assert sorted(found()) == ["E004", "E008", "E008"]

    def test_other_checks_wait_until_they_can_be_read(self, settings):
        settings.TOKENAUTH = {"ISUER": "x", "REFRESH_GRACE": timedelta(0)}
        settings.SECRET_KEY = "short"
        assert found(include_deployment_checks=True, databases=["default"]) == ["E008"]

    @pytest.mark.parametrize(
        "more",
        [
            {"SCOPES": [f"{number:04}" for number in range(205)] * 2},
            {"SCOPE_POLICY": lambda user, scopes, request: []},
            {"STATELESS_REFRESH": True},
        ],
        ids=["not more than that", "a policy", "no sessions"],
    )
    def test_as_many_scopes_as_a_session_can_have_are_fine(self, settings, more):
        settings.TOKENAUTH = {"SCOPES": [f"{number:04}" for number in range(206)], **more}
        assert "E008" not in found()


class TestDubious:
    def test_no_sessions(self, settings):
        settings.TOKENAUTH = {"STATELESS_REFRESH": True}
        assert found() == ["W007"]
        assert said("W007").startswith("STATELESS_REFRESH stores no sessions")

    def test_no_grace(self, settings):
        settings.TOKENAUTH = {"REFRESH_GRACE": timedelta(0)}
        assert found() == ["W007"]
        assert said("W007").startswith("REFRESH_GRACE is zero")
        settings.TOKENAUTH = {"REFRESH_GRACE": timedelta(0), "REFRESH_RETRY": True}
        assert found() == ["W007"]
        # Clocks that may differ prolong it.
        for name in ("REFRESH_GRACE", "LEEWAY"):
            settings.TOKENAUTH = {"REFRESH_GRACE": timedelta(0), name: timedelta(seconds=1)}
            assert found() == []

    def test_without_sessions_there_is_no_grace_to_miss(self, settings):
        settings.TOKENAUTH = {"STATELESS_REFRESH": True, "REFRESH_GRACE": timedelta(0)}
        assert said("W007").startswith("STATELESS_REFRESH stores no sessions")


class TestInstallation:
    def test_without_rest_framework_it_is_an_error(self, settings):
        settings.INSTALLED_APPS = [
            app for app in settings.INSTALLED_APPS if app != "rest_framework"
        ]
        assert found() == ["E005"]
        assert said("E005") == (
            "rest_framework is not in INSTALLED_APPS. Add it beside django_tokenauth."
        )

    @pytest.mark.parametrize("name", ["email", "nothing", "groups", "first_name", "pk__x", "ID"])
    def test_a_user_must_be_named_by_a_unique_field(self, settings, name):
        settings.TOKENAUTH = {"USER_ID_FIELD": name}
        assert found() == ["E009"]
        assert "USER_ID_FIELD is not the name of a unique field of the user model." in said("E009")

    @pytest.mark.parametrize("name", ["pk", "id", "username"])
    def test_a_unique_field_is_fine(self, settings, name):
        settings.TOKENAUTH = {"USER_ID_FIELD": name}
        assert found() == []

    def test_a_field_of_another_model_that_points_here_is_none(self, settings):
        """``logentry`` is the name of a relation, and has no value on the user."""
        [name] = {
            field.name
            for field in get_user_model()._meta.get_fields()
            if isinstance(field, models.ManyToOneRel) and field.name == "logentry"
        }
        settings.TOKENAUTH = {"USER_ID_FIELD": name}
        assert found() == ["E009"]

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
    def test_the_text_of_the_field_leads_back_to_one_user(self, name, fits):
        """Not ``None``, which many have; nor the text of an object or of bytes."""

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


class TestAuthenticators:
    @pytest.mark.parametrize("ours", [JWT, STATELESS])
    def test_a_class_without_a_challenge_before_ours(self, settings, ours):
        settings.REST_FRAMEWORK = {"DEFAULT_AUTHENTICATION_CLASSES": [SESSION, ours]}
        assert found() == ["W013"]
        assert "responds 403 instead of 401" in said("W013")

    @pytest.mark.parametrize(
        "given",
        [
            None,
            JWT,
            [f"{__name__}.made_by_a_function"],
            [f"{__name__}.made_by_a_function", JWT],
            ["builtins.object", JWT],
        ],
        ids=["nothing", "no list", "a function", "a function first", "a stranger first"],
    )
    def test_what_rest_framework_finds_out_later_is_no_fault_here(self, settings, given):
        settings.REST_FRAMEWORK = {"DEFAULT_AUTHENTICATION_CLASSES": given}
        assert found() == []
        assert deployed() == []

    @pytest.mark.parametrize(
        "classes", [[JWT, SESSION], [STATELESS], [BASIC, JWT], [SESSION, BASIC], [SESSION], []]
    )
    def test_in_any_other_order_nothing_is_said(self, settings, classes):
        settings.REST_FRAMEWORK = {"DEFAULT_AUTHENTICATION_CLASSES": classes}
        assert found() == []
