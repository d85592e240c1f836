"""The output of the command: a summary table, and failures with a command to replay them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from tests.campaigns.fuzz.campaign import Failure, Tally
from tests.campaigns.fuzz.inputs import Body, GatewayRequest, Header, Token, to_text
from tests.support.raw_tokens import unbase64url

MAXIMUM_LENGTH = 600
EXPLANATION = """
inputs     inputs sent to the code, counted by --iterations; distinct within a round
distinct   inputs that differ from all others of the run
accepted   inputs that the code, PyJWT and the second implementation accepted
seconds    time of all processes, including the generation and the checks
"""


def table(tallies: Mapping[str, Tally]) -> str:
    """Return a line per target, a total, and the outcomes of each target."""
    columns = ("inputs", "distinct", "accepted", "rejected", "seconds", "per second", "failures")
    lines = [f"{'target':<17}" + "".join(f"{column:>12}" for column in columns)]
    total = Tally()
    for name, tally in tallies.items():
        lines.append(_line(name, tally))
        total.add(tally)
    lines += [_line("all", total), "", "Outcomes:"]
    for target, tally in tallies.items():
        outcomes = ", ".join(f"{name} {count:,}" for name, count in tally.outcomes.most_common())
        lines.append(f"{target:<17}  {outcomes}")
    return "\n".join([*lines, EXPLANATION])


def _line(name: str, tally: Tally) -> str:
    accepted = tally.outcomes["accepted"]
    rejected = tally.outcomes.total() - accepted
    speed = tally.inputs / tally.seconds if tally.seconds else 0.0
    numbers = (f"{number:,}" for number in (tally.inputs, len(tally.distinct), accepted, rejected))
    rest = (f"{tally.seconds:,.1f}", f"{speed:,.0f}", str(len(tally.failures)))
    return f"{name:<17}" + "".join(f"{text:>12}" for text in (*numbers, *rest))


def describe(failure: Failure) -> str:
    """Return the failure, its input, and the command that replays it."""
    lines = [f"FAILED {failure.target}: {failure.message}", *_described(failure.case)]
    options = f"--target {failure.target} --replay {to_text(failure.case)}"
    return "\n  ".join([*lines, "Replay it with:", f"python -m tests.campaigns.fuzz {options}"])


def _described(case: Any) -> Iterator[str]:
    if isinstance(case, Token):
        yield f"token: {_cut(case.token)}"
        yield from _segments(case.token)
        yield f"signed by the server's key: {'yes' if case.signed else 'no'}"
    elif isinstance(case, Header):
        yield f"Authorization: {_cut(case.header)}"
        yield from _segments(case.header.partition(" ")[2])
    elif isinstance(case, GatewayRequest):
        yield f"{_cut(case.method)} ?{_cut(case.query)}"
        yield f"Authorization: {_cut(case.header)}"
        yield from _segments(case.header.partition(" ")[2])
    elif isinstance(case, Body):
        yield f"POST {case.path} {case.content_type!r} {json.dumps(case.environ)}"
        yield f"body: {_cut(case.body)}"
        yield from _segments(case.token)


def _segments(token: object) -> Iterator[str]:
    parts = token.split(".") if isinstance(token, str) else []
    for name, part in zip(("header", "payload", "signature"), parts, strict=False):
        try:
            data = unbase64url(part)
        except ValueError:
            continue
        yield f"{name}: {data.hex() if name == 'signature' else _cut(data)}"


def _cut(value: object) -> str:
    text = ascii(value)
    return (
        text
        if len(text) <= MAXIMUM_LENGTH
        else f"{text[:MAXIMUM_LENGTH]}... ({len(text):,} characters)"
    )
