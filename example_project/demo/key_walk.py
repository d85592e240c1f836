"""The chapters of the walk that are about keys: published, found by others, and rotated."""

from __future__ import annotations

import time
from base64 import b64encode
from collections.abc import Callable, Iterator
from io import StringIO
from typing import Any

from django.core.management import call_command

from demo.client import Answer, Client, read_token
from demo.database import ALICE, SERVICE
from demo.keys import METADATA
from demo.walking import (
    NOTES,
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
# In seconds. A key that is published now signs so much later: enough for both processes to see it.
DELAY = 20
LONGEST_WAIT = 60


def well_known(api: Client) -> Iterator[Step]:
    metadata = api.get(METADATA)
    yield Step("The API says where its endpoints are", metadata.get("issuer"), api.origin)
    listed = metadata.get("token_endpoint"), metadata.get("jwks_uri")
    expected = f"{api.origin}/auth/token/", f"{api.origin}{JWKS}"
    yield Step("   among them the token endpoint and the keys", listed, expected)

    header, _ = read_token(Tokens.of(sign_in(api, ALICE)).access)
    keys = published(api)
    kids = [key.get("kid") for key in keys]
    yield Step("It publishes the key that signed a token", kids, [header.get("kid")], keys)
    private = sorted({"d", "k", "p", "q"} & {name for key in keys for name in key})
    yield Step("   the public half of it", (len(keys), private), (1, []))
    cached = api.get(JWKS).headers.get("Cache-Control")
    yield Step("   for everybody to keep for a while", cached, "public, max-age=2")


def introspection(api: Client) -> Iterator[Step]:
    tokens = Tokens.of(sign_in(api, ALICE))
    active = introspect(api, tokens.access, SERVICE.secret)
    shown = active.get("active"), active.get("username")
    yield Step("A service with a secret asks what a token is", shown, (True, ALICE.name))
    refused = introspect(api, tokens.access, "a guess")
    yield Step("   with another secret it is told nothing", refused.error, (401, "invalid_client"))
    api.post(REVOKE, {"token": tokens.refresh})
    ended = introspect(api, tokens.access, SERVICE.secret)
    yield Step("   after a sign-out the token is nothing", ended.body, {"active": False})


def rotation(api: Client) -> Iterator[Step]:
    tokens = Tokens.of(sign_in(api, ALICE))
    first = tokens.access
    with second_process(api) as other:
        yield from _through_both(api, other, first, "Before the keys rotate, both processes agree")
        keys("rotate", "--delay", str(DELAY))
        yield Step(
            "The next key is published before it signs",
            soon(lambda: len(published(api)) == 2),
            True,
        )

        requests, refused = 0, list[object]()
        deadline = time.monotonic() + LONGEST_WAIT
        while kid(tokens.access) == kid(first) and time.monotonic() < deadline:
            tokens = Tokens.of(refresh(api, tokens.refresh))
            requests += 2
            answers = api.get(NOTES, token=tokens.access), other.get(WHO, token=tokens.access)
            refused += [answer.error for answer in answers if answer.status != 200]
            time.sleep(0.3)
        yield Step("   then it signs, by itself", kid(tokens.access) != kid(first), True)
        yield Step("   and no request was refused on the way", refused, [], {"requests": requests})
        yield from _through_both(api, other, tokens.access, "   both take the new key's tokens")
        yield from _through_both(api, other, first, "   and those of the key before it")

        keys("rotate", "--now")
        for name, one in (("the API", api), ("the second process", other)):
            gone = soon(refusal(one, first))
            yield Step(f"Keys that were stolen are replaced: {name} refuses theirs", gone, True)
        fresh = Tokens.of(refresh(api, tokens.refresh)).access
        yield from _through_both(api, other, fresh, "   nobody was signed out")


def _through_both(api: Client, other: Client, token: str, sentence: str) -> Iterator[Step]:
    statuses = [one.get(WHO, token=token).status for one in (api, other)]
    yield Step(sentence, statuses, [200, 200])


def keys(*words: str) -> None:
    """Run `manage.py tokenauth_keys`. No process is told of it."""
    call_command("tokenauth_keys", *words, stdout=StringIO())


def soon(holds: Callable[[], bool]) -> bool:
    """Whether it holds before long. What a process reads again it reads every few seconds."""
    deadline = time.monotonic() + LONGEST_WAIT
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.3)
    return True


def refusal(one: Client, token: str) -> Callable[[], bool]:
    """A question: whether the token is no good there."""
    return lambda: one.get(WHO, token=token).error == (401, "invalid_token")


def kid(token: str) -> Any:
    return read_token(token)[0].get("kid")


def published(api: Client) -> list[dict[str, Any]]:
    listed = api.get(JWKS).get("keys")
    return listed if isinstance(listed, list) else []


def introspect(api: Client, token: str, secret: str) -> Answer:
    credentials = b64encode(f"{SERVICE.name}:{secret}".encode()).decode()
    headers = {"Authorization": f"Basic {credentials}"}
    return api.send("POST", INTROSPECT, {"token": token}, headers=headers)
