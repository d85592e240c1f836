"""Registered check functions: reads of the settings, and invalid settings."""

from __future__ import annotations

import pytest
from django.core.checks import run_checks

from django_tokenauth import checks
from tests.support.system_checks import configure_clean_project


class CountedSettings(dict):
    """A ``TOKENAUTH`` dict that counts its iterations."""

    reads = 0

    def __iter__(self):
        self.reads += 1
        return super().__iter__()


@pytest.fixture(autouse=True)
def _clean_project(settings):
    configure_clean_project(settings)


def test_all_checks_together_read_the_settings_once(settings):
    settings.TOKENAUTH = counted = CountedSettings(ISSUER="https://auth.example.com")
    run_checks(tags=["security"], include_deployment_checks=True)
    assert checks.check_installation() == []
    assert checks.check_database(databases=[]) == []
    assert counted.reads == 1


def test_invalid_settings_are_reported_by_check_settings_only(settings):
    settings.TOKENAUTH = {"ISUER": "x"}
    assert [message.id for message in checks.check_settings()] == ["tokenauth.E008"]
    assert checks.check_installation() == []
    assert checks.check_database(databases=["default"]) == []
    assert checks.check_deployment() == []
