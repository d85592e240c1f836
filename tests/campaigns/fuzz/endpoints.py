"""Targets over HTTP: the authentication classes in views, and the token endpoints."""

from __future__ import annotations

import json
import re
import unicodedata
from base64 import b64decode
from typing import Any
from urllib.parse import parse_qs, unquote_plus

from hypothesis import strategies as st

from tests.campaigns.fuzz import reference
from tests.campaigns.fuzz.inputs import Body, Header
from tests.campaigns.fuzz.project import GENERATION, Answer, ask
from tests.campaigns.fuzz.requests import bodies, headers
from tests.campaigns.fuzz.servers import server
from tests.campaigns.fuzz.targets import Log, hold
from tests.support.client import (
    BARE,
    BASIC,
    FORM,
    INVALID_CLIENT,
    INVALID_GRANT,
    INVALID_REQUEST,
    INVALID_SCOPE,
    INVALID_TOKEN,
    UNSUPPORTED_GRANT_TYPE,
)
from tests.support.confidential_clients import SECRETS
from tests.support.raw_tokens import SESSION, unbase64url

# RFC 9110 section 11.1: the scheme in any case. What is no blank belongs to a longer name.
_BEARER = re.compile(r"(?i:bearer)(?:\s|\Z)")
_LOGGED = re.compile(
    r"django_tokenauth: ("
    r"access token rejected: [a-z_]+|refresh rejected: [a-z_]+|sign-in rejected|client rejected"
    r"|token rejected: it belongs to another client"
    r"|user 1 signed in, session [0-9a-f-]{36}"
    rf"|session {SESSION} of user 1 revoked: signed_out"
    rf"|refresh token of session {SESSION} of user 1 reused: session revoked)\Z"
)
_MALFORMED = re.compile(r"These parameters are missing or malformed: [a-z_, ]+\.\Z")


def members_of(token: str) -> dict[str, Any]:
    return reference.strict(unbase64url(token.split(".")[1]))


class Authorization:
    """``JWTAuthentication`` or ``StatelessJWTAuthentication``, with any value of the header."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.inputs: st.SearchStrategy[Header] = headers()
        self._server = server("access")

    def check(self, given: Header, log: Log) -> str:
        """Ask with one header. Returns ``accepted``, ``refused`` or ``not ours``."""
        answer = ask(self.path, REQUEST_METHOD="GET", HTTP_AUTHORIZATION=given.header)
        check_answer(answer, log, given.header)
        if not _BEARER.match(given.header):
            hold(answer.status == 401, "without a bearer token somebody gets in")
            hold(answer.headers["WWW-Authenticate"] == BARE, "the challenge is not the bare one")
            hold(not answer.statements, "the database is asked without a token")
            return "not ours"
        token = given.header[7:] if given.header[6:7] == " " else ""
        faults = reference.faults(token, self._server)
        if faults:
            hold(not answer.statements, "the database is asked about a token that is no good")
        elif self.path == "/who/":
            of = members_of(token)
            if (of["sub"], of.get("sid")) != ("1", SESSION):
                faults = ["the session of nobody, or of somebody else"]
        if answer.status == 401:
            hold(faults, "a good token was refused")
            hold(answer.headers["WWW-Authenticate"] == INVALID_TOKEN, "not the one challenge")
            return "refused"
        hold(answer.status == 200, f"the answer is {answer.status}")
        hold(not faults, f"somebody gets in in spite of: {', '.join(faults)}")
        hold(token.rpartition(".")[0] == given.signed, "nobody signed what was accepted")
        hold(json.loads(answer.body)["sub"] == members_of(token)["sub"], "it is somebody else")
        return "accepted"


class Endpoint:
    """One of the token endpoints, with any body."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.inputs: st.SearchStrategy[Body] = bodies(path)

    def check(self, given: Body, log: Log) -> str:
        """Ask with one body. Returns the error of the answer, or ``accepted``."""
        environ = {"CONTENT_TYPE": given.content_type, **given.environ}
        answer = ask(f"/auth/{self.path}", given.body, **environ)
        check_answer(answer, log, given.token)
        hold(answer.headers["Cache-Control"] == "no-store", "a cache may keep the answer")
        if answer.status in (405, 415):
            hold(not answer.statements, "the database is asked about a request that cannot be")
            return str(answer.status)
        if answer.status == 200 and given.environ.get("REQUEST_METHOD") == "OPTIONS":
            return "options"
        good = [
            kind
            for kind in ("access", "refresh")
            if given.token and not reference.faults(given.token, server(kind))
        ]
        if given.token and not good:
            hold(not answer.statements, "the database is asked about a token that is no good")
        body = json.loads(answer.body)
        if answer.status == 401:
            challenge = answer.headers["WWW-Authenticate"]
            if body == INVALID_CLIENT:
                hold(challenge.startswith(BASIC), "the challenge is another one")
            else:
                hold(self.path == "token/introspect/", "a bearer token is asked for")
                hold(challenge == INVALID_TOKEN, "the challenge is another one")
            hold(not answer.statements, "the database is asked for who is nobody")
            return str(body["error"])
        if answer.status == 400:
            hold(is_documented(body), "the error is none that is documented")
            return str(body["error"])
        hold(answer.status == 200, f"the answer is {answer.status}")
        if self.path == "token/introspect/":
            hold(is_client(given), "somebody else may ask")
        if self.path == "token/revoke/":
            hold(body == {}, "the answer is not empty")
            return "accepted" if answer.statements else "nothing to revoke"
        if body == {"active": False}:
            return "not active"
        self._check_accepted(given, good)
        return "accepted"

    def _check_accepted(self, given: Body, good: list[str]) -> None:
        if not given.token:
            read = parameters(given)
            hold(as_databases_compare(read["username"]) == "alice", "somebody else signed in")
            hold(read["password"] == "correct horse", "a wrong password signed in")
            return
        readers = ("token/verify/", "token/introspect/")
        wanted = "access" if self.path in readers else "refresh"
        hold(wanted in good, "a token is accepted that is no good")
        hold(given.token.rpartition(".")[0] == given.signed, "nobody signed what was accepted")
        of = members_of(given.token)
        hold((of["sub"], of["sid"]) == ("1", SESSION), "a session of somebody else")
        if wanted == "refresh":
            hold(of["gen"] >= GENERATION - 1, "a used token is accepted")


def as_databases_compare(name: str) -> str:
    """``name`` without what a collation may overlook: compatible forms, accents, case, blanks."""
    letters = unicodedata.normalize("NFKD", name)
    plain = "".join(letter for letter in letters if not unicodedata.combining(letter))
    return plain.casefold().strip()


def parameters(given: Body) -> dict[str, str]:
    """The parameters of a body that was accepted."""
    if given.content_type.startswith(FORM):
        found = parse_qs(given.body.decode("latin-1"))
        return {name: values[0] for name, values in found.items()}
    return reference.strict(given.body)


def is_client(given: Body) -> bool:
    """Whether the one client that there is has shown its secret."""
    header, read = given.environ.get("HTTP_AUTHORIZATION", ""), parameters(given)
    secret = SECRETS["reports"]
    if header.startswith("Basic ") and header != "Basic Og==":
        shown = b64decode(header[6:]).decode()
        return unquote_plus(shown) == f"reports:{secret}"
    return (read.get("client_id", "").strip(), read.get("client_secret")) == ("reports", secret)


def is_documented(body: dict[str, str]) -> bool:
    """Whether it is one of the fixed answers of the token endpoints."""
    fixed = (INVALID_GRANT, INVALID_SCOPE, INVALID_REQUEST, UNSUPPORTED_GRANT_TYPE)
    return body in fixed or (
        body.keys() == {"error", "error_description"}
        and _MALFORMED.match(body["error_description"]) is not None
        and body["error"] == kind_of_malformed(body["error_description"])
    )


def kind_of_malformed(description: str) -> str:
    """A scope alone has an error of its own."""
    return "invalid_scope" if description.endswith("malformed: scope.") else "invalid_request"


def check_answer(answer: Answer, log: Log, secret: str) -> None:
    """What holds for every answer."""
    if answer.error is not None:
        raise answer.error
    hold(answer.status < 500, f"the answer is {answer.status}")
    lines = log.taken()
    hold(all(map(_LOGGED.match, lines)), f"the log says something else: {lines}")
    said = "\n".join(
        [*lines, str(answer.headers), answer.body.decode() if answer.status > 200 else ""]
    )
    hold(not any(part in said for part in pieces(secret)), "the answer or the log has the token")


def pieces(secret: str) -> list[str]:
    """The parts of a token, or of what stands in its place, that may stand nowhere else. Shorter
    ones stand in other texts by chance, such as the name of the logger."""
    return [part for part in re.split(r"[.\s]", secret) if len(part) >= 32]
