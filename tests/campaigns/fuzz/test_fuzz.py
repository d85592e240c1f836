"""A slice of the fuzzer, the same inputs always, and what it finds where something is careless.

``python -m tests.campaigns.fuzz`` gives as many inputs as one likes.
"""

from __future__ import annotations

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
from tests.campaigns.fuzz.inputs import Body, Header, Token, from_text, to_text
from tests.campaigns.fuzz.project import populate, standing_still
from tests.campaigns.fuzz.registry import TARGETS, target
from tests.campaigns.fuzz.servers import LEEWAY, server
from tests.campaigns.fuzz.targets import DECODERS, Decoder, everything_logged
from tests.support.raw_tokens import NOW

ROOT = Path(__file__).resolve().parents[3]
ACCESS = server("access")
GOOD = ACCESS.token()


@pytest.fixture(autouse=True)
def _still():
    with standing_still():
        yield


@pytest.fixture
def _project(db):
    populate()


def slice_of(name, number=None):
    tally = run_round(name, target(name), number, batches=4 if name in DECODERS else 2)
    assert [report.failure(found) for found in tally.failures] == []
    return tally


@pytest.mark.promise(4)
@pytest.mark.parametrize("name", DECODERS)
def test_a_decoder_takes_what_is_good_and_raises_nothing_but_invalid_token(name):
    tally = slice_of(name)
    # It would be easy to agree about nothing.
    assert tally.outcomes["accepted"] > 50
    assert {"malformed", "header", "typ", "key", "signature", "claims"} < set(tally.outcomes)


@pytest.mark.promise(4)
@pytest.mark.usefixtures("_project")
@pytest.mark.parametrize("name", [name for name in TARGETS if name not in DECODERS])
def test_an_endpoint_gives_only_the_answers_that_are_documented(name):
    # Of some endpoints few inputs are good, and which ones changes with the source: so many slices
    # as it takes, of which there are never so many.
    accepted = 0
    for number in (None, *range(20)):
        accepted += slice_of(name, number).outcomes["accepted"]
        if accepted > 5:
            return
    pytest.fail(f"only {accepted} inputs were accepted")


def takes_padding(token, *, now):
    return ACCESS.decode(token.replace("=", "") if isinstance(token, str) else token, now)


def lets_errors_out(token, *, now):
    try:
        return ACCESS.decode(token, now)
    except InvalidToken as error:
        if error.code is TokenErrorCode.SIGNATURE:
            int(token)
        raise


def believes_the_type(token, *, now):
    """Any type of token will do."""
    try:
        return ACCESS.decode(token, now)
    except InvalidToken as error:
        if error.code is not TokenErrorCode.TYP or not reference.signature_holds(
            ACCESS, token.rpartition(".")[0].encode(), reference.unbase64url(token.split(".")[2])
        ):
            raise
        return Claims.from_payload(reference.strict(reference.unbase64url(token.split(".")[1])))


def asks_pyjwt_only(token, *, now):
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


def asks_no_signature(token, *, now):
    try:
        return ACCESS.decode(token, now)
    except InvalidToken as error:
        if error.code is not TokenErrorCode.SIGNATURE:
            raise
    with suppress(reference.NotStrict):
        return Claims.from_payload(reference.strict(reference.unbase64url(token.split(".")[1])))
    raise InvalidToken(TokenErrorCode.MALFORMED)


def keeps_them_for_ever(token, *, now):
    return ACCESS.decode(token, min(now, NOW))


def refuses_lists(token, *, now):
    claims = ACCESS.decode(token, now)
    if len(claims.audience) > 1:
        raise InvalidToken(TokenErrorCode.AUDIENCE)
    return claims


def tells_the_token(token, *, now):
    try:
        return ACCESS.decode(token, now)
    except InvalidToken as error:
        raise error from ValueError(token)


def logs_the_token(token, *, now):
    logging.getLogger("elsewhere").debug("token %r", token)
    return ACCESS.decode(token, now)


def first_failure(careless, **options):
    """Of as many rounds as it takes, but at most 20."""
    rounds = (
        run_round("access", Decoder("access", careless), turn, **options) for turn in range(20)
    )
    return next(failure for tally in rounds for failure in tally.failures)


@pytest.mark.parametrize(
    ("careless", "found"),
    [
        (takes_padding, "a token was accepted in spite of: not three segments"),
        (lets_errors_out, "ValueError left it"),
        (believes_the_type, "a token was accepted in spite of: typ"),
        (asks_pyjwt_only, "a token was accepted in spite of: "),
        (asks_no_signature, "a token was accepted in spite of: signature"),
        (keeps_them_for_ever, "a token is good at its end"),
        (refuses_lists, "a good token was refused"),
        (tells_the_token, "the exception says more than its code"),
        (logs_the_token, "the decoder wrote to the log"),
    ],
)
def test_a_careless_decoder_is_found(careless, found):
    assert first_failure(careless, shrinking=0).what.startswith(found)


def test_of_what_fails_the_smallest_is_told_and_can_be_tried_again():
    failure = first_failure(refuses_lists, size=(5, 20), shrinking=math.inf)
    members = reference.strict(reference.unbase64url(failure.given.token.split(".")[1]))
    # But for the list it is the token that everything begins with.
    assert len(members.pop("aud")) > 1
    assert members.items() < ACCESS.members().items()
    text = report.failure(failure)
    assert "FAILED access: a good token was refused" in text
    command, _, given = text.rpartition(" ")
    assert command.endswith("python -m tests.campaigns.fuzz --target access --again")
    with everything_logged() as log:
        assert target("access").check(from_text(given), log) == "accepted"


@pytest.mark.parametrize(
    "given",
    [
        Token(GOOD, GOOD.rpartition(".")[0]),
        Token("\ud800é🔑\x00"),
        Token(b"\xff\x00"),
        Token(None),
        Token([1, {"a": "b"}]),
        Header("Bearer \xff"),
        Body("token/", b"\xff", "text/plain", environ={"HTTP_ACCEPT": "\xe9"}),
    ],
    ids=repr,
)
def test_an_input_can_be_written_down(given):
    text = to_text(given)
    assert text.isascii()
    assert from_text(text) == given
    assert report.failure(Failure("access", "it fails", given)).startswith(
        "FAILED access: it fails\n"
    )


def test_the_command_prints_a_table_and_says_whether_all_held():
    options = ["--iterations", "9", "--target", "header"]
    ended = subprocess.run(  # noqa: S603
        [sys.executable, "-W", "error", "-m", "tests.campaigns.fuzz", *options],
        check=False,
        cwd=ROOT,
        capture_output=True,
        encoding="utf-8",
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    head, *lines = ended.stdout.partition("target  ")[2].splitlines()[:3]
    assert head.split()[0] == "tried"
    assert [line.split()[0] for line in lines] == ["header", "all"]
    assert [line.split()[-1] for line in lines] == ["0", "0"]
