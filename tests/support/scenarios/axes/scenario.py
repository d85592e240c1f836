"""Failed sign-ins, a lockout and its end, as axes sees them and as the client does."""

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

from tests.support.client import FORM, JSON, PASSWORDS, get, outcome, post
from tests.support.clock import NOW
from tests.support.guessing import CountingHasher

HERE, THERE = "198.51.100.1", "198.51.100.2"
RIGHT, WRONG = PASSWORDS["alice"], "wrong horse"


def scenario() -> dict[str, Any]:
    call_command("check", fail_level="WARNING")
    call_command("migrate", verbosity=0)
    get_user_model().objects.create_user("alice", password=RIGHT)
    stories = (
        recorded,
        locked_out,
        told_to_nobody,
        elsewhere,
        goes_on,
        reset,
        of_axes,
        without_middleware,
        over_asgi,
        throttled_before,
        throttled_after,
    )
    # From noon on: no day of the throttle ends meanwhile.
    with time_machine.travel(NOW):
        return {story.__name__: fresh(story) for story in stories}


def fresh(story: Any) -> Any:
    """Told with nothing that happened before."""
    call_command("axes_reset", verbosity=0)
    AccessLog.objects.all().delete()
    cache.clear()
    return story()


def sign_in(
    password: str, name: str = "alice", address: str = HERE, content_type: str = JSON
) -> Any:
    body: Any = {"username": name, "password": password}
    if content_type == FORM:
        body = f"username={name}&password={password.replace(' ', '+')}"
    # What comes before the last address is what the client made up.
    return post("token/", body, content_type, **{"X-Forwarded-For": f"203.0.113.9, {address}"})


def statuses(*passwords: str, **more: str) -> list[int]:
    return [sign_in(password, **more).status_code for password in passwords]


def failures() -> list[list[Any]]:
    rows = AccessAttempt.objects.order_by("username", "ip_address")
    return [list(row) for row in rows.values_list("username", "ip_address", "failures_since_start")]


def recorded() -> list[Any]:
    """A failure by JSON and one by a form, and a sign-in; nowhere a password."""
    told = [*statuses(WRONG), *statuses(WRONG, content_type=FORM), *statuses(RIGHT)]
    rows = [*AccessAttempt.objects.values(), *AccessLog.objects.values()]
    leaked = any("horse" in str(row) for row in rows)
    return [told, failures(), AccessLog.objects.count(), leaked]


def locked_out() -> list[Any]:
    """The right password is refused like a wrong one, and is not even hashed."""
    told = statuses(WRONG, WRONG, WRONG)
    CountingHasher.rounds.clear()
    answers = [sign_in(password) for password in (WRONG, RIGHT)]
    alike = answers[0].content == answers[1].content
    return [
        told,
        *outcome(answers[1]),
        answers[1]["Cache-Control"],
        alike,
        len(CountingHasher.rounds),
    ]


def told_to_nobody() -> bool:
    """Whether somebody has that name is not told."""
    passwords = [WRONG, WRONG, WRONG, RIGHT]
    known, unknown = (
        [(answer.status_code, answer.content, list(answer.items())) for answer in answers]
        for answers in (
            [sign_in(password, name=name) for password in passwords] for name in ("alice", "nobody")
        )
    )
    return known == unknown


def elsewhere() -> list[int]:
    return statuses(WRONG, WRONG, WRONG, RIGHT) + statuses(RIGHT, address=THERE)


def goes_on() -> list[int]:
    """Who is signed in stays so."""
    tokens = sign_in(RIGHT).json()
    told = statuses(WRONG, WRONG, WRONG, RIGHT)
    refreshed = post("token/refresh/", {"refresh_token": tokens["refresh_token"]})
    return [
        *told,
        refreshed.status_code,
        get("/who/", refreshed.json()["access_token"]).status_code,
    ]


def reset() -> list[int]:
    told = statuses(WRONG, WRONG, WRONG, RIGHT)
    call_command("axes_reset_username", "alice", verbosity=0)
    return told + statuses(RIGHT)


def of_axes() -> list[Any]:
    """The answer without the function of the page."""
    with override_settings(AXES_LOCKOUT_CALLABLE=None):
        told = statuses(WRONG, WRONG, WRONG)
        answer = sign_in(RIGHT)
    return [*told, answer.status_code, answer["Content-Type"].partition(";")[0]]


def without_middleware() -> list[Any]:
    with override_settings(MIDDLEWARE=[]):
        statuses(WRONG, WRONG, WRONG)
        return list(outcome(sign_in(RIGHT)))


def over_asgi() -> list[int]:
    body = {"username": "alice", "password": WRONG}
    ask = async_to_sync(AsyncClient().post)
    return [ask("/auth/token/", body, content_type=JSON).status_code for _ in range(4)]


def throttled_before() -> list[Any]:
    """What the throttle refuses is none of axes' business."""
    with override_settings(TOKENAUTH={"SIGN_IN_RATE_USER": "2/day"}):
        told = statuses(WRONG, WRONG, WRONG, WRONG, RIGHT)
        counted = failures()
        cache.clear()
        return [told, counted, statuses(RIGHT)]


def throttled_after() -> list[Any]:
    """What axes refuses counts for the throttle; the client is told the same by both."""
    with override_settings(TOKENAUTH={"SIGN_IN_RATE_USER": "5/day"}):
        answers = [sign_in(RIGHT if number > 2 else WRONG) for number in range(7)]
        told = [answer.status_code for answer in answers]
        alike = answers[4].json() == answers[6].json()
        call_command("axes_reset", verbosity=0)
        cache.clear()
        return [told, alike, statuses(RIGHT)]
