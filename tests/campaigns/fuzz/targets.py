"""The targets that decode tokens, and the rules for their results.

A target returns the outcome of an input: ``accepted``, or the reason of the rejection. A violated
rule raises :class:`RuleViolation`. Any other exception is a failure too.
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


class RuleViolation(AssertionError):
    """A violated rule."""


def require(condition: object, message: str) -> None:
    if not condition:
        raise RuleViolation(message)


class LogCapture(logging.Handler):
    """Collect all log lines."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(f"{record.name}: {self.format(record)}")

    def drain(self) -> list[str]:
        lines, self.lines = self.lines, []
        return lines


@contextmanager
def capture_logs() -> Iterator[LogCapture]:
    root, log = logging.getLogger(), LogCapture()
    level = root.level
    root.addHandler(log)
    root.setLevel(logging.DEBUG)
    try:
        yield log
    finally:
        root.removeHandler(log)
        root.setLevel(level)


class Decoder:
    """``AccessTokens.decode``, ``RefreshTokens.decode``, or a function with equal rules."""

    def __init__(self, name: str, decode: Callable[..., Any] | None = None) -> None:
        self.server = server(name)
        self.inputs: st.SearchStrategy[Token] = tokens(name)
        self._decode = decode or self.server.tokens.decode
        self._others = [server(other) for other in DECODERS if other != name]

    def check(self, case: Token, log: LogCapture) -> str:
        """Decode one token. Return ``accepted`` or the code of the error."""
        errors = reference.find_errors(case.token, self.server)
        try:
            claims = self._decode(case.token, now=NOW)
        except InvalidToken as error:
            require(reveals_only_code(error), "the exception contains more than its code")
            require(not log.drain(), "the decoder wrote to the log")
            require(errors, "a valid token was rejected")
            return error.code.value
        require(not errors, f"an invalid token was accepted: {', '.join(errors)}")
        require(case.token.rpartition(".")[0] == case.signed, "an unsigned token was accepted")
        self._check_accepted(case.token, claims)
        require(not log.drain(), "the decoder wrote to the log")
        return "accepted"

    def _check_accepted(self, token: str, claims: Any) -> None:
        try:
            expected = reference.pyjwt_claims(token, self.server)
        except jwt.PyJWTError as error:
            raise RuleViolation(
                f"PyJWT rejects an accepted token: {type(error).__name__}"
            ) from None
        require(reference.package_claims(claims) == expected, "PyJWT decodes other claims")
        require(self._decode(token, now=NOW) == claims, "a second decode returns other claims")
        try:
            self._decode(token, now=claims.expires_at + LEEWAY.total_seconds())
        except InvalidToken as error:
            require(
                error.code is TokenErrorCode.EXPIRED,
                "an expired token is rejected for another reason",
            )
        else:
            raise RuleViolation("an expired token is accepted")
        for other in self._others:
            try:
                other.tokens.decode(token, now=NOW)
            except InvalidToken:
                continue
            raise RuleViolation("a token is accepted as another type")


def reveals_only_code(error: InvalidToken) -> bool:
    """Return whether the exception and its contexts contain nothing but the code."""
    context: BaseException | None = error.__context__
    while context is not None:
        if str(context) not in ("", *TokenErrorCode) or vars(context).keys() - {"code"}:
            return False
        context = context.__context__
    has_only_code = str(error) == error.code.value and vars(error) == {"code": error.code}
    return has_only_code and error.__cause__ is None
