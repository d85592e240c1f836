"""The chapters about keys: discovery, introspection and rotation."""

from __future__ import annotations

import time
from base64 import b64encode
from collections.abc import Callable, Iterator
from io import StringIO
from typing import Any

from django.core.management import call_command

from demo.client import Client, Response, read_token
from demo.database import ALICE
from demo.keys import METADATA
from demo.parties import REPORTS, STATISTICS
from demo.steps import (
    NOTES,
    REFRESH,
    REVOKE,
    WHO,
    Step,
    Tokens,
    refresh,
    second_process,
    sign_in,
)

JWKS = "/.well-known/jwks.json"
INTROSPECT = "/auth/token/introspect/"
# Seconds from the publication of a key to its first signature. Both processes must read it before.
DELAY = 10
TIMEOUT = 60


def well_known(api: Client) -> Iterator[Step]:
    metadata = api.get(METADATA)
    yield Step("The API publishes its metadata", metadata.get("issuer"), api.origin)
    listed = metadata.get("token_endpoint"), metadata.get("jwks_uri")
    expected = f"{api.origin}/auth/token/", f"{api.origin}{JWKS}"
    yield Step("   with the URLs of the token endpoint and the keys", listed, expected)

    header, _ = read_token(Tokens.of(sign_in(api, ALICE)).access)
    keys = published_keys(api)
    kids = [key.get("kid") for key in keys]
    yield Step("It publishes the key that signs tokens", kids, [header.get("kid")], keys)
    private = sorted({"d", "k", "p", "q"} & {name for key in keys for name in key})
    yield Step("   without its private half", (len(keys), private), (1, []))
    cached = api.get(JWKS).headers.get("Cache-Control")
    yield Step("   Any cache may store it", cached, "public, max-age=2")


def introspection(api: Client) -> Iterator[Step]:
    tokens = Tokens.of(sign_in(api, ALICE))
    active = introspect(api, tokens.access, STATISTICS.secret)
    members = active.get("active"), active.get("username")
    yield Step("A service with a client secret introspects a token", members, (True, ALICE.name))
    rejected = introspect(api, tokens.access, "a guess")
    yield Step("   A wrong secret is rejected", rejected.error, (401, "invalid_client"))
    api.post(REVOKE, {"token": tokens.refresh})
    revoked = introspect(api, tokens.access, STATISTICS.secret)
    yield Step("   After a sign-out the token is not active", revoked.body, {"active": False})


def rotation(api: Client, reports: Client) -> Iterator[Step]:
    tokens = Tokens.of(sign_in(api, ALICE))
    first = tokens.access
    with second_process(api) as other:
        yield from _accepted(api, other, first, "Both processes accept a token of the first key")
        manage_keys("rotate", "--delay", str(DELAY))
        yield Step(
            "A rotation publishes the next key before it signs",
            wait_until(lambda: len(published_keys(api)) == 2),
            True,
        )

        requests, rejected = 0, list[object]()
        deadline = time.monotonic() + TIMEOUT
        while kid(tokens.access) == kid(first) and time.monotonic() < deadline:
            tokens = Tokens.of(refresh(api, tokens.refresh))
            requests += 2
            responses = api.get(NOTES, token=tokens.access), other.get(WHO, token=tokens.access)
            rejected += [response.error for response in responses if response.status != 200]
            time.sleep(0.3)
        yield Step("   Then it signs, without a restart", kid(tokens.access) != kid(first), True)
        yield Step("   No request failed meanwhile", rejected, [], {"requests": requests})
        yield from _accepted(api, other, tokens.access, "   Both processes accept its tokens")
        yield from _accepted(api, other, first, "   and tokens of the first key")

        manage_keys("rotate", "--now")
        for name, process in (("the API", api), ("the second process", other)):
            replaced = wait_until(rejects(process, first))
            yield Step(
                f"After stolen keys are replaced, {name} rejects their tokens", replaced, True
            )
        fresh = Tokens.of(refresh(api, tokens.refresh)).access
        yield from _accepted(api, other, fresh, "   All users stay signed in")
        body = {"refresh_token": tokens.refresh, "resource": REPORTS}
        for_reports = Tokens.of(api.post(REFRESH, body)).access
        followed = wait_until(
            lambda: reports.post("/reports/", {}, token=for_reports).status == 201
        )
        yield Step("   The report service accepts the new key", followed, True)


def _accepted(api: Client, other: Client, token: str, sentence: str) -> Iterator[Step]:
    statuses = [process.get(WHO, token=token).status for process in (api, other)]
    yield Step(sentence, statuses, [200, 200])


def manage_keys(*words: str) -> None:
    """Run `manage.py tokenauth_keys`. The servers read its result from the folder."""
    call_command("tokenauth_keys", *words, stdout=StringIO())


def wait_until(condition: Callable[[], bool]) -> bool:
    """Return whether the condition became true within TIMEOUT seconds."""
    deadline = time.monotonic() + TIMEOUT
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.3)
    return True


def rejects(process: Client, token: str) -> Callable[[], bool]:
    """Return a condition: the process rejects the token."""
    return lambda: process.get(WHO, token=token).error == (401, "invalid_token")


def kid(token: str) -> Any:
    return read_token(token)[0].get("kid")


def published_keys(api: Client) -> list[dict[str, Any]]:
    keys = api.get(JWKS).get("keys")
    return keys if isinstance(keys, list) else []


def introspect(api: Client, token: str, secret: str) -> Response:
    credentials = b64encode(f"{STATISTICS.client_id}:{secret}".encode()).decode()
    headers = {"Authorization": f"Basic {credentials}"}
    return api.send("POST", INTROSPECT, {"token": token}, headers=headers)
