"""System checks of settings that have no effect: misspelled names, and those of other packages."""

from __future__ import annotations

import re
import sys
from types import ModuleType

import pytest

from django_tokenauth.conf.other_packages import DICTS, NAMES
from django_tokenauth.conf.settings import setting_fields
from tests.support.system_checks import check_ids, configure_clean_project, message_of

MIGRATING = "https://drf-tokenauth.readthedocs.io/en/latest/migrating.html"


@pytest.fixture(autouse=True)
def _clean_project(settings):
    configure_clean_project(settings)
    del settings.TOKENAUTH


class TestMisspelledNames:
    @pytest.mark.parametrize(
        "name",
        [
            *("TOKENAUT", "TOKEN_AUTH", "TOKENAUTHS", "TOKNAUTH", "TOKENATUH", "TOKEN_AUTHS"),
            *("DRF_TOKENAUTH", "DRF_TOKEN_AUTH", "DJANGO_TOKENAUTH", "TOKENAUTH_SETTINGS"),
            *("TOKEN_AUTHENTICATION", "TO_AUTH"),
        ],
    )
    @pytest.mark.parametrize("value", [{}, {"ISSUER": "x"}, {"ISUER": "x"}, {"issuer": "x"}])
    def test_misspelled_tokenauth_setting_is_a_check_warning(self, settings, name, value):
        setattr(settings, name, value)
        assert check_ids() == ["W024"]
        assert message_of("W024") == (
            f"The setting {name} has no effect. Did you mean TOKENAUTH? If another package reads "
            "it, silence this check."
        )

    @pytest.mark.parametrize("value", [{}, {"SCOPES": []}, None])
    def test_correctly_spelled_tokenauth_has_no_spelling_warning(self, settings, value):
        settings.TOKENAUTH = value
        assert "W024" not in check_ids()

    @pytest.mark.parametrize("name", ["TOKEN_AUTH", "DRF_TOKENAUTH", "TOKENAUTHS"])
    @pytest.mark.parametrize(
        "value", ["x", None, ["ISSUER"], {"SERVER_URL": 1}, {"ISSUERS_URL": 1}, {1: 2}]
    )
    def test_similar_setting_of_another_package_passes_system_checks(self, settings, name, value):
        setattr(settings, name, value)
        assert check_ids() == []

    @pytest.mark.parametrize("name", ["TOKEN", "AUTH", "TOKENS", "OAUTH", "TOKEN_AUDIENCE", "AXES"])
    @pytest.mark.parametrize("value", [{}, {"ISSUER": "x"}])
    def test_dissimilar_setting_name_passes_system_checks(self, settings, name, value):
        setattr(settings, name, value)
        assert check_ids() == []

    def test_base_tokenauth_beside_tokenauth_passes_system_checks(self, settings):
        settings.TOKENAUTH = settings.BASE_TOKENAUTH = {"ISSUER": "https://auth.example.com"}
        assert check_ids() == []
        del settings.TOKENAUTH
        assert check_ids() == ["W024"]

    def test_misspelled_setting_beside_tokenauth_is_check_warning(self, settings):
        settings.TOKENAUTH = {"ISSUER": "https://auth.example.com"}
        settings.TOKEN_AUTH = {}
        assert check_ids() == []
        settings.TOKEN_AUTH = {"LEEWAY": 1}
        assert check_ids() == ["W024"]
        settings.BASE_TOKENAUTH = {}
        assert check_ids() == ["W024"]

    @pytest.mark.parametrize("value", [None, "x", {}])
    def test_known_setting_with_tokenauth_prefix_is_a_check_warning(self, settings, value):
        settings.TOKENAUTH_ISSUER = value
        assert check_ids() == ["W024"]
        assert message_of("W024") == (
            'The setting TOKENAUTH_ISSUER has no effect. Write TOKENAUTH = {"ISSUER": ...}.'
        )

    def test_unknown_or_unprefixed_flat_settings_pass_system_checks(self, settings):
        settings.TOKENAUTH_FOO = 1
        settings.CLIENTS = settings.ISSUER = settings.SCOPES = {}
        assert check_ids() == []


@pytest.mark.parametrize(
    ("name", "module"), [(name, module) for name, (module, _) in DICTS.items()]
)
class TestReplacedPackages:
    def test_setting_of_a_removed_package_is_a_check_warning(
        self, settings, monkeypatch, name, module
    ):
        # Python raises ModuleNotFoundError for a module that is None.
        monkeypatch.setitem(sys.modules, module, None)
        setattr(settings, name, {})
        assert check_ids() == ["W024"]
        assert message_of("W024") == (
            f"The setting {name} has no effect: {module} is not installed. Remove it, and set what "
            f"you need in TOKENAUTH.\nSee {MIGRATING}"
        )

    def test_setting_of_an_installed_package_passes_system_checks(
        self, settings, monkeypatch, name, module
    ):
        monkeypatch.setitem(sys.modules, module, ModuleType(module))
        setattr(settings, name, {"ALGORITHM": "HS256"})
        assert check_ids() == []

    def test_each_known_key_of_a_removed_package_has_its_equivalent(
        self, settings, monkeypatch, name, module
    ):
        monkeypatch.setitem(sys.modules, module, None)
        equivalents = DICTS[name][1]
        setattr(settings, name, {"UNKNOWN": "canary", **dict.fromkeys(equivalents, "canary")})
        lines = message_of("W024").splitlines()[1:-1]
        assert lines == [f"{key}: {hint}" for key, hint in equivalents.items()]


@pytest.mark.parametrize("name", NAMES)
def test_old_setting_of_dj_rest_auth_has_its_equivalent(settings, monkeypatch, name):
    monkeypatch.setitem(sys.modules, "dj_rest_auth", None)
    setattr(settings, name, "x")
    assert message_of("W024") == (
        f"The setting {name} has no effect: dj_rest_auth is not installed. {NAMES[name]}"
    )
    monkeypatch.setitem(sys.modules, "dj_rest_auth", ModuleType("dj_rest_auth"))
    assert check_ids() == []


@pytest.mark.parametrize("hints", [NAMES, *(hints for _, hints in DICTS.values())])
def test_hint_for_another_package_names_only_settings_that_exist(hints):
    known = {*setting_fields(), "TOKENAUTH", "EXTRA_CLAIMS", "SECRET_KEY"}
    for hint in hints.values():
        assert set(re.findall(r"\b[A-Z]+(?:_[A-Z]+)+\b", hint)) <= known


@pytest.mark.parametrize("hints", [NAMES, *(hints for _, hints in DICTS.values())])
def test_hints_for_other_packages_are_sentences(hints):
    for name, hint in hints.items():
        assert re.fullmatch(r"[A-Z][A-Z_]*", name)
        # The first word is a setting or has a capital, and the other words are in lower case.
        assert re.fullmatch(r"(?:[A-Z][a-z]*|[A-Z]{3,}(?:_[A-Z]+)*)\b.*\.", hint), hint
        words = set(re.findall(r"\b[A-Z]{2,}\b", hint))
        assert words <= {"AUDIENCE", "ALGORITHM", "ISSUER", "LEEWAY", "TOKENAUTH", "URL"}, hint
        assert not re.search(r"\. [a-z]", hint), hint
