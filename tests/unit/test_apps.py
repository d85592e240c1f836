"""The app configuration: names, checks and signal receivers."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest
from django.apps import apps
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.core.checks.registry import registry
from django.db.models.signals import post_save, pre_save

from django_tokenauth import checks

CONFIG = apps.get_app_config("django_tokenauth")


def test_app_config_has_label_and_verbose_name():
    assert (CONFIG.label, CONFIG.name) == ("django_tokenauth", "django_tokenauth")
    assert str(CONFIG.verbose_name) == "Token authentication"


def test_app_config_sets_default_auto_field():
    assert CONFIG.default_auto_field == "django.db.models.BigAutoField"


def package_checks(registered):
    return {check for check in registered if check.__module__.startswith(f"{CONFIG.name}.")}


class TestChecks:
    def test_checks_are_registered_once_after_repeated_ready(self):
        before = len(registry.registered_checks), len(registry.deployment_checks)
        CONFIG.ready()
        assert (len(registry.registered_checks), len(registry.deployment_checks)) == before
        assert package_checks(registry.registered_checks) == {
            checks.check_settings,
            checks.check_installation,
            checks.check_routes,
            checks.check_database,
        }
        assert package_checks(registry.deployment_checks) == {checks.check_deployment}

    @pytest.mark.parametrize(
        ("check", "tags"),
        [
            (checks.check_settings, ("security",)),
            (checks.check_installation, ()),
            (checks.check_routes, ("urls",)),
            (checks.check_database, ("database",)),
            (checks.check_deployment, ("security",)),
        ],
    )
    def test_check_is_registered_with_its_tag(self, check, tags):
        assert check.tags == tags


class TestSignals:
    @pytest.mark.parametrize("signal", [pre_save, post_save])
    def test_signal_receivers_listen_to_the_user_model_only(self, signal):
        assert listeners(signal, get_user_model()) == 1
        assert listeners(signal, Group) == 0

    @pytest.mark.parametrize("signal", [pre_save, post_save])
    def test_signal_receivers_are_connected_once(self, signal):
        CONFIG.ready()
        assert listeners(signal, get_user_model()) == 1


def listeners(signal, model):
    receivers, asynchronous = signal._live_receivers(model)
    assert not asynchronous
    return sum(
        receiver.__module__ == "django_tokenauth.sessions.receivers" for receiver in receivers
    )


def test_package_can_be_imported_without_settings():
    """Build tools and editors import the package without settings."""
    command = "import django_tokenauth; print(django_tokenauth.__version__)"
    process = subprocess.run(  # noqa: S603
        [sys.executable, "-W", "error", "-c", command],
        check=True,
        capture_output=True,
        text=True,
        env={"PYTHONPATH": ":".join(sys.path)},
    )
    assert re.fullmatch(r"\d+\.\d+\.\d+((a|b|rc)\d+)?\n", process.stdout)
    assert process.stderr == ""
