"""Guessing passwords: how many guesses are checked, whoever guesses and however it is disguised.

The guesses that come to many processes at the same moment are in ``test_sign_in_workers``.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import time_machine
from django.contrib.auth import get_user_model
from django.db import connection
from django.db.models import CharField

from tests.support.client import PASSWORDS, logged
from tests.support.guessing import counted, guess, guess_from

START = "2030-01-01T12:00:00Z"
# What an index of names may take for the same: two joiners, a control character, a digit of
# another script.
SPELLINGS = ["bob1", "bo\u200cb1", "bob\u200d1", "\u0001bob1", "bob\u0661", "B\u200cO\u200cB\u0661"]


@pytest.fixture
def hashed(settings):
    return counted(settings)


@pytest.fixture
def bob(hashed, django_user_model):
    """Bob, with a password that is stored by the hasher that counts."""
    bob = django_user_model.objects.create_user("bob", password=PASSWORDS["bob"])
    hashed.clear()
    return bob


@contextmanager
def names_compared_loosely() -> Iterator[None]:
    """The table of users with a collation that many projects on MySQL and MariaDB have. Of the
    other databases none compares so."""
    if connection.vendor != "mysql":
        yield
        return
    model = get_user_model()
    usual = model._meta.get_field("username")
    loose = CharField(max_length=150, unique=True, db_collation="utf8mb4_unicode_ci")
    loose.set_attributes_from_name("username")
    loose.model = model
    with connection.schema_editor() as editor:
        editor.alter_field(model, usual, loose)
    try:
        yield
    finally:
        with connection.schema_editor() as editor:
            editor.alter_field(model, loose, usual)


@pytest.mark.attack(149)
@pytest.mark.django_db
class TestAThousandGuesses:
    """With the settings that are there by default: 20 an hour for a name and an address, 30 a
    minute for an address."""

    @pytest.fixture
    def clock(self):
        with time_machine.travel(START, tick=False) as clock:
            yield clock

    @pytest.mark.promise(14)
    @pytest.mark.standard("rfc6749-10.10-1", "rfc6749-4.3.2-3")
    def test_for_one_name_are_checked_twenty_times_an_hour(self, bob, hashed, clock):
        checked = []
        for _ in range(4):
            before = len(hashed)
            statuses = [guess("bob").status_code for _ in range(250)]
            checked.append(len(hashed) - before)
            assert (statuses.count(400), statuses.count(429)) == (20, 230)
            clock.shift(3600)
        assert checked == [20] * 4

    @pytest.mark.standard("rfc6749-4.3.2-3")
    def test_with_as_many_names_are_checked_thirty_times_a_minute(self, bob, hashed, clock):
        checked = []
        for minute in range(10):
            before = len(hashed)
            statuses = [guess(f"person {minute}-{each}").status_code for each in range(100)]
            checked.append(len(hashed) - before)
            assert (statuses.count(400), statuses.count(429)) == (30, 70)
            clock.shift(60)
        assert checked == [30] * 10

    def test_however_they_are_spread_no_window_has_more_than_its_share(self, bob, hashed, clock):
        clock.shift(1800)
        for _ in range(500):
            guess("bob")
            clock.shift(15)
        # 7,500 seconds from half past, which is in three hours by the clock.
        assert len(hashed) == 3 * 20

    def test_are_checked_no_more_often_because_a_right_one_is_among_them(self, bob, hashed, clock):
        statuses = []
        for number in range(50):
            right = number % 10 == 9
            statuses.append(guess("bob", PASSWORDS["bob"] if right else "a guess").status_code)
        # The right ones count for nothing, but do not take back what was counted.
        assert (statuses.count(400), statuses.count(200)) == (20, 2)
        assert len(hashed) == 22


@pytest.mark.attack(149, 151)
@pytest.mark.django_db
class TestBobIsNotLockedOut:
    @pytest.fixture(autouse=True)
    def _three(self, settings):
        settings.TOKENAUTH = {"SIGN_IN_RATE_USER": "3/day", "SIGN_IN_RATE_IP": None}
        # No day ends meanwhile.
        with time_machine.travel(START, tick=False):
            yield

    @pytest.mark.promise(19)
    def test_when_one_address_has_used_up_his_name(self, bob, hashed):
        statuses = [guess_from("198.51.100.9", "bob").status_code for _ in range(30)]
        assert statuses == [400] * 3 + [429] * 27
        assert guess_from("192.0.2.1", "bob", PASSWORDS["bob"]).status_code == 200

    def test_when_many_addresses_have_and_each_has_its_own_count(self, bob, hashed):
        """What is promised is a limit for each address. Who has more addresses has more guesses: a
        limit for the name alone would be a way to lock bob out."""
        for number in range(10):
            statuses = [guess_from(f"198.51.100.{number}", "bob").status_code for _ in range(5)]
            assert statuses == [400] * 3 + [429] * 2
        assert len(hashed) == 10 * 3
        assert guess_from("192.0.2.1", "bob", PASSWORDS["bob"]).status_code == 200

    def test_and_a_network_of_ipv6_has_one_count(self, bob, hashed):
        """Any client has as many addresses there as it likes."""
        statuses = [guess_from(f"2001:db8::{part:x}", "bob").status_code for part in range(1, 31)]
        assert statuses == [400] * 3 + [429] * 27
        assert guess_from("2001:db8:0:1::1", "bob", PASSWORDS["bob"]).status_code == 200


@pytest.mark.attack(148, 149)
@pytest.mark.django_db(transaction=True)
def test_a_name_that_the_database_takes_for_bobs_is_counted_as_bobs(settings, hashed):
    settings.TOKENAUTH = {"SIGN_IN_RATE_USER": "3/day"}
    people = get_user_model().objects
    with names_compared_loosely(), time_machine.travel(START, tick=False):
        people.create_user("bob1", password=PASSWORDS["bob"])
        found = [name for name in SPELLINGS if people.filter(username=name).exists()]
        assert len(found) == (len(SPELLINGS) if connection.vendor == "mysql" else 1)
        hashed.clear()
        statuses = [guess(name).status_code for name in found * 4]
    assert statuses == [400] * 3 + [429] * (len(statuses) - 3)
    assert len(hashed) == 3


@pytest.mark.attack(150)
@pytest.mark.redis
@pytest.mark.django_db
def test_a_cache_that_accepts_and_never_answers_costs_one_wait(bob, settings, caplog):
    """The client of the cache decides how long it is: here 50 ms."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        settings.CACHES = {
            **settings.CACHES,
            "silent": {
                "BACKEND": "django.core.cache.backends.redis.RedisCache",
                "LOCATION": f"redis://127.0.0.1:{silent.getsockname()[1]}",
                "OPTIONS": {"socket_timeout": 0.05},
            },
        }
        settings.TOKENAUTH = {"THROTTLE_CACHE": "silent"}
        for password, status in ((PASSWORDS["bob"], 200), ("a guess", 400)):
            caplog.clear()
            assert guess("bob", password).status_code == status
            [line] = logged(caplog, "ERROR")
            assert line == "the cache did not answer (TimeoutError): sign-ins are not throttled"
