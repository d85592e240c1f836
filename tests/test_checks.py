"""Each message of the system checks, where it speaks and where it is silent."""

from __future__ import annotations

from datetime import timedelta
from io import StringIO

import pytest
from django.contrib.auth import get_user_model
from django.core.checks import ERROR, WARNING, run_checks
from django.core.management import call_command
from django.core.management.base import SystemCheckError
from django.db import models

# Long, and of many letters.
SECRET = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
ED25519 = {
    "kty": "OKP",
    "crv": "Ed25519",
    "d": "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A",
    "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
}
PUBLIC = {name: text for name, text in ED25519.items() if name != "d"}
SIGNED = {"ALGORITHM": "EdDSA", "SIGNING_KEY": ED25519}
URL = {"ISSUER": "https://auth.example.com"}
REDIS = {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": "redis://x"}


@pytest.fixture(autouse=True)
def _good_project(settings):
    """A project about which there is nothing to say, on a laptop and deployed."""
    settings.SECRET_KEY = SECRET
    settings.TOKENAUTH = {}
    settings.CACHES = {**settings.CACHES, "default": REDIS, "local": settings.CACHES["default"]}


def found(**options):
    """What is said about this app, by id."""
    messages = [message for message in run_checks(**options) if message.id.startswith("tokenauth.")]
    for message in messages:
        assert message.level == (ERROR if ".E" in message.id else WARNING)
        assert message.msg
    return [message.id.removeprefix("tokenauth.") for message in messages]


def deployed():
    return found(include_deployment_checks=True)


def said(number):
    [message] = [m for m in run_checks() if m.id == f"tokenauth.{number}"]
    return f"{message.msg} {message.hint or ''}".strip()


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
            ({"ISSUER": ""}, "TOKENAUTH['ISSUER'] has a value it cannot have. Give a text"),
            ({"ISSUER": None}, "TOKENAUTH['ISSUER'] has a value it cannot have. Give a text"),
            ({"AUDIENCE": 1}, "TOKENAUTH['AUDIENCE'] has a value it cannot have."),
            ({"ALGORITHM": "none"}, "TOKENAUTH['ALGORITHM'] has a value it cannot have."),
            ({"ALGORITHM": ["HS256"]}, "TOKENAUTH['ALGORITHM'] has a value it cannot have."),
            ({"STATELESS_REFRESH": 1}, "TOKENAUTH['STATELESS_REFRESH'] has a value"),
            ({"ACCESS_TOKEN_LIFETIME": 300}, "Give a datetime.timedelta"),
            ({"SCOPES": "notes:read"}, "Give a list of scope names"),
            ({"SCOPE_POLICY": "no.where"}, "The dotted path does not lead to anything"),
            ({"SIGN_IN_RATE_USER": "many"}, "Give None or a rate"),
            ({"TOKEN_CACHE_SIZE": 0}, "Give a whole number above zero."),
            ({"VERIFYING_KEYS": "x"}, "Give a list of keys, even for a single one."),
            ({"THROTTLE_CACHE": "nowhere"}, "THROTTLE_CACHE is not a name in CACHES."),
            ([], "TOKENAUTH is not a dict."),
            (None, "TOKENAUTH is not a dict."),
        ],
    )
    def test_a_name_or_a_type_that_cannot_be_is_an_error(self, settings, wrong, text):
        settings.TOKENAUTH = wrong
        assert found() == ["E008"]
        assert text in said("E008")

    @pytest.mark.parametrize(
        ("wrong", "text"),
        [
            ({"ACCESS_TOKEN_LIFETIME": timedelta(0)}, "at least a second"),
            ({"SESSION_LIFETIME": timedelta(-1)}, "at least a second"),
            ({"LEEWAY": timedelta(seconds=121)}, "from 0 to 120 seconds"),
            ({"LEEWAY": timedelta(-1)}, "from 0 to 120 seconds"),
            ({"REFRESH_GRACE": timedelta(seconds=61)}, "from 0 to 60 seconds"),
            ({"ACCESS_TOKEN_LIFETIME": timedelta(14)}, "is not below REFRESH_TOKEN_LIFETIME"),
            ({"SESSION_LIFETIME": timedelta(minutes=5)}, "is not below SESSION_LIFETIME"),
        ],
    )
    def test_a_duration_that_cannot_be_is_an_error(self, settings, wrong, text):
        settings.TOKENAUTH = wrong
        assert found() == ["E004"]
        assert text in said("E004")

    def test_all_problems_are_said_at_once(self, settings):
        settings.TOKENAUTH = {"ISUER": "x", "LEEWAY": timedelta(-1), "ALGORITHM": "none"}
        assert sorted(found()) == ["E004", "E008", "E008"]

    def test_other_checks_wait_until_they_can_be_read(self, settings):
        settings.TOKENAUTH = {"ISUER": "x", "REFRESH_GRACE": timedelta(0)}
        settings.SECRET_KEY = "short"
        assert found(include_deployment_checks=True, databases=["default"]) == ["E008"]


class TestKeys:
    @pytest.mark.parametrize(
        ("wrong", "number", "text"),
        [
            ({"SIGNING_KEY": "a secret of 22 letters"}, "E002", "too short"),
            ({"SIGNING_KEY": ED25519}, "E001", "SIGNING_KEY is for EdDSA and ALGORITHM says HS256"),
            ({"ALGORITHM": "EdDSA"}, "E001", "EdDSA needs a private key in SIGNING_KEY."),
            ({"ALGORITHM": "EdDSA", "SIGNING_KEY": PUBLIC}, "E002", "SIGNING_KEY is a public key."),
            ({**SIGNED, "VERIFYING_KEYS": [ED25519]}, "E003", "Two keys have the same kid."),
            ({"VERIFYING_KEYS": [PUBLIC]}, "E001", "stand in one key set"),
            ({**SIGNED, "VERIFYING_KEYS": [{"kid": "é"}]}, "E003", "The kid of a JWK is not"),
            ({**SIGNED, "SIGNING_KEY": "-----BEGIN X"}, "E002", "cannot be read"),
            ({"SIGNING_KEY": "{"}, "E002", "begins like a JWK but is not JSON"),
        ],
    )
    def test_keys_that_cannot_be_used_are_an_error(self, settings, wrong, number, text):
        settings.TOKENAUTH = wrong
        assert found() == [number]
        assert text in said(number)

    @pytest.mark.parametrize(
        "material",
        [
            "a secret of 22 letters",
            {**ED25519, "alg": "RS256"},
            {**ED25519, "use": "enc"},
            {**ED25519, "kid": 7},
            {"kty": "oct", "k": "YSBzZWNyZXQ"},
            "-----BEGIN PRIVATE KEY-----\nnWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A\n",
            '{"kty": "OKP", "crv": "Ed25519", "d": "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"}',
            ["a secret of 22 letters"],
            b"",
        ],
    )
    @pytest.mark.parametrize("name", ["SIGNING_KEY", "VERIFYING_KEYS", "SIGNING_KEYS"])
    @pytest.mark.parametrize("algorithm", ["HS256", "EdDSA", "RS256"])
    def test_no_message_shows_a_key(self, settings, name, material, algorithm):
        value = [material] if name == "VERIFYING_KEYS" else material
        settings.TOKENAUTH = {"ALGORITHM": algorithm, name: value}
        output = StringIO()
        with pytest.raises(SystemCheckError) as raised:
            call_command("check", deploy=True, stdout=output, stderr=output)
        printed = f"{raised.value}{output.getvalue()}"
        assert "tokenauth.E0" in printed
        for key in ("a secret of", "nWGxne", "YSBzZWNyZXQ", "11qYAYKx"):
            assert key not in printed

    def test_a_project_that_only_verifies_is_warned(self, settings):
        settings.TOKENAUTH = {"ALGORITHM": "EdDSA", "VERIFYING_KEYS": [PUBLIC], **URL}
        assert found() == ["W019"]
        assert "can verify access tokens but not sign any" in said("W019")
        settings.TOKENAUTH["SIGNING_KEY"] = ED25519
        settings.TOKENAUTH = {**SIGNED, **URL}
        assert found() == []


class TestDubious:
    def test_no_sessions(self, settings):
        settings.TOKENAUTH = {"STATELESS_REFRESH": True}
        assert found() == ["W007"]
        assert said("W007").startswith("STATELESS_REFRESH keeps no sessions")

    def test_no_grace(self, settings):
        settings.TOKENAUTH = {"REFRESH_GRACE": timedelta(0)}
        assert found() == ["W007"]
        assert said("W007").startswith("REFRESH_GRACE is zero")
        settings.TOKENAUTH = {"REFRESH_GRACE": timedelta(seconds=1)}
        assert found() == []

    def test_without_sessions_there_is_no_grace_to_miss(self, settings):
        settings.TOKENAUTH = {"STATELESS_REFRESH": True, "REFRESH_GRACE": timedelta(0)}
        assert said("W007").startswith("STATELESS_REFRESH keeps no sessions")


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
        assert "USER_ID_FIELD does not name a unique field of the user model." in said("E009")

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


class TestDeployment:
    @pytest.mark.parametrize(
        "secret", [f"django-insecure-{SECRET}", SECRET[:49], "aaaabbbb" * 10, "x" * 100]
    )
    def test_a_weak_secret_key(self, settings, secret):
        settings.SECRET_KEY = secret
        assert found() == []
        assert deployed() == ["W001"]
        settings.TOKENAUTH = {"SIGNING_KEY": SECRET}
        assert deployed() == []

    @pytest.mark.parametrize("secret", [SECRET[:50], "abcde" * 10])
    def test_a_strong_secret_key(self, settings, secret):
        settings.SECRET_KEY = secret
        assert deployed() == []

    @pytest.mark.parametrize("issuer", [None, "django-tokenauth", "auth.example.com"])
    def test_an_issuer_that_others_cannot_find(self, settings, issuer):
        settings.TOKENAUTH = SIGNED | ({"ISSUER": issuer} if issuer else {})
        assert found() == []
        assert deployed() == ["W008"]
        settings.TOKENAUTH = {**SIGNED, **URL}
        assert deployed() == []

    def test_a_long_access_token(self, settings):
        settings.TOKENAUTH = {"ACCESS_TOKEN_LIFETIME": timedelta(hours=1, seconds=1)}
        assert found() == []
        assert deployed() == ["W005"]
        settings.TOKENAUTH = {"ACCESS_TOKEN_LIFETIME": timedelta(hours=1)}
        assert deployed() == []

    @pytest.mark.parametrize("name", ["SIGN_IN_RATE_USER", "SIGN_IN_RATE_ADDRESS"])
    def test_sign_ins_that_are_not_throttled(self, settings, name):
        settings.TOKENAUTH = {name: None}
        assert found() == []
        assert deployed() == ["W006"]

    @pytest.mark.parametrize("backend", ["locmem.LocMemCache", "dummy.DummyCache"])
    def test_a_cache_that_processes_do_not_share(self, settings, backend):
        path = f"django.core.cache.backends.{backend}"
        settings.CACHES = {**settings.CACHES, "local": {"BACKEND": path}}
        settings.TOKENAUTH = {"THROTTLE_CACHE": "local"}
        assert found() == []
        assert deployed() == ["W006"]

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("SECURE_PROXY_SSL_HEADER", ("HTTP_X_FORWARDED_PROTO", "https")),
            ("USE_X_FORWARDED_HOST", True),
        ],
    )
    def test_a_proxy_whose_number_is_not_known(self, settings, name, value):
        setattr(settings, name, value)
        assert found() == []
        assert deployed() == ["W006"]
        settings.REST_FRAMEWORK = {"NUM_PROXIES": 1}
        assert deployed() == []
        settings.REST_FRAMEWORK = {"NUM_PROXIES": 0}
        assert deployed() == []

    def test_all_of_it_at_once(self, settings):
        settings.SECRET_KEY = "short"
        settings.TOKENAUTH = {
            "THROTTLE_CACHE": "local",
            "ACCESS_TOKEN_LIFETIME": timedelta(hours=2),
        }
        assert deployed() == ["W001", "W005", "W006"]

    def test_the_secret_key_is_not_shown(self, settings):
        settings.SECRET_KEY = "django-insecure-shown"
        output = StringIO()
        call_command("check", deploy=True, stdout=output, stderr=output)
        assert "tokenauth.W001" in output.getvalue()
        assert "insecure-shown" not in output.getvalue()
