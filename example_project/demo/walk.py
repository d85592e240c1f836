"""The steps of `manage.py demo --check`: what the servers answer, beside what they must answer.

Every chapter signs in for itself, so that one that breaks off says nothing about the next.
"""

from __future__ import annotations

from collections.abc import Iterator

from demo.client import Answer, Client, read_token, tamper
from demo.database import ALICE, BOB
from demo.key_walk import introspection, rotation, well_known
from demo.servers import Origins
from demo.walking import (
    NOTES,
    REVOKE,
    SESSIONS,
    SIGN_IN,
    WHO,
    BrokenOff,
    Step,
    Tokens,
    column,
    refresh,
    second_process,
    sign_in,
)


def walk(origins: Origins) -> Iterator[Step]:
    api = Client(origins.api)
    page = Client(origins.page)
    for chapter in (
        five_steps(api),
        well_known(api),
        another_process(api),
        rights(api),
        refreshing(api),
        sessions(api),
        introspection(api),
        across_origins(api, page),
        rotation(api),
    ):
        try:
            yield from chapter
        except BrokenOff as error:
            yield Step("   the rest of this chapter", f"broken off: {error}", "walked to its end")


def five_steps(api: Client) -> Iterator[Step]:
    right = sign_in(api, ALICE, device_name="demo --check")
    yield Step("1. Alice signs in with her name and her password", right.status, 200)

    wrong = api.post(SIGN_IN, {"username": ALICE.name, "password": "a guess"})
    yield Step("2. The server checks them: a guess is refused", wrong.error, (400, "invalid_grant"))

    tokens = Tokens.of(right)
    header, claims = read_token(tokens.access)
    yield Step("3. It hands out a signed token: header", header.get("typ"), "at+jwt", header)
    named = claims.get("preferred_username")
    yield Step("   the token's claims", named, ALICE.name, claims)

    written = api.post(NOTES, {"text": "Buy oranges"}, token=tokens.access)
    yield Step("4. The Authorization header carries it: a note is written", written.status, 201)
    listed = api.get(NOTES, token=tokens.access)
    yield Step("   and read again", column(listed, "text"), ["Buy oranges"])

    forged = api.get(NOTES, token=tamper(tokens.access))
    yield Step(
        "5. The server verifies the signature: one changed character is refused",
        forged.error,
        (401, "invalid_token"),
    )
    bare = api.get(NOTES)
    yield Step("   a request without a token is refused", bare.error, (401, None))


def another_process(api: Client) -> Iterator[Step]:
    tokens = Tokens.of(sign_in(api, ALICE))
    with second_process(api) as other:
        answer = other.get(WHO, token=tokens.access)
        yield Step(
            "A second process, with the public key and no database, verifies the token",
            answer.get("preferred_username"),
            ALICE.name,
        )
        forged = other.get(WHO, token=tamper(tokens.access))
        yield Step("   and refuses a changed one", forged.error, (401, "invalid_token"))


def rights(api: Client) -> Iterator[Step]:
    answer = sign_in(api, BOB, scope="notes:read")
    tokens = Tokens.of(answer)
    yield Step("Bob asks for a token that can only read", answer.get("scope"), "notes:read")
    listed = api.get(NOTES, token=tokens.access)
    yield Step("   he reads, and sees nobody else's notes", column(listed, "text"), [])
    written = api.post(NOTES, {"text": "No"}, token=tokens.access)
    yield Step("   he cannot write", written.error, (403, "insufficient_scope"))
    more = sign_in(api, BOB, scope="notes:read everything")
    yield Step("   a right that does not exist is refused", more.error, (400, "invalid_scope"))


def refreshing(api: Client) -> Iterator[Step]:
    first = Tokens.of(sign_in(api, ALICE))
    second = Tokens.of(refresh(api, first.refresh))
    yield Step("A refresh hands out another refresh token", second.refresh != first.refresh, True)
    listed = api.get(NOTES, token=second.access)
    yield Step("   and an access token that works", listed.status, 200)
    again = Tokens.of(refresh(api, first.refresh))
    yield Step(
        "   repeated at once, as by a second tab, it gives the same refresh token",
        again.refresh == second.refresh,
        True,
    )
    swapped = refresh(api, second.access)
    yield Step("An access token is no refresh token", swapped.error, (400, "invalid_grant"))

    third = Tokens.of(refresh(api, second.refresh))
    reused = refresh(api, first.refresh)
    yield Step(
        "An old refresh token, as a thief would have it, is refused",
        reused.error,
        (400, "invalid_grant"),
    )
    newest = refresh(api, third.refresh)
    yield Step(
        "   and has ended the session: the newest one is refused",
        newest.error,
        (400, "invalid_grant"),
    )
    ended = api.get(NOTES, token=third.access)
    yield Step("   and the access token, at once", ended.error, (401, "invalid_token"))


def sessions(api: Client) -> Iterator[Step]:
    phone = Tokens.of(sign_in(api, BOB, device_name="Bob's phone"))
    laptop = Tokens.of(sign_in(api, BOB, device_name="Bob's laptop"))
    listed = api.get(SESSIONS, token=laptop.access)
    yield Step(
        "Bob sees where he is signed in, newest first",
        column(listed, "device_name")[:2],
        ["Bob's laptop", "Bob's phone"],
    )
    yield Step("   and which one he is using", column(listed, "current")[:2], [True, False])

    _, phone_id, *_ = [*column(listed, "id"), None, None]
    ended = api.send("DELETE", f"{SESSIONS}{phone_id}/", token=laptop.access)
    yield Step("He signs the phone out from the laptop", ended.status, 204)
    refused = api.get(NOTES, token=phone.access)
    yield Step("   its access token is refused at once", refused.error, (401, "invalid_token"))
    others = api.send("DELETE", f"{SESSIONS}?keep=current", token=laptop.access)
    yield Step("He signs out everywhere else", others.status, 204)
    listed = api.get(SESSIONS, token=laptop.access)
    yield Step("   one session is left", column(listed, "device_name"), ["Bob's laptop"])
    revoked = api.post(REVOKE, {"token": laptop.refresh})
    yield Step("He signs out of this one too", revoked.status, 200)
    refused = api.get(NOTES, token=laptop.access)
    yield Step("   at once here as well", refused.error, (401, "invalid_token"))


def across_origins(api: Client, page: Client) -> Iterator[Step]:
    index = page.get("/")
    policy = index.headers.get("Content-Security-Policy", "").split("; ")
    connect = f"connect-src 'self' {api.origin}"
    yield Step("The page may connect to itself and the API only", connect in policy, True)
    yield Step("   and learns where the API is", page.get("/config.json").get("api"), api.origin)

    own = ask_permission(api, page.origin)
    yield Step("The API lets the page's origin in", allowed_origin(own), (200, page.origin))
    asked = "authorization" in own.headers.get("Access-Control-Allow-Headers", "")
    yield Step("   with the Authorization header", asked, True)
    cookies = (own.status, own.headers.get("Access-Control-Allow-Credentials"))
    yield Step("   without cookies", cookies, (200, None))
    foreign = ask_permission(api, "http://elsewhere.example.com")
    yield Step("   and no other origin", allowed_origin(foreign), (200, None))


def ask_permission(api: Client, origin: str) -> Answer:
    """The preflight that a browser sends before a script's request to another origin."""
    headers = {
        "Origin": origin,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization, content-type",
    }
    return api.send("OPTIONS", NOTES, headers=headers)


def allowed_origin(preflight: Answer) -> tuple[int, str | None]:
    return preflight.status, preflight.headers.get("Access-Control-Allow-Origin")
