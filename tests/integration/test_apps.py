"""The app in a project: saved users, and the defaults of REST framework."""

from __future__ import annotations

import pytest

from tests.support.client import get, sign_in
from tests.support.scenarios.running import outcome_of


class TestSignals:
    @pytest.mark.django_db
    def test_a_saved_user_ends_sessions(self, alice):
        token = sign_in()["access_token"]
        alice.set_password("another")
        alice.save()
        assert get("/who/", token).status_code == 401

    @pytest.mark.django_db
    def test_a_deleted_user_ends_sessions(self, alice):
        token = sign_in()["access_token"]
        alice.delete()
        assert get("/who/", token).status_code == 401


def test_a_project_may_name_our_classes_in_the_defaults_of_rest_framework():
    module = "tests.support.scenarios.ours_by_default"
    assert outcome_of(module, module) == [401, True]
