"""Failed sign-ins, counted by IP address and by (username, IP address)."""

from __future__ import annotations

import pytest
from django.http import HttpRequest

from django_tokenauth.conf.settings import load
from django_tokenauth.http.throttling import SignInThrottle, client_address, valid_ip
from tests.support.sign_in_attempts import CLIENT_IP, HOUR, MINUTE, OTHER_IP, START, attempt


def throttle():
    return SignInThrottle(load(), address=CLIENT_IP, username="alice", now=START)


@pytest.fixture
def by_user(settings):
    settings.TOKENAUTH = {"SIGN_IN_RATE_USER": "3/hour", "SIGN_IN_RATE_IP": None}


@pytest.fixture
def by_address(settings):
    settings.TOKENAUTH = {"SIGN_IN_RATE_USER": None, "SIGN_IN_RATE_IP": "3/min"}


class TestSignInThrottleByUser:
    def test_failed_sign_ins_above_user_rate_are_throttled(self, by_user):
        assert [attempt() for _ in range(5)] == [None, None, None, HOUR, HOUR]

    def test_throttle_does_not_count_successful_sign_ins(self, by_user):
        assert [attempt(successful=True) for _ in range(9)] == [None] * 9
        assert [attempt() for _ in range(4)] == [None, None, None, HOUR]

    def test_successful_sign_in_does_not_reset_failures(self, by_user):
        results = [
            attempt(),
            attempt(),
            attempt(successful=True),
            attempt(),
            attempt(successful=True),
        ]
        assert results == [None, None, None, None, HOUR]

    @pytest.mark.attack(151)
    def test_user_throttle_counts_each_user_and_address_separately(self, by_user):
        for _ in range(4):
            attempt()
        assert attempt() == HOUR
        assert attempt("bob") is None
        assert attempt(address=OTHER_IP) is None

    @pytest.mark.parametrize("name", ["Alice", "ALICE", "\uff41lice", "a\uff2cice", "alIce"])
    def test_user_throttle_ignores_case_and_width_of_usernames(self, by_user, name):
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
            "a-lice",
            "a.l.i.c.e",
            " alice",
            "a lice",
            "_alice_",
            "alice\N{KATAKANA MIDDLE DOT}",
        ],
    )
    def test_user_throttle_counts_collation_equal_names_together(self, by_user, name):
        """Collations ignore accents, invisible characters, spaces and punctuation."""
        for _ in range(3):
            attempt()
        assert attempt(name) == HOUR

    def test_user_throttle_treats_digits_of_other_scripts_as_equal(self, by_user):
        for _ in range(3):
            attempt("alice42")
        assert attempt("alice\N{ARABIC-INDIC DIGIT FOUR}\N{DEVANAGARI DIGIT TWO}") == HOUR

    @pytest.mark.parametrize("name", ["alice007", "alice07", "alice-7", "alice\uff10\uff17"])
    def test_user_throttle_ignores_leading_zeros_of_numbers_in_names(self, by_user, name):
        """ICU collations with numeric ordering do so."""
        for _ in range(3):
            attempt("alice7")
        assert attempt(name) == HOUR
        assert attempt("alice70") is None

    def test_user_throttle_treats_i_j_y_and_u_v_as_equal(self, by_user):
        for _ in range(3):
            attempt("july_ivan")
        assert attempt("IVLI_JUAN") == HOUR

    @pytest.mark.parametrize("name", ["strasse", "STRASSE", "stra\xdfe", "STRA\u1e9eE"])
    def test_user_throttle_ignores_unicode_case(self, by_user, name):
        for _ in range(3):
            attempt("Stra\xdfe")
        assert attempt(name) == HOUR

    @pytest.mark.parametrize(
        "name", ["", "x" * 254, "\ud800", "a\x1fb", "\N{GRINNING FACE}", "...", "0"]
    )
    def test_user_throttle_counts_failures_of_unusual_usernames(self, by_user, name):
        assert [attempt(name) for _ in range(4)] == [None, None, None, HOUR]


class TestSignInThrottleByAddress:
    def test_failed_sign_ins_above_ip_rate_are_throttled(self, by_address):
        names = ["alice", "bob", "carol", "dave"]
        assert [attempt(name) for name in names] == [None, None, None, MINUTE]

    def test_ip_throttle_counts_each_address_separately(self, by_address):
        for _ in range(4):
            attempt()
        assert attempt(address=OTHER_IP) is None

    @pytest.mark.attack(149)
    @pytest.mark.parametrize(
        ("first", "second"),
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
    def test_ip_throttle_counts_addresses_of_one_client_together(self, by_address, first, second):
        for _ in range(3):
            attempt(address=first)
        assert attempt(address=second) == MINUTE

    @pytest.mark.parametrize(
        ("first", "second"),
        [
            ("2001:db8::1", "2001:db8:0:1::1"),
            ("::ffff:192.0.2.1", "::ffff:192.0.2.2"),
            ("192.0.2.1", "::192.0.2.1"),
            ("192.0.2.1", ""),
        ],
    )
    def test_ip_throttle_counts_different_clients_separately(self, by_address, first, second):
        for _ in range(4):
            attempt(address=first)
        assert attempt(address=second) is None


class TestSignInThrottle:
    def test_either_rate_limit_throttles_the_sign_in(self, settings):
        settings.TOKENAUTH = {"SIGN_IN_RATE_USER": "2/hour", "SIGN_IN_RATE_IP": "4/min"}
        assert [attempt("alice") for _ in range(3)] == [None, None, HOUR]
        assert [attempt("bob") for _ in range(3)] == [None, None, MINUTE]

    def test_sign_in_throttled_by_user_does_not_count_for_ip_rate(self, settings):
        settings.TOKENAUTH = {"SIGN_IN_RATE_USER": "1/hour", "SIGN_IN_RATE_IP": "2/min"}
        assert [attempt("alice") for _ in range(9)] == [None, *[HOUR] * 8]
        assert attempt("bob") is None
        assert attempt("carol") == MINUTE

    def test_sign_in_rates_of_none_disable_throttling(self, settings):
        settings.TOKENAUTH = {"SIGN_IN_RATE_USER": None, "SIGN_IN_RATE_IP": None}
        assert [attempt() for _ in range(99)] == [None] * 99


class TestWindow:
    @pytest.mark.parametrize(
        ("seconds", "wait"), [(0, 3600), (0.5, 3600), (1, 3599), (3599, 1), (3599.9, 1)]
    )
    def test_retry_after_is_the_time_until_the_next_window(self, by_user, seconds, wait):
        for _ in range(3):
            attempt()
        assert attempt(at=START + seconds) == wait

    def test_throttle_counts_from_zero_in_the_next_window(self, by_user):
        for _ in range(4):
            attempt(at=START + 10)
        assert attempt(at=START + 3599) == 1
        assert [attempt(at=START + 3600) for _ in range(4)] == [None, None, None, HOUR]

    def test_throttle_release_decrements_count_of_original_window(self, by_user):
        throttle = SignInThrottle(load(), address=CLIENT_IP, username="alice", now=START + 3599)
        throttle.acquire()
        assert [attempt(at=START + 3600) for _ in range(3)] == [None, None, None]
        throttle.release()
        assert attempt(at=START + 3600) == HOUR

    @pytest.mark.attack(149)
    @pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, SystemExit, GeneratorExit])
    def test_throttle_counts_sign_in_with_unexpected_error(self, by_user, error):
        """An unexpected error may follow the password check, and a client may cause the error."""
        for _ in range(3):
            with pytest.raises(error), throttle().counting(ValueError):
                raise error
        assert attempt() == HOUR

    def test_throttle_does_not_count_error_before_password_check(self, by_user):
        for _ in range(9):
            with pytest.raises(ValueError, match="before"), throttle().counting(ValueError):
                raise ValueError("before")
        assert [attempt() for _ in range(4)] == [None, None, None, HOUR]

    def test_throttle_counting_without_error_counts_no_failure(self, by_user):
        for _ in range(9):
            with throttle().counting():
                pass
        assert [attempt() for _ in range(4)] == [None, None, None, HOUR]

    def test_throttle_releases_a_sign_in_only_once(self, by_user):
        throttle = SignInThrottle(load(), address=CLIENT_IP, username="alice", now=START)
        throttle.acquire()
        throttle.release()
        throttle.release()
        assert [attempt() for _ in range(4)] == [None, None, None, HOUR]


class TestClientAddress:
    def request(self, forwarded=None, address=CLIENT_IP):
        request = HttpRequest()
        if address is not None:
            request.META["REMOTE_ADDR"] = address
        if forwarded is not None:
            request.META["HTTP_X_FORWARDED_FOR"] = forwarded
        return request

    @pytest.mark.attack(149)
    @pytest.mark.parametrize("proxies", [None, 0])
    @pytest.mark.parametrize("forwarded", [None, "", "198.51.100.9", "1.1.1.1, 2.2.2.2"])
    def test_client_address_without_proxy_ignores_forwarded_header(
        self, settings, proxies, forwarded
    ):
        settings.REST_FRAMEWORK = {"NUM_PROXIES": proxies}
        assert client_address(self.request(forwarded)) == CLIENT_IP

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
            (1, "", CLIENT_IP),
            (1, None, CLIENT_IP),
        ],
    )
    def test_client_address_is_the_peer_of_the_outermost_proxy(
        self, settings, proxies, forwarded, address
    ):
        settings.REST_FRAMEWORK = {"NUM_PROXIES": proxies}
        assert client_address(self.request(forwarded)) == address

    def test_client_address_without_remote_addr_is_empty(self):
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
    def test_valid_ip_returns_an_ip_address_or_none(self, address, ip):
        assert valid_ip(address) == ip

    def test_valid_ip_removes_the_zone_of_an_address(self):
        """A zone is local to one machine, and PostgreSQL rejects it."""
        assert valid_ip("fe80::1%eth0") == "fe80::1"
