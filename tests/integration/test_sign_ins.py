"""The examples of ``docs/sign-ins.rst``, as one project in a separate process."""

from __future__ import annotations

import sys
from contextvars import ContextVar
from queue import Queue
from types import ModuleType

import pytest
from django.contrib.auth import get_user_model

from tests.support.client import WRONG_PASSWORD, post, status_and_json
from tests.support.documents import DOCS, sections
from tests.support.guessing import CountingHasher
from tests.support.scenarios.running import run_scenario

REJECTED = [400, "invalid_grant"]
MALFORMED = [400, "invalid_request"]


@pytest.fixture(scope="module")
def results():
    """Return the results of the scenario, by the name of each part."""
    return run_scenario(
        "tests.support.scenarios.sign_ins.scenario", "tests.support.scenarios.sign_ins.settings"
    )


def test_documented_sign_ins_accept_only_correct_secrets(results):
    expected = {
        "email": [["pwd"], ["pwd"], ["pwd"]],
        "code": [
            True,
            [MALFORMED, REJECTED, ["otp", "sms"], REJECTED],
            REJECTED,
            REJECTED,
            202,
            ["+821012345678"] * 3,
        ],
        "guessed_code": [5, REJECTED],
        "sent_codes": [10, 429, 400],
        "link": [True, [REJECTED, MALFORMED, [], REJECTED], REJECTED, REJECTED, REJECTED, 4],
        "second_factor": [
            ["pwd"],
            [400, "mfa_required"],
            REJECTED,
            ["pwd", "otp", "mfa"],
            1,
            REJECTED,
            200,
            [[400, "mfa_required"], ["pwd", "otp", "mfa"], ["pwd", "otp", "mfa"]],
        ],
        "guessed_second_factor": [20, 429, [429, "too_many_requests"], REJECTED],
        "passkey": [[204, 400], 400, [["pop", "user", "mfa"], REJECTED], 1, []],
        "rejected_passkey": [[400, 400, 400, 400, 401], [REJECTED] * 10],
        "directory": [[["pwd"], ["pwd"], REJECTED, MALFORMED], 1, ["pwd"]],
        "single_sign_on": [[], REJECTED, REJECTED, REJECTED],
        "staff": [403, 200, [True, True], 403, 401, 200, 400],
    }
    assert {name: results[name] for name in expected} == expected


@pytest.mark.parametrize(
    ("attempt", "expected"),
    [
        ("narrow_token", [[403, 403, 403], [200, 204, 200]]),
        ("unknown_user", [1, 403]),
        ("outage", [503, "1"]),
        ("forwarded_addresses", [429, 429, 429, 429]),
        ("waiting", [[202, [False]], [202, [False]]]),
        ("statements", [[1, 1, 1], 1]),
        ("error_reports", [[[True, False]] * 5, [False, False]]),
    ],
)
def test_documented_sign_ins_resist_the_attempt(results, attempt, expected):
    assert results[attempt] == expected


def documented(file):
    """Return the module in *file* of the documentation."""
    [text] = [
        block.text
        for found in sections(DOCS / "sign-ins.rst")
        for block in found.blocks
        if block.file == file
    ]
    module = ModuleType(file.removesuffix(".py").replace("/", "."))
    exec(text, vars(module))  # noqa: S102
    return module


def test_documented_thread_has_the_tenant_of_the_request():
    """The router of ``docs/tenants.rst`` reads the tenant from a context variable."""
    sending, found = documented("accounts/sending.py"), Queue()
    alias = ContextVar("alias", default="default")
    token = alias.set("acme")
    try:
        sending.send_later(lambda: found.put(alias.get()))
    finally:
        alias.reset(token)
    assert found.get(timeout=30) == "acme"
    sending.threads.shutdown()


@pytest.fixture
def email_backend(monkeypatch, settings):
    module = documented("accounts/backends.py")
    monkeypatch.setitem(sys.modules, "accounts", ModuleType("accounts"))
    monkeypatch.setitem(sys.modules, "accounts.backends", module)
    settings.AUTHENTICATION_BACKENDS = ["accounts.backends.EmailBackend"]
    settings.PASSWORD_HASHERS = ["tests.support.guessing.CountingHasher"]


@pytest.mark.django_db
def test_documented_email_backend_needs_a_unique_address(email_backend):
    create_user = get_user_model().objects.create_user
    create_user("alice", "alice@example.com", "correct horse")
    for name in ("bob", "carol"):
        create_user(name, "shared@example.com", "correct horse")
    results = []
    for address in ("alice@example.com", "Alice@Example.com", "shared@example.com", "x", "alice"):
        CountingHasher.rounds.clear()
        response = post("token/", {"username": address, "password": "correct horse"})
        results.append(response.status_code)
        # Each response takes the time of one password check.
        assert len(CountingHasher.rounds) == 1
    assert results == [200, 200, 400, 400, 400]
    assert status_and_json(response) == (400, WRONG_PASSWORD)
