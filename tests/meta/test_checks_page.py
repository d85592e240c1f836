"""docs/checks.rst agrees with the checks of the source, their levels and their runs."""

from __future__ import annotations

import re
import time
from datetime import timedelta

import pytest
from django.core.checks import ERROR, WARNING

from django_tokenauth.conf.settings import load
from django_tokenauth.keys.generating import make_jwk
from django_tokenauth.keys.rotating import generate
from tests.meta.translations import PACKAGE
from tests.settings import INSTALLED_APPS, MIDDLEWARE
from tests.support.documents import DOCS, literal, section
from tests.support.sample_keys import base64url_uint, public_jwk, rsa_key
from tests.support.system_checks import (
    ED25519,
    JWT,
    PUBLIC,
    SIGNED,
    URL,
    configure_clean_project,
    messages,
)

DRF = "rest_framework.authentication"
DAY = 86400
TOKEN_MIDDLEWARE = "django_tokenauth.middleware.TokenMiddleware"
VERIFYING = {"ALGORITHM": "EdDSA", "VERIFYING_KEYS": [PUBLIC], **URL}


class ReplicaRouter:
    def db_for_read(self, model, **hints):
        return "replica"


def small_exponent(folder):
    key = {**public_jwk(rsa_key()), "e": base64url_uint(3)}
    return {"TOKENAUTH": {**SIGNED, **URL, "VERIFYING_KEYS": [key]}}


def dated(seconds):
    """Return a key created now. It signs from ``seconds`` later."""
    now = int(time.time())
    return make_jwk("EdDSA", now=now, not_before=now + seconds)


def world_readable_key(folder):
    """Return settings with a signing key in a file that every user can read."""
    generate(folder, load(), "EdDSA", now=time.time()).path.chmod(0o644)
    return tokenauth(**URL, KEY_DIRECTORY=folder)


def authenticated_by(*classes):
    return {"REST_FRAMEWORK": {"DEFAULT_AUTHENTICATION_CLASSES": classes}}


def authenticated_by_string(folder):
    return {"REST_FRAMEWORK": {"DEFAULT_AUTHENTICATION_CLASSES": JWT}}


def tokenauth(**values):
    return {"TOKENAUTH": values}


LOCAL = {"CACHES": {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}}
#: For each check, a change of settings that triggers it in a project without messages.
TRIGGERS = {
    "E001": tokenauth(ALGORITHM="EdDSA"),
    "E002": tokenauth(SIGNING_KEY="short"),
    "E003": tokenauth(**SIGNED, **URL, VERIFYING_KEYS=[PUBLIC]),
    "E004": tokenauth(LEEWAY=timedelta(hours=1)),
    "E005": {"INSTALLED_APPS": [app for app in INSTALLED_APPS if app != "rest_framework"]},
    "E008": tokenauth(ISUER="x"),
    "E009": tokenauth(USER_ID_FIELD="email"),
    "E010": authenticated_by_string,
    "E011": tokenauth(EXTRA_CLAIMS=len),
    "E012": tokenauth(CLIENTS={"a": {"jwks": [{"kty": "EC"}]}}),
    "W001": {"SECRET_KEY": "short"},
    "W002": {"ROOT_URLCONF": "tests.urls"},
    "W005": tokenauth(ACCESS_TOKEN_LIFETIME=timedelta(hours=2)),
    "W006": tokenauth(SIGN_IN_RATE_USER=None),
    "W007": tokenauth(REFRESH_GRACE=timedelta(0)),
    "W008": tokenauth(**SIGNED),
    "W009": tokenauth(SCOPES=["introspect"]),
    "W010": {"PASSWORD_HASHERS": ["django.contrib.auth.hashers.MD5PasswordHasher"]},
    "W011": world_readable_key,
    "W012": lambda _: tokenauth(**URL, KEYS=[dated(-200 * DAY)]),
    "W013": authenticated_by(f"{DRF}.SessionAuthentication", JWT),
    "W014": {"jwt.__version__": "2.14.0"},
    "W015": {"DATABASE_ROUTERS": [ReplicaRouter()]},
    "W017": {"DEFAULT_EXCEPTION_REPORTER_FILTER": "builtins.object"},
    "W018": lambda _: tokenauth(**URL, KEYS=[dated(-DAY), dated(60)]),
    "W019": tokenauth(**VERIFYING),
    "W021": small_exponent,
    "W022": tokenauth(**{**VERIFYING, "VERIFYING_KEYS": [ED25519]}),
    "W024": {"TOKEN_AUTH": {"ISSUER": "x"}},
    "W026": {"ROOT_URLCONF": "django_tokenauth.well_known", **tokenauth(**SIGNED, **URL)},
    "W031": tokenauth(AUDIENCES={"https://a.example.com": []}),
    "W032": lambda _: {**tokenauth(CLIENTS={"a": {"jwks": [public_jwk(rsa_key())]}}), **LOCAL},
    "W033": tokenauth(CLIENTS={"7": {"scopes": []}}),
    "W029": {"django_tokenauth.checks.tenants.PACKAGES": ("tests",)},
    "W027": {"AUTHENTICATION_BACKENDS": ["tests.support.broken.UncalledBackend"]},
    "W028": {"MIDDLEWARE": [*MIDDLEWARE[:1], TOKEN_MIDDLEWARE, *MIDDLEWARE[1:]]},
    "W023": authenticated_by(JWT, f"{DRF}.BasicAuthentication"),
}
LEVELS = {ERROR: "error", WARNING: "warning"}


def rows():
    [[head, *found]] = section(DOCS / "checks.rst", "System checks").tables
    assert head == ["Id", "Level", "Meaning", "Remedy"]
    return [[literal(row[0]).removeprefix("tokenauth."), *row[1:]] for row in found]


def check_ids_in(path):
    return set(re.findall(r"\b[EW]0\d\d\b", path.read_text(encoding="utf-8")))


def messages_by_check_id(**options):
    found = messages(**options)
    return {message.id.removeprefix("tokenauth."): message for message in found}


class TestPage:
    def test_checks_page_lists_each_check_of_the_source(self):
        source = set().union(*map(check_ids_in, PACKAGE.rglob("*.py")))
        assert source == {row[0] for row in rows()}

    def test_documented_checks_are_sorted_and_have_a_remedy(self):
        numbers = [row[0] for row in rows()]
        assert numbers == sorted(set(numbers))
        assert all(len(row) == 4 and all(row) for row in rows())

    def test_database_checks_are_documented_as_warnings(self):
        marked = {number: level for number, level, *_ in rows() if "database" in level}
        assert marked == dict.fromkeys(
            check_ids_in(PACKAGE / "checks" / "database.py"), "warning, database"
        )

    def test_each_non_database_check_is_triggered_by_a_test(self):
        assert set(TRIGGERS) == {number for number, level, *_ in rows() if "database" not in level}


@pytest.mark.parametrize("check_id", TRIGGERS)
def test_triggered_check_has_the_documented_level_and_command(
    check_id, settings, monkeypatch, tmp_path
):
    configure_clean_project(settings)
    assert messages(include_deployment_checks=True) == []
    trigger = TRIGGERS[check_id]
    for name, value in (trigger(tmp_path) if callable(trigger) else trigger).items():
        if "." in name:
            monkeypatch.setattr(name, value)
        else:
            setattr(settings, name, value)
    always = messages_by_check_id()
    deployed = messages_by_check_id(include_deployment_checks=True)
    run = "" if check_id in always else ", deploy"
    [documented] = [level for row, level, *_ in rows() if row == check_id]
    assert LEVELS[deployed[check_id].level] + run == documented
