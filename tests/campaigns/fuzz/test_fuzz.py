"""A short, repeatable run of the fuzzer, and defective decoders that it must find.

``python -m tests.campaigns.fuzz --iterations N`` runs more inputs.
"""

from __future__ import annotations

import json
import logging
import math
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import jwt
import pytest
import time_machine

from django_tokenauth.errors import InvalidToken, TokenErrorCode
from django_tokenauth.tokens.claims import Claims
from tests.campaigns.fuzz import reference, report
from tests.campaigns.fuzz.campaign import Failure, run_round
from tests.campaigns.fuzz.inputs import Body, GatewayRequest, Header, Token, from_text, to_text
from tests.campaigns.fuzz.project import fixed_project, populate
from tests.campaigns.fuzz.registry import TARGETS, target
from tests.campaigns.fuzz.servers import LEEWAY, server
from tests.campaigns.fuzz.targets import DECODERS, Decoder, capture_logs
from tests.support.client import JSON
from tests.support.raw_tokens import NOW

ROOT = Path(__file__).resolve().parents[3]
ACCESS = server("access")
VALID = ACCESS.token()


@pytest.fixture(autouse=True)
def _fixed_project():
    with fixed_project():
        yield


@pytest.fixture
def _project(db):
    populate()


def short_round(name, seed=None):
    """Run a round without failures and return its results."""
    tally = run_round(name, target(name), seed, batches=4 if name in DECODERS else 2)
    assert [report.describe(failure) for failure in tally.failures] == []
    return tally


@pytest.mark.promise(4)
@pytest.mark.parametrize("name", DECODERS)
def test_decoder_accepts_exactly_the_valid_tokens(name):
    tally = short_round(name)
    # Without accepted tokens, the comparison proves nothing.
    assert tally.outcomes["accepted"] > 50
    assert {"malformed", "header", "typ", "key", "signature", "claims"} < set(tally.outcomes)


@pytest.mark.promise(4)
@pytest.mark.usefixtures("_project")
@pytest.mark.parametrize("name", [name for name in TARGETS if name not in DECODERS])
def test_endpoint_returns_only_documented_responses(name):
    # Some endpoints accept few inputs, and the inputs depend on the source of the tests. Rounds are
    # repeated until enough inputs were accepted.
    accepted = 0
    for seed in (None, *range(20)):
        accepted += short_round(name, seed).outcomes["accepted"]
        if accepted > 5:
            return
    pytest.fail(f"Only {accepted} inputs were accepted.")


def test_shares_of_fuzz_targets_add_up_to_100_percent():
    assert sum(entry.share for entry in TARGETS.values()) == 100


def accepts_padding(token, *, now):
    return ACCESS.decode(token.replace("=", "") if isinstance(token, str) else token, now)


def leaks_value_error(token, *, now):
    try:
        return ACCESS.decode(token, now)
    except InvalidToken as error:
        if error.code is TokenErrorCode.SIGNATURE:
            int(token)
        raise


def ignores_type(token, *, now):
    """Accept any ``typ``."""
    try:
        return ACCESS.decode(token, now)
    except InvalidToken as error:
        if error.code is not TokenErrorCode.TYP or not reference.is_signature_valid(
            ACCESS, token.rpartition(".")[0].encode(), reference.unbase64url(token.split(".")[2])
        ):
            raise
        return Claims.from_payload(reference.strict(reference.unbase64url(token.split(".")[1])))


def uses_pyjwt_only(token, *, now):
    with time_machine.travel(now, tick=False):
        try:
            payload = jwt.decode(
                token, ACCESS.verifying_key, ["HS256"], audience=reference.ISSUER, leeway=LEEWAY
            )
        except jwt.ExpiredSignatureError:
            raise InvalidToken(TokenErrorCode.EXPIRED) from None
        except jwt.PyJWTError:
            raise InvalidToken(TokenErrorCode.MALFORMED) from None
    return Claims.from_payload(payload)


def ignores_signature(token, *, now):
    try:
        return ACCESS.decode(token, now)
    except InvalidToken as error:
        if error.code is not TokenErrorCode.SIGNATURE:
            raise
    with suppress(reference.NotStrict):
        return Claims.from_payload(reference.strict(reference.unbase64url(token.split(".")[1])))
    raise InvalidToken(TokenErrorCode.MALFORMED)


def ignores_expiry(token, *, now):
    return ACCESS.decode(token, min(now, NOW))


def rejects_audience_lists(token, *, now):
    claims = ACCESS.decode(token, now)
    if len(claims.audience) > 1:
        raise InvalidToken(TokenErrorCode.AUDIENCE)
    return claims


def leaks_token_in_cause(token, *, now):
    try:
        return ACCESS.decode(token, now)
    except InvalidToken as error:
        raise error from ValueError(token)


def logs_token(token, *, now):
    logging.getLogger("elsewhere").debug("token %r", token)
    return ACCESS.decode(token, now)


def first_failure(decode, **options):
    """Return the first failure of at most 20 rounds."""
    rounds = (run_round("access", Decoder("access", decode), seed, **options) for seed in range(20))
    return next(failure for tally in rounds for failure in tally.failures)


# The expected message of each defective decoder.
DEFECTS = {
    accepts_padding: "an invalid token was accepted: not three canonical segments",
    leaks_value_error: "ValueError was raised",
    ignores_type: "an invalid token was accepted: typ",
    uses_pyjwt_only: "an invalid token was accepted: ",
    ignores_signature: "an invalid token was accepted: signature",
    ignores_expiry: "an expired token is accepted",
    rejects_audience_lists: "a valid token was rejected",
    leaks_token_in_cause: "the exception contains more than its code",
    logs_token: "the decoder wrote to the log",
}


@pytest.mark.parametrize(
    ("decode", "message"),
    DEFECTS.items(),
    ids=[decode.__name__ for decode in DEFECTS],
)
def test_fuzzer_finds_defective_decoder(decode, message):
    assert first_failure(decode, seconds_to_shrink=0).message.startswith(message)


def test_fuzzer_reports_smallest_failure_for_replay():
    failure = first_failure(rejects_audience_lists, size=(5, 20), seconds_to_shrink=math.inf)
    members = reference.strict(reference.unbase64url(failure.case.token.split(".")[1]))
    # The list is the only difference from the valid token.
    assert len(members.pop("aud")) > 1
    assert members.items() < ACCESS.members().items()
    text = report.describe(failure)
    assert "FAILED access: a valid token was rejected" in text
    command, _, argument = text.rpartition(" ")
    assert command.endswith("python -m tests.campaigns.fuzz --target access --replay")
    with capture_logs() as log:
        assert target("access").check(from_text(argument), log) == "accepted"


@pytest.mark.usefixtures("_project")
def test_fuzzer_expects_the_warning_for_a_generation_far_ahead():
    token = server("refresh").with_claims(gen=2**62)
    case = Body("token/refresh/", json.dumps({"refresh_token": token}).encode(), JSON, token, token)
    with capture_logs() as log:
        assert target("token-refresh").check(case, log) == "invalid_grant"


@pytest.mark.parametrize(
    "case",
    [
        Token(VALID, VALID.rpartition(".")[0]),
        Token("\ud800é🔑\x00"),
        Token(b"\xff\x00"),
        Token(None),
        Token([1, {"a": "b"}]),
        Header("Bearer \xff"),
        Body("token/", b"\xff", "text/plain", environ={"HTTP_ACCEPT": "\xe9"}),
        GatewayRequest("X\x00", "scope=\xff", "Bearer \xff"),
    ],
    ids=["token", "surrogate", "bytes", "none", "list", "header", "body", "gateway"],
)
def test_fuzzer_input_survives_text_round_trip(case):
    text = to_text(case)
    assert text.isascii()
    assert from_text(text) == case
    assert report.describe(Failure("access", "it fails", case)).startswith(
        "FAILED access: it fails\n"
    )


def test_fuzzer_command_prints_table_and_exits_with_0():
    options = ["--iterations", "9", "--target", "header"]
    completed = subprocess.run(  # noqa: S603
        [sys.executable, "-W", "error", "-m", "tests.campaigns.fuzz", *options],
        check=False,
        cwd=ROOT,
        capture_output=True,
        encoding="utf-8",
    )
    assert (completed.returncode, completed.stderr) == (0, "")
    head, *lines = completed.stdout.partition("target  ")[2].splitlines()[:3]
    assert head.split()[0] == "inputs"
    assert [line.split()[0] for line in lines] == ["header", "all"]
    assert [line.split()[-1] for line in lines] == ["0", "0"]
