"""The chapters about other parties: the report service, a script, and a service account."""

from __future__ import annotations

import json
from collections.abc import Iterator

from demo.client import Client, Response, read_token
from demo.database import ALICE, BOB
from demo.jobs import account_environment, script_environment
from demo.parties import NOTES as NOTES_AUDIENCE
from demo.parties import REPORTS, REPORTS_CLIENT, STATISTICS
from demo.processes import run_script
from demo.steps import (
    NOTES,
    REFRESH,
    REVOKE,
    SIGN_IN,
    WHO,
    ChapterAborted,
    Step,
    Tokens,
    column,
    sign_in,
)

CREATE = "/reports/"
API_TOKENS = "/auth/api-tokens/"
STATISTICS_PATH = "/statistics/"


def other_services(api: Client, reports: Client) -> Iterator[Step]:
    own = Tokens.of(sign_in(api, ALICE))
    narrowed = Tokens.of(api.post(REFRESH, {"refresh_token": own.refresh, "resource": REPORTS}))
    _, claims = read_token(narrowed.access)
    yield Step("Alice gets a token for the report service", claims.get("aud"), REPORTS, claims)
    rejected = api.get(NOTES, token=narrowed.access)
    yield Step("   The API does not accept it", rejected.error, (401, "invalid_token"))
    rejected = reports.post(CREATE, {}, token=own.access)
    yield Step(
        "   The report service does not accept the token for the API",
        rejected.error,
        (401, "invalid_token"),
    )

    api.post(NOTES, {"text": "Order seeds"}, token=own.access)
    notes = column(api.get(NOTES, token=own.access), "text")
    report = reports.post(CREATE, {}, token=narrowed.access)
    counted = report.status, report.get("notes"), "Order seeds" in notes
    expected = 201, len(notes), True
    yield Step("With it, the report service counts her notes", counted, expected, report.body)
    exchanged = report.get("exchanged") or {}
    yield Step(
        "   by a token for the API that can only read notes",
        (exchanged.get("aud"), exchanged.get("scope")),
        (NOTES_AUDIENCE, "notes:read"),
    )
    actor = (exchanged.get("act") or {}).get("sub")
    yield Step("   Its claim act names the service", actor, REPORTS_CLIENT)

    limited = Tokens.of(
        api.post(
            REFRESH,
            {"refresh_token": narrowed.refresh, "resource": REPORTS, "scope": "notes:read"},
        )
    )
    denied = reports.post(CREATE, {}, token=limited.access)
    yield Step("   The scope reports:create is required", denied.error, (403, "insufficient_scope"))
    unknown = sign_in(api, ALICE, resource="https://elsewhere.example.com")
    yield Step("   An unknown audience is rejected", unknown.error, (400, "invalid_target"))

    api.post(REVOKE, {"token": limited.refresh})
    ended = reports.post(CREATE, {}, token=narrowed.access)
    yield Step(
        "After her sign-out, the report service gets no token for her notes",
        ended.error,
        (401, "invalid_token"),
    )


def api_tokens(api: Client) -> Iterator[Step]:
    tokens = Tokens.of(sign_in(api, BOB))
    api.post(NOTES, {"text": "Water the plants"}, token=tokens.access)
    created = api.post(
        API_TOKENS, {"name": "nightly script", "scope": "notes:read"}, token=tokens.access
    )
    api_token, key = created.get("token"), created.get("id")
    yield Step("Bob creates an API token for a script", created.status, 201)
    if not isinstance(api_token, str):
        raise ChapterAborted(f"no API token in {created.status} {created.body}")

    run = run_script("back_up_notes.py", **script_environment(api.origin, api_token))
    saved = [json.loads(line)["text"] for line in run.stdout.splitlines()]
    yield Step("   With it, the script reads his notes", saved, ["Water the plants"], saved)
    written = api.post(NOTES, {"text": "No"}, token=api_token)
    yield Step("   It cannot add a note", written.error, (403, "insufficient_scope"))
    typing_error = api.get(NOTES, token=api_token[:-1])
    yield Step(
        "   A token with a missing character is rejected",
        typing_error.error,
        (401, "invalid_token"),
    )
    listed = column(api.get(API_TOKENS, token=tokens.access), "last_four")
    yield Step("   The list shows only its last characters", listed, [api_token[-4:]])

    api.send("DELETE", f"{API_TOKENS}{key}/", token=tokens.access)
    run = run_script("back_up_notes.py", **script_environment(api.origin, api_token))
    yield Step(
        "He revokes it, and the script reports an error",
        (run.returncode, run.stderr.partition(".")[0]),
        (1, "The API responded with 401"),
    )


def service_account(api: Client) -> Iterator[Step]:
    run = run_script("read_statistics.py", **account_environment(api.origin))
    yield Step(
        "A service account reads the statistics, without a user",
        sorted(json.loads(run.stdout or "{}")),
        ["notes", "users"],
        run.stdout.strip(),
    )
    issued = client_credentials(api, STATISTICS.secret)
    token = issued.get("access_token")
    if not isinstance(token, str):
        raise ChapterAborted(f"no token in {issued.status} {issued.body}")
    known = api.get(WHO, token=token)
    yield Step("   The API knows it by its client id", known.get("subject"), STATISTICS.client_id)
    denied = api.get(NOTES, token=token)
    yield Step("   It cannot read notes", denied.error, (403, "insufficient_scope"))
    guess = client_credentials(api, "a guess")
    yield Step("   A wrong secret is rejected", guess.error, (401, "invalid_client"))
    bob = api.get(STATISTICS_PATH, token=Tokens.of(sign_in(api, BOB)).access)
    yield Step("   Bob cannot read the statistics", bob.error, (403, "insufficient_scope"))


def client_credentials(api: Client, secret: str) -> Response:
    return api.post(
        SIGN_IN,
        {
            "grant_type": "client_credentials",
            "client_id": STATISTICS.client_id,
            "client_secret": secret,
        },
    )
