"""The app in a project: signals of the user model and defaults of REST framework."""

from __future__ import annotations

import pytest

from tests.support.client import get, sign_in
from tests.support.scenarios.running import run_scenario


class TestSignals:
    @pytest.mark.django_db
    def test_save_of_a_new_password_ends_sessions(self, alice):
        token = sign_in()["access_token"]
        alice.set_password("another")
        alice.save()
        assert get("/who/", token).status_code == 401

    @pytest.mark.django_db
    def test_deletion_of_a_user_ends_sessions(self, alice):
        token = sign_in()["access_token"]
        alice.delete()
        assert get("/who/", token).status_code == 401


def test_classes_can_be_defaults_of_rest_framework():
    module = "tests.support.scenarios.default_classes"
    assert run_scenario(module, module) == [401, True]
