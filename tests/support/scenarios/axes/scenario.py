"""Failed sign-ins, a lockout and its end: the rows of axes and the responses to the client."""

from __future__ import annotations

from typing import Any

import time_machine
from asgiref.sync import async_to_sync
from axes.models import AccessAttempt, AccessLog
from django.contrib.auth import get_user_model
from django.core.cache import cache
from django.core.management import call_command
from django.test import AsyncClient
from django.test.utils import override_settings

from tests.support.client import FORM, JSON, PASSWORDS, get, post, status_and_json
from tests.support.clock import NOW
from tests.support.guessing import CountingHasher

CLIENT_IP, OTHER_IP = "198.51.100.1", "198.51.100.2"
PASSWORD, WRONG = PASSWORDS["alice"], "wrong horse"


def scenario() -> dict[str, Any]:
    call_command("check", fail_level="WARNING")
    call_command("migrate", verbosity=0)
    get_user_model().objects.create_user("alice", password=PASSWORD)
    parts = (
        recorded,
        locked_out,
        unknown_user,
        other_address,
        signed_in_before,
        reset,
        default_response,
        without_middleware,
        over_asgi,
        throttled_before,
        throttled_after,
    )
    # Start at noon, so that no day of the throttle ends during the run.
    with time_machine.travel(NOW):
        return {part.__name__: run_from_empty_tables(part) for part in parts}


def run_from_empty_tables(part: Any) -> Any:
    """Return the result of *part* after deleting the records of the parts before it."""
    call_command("axes_reset", verbosity=0)
    AccessLog.objects.all().delete()
    cache.clear()
    return part()


def sign_in(
    password: str, name: str = "alice", address: str = CLIENT_IP, content_type: str = JSON
) -> Any:
    body: Any = {"username": name, "password": password}
    if content_type == FORM:
        body = f"username={name}&password={password.replace(' ', '+')}"
    # The client may forge all addresses before the last one.
    return post("token/", body, content_type, **{"X-Forwarded-For": f"203.0.113.9, {address}"})


def statuses(*passwords: str, **options: str) -> list[int]:
    return [sign_in(password, **options).status_code for password in passwords]


def failures() -> list[list[Any]]:
    records = AccessAttempt.objects.order_by("username", "ip_address")
    return [
        list(row) for row in records.values_list("username", "ip_address", "failures_since_start")
    ]


def recorded() -> list[Any]:
    """Fail with JSON and with a form, then sign in. axes records no password."""
    codes = [*statuses(WRONG), *statuses(WRONG, content_type=FORM), *statuses(PASSWORD)]
    records = [*AccessAttempt.objects.values(), *AccessLog.objects.values()]
    leaked = any("horse" in str(row) for row in records)
    return [codes, failures(), AccessLog.objects.count(), leaked]


def locked_out() -> list[Any]:
    """Sign in after a lockout: the correct password is rejected without hashing it."""
    codes = statuses(WRONG, WRONG, WRONG)
    CountingHasher.rounds.clear()
    responses = [sign_in(password) for password in (WRONG, PASSWORD)]
    same_response = responses[0].content == responses[1].content
    return [
        codes,
        *status_and_json(responses[1]),
        responses[1]["Cache-Control"],
        same_response,
        len(CountingHasher.rounds),
    ]


def unknown_user() -> bool:
    """Return whether an unknown username gets the same responses as a known one."""
    passwords = [WRONG, WRONG, WRONG, PASSWORD]
    known, unknown = (
        [(response.status_code, response.content, list(response.items())) for response in responses]
        for responses in (
            [sign_in(password, name=name) for password in passwords] for name in ("alice", "nobody")
        )
    )
    return known == unknown


def other_address() -> list[int]:
    return statuses(WRONG, WRONG, WRONG, PASSWORD) + statuses(PASSWORD, address=OTHER_IP)


def signed_in_before() -> list[int]:
    """Refresh a session that began before the lockout."""
    tokens = sign_in(PASSWORD).json()
    codes = statuses(WRONG, WRONG, WRONG, PASSWORD)
    refresh = post("token/refresh/", {"refresh_token": tokens["refresh_token"]})
    return [
        *codes,
        refresh.status_code,
        get("/who/", refresh.json()["access_token"]).status_code,
    ]


def reset() -> list[int]:
    codes = statuses(WRONG, WRONG, WRONG, PASSWORD)
    call_command("axes_reset_username", "alice", verbosity=0)
    return codes + statuses(PASSWORD)


def default_response() -> list[Any]:
    """Lock a user out without the function of the page."""
    with override_settings(AXES_LOCKOUT_CALLABLE=None):
        codes = statuses(WRONG, WRONG, WRONG)
        response = sign_in(PASSWORD)
    return [*codes, response.status_code, response["Content-Type"].partition(";")[0]]


def without_middleware() -> list[Any]:
    with override_settings(MIDDLEWARE=[]):
        statuses(WRONG, WRONG, WRONG)
        return list(status_and_json(sign_in(PASSWORD)))


def over_asgi() -> list[int]:
    body = {"username": "alice", "password": WRONG}
    ask = async_to_sync(AsyncClient().post)
    return [ask("/auth/token/", body, content_type=JSON).status_code for _ in range(4)]


def throttled_before() -> list[Any]:
    """Exceed the throttle's limit first: axes does not see those attempts."""
    with override_settings(TOKENAUTH={"SIGN_IN_RATE_USER": "2/day"}):
        codes = statuses(WRONG, WRONG, WRONG, WRONG, PASSWORD)
        counted = failures()
        cache.clear()
        return [codes, counted, statuses(PASSWORD)]


def throttled_after() -> list[Any]:
    """Exceed the limit of axes first: its rejections count for the throttle too.

    Both send the same response.
    """
    with override_settings(TOKENAUTH={"SIGN_IN_RATE_USER": "5/day"}):
        responses = [sign_in(PASSWORD if number > 2 else WRONG) for number in range(7)]
        codes = [response.status_code for response in responses]
        same_response = responses[4].json() == responses[6].json()
        call_command("axes_reset", verbosity=0)
        cache.clear()
        return [codes, same_response, statuses(PASSWORD)]
