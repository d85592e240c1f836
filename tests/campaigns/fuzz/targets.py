"""What an input is given to, and what has to hold then: here, the functions that read tokens.

A target says in a word what came of an input (``accepted``, or why not). A rule that does not hold
is a :class:`Broken` with a sentence; any other exception that leaves is a failure too.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import jwt
from hypothesis import strategies as st

from django_tokenauth.errors import InvalidToken, TokenErrorCode
from tests.campaigns.fuzz import reference
from tests.campaigns.fuzz.inputs import Token, tokens
from tests.campaigns.fuzz.servers import LEEWAY, server
from tests.support.raw_tokens import NOW

DECODERS = ("access", "access-eddsa", "access-es256", "refresh")


class Broken(AssertionError):
    """A rule that has to hold and does not."""


def hold(fact: object, sentence: str) -> None:
    if not fact:
        raise Broken(sentence)


class Log(logging.Handler):
    """All that is logged by anybody while it is open."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(f"{record.name}: {self.format(record)}")

    def taken(self) -> list[str]:
        lines, self.lines = self.lines, []
        return lines


@contextmanager
def everything_logged() -> Iterator[Log]:
    root, log = logging.getLogger(), Log()
    level = root.level
    root.addHandler(log)
    root.setLevel(logging.DEBUG)
    try:
        yield log
    finally:
        root.removeHandler(log)
        root.setLevel(level)


class Decoder:
    """``AccessTokens.decode``, ``RefreshTokens.decode``, or what should be as strict."""

    def __init__(self, name: str, decode: Callable[..., Any] | None = None) -> None:
        self.server = server(name)
        self.inputs: st.SearchStrategy[Token] = tokens(name)
        self._decode = decode or self.server.tokens.decode
        self._others = [server(other) for other in DECODERS if other != name]

    def check(self, given: Token, log: Log) -> str:
        """Try one token. Returns ``accepted`` or the code of the refusal."""
        faults = reference.faults(given.token, self.server)
        try:
            claims = self._decode(given.token, now=NOW)
        except InvalidToken as error:
            hold(says_only_its_code(error), "the exception says more than its code")
            hold(not log.taken(), "the decoder wrote to the log")
            hold(faults, "a good token was refused")
            return error.code.value
        hold(not faults, f"a token was accepted in spite of: {', '.join(faults)}")
        hold(given.token.rpartition(".")[0] == given.signed, "nobody signed what was accepted")
        self._check_accepted(given.token, claims)
        hold(not log.taken(), "the decoder wrote to the log")
        return "accepted"

    def _check_accepted(self, token: str, claims: Any) -> None:
        try:
            theirs = reference.as_pyjwt_reads(token, self.server)
        except jwt.PyJWTError as error:
            raise Broken(f"PyJWT refuses what was accepted: {type(error).__name__}") from None
        hold(reference.as_we_read(claims) == theirs, "PyJWT reads other claims")
        hold(self._decode(token, now=NOW) == claims, "the second time it has other claims")
        try:
            self._decode(token, now=claims.expires_at + LEEWAY.total_seconds())
        except InvalidToken as error:
            hold(
                error.code is TokenErrorCode.EXPIRED,
                "at its end a token is refused for another reason",
            )
        else:
            raise Broken("a token is good at its end")
        for other in self._others:
            try:
                other.tokens.decode(token, now=NOW)
            except InvalidToken:
                continue
            raise Broken("one kind of token is good as another")


def says_only_its_code(error: InvalidToken) -> bool:
    """Neither its text, nor what a traceback shows beside it, nor what a debugger finds behind that
    has more than the code."""
    hidden: BaseException | None = error.__context__
    while hidden is not None:
        if str(hidden) not in ("", *TokenErrorCode) or vars(hidden).keys() - {"code"}:
            return False
        hidden = hidden.__context__
    said = str(error) == error.code.value and vars(error) == {"code": error.code}
    return said and error.__cause__ is None
