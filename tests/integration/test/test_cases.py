"""``TokenTestMixin`` in the test cases of Django and REST framework, run by unittest."""

from __future__ import annotations

import unittest

import pytest
from django.contrib.auth import get_user_model
from django.core.cache import cache
from django.test import AsyncClient, Client, SimpleTestCase, TestCase, TransactionTestCase
from rest_framework.test import APIClient, APISimpleTestCase, APITestCase

from django_tokenauth import services
from django_tokenauth.http.counters import Counters
from django_tokenauth.test import (
    AsyncTokenClient,
    DjangoTokenClient,
    SignInMixin,
    TokenClient,
    TokenTestMixin,
)

pytestmark = pytest.mark.django_db(transaction=True)

CREDENTIALS = {"username": "alice", "password": "correct horse"}


def run(case):
    """Run the test case by unittest. Return its result."""
    result = unittest.TestResult()
    unittest.defaultTestLoader.loadTestsFromTestCase(case).run(result)
    return result


def passes(case):
    result = run(case)
    problems = [text for _, text in (*result.failures, *result.errors)]
    return result.testsRun > 0 and problems == []


def wrong_passwords(client):
    for _ in range(3):
        client.post("/auth/token/", {**CREDENTIALS, "password": "wrong"})


def throttle_case(*bases):
    """Return a test case of ten tests with three wrong passwords, and one with a correct one."""

    def set_up(self):
        # Without super().setUp(), as projects write it.
        get_user_model().objects.create_user(**CREDENTIALS)

    def wrong(self):
        wrong_passwords(self.client)

    def correct(self):
        assert self.client.post("/auth/token/", CREDENTIALS).status_code == 200

    tests = {f"test_{number}": wrong for number in range(10)}
    return type("Tests", bases, {"setUp": set_up, "test_last": correct, **tests})


class TestThrottles:
    @pytest.mark.parametrize("base", [APITestCase, TestCase, TransactionTestCase])
    def test_tests_of_the_mixin_do_not_throttle_each_other(self, base):
        assert passes(throttle_case(TokenTestMixin, base))

    def test_tests_without_the_mixin_throttle_each_other(self):
        assert not passes(throttle_case(APITestCase))

    def test_entries_of_the_projects_cache_stay(self):
        cache.set("key_of_the_project", 1)
        assert passes(throttle_case(TokenTestMixin, APITestCase))
        assert cache.get("key_of_the_project") == 1

    def test_debugged_test_has_counters_of_its_own(self):
        namespaces = []

        class Tests(TokenTestMixin, SimpleTestCase):
            def test_x(self):
                namespaces.append(Counters.namespace)

        Tests("test_x").debug()
        Tests("test_x").debug()
        assert len({"", Counters.namespace, *namespaces}) == 3


class TestClients:
    @pytest.mark.parametrize(
        ("base", "client_class"),
        [
            (APISimpleTestCase, TokenClient),
            (APITestCase, TokenClient),
            (TestCase, DjangoTokenClient),
            (SimpleTestCase, DjangoTokenClient),
        ],
    )
    def test_client_is_that_of_the_test_case_with_sign_in(self, base, client_class):
        case = type("Tests", (TokenTestMixin, base), {})
        assert (case.client_class, case.async_client_class) == (client_class, AsyncTokenClient)
        assert type("More", (case,), {}).client_class is client_class

    @pytest.mark.parametrize("base", [APIClient, Client, AsyncClient])
    def test_own_client_of_the_project_can_sign_in(self, base):
        own = type("OwnClient", (base,), {"own": 1})
        case = type("Tests", (TokenTestMixin, TestCase), {"client_class": own})
        assert issubclass(case.client_class, own)
        assert issubclass(case.client_class, SignInMixin)
        assert case.client_class.__name__ == "TokenOwnClient"

    @pytest.mark.parametrize("own", [TokenClient, type("OtherClient", (), {})])
    def test_client_that_cannot_be_extended_is_kept(self, own):
        case = type("Tests", (TokenTestMixin, TestCase), {"client_class": own})
        assert case.client_class is own

    def test_test_case_signs_its_client_in(self):
        class Tests(TokenTestMixin, APITestCase):
            def test_sign_in(self):
                user = get_user_model().objects.create_user(**CREDENTIALS)
                pair = self.sign_in(user, device_name="laptop")
                assert pair.session.device_name == "laptop"
                assert self.client.get("/who/").json()["user"] == "alice"

            def test_next_test_is_not_signed_in(self):
                assert self.client.get("/who/").status_code == 401

            async def test_asynchronous_client(self):
                user = await get_user_model().objects.acreate_user(**CREDENTIALS)
                await self.async_client.asign_in(user)
                assert (await self.async_client.get("/who/")).status_code == 200

        assert passes(Tests)

    def test_revocation_of_an_earlier_test_is_read_again(self):
        """The snapshot of the first test would be valid for ten seconds."""

        class Tests(TokenTestMixin, APITestCase):
            def check(self):
                user = get_user_model().objects.create_user(**CREDENTIALS)
                pair = self.client.sign_in(user)
                services.sign_out(user, pair.session.pk)
                assert self.client.get("/who/stateless/").status_code == 401

            test_1 = test_2 = check

        assert passes(Tests)
