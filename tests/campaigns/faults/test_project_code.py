"""Hooks, receivers and backends that raise errors, hang or return invalid values, in each flow.

A client holds the refresh tokens that it received. After each round, the active sessions are
exactly those of its tokens, and each of its tokens works.
"""

from __future__ import annotations

import os
import random
from collections import Counter
from threading import Event, Thread

import pytest
from django.db import connection
from django.utils import timezone

from django_tokenauth.conf.settings import load
from django_tokenauth.models import Session
from django_tokenauth.tokens.refresh import refresh_tokens
from tests.campaigns.faults.project_code import (
    BACKENDS,
    BREAKS,
    ERRORS,
    HOOKS,
    JUNK,
    OUTAGE,
    PLACES,
    Fault,
    injected,
)
from tests.support.client import PASSWORDS, call, post

pytestmark = pytest.mark.django_db(transaction=True)

ROUNDS = int(os.environ.get("FAULT_ROUNDS", "150"))
SEED = int(os.environ.get("FAULT_SEED") or 20261129)
ALICE = {"username": "alice", "password": PASSWORDS["alice"]}
LIST = "/auth/sessions/"


class ClientWithSessions:
    """A client of alice that keeps the tokens of each of its sessions."""

    def __init__(self):
        self.tokens = [post("token/", ALICE).json() for _ in range(2)]

    def sign_in(self):
        response = post("token/", ALICE)
        if response.status_code == 200:
            self.tokens.append(response.json())
        return response

    def wrong_password(self):
        return post("token/", {**ALICE, "password": "wrong"})

    def refresh(self, place=0):
        response = post("token/refresh/", {"refresh_token": self.tokens[place]["refresh_token"]})
        if response.status_code == 200:
            self.tokens[place] = response.json()
        return response

    def sign_out(self):
        response = post("token/revoke/", {"token": self.tokens[-1]["refresh_token"]})
        if response.status_code == 200:
            self.tokens.pop()
        return response

    def verify(self):
        return post("token/verify/", {"token": self.tokens[0]["access_token"]})

    def list_sessions(self):
        return call("GET", LIST, self.tokens[0]["access_token"])

    def assert_holds_all_sessions(self):
        """Assert that no session lacks a client and no token lacks a session."""
        read = refresh_tokens(load()).decode
        now = timezone.now().timestamp()
        claims = [read(each["refresh_token"], now=now) for each in self.tokens]
        active = Session.objects.filter(revoked_at=None).values_list("pk", "generation")
        assert {(each.session_id, each.generation) for each in claims} == {
            (str(pk), generation) for pk, generation in active
        }


FLOWS = {
    "sign-in": (ClientWithSessions.sign_in, 200),
    "wrong password": (ClientWithSessions.wrong_password, 400),
    "refresh": (ClientWithSessions.refresh, 200),
    "sign-out": (ClientWithSessions.sign_out, 200),
    "verify": (ClientWithSessions.verify, 200),
    "list": (ClientWithSessions.list_sessions, 200),
}


@pytest.fixture
def client(alice, settings):
    settings.AUTHENTICATION_BACKENDS = BACKENDS
    settings.TOKENAUTH = {
        "SCOPES": ["notes"],
        "SIGN_IN_RATE_IP": None,
        "SIGN_IN_RATE_USER": None,
        "MAX_SESSIONS_PER_USER": None,
    }
    return ClientWithSessions()


def expected_status(flow, fault):
    is_broken = flow in BREAKS.get(fault.place, ())
    # Only hooks return something. The session list calls the policy alone.
    if fault.error is None and fault.place not in HOOKS:
        is_broken = False
    if not is_broken:
        return FLOWS[flow][1]
    # Only a backend belongs to the statements of a sign-in.
    return 503 if fault.error is OUTAGE and fault.place == "backend" else 500


def play(client, flow, fault, caplog):
    """Run *flow* with *fault* once, and assert the properties."""
    if flow == "sign-out":
        # The other flows use the first sessions.
        client.sign_in()
    caplog.clear()
    with injected(fault, fault.place):
        response = FLOWS[flow][0](client)
    status = expected_status(flow, fault)
    assert response.status_code == status, (flow, fault)
    if status >= 500:
        traced = [record.exc_info[0] for record in caplog.records if record.exc_info]
        assert traced, (flow, fault)
        assert fault.error is None or fault.error in traced
    client.assert_holds_all_sessions()
    return status


@pytest.mark.attack(195)
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("flow", FLOWS)
def test_error_in_project_code_loses_no_session_or_token(client, flow, place, caplog):
    for error in (*ERRORS, OUTAGE):
        play(client, flow, Fault(place, error), caplog)


@pytest.mark.parametrize("hook", HOOKS)
@pytest.mark.parametrize("flow", FLOWS)
def test_invalid_hook_result_loses_no_session_or_token(client, flow, hook, caplog):
    for junk in JUNK:
        play(client, flow, Fault(hook, junk=junk), caplog)


def test_random_faults_in_project_code_lose_no_session_or_token(client, caplog, progress):
    generator = random.Random(SEED)  # noqa: S311
    results = Counter()
    row = progress("failing code of the project", ROUNDS)
    for _ in range(ROUNDS):
        place = generator.choice(PLACES)
        error = generator.choice((*ERRORS, OUTAGE))
        fault = Fault(place, error)
        if place in HOOKS and generator.random() < 0.5:
            fault = Fault(place, junk=generator.choice(JUNK))
        flow = generator.choice(list(FLOWS))
        results[play(client, flow, fault, caplog)] += 1
        row.step()
    print(f"{ROUNDS} faults: {dict(results)}")  # noqa: T201
    assert {200, 400, 500} <= set(results)


@pytest.mark.parametrize("place", [*HOOKS, "backend", "user_logged_in", "signed_in"])
def test_hanging_sign_in_blocks_no_other_request(client, place):
    """Another client's refresh, sign-out and sign-in go on, and the slow one succeeds later."""
    hangs, goes_on = Event(), Event()
    results = []

    def hang(*arguments, **keywords):
        if not hangs.is_set():
            hangs.set()
            goes_on.wait(60)
        return {} if place == "EXTRA_CLAIMS" else ["notes"]

    def sign_in_slowly():
        results.append(client.sign_in())
        connection.close()

    with injected(hang, place):
        slow = Thread(target=sign_in_slowly)
        slow.start()
        try:
            assert hangs.wait(60)
            assert client.refresh().status_code == 200
            assert client.verify().status_code == 200
            assert post("token/", ALICE).status_code == 200
        finally:
            goes_on.set()
            slow.join()
    assert results[0].status_code == 200
