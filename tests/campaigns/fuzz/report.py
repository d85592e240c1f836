"""What the command prints: the summary as a table, and a failure so that it can be tried again."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from tests.campaigns.fuzz.campaign import Failure, Tally
from tests.campaigns.fuzz.inputs import Body, Header, Token, to_text
from tests.support.raw_tokens import unbase64url

LONGEST = 600
EXPLANATION = """
tried      inputs given to the code, which is what --iterations counts; within a round (about
           2,000 of them) no input comes twice
different  of these, each counted once in the whole run
accepted   good ones, which PyJWT and a second reading of the rules found good too
seconds    of the processes together, with drawing the inputs and checking the answers
"""


def table(tallies: Mapping[str, Tally]) -> str:
    """A line for each target, one for all, and under them why inputs were refused."""
    columns = ("tried", "different", "accepted", "refused", "seconds", "per second", "failures")
    lines = [f"{'target':<17}" + "".join(f"{column:>12}" for column in columns)]
    total = Tally()
    for name, tally in tallies.items():
        lines.append(_line(name, tally))
        total.add(tally)
    lines += [_line("all", total), "", "Outcomes:"]
    for name, tally in tallies.items():
        found = ", ".join(f"{what} {count:,}" for what, count in tally.outcomes.most_common())
        lines.append(f"{name:<17}  {found}")
    return "\n".join([*lines, EXPLANATION])


def _line(name: str, tally: Tally) -> str:
    accepted = tally.outcomes["accepted"]
    refused = tally.outcomes.total() - accepted
    speed = tally.tried / tally.seconds if tally.seconds else 0.0
    numbers = (f"{number:,}" for number in (tally.tried, len(tally.different), accepted, refused))
    rest = (f"{tally.seconds:,.1f}", f"{speed:,.0f}", str(len(tally.failures)))
    return f"{name:<17}" + "".join(f"{text:>12}" for text in (*numbers, *rest))


def failure(found: Failure) -> str:
    """What failed, the input, and the line that tries it again."""
    lines = [f"FAILED {found.target}: {found.what}", *_described(found.given)]
    again = f"python -m tests.campaigns.fuzz --target {found.target} --again {to_text(found.given)}"
    return "\n  ".join([*lines, "Try it again with:", again])


def _described(given: Any) -> Iterator[str]:
    if isinstance(given, Token):
        yield f"token: {_cut(given.token)}"
        yield from _segments(given.token)
        yield f"signed by the real key: {'yes' if given.signed else 'no'}"
    elif isinstance(given, Header):
        yield f"Authorization: {_cut(given.header)}"
        yield from _segments(given.header.partition(" ")[2])
    elif isinstance(given, Body):
        yield f"POST {given.path} {given.content_type!r} {json.dumps(given.environ)}"
        yield f"body: {_cut(given.body)}"
        yield from _segments(given.token)


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
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}... ({len(text):,} characters)"
