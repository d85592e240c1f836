"""The steps of `manage.py demo --check`, over real HTTP, with the result that each must have.

Each chapter signs in by itself, so a failure in one does not affect the next.
"""

from __future__ import annotations

from collections.abc import Iterator

from demo.client import Client, Response, read_token, tamper
from demo.database import ALICE, BOB
from demo.key_steps import introspection, rotation, well_known
from demo.servers import Origins
from demo.service_steps import api_tokens, other_services, service_account
from demo.steps import (
    NOTES,
    REVOKE,
    SESSIONS,
    SIGN_IN,
    WHO,
    ChapterAborted,
    Step,
    Tokens,
    column,
    refresh,
    second_process,
    sign_in,
)


def check(origins: Origins) -> Iterator[Step]:
    """Yield the steps of all chapters, each as soon as its responses are there."""
    api = Client(origins.api)
    page, reports = Client(origins.page), Client(origins.reports)
    for chapter in (
        five_steps(api),
        well_known(api),
        another_process(api),
        scopes(api),
        refreshing(api),
        sessions(api),
        introspection(api),
        other_services(api, reports),
        api_tokens(api),
        service_account(api),
        across_origins(api, page, reports),
        rotation(api, reports),
    ):
        try:
            yield from chapter
        except ChapterAborted as error:
            yield Step("   the rest of this chapter", f"aborted: {error}", "completed")


def five_steps(api: Client) -> Iterator[Step]:
    signed_in = sign_in(api, ALICE, device_name="demo --check")
    yield Step("1. Alice signs in with her username and password", signed_in.status, 200)

    wrong = api.post(SIGN_IN, {"username": ALICE.name, "password": "a guess"})
    yield Step("2. The server rejects a wrong password", wrong.error, (400, "invalid_grant"))

    tokens = Tokens.of(signed_in)
    header, claims = read_token(tokens.access)
    yield Step("3. The server returns a signed token: header", header.get("typ"), "at+jwt", header)
    username = claims.get("preferred_username")
    yield Step("   the claims", username, ALICE.name, claims)

    written = api.post(NOTES, {"text": "Buy oranges"}, token=tokens.access)
    yield Step(
        "4. With the token in the Authorization header, she adds a note", written.status, 201
    )
    listed = api.get(NOTES, token=tokens.access)
    yield Step("   and lists it", column(listed, "text"), ["Buy oranges"])

    forged = api.get(NOTES, token=tamper(tokens.access))
    yield Step(
        "5. The server verifies the signature and rejects a token with one changed character",
        forged.error,
        (401, "invalid_token"),
    )
    without = api.get(NOTES)
    yield Step("   It rejects a request without a token", without.error, (401, None))


def another_process(api: Client) -> Iterator[Step]:
    tokens = Tokens.of(sign_in(api, ALICE))
    with second_process(api) as other:
        response = other.get(WHO, token=tokens.access)
        yield Step(
            "A second process verifies the token with the public key, without a database",
            response.get("preferred_username"),
            ALICE.name,
        )
        forged = other.get(WHO, token=tamper(tokens.access))
        yield Step("   and rejects a changed token", forged.error, (401, "invalid_token"))


def scopes(api: Client) -> Iterator[Step]:
    response = sign_in(api, BOB, scope="notes:read")
    tokens = Tokens.of(response)
    yield Step("Bob requests a token of scope notes:read", response.get("scope"), "notes:read")
    listed = api.get(NOTES, token=tokens.access)
    yield Step("   With it he lists his notes, and no notes of Alice", column(listed, "text"), [])
    written = api.post(NOTES, {"text": "No"}, token=tokens.access)
    yield Step("   He cannot add a note", written.error, (403, "insufficient_scope"))
    unknown = sign_in(api, BOB, scope="notes:read everything")
    yield Step("   A scope that does not exist is rejected", unknown.error, (400, "invalid_scope"))


def refreshing(api: Client) -> Iterator[Step]:
    first = Tokens.of(sign_in(api, ALICE))
    second = Tokens.of(refresh(api, first.refresh))
    yield Step("A refresh returns a new refresh token", second.refresh != first.refresh, True)
    listed = api.get(NOTES, token=second.access)
    yield Step("   and an access token that works", listed.status, 200)
    again = Tokens.of(refresh(api, first.refresh))
    yield Step(
        "   Repeated at once, as by a second tab, it returns the same refresh token",
        again.refresh == second.refresh,
        True,
    )
    access = refresh(api, second.access)
    yield Step(
        "An access token is rejected as a refresh token", access.error, (400, "invalid_grant")
    )

    third = Tokens.of(refresh(api, second.refresh))
    reused = refresh(api, first.refresh)
    yield Step(
        "An old refresh token, which may be stolen, is rejected",
        reused.error,
        (400, "invalid_grant"),
    )
    newest = refresh(api, third.refresh)
    yield Step(
        "   Its reuse revoked the session: the newest refresh token is rejected",
        newest.error,
        (400, "invalid_grant"),
    )
    revoked = api.get(NOTES, token=third.access)
    yield Step("   and so is the access token, at once", revoked.error, (401, "invalid_token"))


def sessions(api: Client) -> Iterator[Step]:
    phone = Tokens.of(sign_in(api, BOB, device_name="Bob's phone"))
    laptop = Tokens.of(sign_in(api, BOB, device_name="Bob's laptop"))
    listed = api.get(SESSIONS, token=laptop.access)
    yield Step(
        "Bob lists his sessions, newest first",
        column(listed, "device_name")[:2],
        ["Bob's laptop", "Bob's phone"],
    )
    yield Step("   The current one is marked", column(listed, "current")[:2], [True, False])

    _, phone_id, *_ = [*column(listed, "id"), None, None]
    response = api.send("DELETE", f"{SESSIONS}{phone_id}/", token=laptop.access)
    yield Step("He signs the phone out from the laptop", response.status, 204)
    rejected = api.get(NOTES, token=phone.access)
    yield Step("   Its access token is rejected at once", rejected.error, (401, "invalid_token"))
    others = api.send("DELETE", f"{SESSIONS}?keep=current", token=laptop.access)
    yield Step("He signs out all other sessions", others.status, 204)
    listed = api.get(SESSIONS, token=laptop.access)
    yield Step("   One session is left", column(listed, "device_name"), ["Bob's laptop"])
    revoked = api.post(REVOKE, {"token": laptop.refresh})
    yield Step("He signs out of the current session", revoked.status, 200)
    rejected = api.get(NOTES, token=laptop.access)
    yield Step("   Its access token is rejected at once", rejected.error, (401, "invalid_token"))


def across_origins(api: Client, page: Client, reports: Client) -> Iterator[Step]:
    index = page.get("/")
    policy = index.headers.get("Content-Security-Policy", "").split("; ")
    connect = f"connect-src 'self' {api.origin} {reports.origin}"
    yield Step("The page may connect only to the three servers", connect in policy, True)
    configured = page.get("/config.json").body
    addresses = {"api": api.origin, "reports": reports.origin}
    yield Step("   Its server returns the addresses of the others", configured, addresses)

    own = preflight(api, page.origin)
    yield Step(
        "The API allows the origin of the page (CORS)", allowed_origin(own), (200, page.origin)
    )
    header = "authorization" in own.headers.get("Access-Control-Allow-Headers", "")
    yield Step("   with the Authorization header", header, True)
    cookies = (own.status, own.headers.get("Access-Control-Allow-Credentials"))
    yield Step("   without cookies", cookies, (200, None))
    foreign = preflight(api, "http://elsewhere.example.com")
    yield Step("   and no other origin", allowed_origin(foreign), (200, None))


def preflight(api: Client, origin: str) -> Response:
    """Send the preflight request of a browser, before a script's request to another origin."""
    headers = {
        "Origin": origin,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization, content-type",
    }
    return api.send("OPTIONS", NOTES, headers=headers)


def allowed_origin(response: Response) -> tuple[int, str | None]:
    return response.status, response.headers.get("Access-Control-Allow-Origin")
