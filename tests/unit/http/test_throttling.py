"""Failed sign-ins, counted by address and by (user name, address)."""

from __future__ import annotations

import pytest
from django.http import HttpRequest

from django_tokenauth.conf.settings import load
from django_tokenauth.errors import TooManyRequests
from django_tokenauth.http.throttling import SignInThrottle, client_address, valid_ip
from tests.support.sign_in_attempts import HERE, HOUR, MINUTE, START, THERE, attempt


@pytest.fixture
def by_user(settings):
    settings.TOKENAUTH = {"SIGN_IN_RATE_USER": "3/hour", "SIGN_IN_RATE_IP": None}


@pytest.fixture
def by_address(settings):
    settings.TOKENAUTH = {"SIGN_IN_RATE_USER": None, "SIGN_IN_RATE_IP": "3/min"}


class TestByUser:
    def test_failures_are_counted(self, by_user):
        assert [attempt() for _ in range(5)] == [None, None, None, HOUR, HOUR]

    def test_a_success_is_not(self, by_user):
        assert [attempt(good=True) for _ in range(9)] == [None] * 9
        assert [attempt() for _ in range(4)] == [None, None, None, HOUR]

    def test_a_success_forgives_no_failure(self, by_user):
        results = [attempt(), attempt(), attempt(good=True), attempt(), attempt(good=True)]
        assert results == [None, None, None, None, HOUR]

    def test_an_attempt_under_way_has_its_place(self, by_user):
        first, *others = [
            SignInThrottle(load(), address=HERE, username="alice", now=START) for _ in range(4)
        ]
        first.acquire()
        for throttle in others[:2]:
            throttle.acquire()
        with pytest.raises(TooManyRequests):
            others[2].acquire()
        first.release()
        others[2].acquire()

    @pytest.mark.attack(151)
    def test_another_user_and_another_address_are_not_locked_out(self, by_user):
        for _ in range(4):
            attempt()
        assert attempt() == HOUR
        assert attempt("bob") is None
        assert attempt(address=THERE) is None

    @pytest.mark.parametrize("name", ["Alice", "ALICE", "\uff41lice", "a\uff2cice", "alIce"])
    def test_names_that_may_be_the_same_user_share_a_count(self, by_user, name):
        for _ in range(3):
            attempt()
        assert attempt(name) == HOUR

    @pytest.mark.parametrize(
        "name",
        [
            "alice ",
            "\N{LATIN SMALL LETTER A WITH ACUTE}lice",
            "a\N{COMBINING ACUTE ACCENT}lice",
            "al\N{ZERO WIDTH JOINER}ice",
            "\N{SOFT HYPHEN}alice",
            "alice\x01",
        ],
    )
    def test_so_do_names_that_mariadb_takes_for_the_same(self, by_user, name):
        """Its collations ignore accents, what cannot be seen, and the blanks at the end."""
        for _ in range(3):
            attempt()
        assert attempt(name) == HOUR

    def test_so_do_names_with_the_digits_of_another_script(self, by_user):
        for _ in range(3):
            attempt("alice42")
        assert attempt("alice\N{ARABIC-INDIC DIGIT FOUR}\N{DEVANAGARI DIGIT TWO}") == HOUR

    def test_so_do_names_with_letters_that_are_one_in_latin_or_lithuanian(self, by_user):
        for _ in range(3):
            attempt("july_ivan")
        assert attempt("IVLI_JUAN") == HOUR

    @pytest.mark.parametrize("name", ["strasse", "STRASSE", "stra\xdfe", "STRA\u1e9eE"])
    def test_case_is_that_of_unicode(self, by_user, name):
        for _ in range(3):
            attempt("Stra\xdfe")
        assert attempt(name) == HOUR

    @pytest.mark.parametrize("name", ["", "x" * 254, "\ud800", "a\x1fb", "\N{GRINNING FACE}"])
    def test_any_name_can_be_counted(self, by_user, name):
        assert [attempt(name) for _ in range(4)] == [None, None, None, HOUR]


class TestByAddress:
    def test_failures_are_counted_whoever_is_tried(self, by_address):
        names = ["alice", "bob", "nobody", "somebody"]
        assert [attempt(name) for name in names] == [None, None, None, MINUTE]

    def test_another_address_has_its_own_count(self, by_address):
        for _ in range(4):
            attempt()
        assert attempt(address=THERE) is None

    @pytest.mark.attack(149)
    @pytest.mark.parametrize(
        ("one", "other"),
        [
            ("2001:db8::1", "2001:db8::2"),
            ("2001:db8::1", "2001:db8:0:0:ffff:ffff:ffff:ffff"),
            ("2001:DB8::1", "2001:db8:0::1"),
            ("192.0.2.1", "::ffff:192.0.2.1"),
            ("::ffff:192.0.2.1", "::ffff:c000:201"),
            ("fe80::1%eth0", "fe80::2%eth0"),
            ("unix:", "unix:"),
            ("", ""),
        ],
    )
    def test_addresses_of_one_client_share_a_count(self, by_address, one, other):
        for _ in range(3):
            attempt(address=one)
        assert attempt(address=other) == MINUTE

    @pytest.mark.parametrize(
        ("one", "other"),
        [
            ("2001:db8::1", "2001:db8:0:1::1"),
            ("::ffff:192.0.2.1", "::ffff:192.0.2.2"),
            ("192.0.2.1", "::192.0.2.1"),
            ("192.0.2.1", ""),
        ],
    )
    def test_addresses_of_two_do_not(self, by_address, one, other):
        for _ in range(4):
            attempt(address=one)
        assert attempt(address=other) is None


class TestBoth:
    def test_either_limit_refuses(self, settings):
        settings.TOKENAUTH = {"SIGN_IN_RATE_USER": "2/hour", "SIGN_IN_RATE_IP": "4/min"}
        assert [attempt("alice") for _ in range(3)] == [None, None, HOUR]
        assert [attempt("bob") for _ in range(3)] == [None, None, MINUTE]

    def test_what_one_limit_refuses_does_not_count_for_the_other(self, settings):
        settings.TOKENAUTH = {"SIGN_IN_RATE_USER": "1/hour", "SIGN_IN_RATE_IP": "2/min"}
        assert [attempt("alice") for _ in range(9)] == [None, *[HOUR] * 8]
        assert attempt("bob") is None
        assert attempt("nobody") == MINUTE

    def test_none_switches_both_off(self, settings):
        settings.TOKENAUTH = {"SIGN_IN_RATE_USER": None, "SIGN_IN_RATE_IP": None}
        assert [attempt() for _ in range(99)] == [None] * 99


class TestWindow:
    @pytest.mark.parametrize(
        ("seconds", "wait"), [(0, 3600), (0.5, 3600), (1, 3599), (3599, 1), (3599.9, 1)]
    )
    def test_the_wait_is_what_is_left_of_it(self, by_user, seconds, wait):
        for _ in range(3):
            attempt()
        assert attempt(at=START + seconds) == wait

    def test_it_moves_on(self, by_user):
        for _ in range(4):
            attempt(at=START + 10)
        assert attempt(at=START + 3599) == 1
        assert [attempt(at=START + 3600) for _ in range(4)] == [None, None, None, HOUR]

    def test_a_place_is_given_back_to_the_window_it_was_taken_in(self, by_user):
        late = SignInThrottle(load(), address=HERE, username="alice", now=START + 3599)
        late.acquire()
        assert [attempt(at=START + 3600) for _ in range(3)] == [None, None, None]
        late.release()
        assert attempt(at=START + 3600) == HOUR

    def test_error_during_an_attempt_does_not_count(self, by_user):
        for error in (RuntimeError, KeyboardInterrupt):
            throttle = SignInThrottle(load(), address=HERE, username="alice", now=START)
            with pytest.raises(error), throttle.counting(ValueError):
                raise error
        assert [attempt() for _ in range(4)] == [None, None, None, HOUR]

    def test_a_place_is_given_back_once(self, by_user):
        throttle = SignInThrottle(load(), address=HERE, username="alice", now=START)
        throttle.acquire()
        throttle.release()
        throttle.release()
        assert [attempt() for _ in range(4)] == [None, None, None, HOUR]


class TestClientAddress:
    def request(self, forwarded=None, address=HERE):
        request = HttpRequest()
        if address is not None:
            request.META["REMOTE_ADDR"] = address
        if forwarded is not None:
            request.META["HTTP_X_FORWARDED_FOR"] = forwarded
        return request

    @pytest.mark.attack(149)
    @pytest.mark.parametrize("proxies", [None, 0])
    @pytest.mark.parametrize("forwarded", [None, "", "198.51.100.9", "1.1.1.1, 2.2.2.2"])
    def test_without_proxies_what_is_forwarded_does_not_count(self, settings, proxies, forwarded):
        settings.REST_FRAMEWORK = {"NUM_PROXIES": proxies}
        assert client_address(self.request(forwarded)) == HERE

    @pytest.mark.attack(149)
    @pytest.mark.parametrize(
        ("proxies", "forwarded", "address"),
        [
            (1, "198.51.100.9", "198.51.100.9"),
            (1, "forged, 198.51.100.9", "198.51.100.9"),
            (1, "forged,198.51.100.9 ", "198.51.100.9"),
            (2, "forged, 198.51.100.9, 10.0.0.1", "198.51.100.9"),
            (2, "198.51.100.9", "198.51.100.9"),
            (9, "198.51.100.9, 10.0.0.1", "198.51.100.9"),
            (1, "forged, 198.51.100.9:40001", "198.51.100.9"),
            (1, "2001:db8::1", "2001:db8::1"),
            (1, "[2001:db8::1]:40001", "2001:db8::1"),
            (1, "[2001:db8::1]", "2001:db8::1"),
            (1, "", HERE),
            (1, None, HERE),
        ],
    )
    def test_with_proxies_it_is_what_the_outermost_saw(self, settings, proxies, forwarded, address):
        settings.REST_FRAMEWORK = {"NUM_PROXIES": proxies}
        assert client_address(self.request(forwarded)) == address

    def test_a_server_may_know_none(self):
        assert client_address(self.request(address=None)) == ""


class TestValidIP:
    @pytest.mark.parametrize(
        ("address", "ip"),
        [
            ("192.0.2.1", "192.0.2.1"),
            ("2001:DB8:0::1", "2001:db8::1"),
            ("", None),
            ("unix:/run/app.sock", None),
            ("192.0.2.1:8000", None),
            ("192.0.2.256", None),
            ("1", None),
            ("x" * 10_000, None),
            ("192.0.2.1\0", None),
        ],
    )
    def test_it_is_what_every_database_takes(self, address, ip):
        assert valid_ip(address) == ip

    def test_the_zone_of_an_address_is_of_this_machine_only(self):
        """PostgreSQL does not take it."""
        assert valid_ip("fe80::1%eth0") in ("fe80::1", None)
