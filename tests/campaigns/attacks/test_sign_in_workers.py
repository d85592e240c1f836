"""Guesses that come to eight processes at the same moment, with forged addresses, over HTTP.

The processes share one cache, which counts for all of them.
"""

from __future__ import annotations

import json
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.conf import settings as project

from tests.campaigns.attacks.workers import workers
from tests.support.client import PASSWORDS
from tests.support.guessing import counted
from tests.support.http_server import exchange

PROCESSES, GUESSES, LIMIT = 8, 64, 20
DAY = 86400
# A window of a day: none ends while the guesses are under way.
RATE = f"{LIMIT}/day"

pytestmark = [
    pytest.mark.redis,
    pytest.mark.django_db(transaction=True),
]


@pytest.fixture(scope="module")
def eight(django_db_setup):
    with workers(PROCESSES) as eight:
        yield eight


@pytest.fixture
def serve(eight, settings, django_user_model):
    """Let the processes serve with these settings, bob being the only user."""

    def serve(num_proxies=None, **tokenauth):
        counted(settings)
        django_user_model.objects.create_user("bob", password=PASSWORDS["bob"])
        eight.use(
            PASSWORD_HASHERS=settings.PASSWORD_HASHERS,
            REST_FRAMEWORK={**project.REST_FRAMEWORK, "NUM_PROXIES": num_proxies},
            TOKENAUTH={
                "THROTTLE_CACHE": "redis",
                "SIGN_IN_RATE_USER": None,
                "SIGN_IN_RATE_IP": None,
                **tokenauth,
            },
        )
        return eight

    return serve


def sign_in(address, username, password, *lines):
    body = json.dumps({"username": username, "password": password}).encode()
    return exchange(
        address,
        b"POST /auth/token/ HTTP/1.1",
        b"Content-Type: application/json",
        b"Content-Length: %d" % len(body),
        *(line.encode() for line in lines),
        body=body,
    )


def crowd(eight, name=lambda number: "bob", lines=lambda number: ()):
    """The answers to guesses that all begin at the same moment, each process getting its share."""
    start = Barrier(GUESSES)

    def one(number):
        address = eight.addresses[number % PROCESSES]
        start.wait()
        return sign_in(address, name(number), f"guess {number}", *lines(number))

    with ThreadPoolExecutor(GUESSES) as threads:
        return list(threads.map(one, range(GUESSES)))


def held(eight, answers):
    """As many were checked as the rate allows; the others were told when to come back."""
    assert Counter(answer.status for answer in answers) == {400: LIMIT, 429: GUESSES - LIMIT}
    refused = [answer for answer in answers if answer.status == 429]
    assert all(1 <= int(answer.headers["Retry-After"]) <= DAY for answer in refused)
    assert eight.hashed() == LIMIT


def forged(number):
    """Another client each time, by all that is said of it."""
    return (
        f"X-Forwarded-For: 203.0.113.{number}",
        f"X-Real-IP: 203.0.113.{number}",
        f"Forwarded: for=203.0.113.{number}",
        f"Client-IP: 203.0.113.{number}",
    )


def by_proxy(client):
    """What one proxy sends on that adds the address it sees to the header, as nginx does."""
    return lambda number: (f"X-Forwarded-For: 203.0.113.{number}, 10.0.0.{number}, {client}",)


def by_proxy_in_lines(client):
    """The same of a proxy that adds a line of its own."""
    return lambda number: (f"X-Forwarded-For: 203.0.113.{number}", f"X-Forwarded-For: {client}")


@pytest.mark.promise(14)
@pytest.mark.attack(149, 150)
def test_without_proxies_a_forged_header_gets_no_guess_more(serve):
    eight = serve(SIGN_IN_RATE_USER=RATE)
    held(eight, crowd(eight, lines=forged))


@pytest.mark.attack(149, 150)
@pytest.mark.parametrize("way", [by_proxy, by_proxy_in_lines])
def test_behind_a_proxy_what_it_did_not_write_gets_no_guess_more(serve, way):
    eight = serve(num_proxies=1, SIGN_IN_RATE_USER=RATE)
    held(eight, crowd(eight, lines=way("198.51.100.9")))
    # And bob, who is somewhere else, is not locked out: by none of the processes.
    for number, address in enumerate(eight.addresses):
        answer = sign_in(address, "bob", PASSWORDS["bob"], *way("198.51.100.10")(number))
        assert answer.status == 200


@pytest.mark.attack(149, 150)
def test_another_name_each_time_gets_no_guess_more(serve):
    eight = serve(num_proxies=1, SIGN_IN_RATE_IP=RATE)
    way = by_proxy("198.51.100.9")
    held(eight, crowd(eight, name=lambda number: f"person {number}", lines=way))


@pytest.mark.promise(14)
@pytest.mark.attack(149, 150)
def test_another_spelling_each_time_gets_no_guess_more(serve):
    eight = serve(SIGN_IN_RATE_USER=RATE)
    # The letters of the name in either case, and blanks behind it.
    cases = ["".join(letters) for letters in zip("bB" * 4, "ooOO" * 2, "bbbbBBBB", strict=True)]
    held(eight, crowd(eight, name=lambda number: cases[number % 8] + " " * (number // 8)))
