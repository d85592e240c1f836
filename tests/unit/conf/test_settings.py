"""The ``TOKENAUTH`` setting: one typed value, or all its errors at once."""

from __future__ import annotations

import dataclasses
from datetime import timedelta

import pytest
from django.conf import settings as django_settings
from django.core.exceptions import ImproperlyConfigured

from django_tokenauth.conf import settings as conf
from django_tokenauth.conf.values import Rate
from tests.support.raw_tokens import SECRET_KEY, read_settings

CANARY = "canary-4711"

DEFAULTS = {
    "issuer": "django-tokenauth",
    "audience": "django-tokenauth",
    "algorithm": "HS256",
    "signing_key": None,
    "verifying_keys": (),
    "key_directory": None,
    "refresh_secret_key": None,
    "refresh_secret_key_fallbacks": (),
    "keys": (),
    "jwks_max_age": timedelta(minutes=5),
    "clients": {},
    "revoke_by_access_token": (),
    "access_token_lifetime": timedelta(minutes=5),
    "refresh_token_lifetime": timedelta(days=14),
    "session_lifetime": timedelta(days=90),
    "max_access_token_lifetime": timedelta(minutes=5),
    "max_session_lifetime": timedelta(days=366),
    "lifetimes": None,
    "session_data": None,
    "not_before": None,
    "refresh_grace": timedelta(seconds=10),
    "refresh_retry": False,
    "leeway": timedelta(0),
    "stateless_refresh": False,
    "max_sessions_per_user": 100,
    "session_retention": timedelta(days=7),
    "user_id_field": "pk",
    "scopes": (),
    "audiences": {},
    "scope_policy": None,
    "extra_claims": None,
    "impersonation": None,
    "acr": None,
    "acr_values": (),
    "advertise_password_grant": False,
    "revocation_poll_interval": timedelta(seconds=10),
    "token_cache_size": 4096,
    "token_cache_bytes": 16777216,
    "sign_in_rate_user": Rate(20, 3600),
    "sign_in_rate_ip": Rate(30, 60),
    "sign_in_delay_user": None,
    "throttle_cache": "default",
    "api_token_prefix": "tokenauth",
    "api_token_lifetime": timedelta(days=90),
    "max_api_token_lifetime": timedelta(days=366),
    "api_token_overlap": timedelta(days=1),
    "api_tokens_end_with_password": False,
}


def problems_of(raw):
    settings, problems = conf.read(raw, (SECRET_KEY,))
    assert isinstance(settings, conf.PartialSettings) == bool(problems)
    return problems


def hook(*args):
    return {}


class TestDefaults:
    def test_settings_that_are_not_set_have_their_defaults(self):
        settings = read_settings()
        names = [field.name for field in dataclasses.fields(settings)]
        values = {name: getattr(settings, name) for name in names}
        own = {"secret_keys": (SECRET_KEY,), "by_request": {}, "original": None}
        assert values == {**DEFAULTS, **own}

    @pytest.mark.standard("rfc9068-3-2")
    def test_audience_defaults_to_the_issuer(self):
        assert read_settings(ISSUER="https://a.example.com").audience == "https://a.example.com"
        assert read_settings(ISSUER="https://a.example.com", AUDIENCE="notes").audience == "notes"

    @pytest.mark.parametrize(
        ("values", "longest"),
        [
            ({}, timedelta(minutes=5)),
            ({"ACCESS_TOKEN_LIFETIME": timedelta(hours=2)}, timedelta(hours=2)),
            ({"LIFETIMES": hook}, timedelta(hours=1)),
            (
                {"LIFETIMES": hook, "ACCESS_TOKEN_LIFETIME": timedelta(hours=2)},
                timedelta(hours=2),
            ),
            (
                {"LIFETIMES": hook, "MAX_ACCESS_TOKEN_LIFETIME": timedelta(minutes=5)},
                timedelta(minutes=5),
            ),
        ],
    )
    def test_maximum_access_lifetime_is_an_hour_with_the_hook(self, values, longest):
        settings = read_settings(**values)
        assert settings.max_access_token_lifetime == longest
        assert settings.revocation_window == longest + timedelta(minutes=2)

    @pytest.mark.parametrize(("days", "longest"), [(90, 366), (366, 366), (400, 400)])
    def test_maximum_session_lifetime_is_at_least_a_year(self, days, longest):
        settings = read_settings(SESSION_LIFETIME=timedelta(days=days))
        assert settings.max_session_lifetime == timedelta(days=longest)

    @pytest.mark.parametrize(
        ("invalid", "unusable"),
        [
            ("ACCESS_TOKEN_LIFETIME", "max_access_token_lifetime"),
            ("LIFETIMES", "max_access_token_lifetime"),
            ("SESSION_LIFETIME", "max_session_lifetime"),
        ],
    )
    def test_maximum_of_an_invalid_lifetime_is_unusable(self, invalid, unusable):
        settings, [problem] = conf.read({invalid: 5}, (SECRET_KEY,))
        assert invalid in problem.message
        with pytest.raises(conf.UnusableSetting):
            getattr(settings, unusable)

    def test_every_setting_can_be_set(self):
        values = {
            **{name: DEFAULTS[name.lower()] for name in conf.setting_fields()},
            "KEYS": None,
            "CLIENTS": {"reports": "sha256$" + "0" * 64, "disabled": None},
            "SIGNING_KEY": "s" * 32,
            "VERIFYING_KEYS": ["v" * 32],
            "REFRESH_SECRET_KEY": "r" * 32,
            "REFRESH_SECRET_KEY_FALLBACKS": [b"f" * 32],
            "REVOKE_BY_ACCESS_TOKEN": ["phone"],
            "SCOPES": ["notes:read"],
            "SCOPE_POLICY": hook,
            "EXTRA_CLAIMS": f"{__name__}.hook",
            "SIGN_IN_RATE_USER": None,
            "SIGN_IN_RATE_IP": "1/s",
        }
        settings = read_settings(**values)
        assert settings.signing_key == "s" * 32
        assert settings.verifying_keys == ("v" * 32,)
        assert settings.scopes == ("notes:read",)
        assert settings.scope_policy is hook
        assert settings.extra_claims is hook
        assert settings.sign_in_rate_user is None
        assert settings.sign_in_rate_ip == Rate(1, 1)

    def test_settings_object_is_frozen(self):
        with pytest.raises(dataclasses.FrozenInstanceError):
            read_settings().issuer = "another"


class TestInvalidValues:
    @pytest.mark.attack(83, 87)
    @pytest.mark.parametrize(
        ("name", "value", "check_id", "hint"),
        [
            ("ISSUER", "", "E008", "1 to 255 printable characters"),
            ("AUDIENCE", ["notes"], "E008", "1 to 255 printable characters"),
            ("ALGORITHM", "none", "E008", "one of the strings HS256, "),
            ("ALGORITHM", "hs256", "E008", "one of the strings HS256, "),
            ("ALGORITHM", "HS256 ", "E008", "one of the strings HS256, "),
            ("ALGORITHM", "ES256K", "E008", "one of the strings HS256, "),
            ("ALGORITHM", ["HS256"], "E008", "one of the strings HS256, "),
            ("ALGORITHM", ("HS256", "RS256"), "E008", "one of the strings HS256, "),
            ("ALGORITHM", None, "E008", "one of the strings HS256, "),
            ("SIGNING_KEY", "", "E008", "at least 32 random bytes"),
            ("SIGNING_KEY", b"", "E008", "at least 32 random bytes"),
            ("SIGNING_KEY", 12345, "E008", "PEM"),
            ("VERIFYING_KEYS", "a key without a list", "E008", "a list of keys"),
            ("VERIFYING_KEYS", ["", "k" * 32], "E008", "empty"),
            ("KEY_DIRECTORY", "keys", "E008", "an absolute path"),
            ("KEYS", "{", "E008", "a list of JWKs"),
            ("KEYS", [], "E008", "at least one key"),
            ("JWKS_MAX_AGE", 300, "E008", "timedelta(minutes=5)"),
            ("JWKS_MAX_AGE", timedelta(0), "E004", "from 1 second to 100 years"),
            ("CLIENTS", {"reports": "its secret"}, "E008", "tokenauth_client"),
            ("ACCESS_TOKEN_LIFETIME", 300, "E008", "timedelta(minutes=5)"),
            ("ACCESS_TOKEN_LIFETIME", timedelta(0), "E004", "from 1 second to 100 years"),
            ("REFRESH_TOKEN_LIFETIME", timedelta(days=-1), "E004", "from 1 second to 100 years"),
            ("SESSION_LIFETIME", "90 days", "E008", "timedelta(minutes=5)"),
            ("REFRESH_GRACE", timedelta(seconds=61), "E004", "from 0 to 60 seconds"),
            ("REFRESH_GRACE", 10, "E008", "timedelta(seconds=10)"),
            ("REFRESH_RETRY", 1, "E008", "True or False"),
            ("REFRESH_RETRY", None, "E008", "True or False"),
            ("LEEWAY", timedelta(seconds=-1), "E004", "from 0 to 120 seconds"),
            ("LEEWAY", timedelta(days=1), "E004", "from 0 to 120 seconds"),
            ("LEEWAY", float("inf"), "E008", "timedelta(seconds=10)"),
            ("LEEWAY", float("nan"), "E008", "timedelta(seconds=10)"),
            ("STATELESS_REFRESH", "no", "E008", "True or False"),
            ("MAX_SESSIONS_PER_USER", 0, "E008", "a positive integer"),
            ("SESSION_RETENTION", timedelta(0), "E004", "from 1 second to 100 years"),
            ("USER_ID_FIELD", None, "E008", "1 to 255 printable characters"),
            ("SCOPES", "notes:read notes:write", "E008", '["notes:read"]'),
            ("SCOPE_POLICY", "no_such_project.policy", "E008", "dotted path"),
            ("EXTRA_CLAIMS", {"staff": True}, "E008", "a function"),
            ("LIFETIMES", {"access": 300}, "E008", "a function"),
            ("SESSION_DATA", "", "E008", "module.function"),
            ("MAX_ACCESS_TOKEN_LIFETIME", 300, "E008", "timedelta(minutes=5)"),
            ("MAX_SESSION_LIFETIME", timedelta(0), "E004", "from 1 second to 100 years"),
            ("REVOCATION_POLL_INTERVAL", 10, "E008", "timedelta"),
            ("TOKEN_CACHE_SIZE", 0, "E008", "a positive integer"),
            ("TOKEN_CACHE_BYTES", 0, "E008", "a positive integer"),
            ("SIGN_IN_RATE_USER", "often", "E008", '"20/hour"'),
            ("SIGN_IN_RATE_IP", 30, "E008", '"20/hour"'),
            ("SIGN_IN_DELAY_USER", timedelta(days=2), "E004", "from 1 second to 1 day"),
            ("SIGN_IN_DELAY_USER", timedelta(0), "E004", "from 1 second to 1 day"),
            ("SIGN_IN_DELAY_USER", 60, "E008", "from 1 second to 1 day"),
            ("THROTTLE_CACHE", None, "E008", "1 to 255 printable characters"),
        ],
    )
    def test_invalid_setting_is_reported_with_check_id_and_hint(self, name, value, check_id, hint):
        [problem] = problems_of({name: value})
        assert problem.check_id == check_id
        assert problem.message.startswith(f"TOKENAUTH['{name}'] is invalid: got ")
        assert hint in f"{problem.message} {problem.hint}"

    @pytest.mark.parametrize(
        ("name", "value", "message"),
        [
            ("LEEWAY", 300, "got 300, expected a timedelta from 0 to 120 seconds."),
            (
                "LEEWAY",
                timedelta(minutes=5),
                "got datetime.timedelta(seconds=300), expected a timedelta from 0 to 120 seconds.",
            ),
            ("REFRESH_RETRY", None, "got None, expected True or False."),
            (
                "TOKEN_CACHE_BYTES",
                "16 MiB",
                "got a value of type str, expected a positive integer.",
            ),
            ("TOKEN_CACHE_SIZE", 1.5, "got 1.5, expected a positive integer."),
            ("TOKEN_CACHE_SIZE", "9", "got a value of type str, expected a positive integer."),
        ],
    )
    def test_invalid_setting_is_reported_with_its_value_or_type(self, name, value, message):
        [problem] = problems_of({name: value})
        assert problem.message == f"TOKENAUTH[{name!r}] is invalid: {message}"

    @pytest.mark.parametrize("name", ["SIGNING_KEY", "VERIFYING_KEYS", "KEYS", "CLIENTS"])
    def test_invalid_secret_setting_is_reported_with_its_type(self, name):
        [problem] = problems_of({name: 4711})
        assert problem.message.startswith(
            f"TOKENAUTH[{name!r}] is invalid: got a value of type int, expected "
        )
        assert "4711" not in repr(problem)

    def test_access_lifetime_not_below_refresh_lifetime_is_reported(self):
        day = timedelta(days=1)
        [problem] = problems_of({"ACCESS_TOKEN_LIFETIME": day, "REFRESH_TOKEN_LIFETIME": day})
        assert problem.check_id == "E004"
        assert problem.message == "ACCESS_TOKEN_LIFETIME must be less than REFRESH_TOKEN_LIFETIME."
        assert "minutes" in problem.hint

    @pytest.mark.parametrize("name", ["ACCESS_TOKEN_LIFETIME", "SESSION_LIFETIME"])
    def test_lifetime_above_its_maximum_is_reported(self, name):
        hour = timedelta(hours=1)
        second = timedelta(seconds=1)
        maximum = f"MAX_{name}"
        lifetimes = {name: hour, maximum: hour - second}
        [problem] = problems_of(lifetimes)
        assert problem.check_id == "E004"
        assert problem.message == f"{name} must be at most {maximum}."
        assert problem.hint == f"Increase {maximum}, or remove it."
        assert problems_of({**lifetimes, maximum: hour}) == []

    def test_access_lifetime_not_below_session_lifetime_is_reported(self):
        hour = timedelta(hours=1)
        [problem] = problems_of({"ACCESS_TOKEN_LIFETIME": hour, "SESSION_LIFETIME": hour})
        assert problem.check_id == "E004"
        assert problem.message == "ACCESS_TOKEN_LIFETIME must be less than SESSION_LIFETIME."
        assert "absolute lifetime" in problem.hint

    @pytest.mark.parametrize(
        "values",
        [
            {"SIGNING_KEY": "s" * 32, "KEY_DIRECTORY": "/keys"},
            {"SIGNING_KEY": "s" * 32, "KEYS": [{"kty": "oct"}]},
            {"KEYS": [{"kty": "oct"}], "KEY_DIRECTORY": "/keys"},
            {"SIGNING_KEY": "s" * 32, "KEYS": [{"kty": "oct"}], "KEY_DIRECTORY": "/keys"},
        ],
    )
    def test_signing_keys_from_two_settings_are_reported(self, values):
        settings, [problem] = conf.read({**values, "VERIFYING_KEYS": ["v" * 32]}, (SECRET_KEY,))
        assert isinstance(settings, conf.PartialSettings)
        assert problem.check_id == "E001"
        assert "exclude each other" in problem.message

    def test_throttle_cache_missing_from_caches_is_reported(self):
        [problem] = problems_of({"THROTTLE_CACHE": "no such cache"})
        assert problem.check_id == "E008"
        assert problem.message == "THROTTLE_CACHE is not a name in CACHES."
        assert "'default'" in problem.hint

    @pytest.mark.parametrize("raw", [None, [], "HS256", [("ISSUER", "x")]])
    def test_non_dict_tokenauth_setting_is_reported(self, raw):
        [problem] = problems_of(raw)
        assert problem.check_id == "E008"
        assert problem.message == "TOKENAUTH is not a dict."
        assert "TOKENAUTH = {" in problem.hint

    def test_all_invalid_settings_are_reported_at_once(self):
        problems = problems_of({"ISSUER": "", "LEEWAY": timedelta(days=1), "ISUER": "x", "FOO": 1})
        assert [problem.check_id for problem in problems] == ["E008", "E008", "E008", "E004"]
        assert [problem.message.split()[-1] for problem in problems[:2]] == ["'ISUER'.", "'FOO'."]

    def test_all_conflicts_of_settings_are_reported(self):
        year = timedelta(days=365)
        problems = problems_of({"ACCESS_TOKEN_LIFETIME": year, "THROTTLE_CACHE": "nowhere"})
        assert [problem.check_id for problem in problems] == ["E004", "E004", "E008"]


class TestPartialSettings:
    def test_partial_settings_have_the_valid_values_only(self):
        settings, _ = conf.read({"LEEWAY": 300, "ISSUER": "notes", "ISUER": 1}, (SECRET_KEY,))
        assert (settings.issuer, settings.audience) == ("notes", "notes")
        with pytest.raises(conf.UnusableSetting, match="leeway"):
            _ = settings.leeway
        assert repr(settings) == "PartialSettings(...)"

    def test_read_of_conflicting_setting_raises_unusable_setting(self):
        settings, _ = conf.read({"THROTTLE_CACHE": "nowhere"}, (SECRET_KEY,))
        with pytest.raises(conf.UnusableSetting, match="throttle_cache"):
            _ = settings.throttle_cache


class TestUnknownNames:
    @pytest.mark.parametrize(
        ("name", "suggestion"),
        [
            ("ACCES_TOKEN_LIFETIME", "ACCESS_TOKEN_LIFETIME"),
            ("ALGORITHMS", "ALGORITHM"),
            ("issuer", "ISSUER"),
            ("SIGNING_KEYS", "SIGNING_KEY"),
            ("VERIFYING_KEYZ", "VERIFYING_KEYS"),
            ("LEWAY", "LEEWAY"),
            ("STATELES_REFRESH", "STATELESS_REFRESH"),
        ],
    )
    def test_misspelled_setting_is_reported_with_a_suggestion(self, name, suggestion):
        [problem] = problems_of({name: CANARY})
        assert problem.check_id == "E008"
        assert problem.message == f"TOKENAUTH has no setting {name!r}."
        assert problem.hint == f"Did you mean {suggestion!r}?"

    @pytest.mark.parametrize("name", ["CACHE_ALL_TOKENS", 17, 1.5, None, True, "", "cookie"])
    def test_unknown_setting_is_reported_with_the_list_of_names(self, name):
        [problem] = problems_of({name: CANARY})
        assert problem.check_id == "E008"
        assert problem.message == f"TOKENAUTH has no setting {name!r}."
        assert problem.hint == f"The settings are {', '.join(conf.setting_fields())}."

    @pytest.mark.parametrize(
        ("name", "hint"),
        [
            ("ROTATE_REFRESH_TOKENS", "It is always on here. Remove it."),
            ("blacklist_after_rotation", "It is always on here. Remove it."),
            ("VERIFYING_KEY", "VERIFYING_KEYS takes a list of public keys."),
            ("JWT_VERIFY_EXPIRATION", "It is always on here. Remove it."),
            ("VERIFY_EXPIRATION", "It is always on here. Remove it."),
            ("AUTO_REFRESH_MAX_TTL", "SESSION_LIFETIME is the maximum lifetime of a session."),
            ("LOGOUT_ON_PASSWORD_CHANGE", "It is always on here. Remove it."),
        ],
    )
    def test_hint_for_another_package_names_the_equivalent(self, name, hint):
        [problem] = problems_of({name: True})
        assert (problem.check_id, problem.hint) == ("E008", hint)

    @pytest.mark.parametrize(
        "name", ["STATELESS_TOKENS", "STATELESS", "REFRESH_TRIES", "NO_LEEWAY", "TOKEN_REFRESH"]
    )
    def test_hint_never_suggests_a_setting_that_weakens_a_protection(self, name):
        [problem] = problems_of({name: True})
        suggested = problem.hint.partition("Did you mean")[2]
        assert not any(each in suggested for each in ("STATELESS", "RETRY", "LEEWAY", "BY_ACCESS"))

    @pytest.mark.attack(174)
    @pytest.mark.parametrize(
        "name",
        [
            *(CANARY, CANARY.encode(), (1, CANARY), "canary_4711_CANARY"),
            *("GEZDGNBVGY3TQOJQ", "CANARYCANARYCANARY", "CANARY_CANARYCANARYCANARY"),
            "redis://:canary@cache.example.com/1",
        ],
    )
    def test_unknown_setting_that_can_be_a_secret_is_not_shown(self, name):
        [problem] = problems_of({"ISSUER": "notes", name: "SIGNING_KEY"})
        assert problem.check_id == "E008"
        assert problem.message == "The name of entry 2 of TOKENAUTH is not a setting."
        assert problem.hint == f"The settings are {', '.join(conf.setting_fields())}."

    def test_secret_keys_cannot_be_set_in_tokenauth(self):
        [problem] = problems_of({"SECRET_KEYS": (CANARY,)})
        assert problem.check_id == "E008"


class TestSecrecy:
    """A value can be a key in the wrong setting, so errors hide values that can be secrets."""

    @pytest.mark.attack(174)
    @pytest.mark.parametrize("name", DEFAULTS)
    @pytest.mark.parametrize(
        "value", [CANARY, [CANARY], {"k": CANARY}, {CANARY: "k"}, CANARY.encode()]
    )
    def test_setting_error_does_not_contain_a_possible_secret(self, name, value):
        _, problems = conf.read({name.upper(): value}, (SECRET_KEY,))
        assert CANARY not in repr(problems)

    @pytest.mark.attack(174)
    def test_load_error_does_not_contain_a_possible_secret(self, settings):
        settings.TOKENAUTH = {"LEEWAY": CANARY, "SIGNING_KEY": [CANARY], "ISUER": CANARY}
        with pytest.raises(ImproperlyConfigured) as caught:
            conf.load()
        assert CANARY not in str(caught.value)

    @pytest.mark.attack(173)
    def test_settings_repr_contains_no_secret(self):
        settings = read_settings(
            SIGNING_KEY=CANARY * 4, VERIFYING_KEYS=[CANARY * 5], secret_keys=(CANARY.encode() * 6,)
        )
        assert "django-tokenauth" in repr(settings)
        assert CANARY not in repr(settings)


class TestPruneAfter:
    @pytest.mark.parametrize(
        ("values", "prune_after"),
        [
            ({}, timedelta(days=7)),
            (
                {
                    "SESSION_RETENTION": timedelta(seconds=1),
                    "ACCESS_TOKEN_LIFETIME": timedelta(minutes=5),
                    "LEEWAY": timedelta(seconds=30),
                    "REVOCATION_POLL_INTERVAL": timedelta(seconds=15),
                },
                timedelta(minutes=7, seconds=30),
            ),
            (
                {"SESSION_RETENTION": timedelta(seconds=1), "REVOCATION_POLL_INTERVAL": None},
                timedelta(minutes=7),
            ),
        ],
    )
    def test_prune_after_is_at_least_the_revocation_window(self, values, prune_after):
        assert read_settings(**values).prune_after == prune_after


class TestSettings:
    def test_settings_are_compared_by_identity(self):
        assert read_settings() != read_settings()

    def test_project_without_tokenauth_setting_has_default_issuer(self):
        assert not hasattr(django_settings, "TOKENAUTH")
        assert conf.load().issuer == "django-tokenauth"
