"""Whether two requests come from the same client: its user agent and its network."""

from __future__ import annotations

import pytest

from django_tokenauth.models import Session
from django_tokenauth.sessions.callers import Caller


@pytest.mark.parametrize(
    ("ip", "network"),
    [
        ("192.0.2.1", "192.0.2.0/24"),
        ("192.0.2.255", "192.0.2.0/24"),
        ("::ffff:192.0.2.7", "192.0.2.0/24"),
        ("2001:db8::1", "2001:db8::/64"),
        ("2001:db8::ffff:1:2:3", "2001:db8::/64"),
        ("2001:db8:0:1::1", "2001:db8:0:1::/64"),
        ("a socket", "a socket"),
        (None, None),
    ],
)
def test_caller_network_is_ipv4_slash_24_or_ipv6_slash_64(ip, network):
    assert Caller(ip, "").network == network


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        (("192.0.2.1", "a"), ("192.0.2.9", "a"), True),
        (("192.0.2.1", "a"), ("192.0.3.1", "a"), False),
        (("192.0.2.1", "a"), ("192.0.2.1", "b"), False),
        (("192.0.2.1", "a"), (None, "a"), False),
        (("192.0.2.1", "a"), ("192.0.2.1", ""), False),
        ((None, ""), (None, ""), True),
    ],
)
def test_callers_of_same_network_and_user_agent_are_similar(first, second, same):
    assert Caller(*first).resembles(Caller(*second)) is same
    assert Caller(*second).resembles(Caller(*first)) is same


@pytest.mark.parametrize(
    ("before", "after", "changed"),
    [
        ("192.0.2.1", "192.0.2.2", False),
        ("192.0.2.1", "198.51.100.1", True),
        (None, "192.0.2.1", False),
        ("192.0.2.1", None, False),
        (None, None, False),
    ],
)
def test_caller_network_change_requires_two_known_addresses(before, after, changed):
    assert Caller(after, "").has_changed_network(Caller(before, "")) is changed


def test_caller_of_a_request_fits_the_columns_of_a_session():
    assert Caller.of("", "x" * 300) == (None, "x" * 255)
    caller = Caller.of("192.0.2.1", "x")
    assert caller == ("192.0.2.1", "x")
    session = Session(last_ip=caller.ip, last_user_agent=caller.user_agent)
    assert Caller.last_of(session) == caller
