"""Concurrent guesses at eight processes over HTTP, with forged addresses.

The processes count in one shared cache.
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
from tests.support.guessing import count_hash_rounds
from tests.support.http_server import send_request

PROCESSES, GUESSES, LIMIT = 8, 64, 20
DAY = 86400
# A window of one day does not end during the test.
RATE = f"{LIMIT}/day"

pytestmark = [
    pytest.mark.redis,
    pytest.mark.django_db(transaction=True),
]


@pytest.fixture(scope="module")
def worker_processes(django_db_setup):
    with workers(PROCESSES) as processes:
        yield processes


@pytest.fixture
def serve(worker_processes, settings, django_user_model):
    """Configure the processes. The only user is bob."""

    def serve(num_proxies=None, **tokenauth):
        count_hash_rounds(settings)
        django_user_model.objects.create_user("bob", password=PASSWORDS["bob"])
        worker_processes.use(
            PASSWORD_HASHERS=settings.PASSWORD_HASHERS,
            REST_FRAMEWORK={**project.REST_FRAMEWORK, "NUM_PROXIES": num_proxies},
            TOKENAUTH={
                "THROTTLE_CACHE": "redis",
                "SIGN_IN_RATE_USER": None,
                "SIGN_IN_RATE_IP": None,
                **tokenauth,
            },
        )
        return worker_processes

    return serve


def sign_in(address, username, password, *lines):
    body = json.dumps({"username": username, "password": password}).encode()
    return send_request(
        address,
        b"POST /auth/token/ HTTP/1.1",
        b"Content-Type: application/json",
        b"Content-Length: %d" % len(body),
        *(line.encode() for line in lines),
        body=body,
    )


def send_guesses(processes, name=lambda number: "bob", lines=lambda number: ()):
    """Send concurrent guesses, evenly to all processes, and return the responses."""
    return send_sign_ins(processes, lambda number: f"guess {number}", name, lines)


def send_sign_ins(processes, password, name=lambda number: "bob", lines=lambda number: ()):
    start = Barrier(GUESSES)

    def send(number):
        address = processes.addresses[number % PROCESSES]
        start.wait()
        return sign_in(address, name(number), password(number), *lines(number))

    with ThreadPoolExecutor(GUESSES) as threads:
        return list(threads.map(send, range(GUESSES)))


def assert_limited(processes, responses, already_hashed=0):
    """Assert that the limit was checked, and that the others got ``Retry-After``."""
    assert Counter(response.status for response in responses) == {400: LIMIT, 429: GUESSES - LIMIT}
    throttled = [response for response in responses if response.status == 429]
    assert all(1 <= int(response.headers["Retry-After"]) <= DAY for response in throttled)
    assert processes.hash_count() == already_hashed + LIMIT


def forged_headers(number):
    """Return headers that claim another client for each guess."""
    return (
        f"X-Forwarded-For: 203.0.113.{number}",
        f"X-Real-IP: 203.0.113.{number}",
        f"Forwarded: for=203.0.113.{number}",
        f"Client-IP: 203.0.113.{number}",
    )


def proxy_appends(client):
    """Return the headers behind a proxy that appends the client address, as nginx does."""
    return lambda number: (f"X-Forwarded-For: 203.0.113.{number}, 10.0.0.{number}, {client}",)


def proxy_adds_line(client):
    """Return the headers behind a proxy that adds a header line."""
    return lambda number: (f"X-Forwarded-For: 203.0.113.{number}", f"X-Forwarded-For: {client}")


@pytest.mark.promise(14)
@pytest.mark.attack(149, 150)
def test_forged_ip_headers_without_proxy_keep_the_guess_limit(serve):
    processes = serve(SIGN_IN_RATE_USER=RATE)
    assert_limited(processes, send_guesses(processes, lines=forged_headers))


@pytest.mark.attack(149, 150)
@pytest.mark.parametrize("headers", [proxy_appends, proxy_adds_line])
def test_forged_x_forwarded_for_entry_keeps_the_guess_limit(serve, headers):
    processes = serve(num_proxies=1, SIGN_IN_RATE_USER=RATE)
    assert_limited(processes, send_guesses(processes, lines=headers("198.51.100.9")))
    # No process locks bob out, who has another address.
    for number, address in enumerate(processes.addresses):
        response = sign_in(address, "bob", PASSWORDS["bob"], *headers("198.51.100.10")(number))
        assert response.status == 200


@pytest.mark.attack(149, 150)
def test_guesses_with_many_usernames_share_the_ip_limit(serve):
    processes = serve(num_proxies=1, SIGN_IN_RATE_IP=RATE)
    headers = proxy_appends("198.51.100.9")
    assert_limited(
        processes, send_guesses(processes, name=lambda number: f"user {number}", lines=headers)
    )


@pytest.mark.promise(14)
@pytest.mark.attack(149, 150)
def test_guesses_with_many_spellings_share_the_user_limit(serve):
    processes = serve(SIGN_IN_RATE_USER=RATE)
    # Each guess has another case or another number of trailing spaces.
    cases = ["".join(letters) for letters in zip("bB" * 4, "ooOO" * 2, "bbbbBBBB", strict=True)]
    assert_limited(
        processes,
        send_guesses(processes, name=lambda number: cases[number % 8] + " " * (number // 8)),
    )


@pytest.mark.promise(19)
@pytest.mark.attack(149)
@pytest.mark.parametrize("rate", ["SIGN_IN_RATE_USER", "SIGN_IN_RATE_IP"])
def test_parallel_correct_passwords_are_never_throttled(serve, rate):
    processes = serve(**{rate: RATE})
    responses = send_sign_ins(processes, lambda number: PASSWORDS["bob"])
    assert {response.status for response in responses} == {200}
    # None of them counted.
    assert_limited(processes, send_guesses(processes), already_hashed=GUESSES)


@pytest.mark.promise(14, 19)
@pytest.mark.attack(149)
def test_guesses_below_the_limit_throttle_no_parallel_sign_in(serve):
    processes = serve(SIGN_IN_RATE_USER=RATE)
    responses = send_sign_ins(
        processes, lambda number: PASSWORDS["bob"] if number % 8 else f"guess {number}"
    )
    statuses = Counter(response.status for response in responses)
    # Fewer guesses than the limit: no sign-in is refused.
    assert statuses == {200: GUESSES * 7 // 8, 400: GUESSES // 8}
