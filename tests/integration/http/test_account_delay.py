"""The delay of an account after failures at many addresses: it slows, and locks out nobody."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
import time_machine
from django.contrib.auth import get_user_model
from django.contrib.auth.signals import user_login_failed
from django.core.cache import caches
from django.core.cache.backends.locmem import LocMemCache
from django.db import connection
from django.test.utils import CaptureQueriesContext

from django_tokenauth.http.account_delay import FREE_FAILURES
from django_tokenauth.models import Session
from tests.support.client import PASSWORDS, log_messages
from tests.support.clock import NOW
from tests.support.guessing import count_hash_rounds, guess_from

HOME, OFFICE, HOTEL = "192.0.2.1", "2001:db8:1:1::7", "192.0.2.99"
LONGEST, DAY = 60, 86400

pytestmark = [pytest.mark.django_db, pytest.mark.attack(149, 151)]


class BrokenReservations(LocMemCache):
    """A cache of which one operation on the reserved attempts fails."""

    broken = ""

    def _fail(self, name, key):
        if name == self.broken and ".reserved." in key:
            raise ConnectionError

    def get(self, key, *arguments, **options):
        self._fail("get", key)
        return super().get(key, *arguments, **options)

    def add(self, key, *arguments, **options):
        self._fail("add", key)
        return super().add(key, *arguments, **options)

    def delete(self, key, *arguments, **options):
        self._fail("delete", key)
        return super().delete(key, *arguments, **options)


@pytest.fixture
def hashed(settings):
    return count_hash_rounds(settings)


@pytest.fixture
def clock(hashed, alice, bob, settings):
    settings.TOKENAUTH = {"SIGN_IN_DELAY_USER": timedelta(seconds=LONGEST)}
    # By default this cache drops counters once it has 300 of them.
    settings.CACHES = {
        "default": {
            "BACKEND": "django.core.cache.backends.locmem.LocMemCache",
            "LOCATION": "account delay",
            "OPTIONS": {"MAX_ENTRIES": 100_000},
        }
    }
    caches["default"].clear()
    hashed.clear()
    with time_machine.travel(NOW, tick=False) as clock:
        yield clock


def attackers(number, start=0):
    """Return addresses, each of another network."""
    return [f"198.51.{each // 250}.{each % 250 + 1}" for each in range(start, start + number)]


def attack(number=FREE_FAILURES + 12, name="alice"):
    """Guess once from each of so many addresses, and return the statuses."""
    return [guess_from(address, name).status_code for address in attackers(number)]


def attack_up_to_longest_delay(clock):
    """Guess until the delay has its greatest length."""
    for _ in range(2):
        attack()
        clock.shift(2)
    attack()


def sign_in(address, name="alice"):
    return guess_from(address, name, PASSWORDS[name])


def wait_of(response):
    return int(response.headers["Retry-After"]) if response.status_code == 429 else None


class TestDelay:
    def test_sign_in_delay_doubles_per_failure_up_to_its_maximum(self, clock):
        assert attack(FREE_FAILURES) == [400] * FREE_FAILURES
        waits = []
        for address in attackers(8, start=100):
            waits.append(wait_of(guess_from(address, "alice")))
            clock.shift(waits[-1] or 0)
            assert waits[-1] is None or guess_from(address, "alice").status_code == 400
        assert waits == [None, 2, 4, 8, 16, 32, LONGEST, LONGEST]

    def test_delayed_sign_in_checks_no_password(self, clock, hashed):
        attack(FREE_FAILURES + 1)
        checked = len(hashed)
        responses = [guess_from(HOTEL, "alice"), sign_in(HOTEL)]
        assert [wait_of(each) for each in responses] == [2, 2]
        # A correct password gets the same response.
        assert responses[0].content == responses[1].content
        assert len(hashed) == checked

    def test_shorter_sign_in_delay_setting_applies_to_current_delays(self, clock, settings):
        attack_up_to_longest_delay(clock)
        assert wait_of(sign_in(HOTEL)) == LONGEST
        settings.TOKENAUTH = {"SIGN_IN_DELAY_USER": timedelta(seconds=5)}
        assert wait_of(sign_in(HOTEL)) == 5
        clock.shift(5)
        assert sign_in(HOTEL).status_code == 200

    def test_delayed_sign_in_does_not_extend_the_delay(self, clock):
        attack(FREE_FAILURES + 1)
        guess_from(HOTEL, "alice")
        clock.shift(1)
        assert [wait_of(sign_in(HOTEL)) for _ in range(20)] == [1] * 20
        clock.shift(1)
        assert sign_in(HOTEL).status_code == 200

    def test_successful_sign_in_resets_the_sign_in_delay(self, clock):
        attack(FREE_FAILURES + 1)
        assert wait_of(sign_in(HOTEL)) == 2
        clock.shift(2)
        assert sign_in(HOTEL).status_code == 200
        assert guess_from(OFFICE, "alice").status_code == 400

    def test_sign_in_with_similar_username_does_not_reset_the_delay(self, clock):
        """An attacker may own an account whose username has the same letters and digits."""
        get_user_model().objects.create_user("al.ice", password="its own")
        for address in attackers(FREE_FAILURES):
            guess_from(address, "alice")
            assert guess_from(OFFICE, "al.ice", "its own").status_code == 200
        for address in (HOTEL, OFFICE):
            assert guess_from(address, "al.ice").status_code == 400
        assert wait_of(sign_in(HOTEL)) == 4
        # Its own failures are taken back.
        assert guess_from(OFFICE, "al.ice", "its own").status_code == 200
        assert sign_in(HOME).status_code == 200

    def test_sign_in_after_lost_delay_counter_adds_no_free_failures(self, clock):
        attack(5)
        [key] = [key for key in caches["default"]._cache if re.search(r"\.account\.\w+$", key)]
        caches["default"].delete(key.split(":", 2)[2])
        assert sign_in(HOME).status_code == 200
        attack(FREE_FAILURES + 1)
        assert wait_of(sign_in(HOTEL)) == 2

    def test_sign_in_delay_expires_a_day_after_the_last_failure(self, clock, settings):
        attack(FREE_FAILURES + 1)
        clock.shift(DAY)
        assert guess_from(HOTEL, "alice").status_code == 400

    def test_sign_in_delay_applies_to_unknown_usernames(self, clock):
        """Another response would reveal which usernames exist."""
        assert attack(name="nobody") == attack()

    def test_sign_in_delay_of_one_user_does_not_delay_other_users(self, clock):
        attack()
        assert sign_in(HOTEL, "bob").status_code == 200

    def test_spellings_of_a_username_share_one_sign_in_delay(self, clock):
        attack(FREE_FAILURES + 1)
        assert [wait_of(guess_from(HOTEL, name)) for name in ("ALICE", "a.lice")] == [2, 2]

    def test_delayed_sign_in_is_logged_and_not_counted_as_failure(self, clock, settings, caplog):
        settings.TOKENAUTH = {**settings.TOKENAUTH, "SIGN_IN_RATE_USER": "1/day"}
        attack(FREE_FAILURES + 1)
        assert [wait_of(guess_from(HOTEL, "alice")) for _ in range(5)] == [2] * 5
        assert log_messages(caplog, "WARNING") == ["sign-in delayed"] * 5
        clock.shift(2)
        assert sign_in(HOTEL).status_code == 200

    def test_sign_in_delay_counts_a_failure_if_a_receiver_raises(self, clock):
        def fail(**keywords):
            raise LookupError("of the project")

        user_login_failed.connect(fail)
        try:
            for address in attackers(FREE_FAILURES + 1):
                with pytest.raises(LookupError):
                    guess_from(address, "alice")
        finally:
            user_login_failed.disconnect(fail)
        assert wait_of(guess_from(HOTEL, "alice")) == 2

    def test_sign_in_delay_ignores_passwords_too_long_for_bcrypt(self, clock, settings):
        settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.BCryptPasswordHasher"]
        for address in attackers(FREE_FAILURES + 5):
            assert guess_from(address, "alice", "x" * 73).status_code == 400
        assert guess_from(HOTEL, "nobody").status_code == 400
        assert wait_of(guess_from(HOTEL, "alice", "x" * 73)) is None


@pytest.mark.promise(19)
class TestLockout:
    """An attacker guesses without a break, from as many networks as it likes, to lock alice out."""

    def test_delayed_user_signs_in_from_a_known_network_at_once(self, clock):
        for address in (HOME, OFFICE):
            assert sign_in(address).status_code == 200
        attack_up_to_longest_delay(clock)
        # Another address of the same IPv6 network.
        for address in (HOME, "2001:db8:1:1:ffff::1"):
            assert sign_in(address).status_code == 200
            attack()

    def test_delayed_user_signs_in_from_new_network_after_one_delay(self, clock):
        attack_up_to_longest_delay(clock)
        wait = wait_of(sign_in(HOTEL))
        assert wait == LONGEST
        for _ in range(wait // 5):
            attack(30)
            clock.shift(5)
        assert sign_in(HOTEL).status_code == 200

    def test_reserved_sign_in_attempt_survives_guesses_of_attackers(self, clock):
        attack_up_to_longest_delay(clock)
        clock.shift(wait_of(sign_in(HOTEL)))
        attack(60)
        # The user may take some time.
        clock.shift(1800)
        attack(60)
        assert sign_in(HOTEL).status_code == 200

    def test_sign_in_delay_exempts_networks_of_revoked_sessions(self, clock):
        assert sign_in(HOME).status_code == 200
        Session.objects.update(revoked_at=NOW, idle_expires_at=NOW)
        attack_up_to_longest_delay(clock)
        assert sign_in(HOME).status_code == 200

    def test_sign_in_delay_does_not_exempt_networks_of_other_users(self, clock):
        assert sign_in(HOME, "bob").status_code == 200
        attack_up_to_longest_delay(clock)
        assert wait_of(sign_in(HOME)) == LONGEST

    def test_sign_in_delay_limits_each_network_to_one_guess_a_minute(self, clock, hashed, settings):
        no_rates = {"SIGN_IN_RATE_USER": None, "SIGN_IN_RATE_IP": None}
        settings.TOKENAUTH = {**settings.TOKENAUTH, **no_rates}
        networks, seconds = attackers(10), 1200
        for _ in range(seconds // 30):
            for address in networks:
                guess_from(address, "alice")
            clock.shift(30)
        # Each network reserves one attempt per longest delay, and uses it within 30 s.
        reserved = len(networks) * seconds // LONGEST
        assert reserved / 2 < len(hashed) <= FREE_FAILURES + 1 + reserved


class TestCost:
    def test_sign_in_delay_turned_off_stores_nothing_in_the_cache(self, alice, settings, hashed):
        settings.TOKENAUTH = {"SIGN_IN_RATE_USER": None, "SIGN_IN_RATE_IP": None}
        assert attack() == [400] * (FREE_FAILURES + 12)
        assert caches["default"]._cache == {}

    def test_session_addresses_are_queried_only_during_sign_in_delay(self, clock):
        assert sign_in(HOME).status_code == 200
        for attacked in (False, True):
            if attacked:
                attack()
            with CaptureQueriesContext(connection) as statements:
                assert guess_from(HOME, "alice").status_code == 400
            table = Session._meta.db_table
            assert [table in each["sql"] for each in statements].count(True) == attacked

    def test_sign_in_delay_in_stateless_mode_reads_no_sessions(self, clock, settings):
        """The table of sessions may be missing."""
        settings.TOKENAUTH = {**settings.TOKENAUTH, "STATELESS_REFRESH": True}
        attack(FREE_FAILURES + 1)
        with CaptureQueriesContext(connection) as statements:
            assert wait_of(sign_in(HOTEL)) == 2
        assert Session._meta.db_table not in str(statements.captured_queries)

    @pytest.mark.parametrize(("broken", "refused"), [("get", 0), ("add", 0), ("delete", 1)])
    def test_sign_in_delay_with_a_failed_cache_locks_no_user_out(
        self, clock, settings, monkeypatch, broken, refused
    ):
        settings.CACHES = {"default": {"BACKEND": f"{__name__}.BrokenReservations"}}
        caches["default"].clear()
        attack(FREE_FAILURES + 1)
        monkeypatch.setattr(BrokenReservations, "broken", broken)
        statuses = []
        for _ in range(refused + 1):
            statuses.append(sign_in(HOTEL).status_code)
            clock.shift(LONGEST)
        assert statuses == [429] * refused + [200]

    def test_sign_in_whose_reserved_attempt_is_taken_returns_429(
        self, clock, monkeypatch, settings
    ):
        settings.CACHES = {"default": {"BACKEND": f"{__name__}.BrokenReservations"}}
        caches["default"].clear()
        attack(FREE_FAILURES + 1)
        assert wait_of(guess_from(HOTEL, "alice")) == 2
        clock.shift(2)
        # Another client uses the reserved attempt between the two calls of the cache.
        monkeypatch.setattr(BrokenReservations, "delete", lambda self, key: False)
        assert sign_in(HOTEL).status_code == 429
