"""Password guessing: the number of guesses that are checked, however they are disguised.

``test_sign_in_workers`` sends concurrent guesses to many processes.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import time_machine
from django.contrib.auth import get_user_model
from django.db import connection
from django.db.models import CharField

from tests.support.client import PASSWORDS, log_messages
from tests.support.guessing import count_hash_rounds, guess, guess_from

START = "2030-01-01T12:00:00Z"
# Spellings that a database index may treat as equal: joiners, a control character, another digit.
SPELLINGS = ["bob1", "bo\u200cb1", "bob\u200d1", "\u0001bob1", "bob\u0661", "B\u200cO\u200cB\u0661"]
# ICU collations can ignore case, punctuation and leading zeros too.
ICU_SPELLINGS = [
    "BOB1",
    "b-ob1",
    "b.o.b.1",
    "bob 1",
    " bob1",
    "bob-1",
    "_bob1",
    "bob01",
    "B'o'B001",
]
ICU = "und-u-ka-shifted-kn-ks-level1"


@pytest.fixture
def hashed(settings):
    return count_hash_rounds(settings)


@pytest.fixture
def bob(hashed, django_user_model):
    """Create bob, whose password is stored by the counting hasher."""
    bob = django_user_model.objects.create_user("bob", password=PASSWORDS["bob"])
    hashed.clear()
    return bob


@contextmanager
def loose_username_collation() -> Iterator[None]:
    """Set a loose collation for usernames, except on SQLite, which has none."""
    if connection.vendor == "sqlite":
        yield
        return
    model = get_user_model()
    original: Any = model._meta.get_field("username")
    collation = {"mysql": "utf8mb4_unicode_ci", "postgresql": "tokenauth_loose"}[connection.vendor]
    restore = []
    if connection.vendor == "postgresql":
        restore = _prepare_icu_collation(collation, model._meta.db_table)
    loose = CharField(max_length=150, unique=True, db_collation=collation)
    loose.set_attributes_from_name("username")
    loose.model = model
    with connection.schema_editor() as editor:
        editor.alter_field(model, original, loose)
    original.db_collation = collation
    try:
        yield
    finally:
        original.db_collation = None
        with connection.schema_editor() as editor:
            editor.alter_field(model, loose, original)
            for statement in restore:
                editor.execute(statement)


def _prepare_icu_collation(name: str, table: str) -> list[str]:
    """Create a collation, drop the indexes that permit none, and return how to restore them."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"CREATE COLLATION IF NOT EXISTS {name}"
            f" (provider = icu, locale = '{ICU}', deterministic = false)"
        )
        cursor.execute(
            "SELECT indexname, indexdef FROM pg_indexes"
            " WHERE tablename = %s AND indexdef LIKE '%%pattern_ops%%'",
            [table],
        )
        indexes = cursor.fetchall()
        for index, _ in indexes:
            cursor.execute(f"DROP INDEX {connection.ops.quote_name(index)}")
    return [definition for _, definition in indexes]


@pytest.mark.attack(149)
@pytest.mark.django_db
class TestPasswordGuessing:
    """The default limits: 20 per hour for a user and IP, 30 per minute for an IP."""

    @pytest.fixture
    def clock(self):
        with time_machine.travel(START, tick=False) as clock:
            yield clock

    @pytest.mark.promise(14)
    @pytest.mark.standard("rfc6749-10.10-1", "rfc6749-4.3.2-3")
    def test_guesses_for_one_user_are_limited_to_20_per_hour(self, bob, hashed, clock):
        checked = []
        for _ in range(4):
            before = len(hashed)
            statuses = [guess("bob").status_code for _ in range(40)]
            checked.append(len(hashed) - before)
            assert (statuses.count(400), statuses.count(429)) == (20, 20)
            clock.shift(3600)
        assert checked == [20] * 4

    @pytest.mark.standard("rfc6749-4.3.2-3")
    def test_guesses_for_many_users_are_limited_to_30_per_minute(self, bob, hashed, clock):
        checked = []
        for minute in range(4):
            before = len(hashed)
            statuses = [guess(f"user {minute}-{each}").status_code for each in range(50)]
            checked.append(len(hashed) - before)
            assert (statuses.count(400), statuses.count(429)) == (30, 20)
            clock.shift(60)
        assert checked == [30] * 4

    def test_guesses_spread_over_time_are_limited_per_window(self, bob, hashed, clock):
        clock.shift(1800)
        for _ in range(100):
            guess("bob")
            clock.shift(75)
        # The 7,500 seconds start at half past, so they touch three hourly windows.
        assert len(hashed) == 3 * 20

    def test_successful_sign_ins_do_not_raise_guess_limit(self, bob, hashed, clock):
        statuses = []
        for number in range(50):
            is_correct = number % 10 == 9
            statuses.append(guess("bob", PASSWORDS["bob"] if is_correct else "a guess").status_code)
        # A success does not count, and does not reset the counter.
        assert (statuses.count(400), statuses.count(200)) == (20, 2)
        assert len(hashed) == 22


@pytest.mark.attack(149, 151)
@pytest.mark.django_db
class TestAccountLockout:
    @pytest.fixture(autouse=True)
    def _limit_of_3_per_day(self, settings):
        settings.TOKENAUTH = {"SIGN_IN_RATE_USER": "3/day", "SIGN_IN_RATE_IP": None}
        # The fixed clock keeps all attempts in one day.
        with time_machine.travel(START, tick=False):
            yield

    @pytest.mark.promise(19)
    def test_guesses_from_one_address_do_not_lock_user_out(self, bob, hashed):
        statuses = [guess_from("198.51.100.9", "bob").status_code for _ in range(30)]
        assert statuses == [400] * 3 + [429] * 27
        assert guess_from("192.0.2.1", "bob", PASSWORDS["bob"]).status_code == 200

    def test_guesses_from_many_addresses_do_not_lock_user_out(self, bob, hashed):
        """Each address has its own limit. A limit per username would let attackers lock bob out."""
        for number in range(10):
            statuses = [guess_from(f"198.51.100.{number}", "bob").status_code for _ in range(5)]
            assert statuses == [400] * 3 + [429] * 2
        assert len(hashed) == 10 * 3
        assert guess_from("192.0.2.1", "bob", PASSWORDS["bob"]).status_code == 200

    def test_guesses_from_one_ipv6_network_share_a_limit(self, bob, hashed):
        """An IPv6 client can use any address of its network."""
        statuses = [guess_from(f"2001:db8::{part:x}", "bob").status_code for part in range(1, 31)]
        assert statuses == [400] * 3 + [429] * 27
        assert guess_from("2001:db8:0:1::1", "bob", PASSWORDS["bob"]).status_code == 200


@pytest.mark.attack(148, 149)
@pytest.mark.django_db(transaction=True)
def test_spellings_of_one_username_share_one_guess_limit(settings, hashed):
    settings.TOKENAUTH = {"SIGN_IN_RATE_USER": "3/day"}
    users = get_user_model().objects
    with loose_username_collation(), time_machine.travel(START, tick=False):
        users.create_user("bob1", password=PASSWORDS["bob"])
        spellings = [*SPELLINGS, *ICU_SPELLINGS]
        equal = [name for name in spellings if users.filter(username=name).exists()]
        # MySQL and MariaDB ignore case too, and PostgreSQL with ICU all of it.
        number = {"sqlite": 1, "mysql": len(SPELLINGS) + 1, "postgresql": len(spellings)}
        assert len(equal) == number[connection.vendor]
        hashed.clear()
        statuses = [guess(name).status_code for name in equal * 4]
    assert statuses == [400] * 3 + [429] * (len(statuses) - 3)
    assert len(hashed) == 3


@pytest.mark.attack(150)
@pytest.mark.redis
@pytest.mark.django_db
def test_unresponsive_cache_times_out_once_per_sign_in(bob, settings, caplog):
    """The timeout is that of the cache client, 50 ms in this test."""
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
            [line] = log_messages(caplog, "ERROR")
            assert line == "cache error (TimeoutError): sign-ins are not throttled"
