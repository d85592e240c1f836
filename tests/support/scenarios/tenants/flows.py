"""What clients of two tenants do. The tenants have the same usernames and primary keys."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any

import time_machine
from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.cache import cache
from django.core.management import call_command
from django.db import connections, router
from django.test import Client
from django.test.utils import CaptureQueriesContext, override_settings

from django_tokenauth import services
from django_tokenauth.models import Session

PASSWORD = "correct horse"
# The documented settings.
ISSUER = settings.TOKENAUTH["ISSUER"]
#: The settings of each project: constants, and functions of the request.
PROJECTS: dict[str, dict[str, Any]] = {
    "constants": {},
    "issuer": {"ISSUER": ISSUER},
    "audience": {"AUDIENCE": ISSUER},
}

#: A function that makes a tenant the current one.
Tenant = Callable[[str], AbstractContextManager[Any]]


def request(
    tenant: str, method: str, path: str, token: str = "", body: dict[str, Any] | None = None
) -> Any:
    headers = {"Host": f"{tenant}.example.com"}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    return Client(raise_request_exception=False).generic(
        method, path, json.dumps(body or {}), content_type="application/json", headers=headers
    )


def sign_in(tenant: str, password: str = PASSWORD) -> dict[str, str]:
    credentials = {"username": "alice", "password": password}
    response = request(tenant, "POST", "/auth/token/", body=credentials)
    assert response.status_code == 200, response.content
    return dict(response.json())


def refresh(tenant: str, tokens: dict[str, str]) -> Any:
    body = {"refresh_token": tokens["refresh_token"]}
    return request(tenant, "POST", "/auth/token/refresh/", body=body)


def statuses(tenant: str, tokens: dict[str, str]) -> list[int]:
    """Return the statuses of requests with *tokens* at *tenant*."""
    access = tokens["access_token"]
    return [
        request(tenant, "GET", "/who/", access).status_code,
        request(tenant, "GET", "/who/stateless/", access).status_code,
        request(tenant, "GET", "/auth/token/forward-auth/", access).status_code,
        request(tenant, "POST", "/auth/token/verify/", body={"token": access}).status_code,
    ]


def run(tenant: Tenant) -> dict[str, Any]:
    """Run all flows in the tenants a and b of each project."""
    results = {}
    for name, tokenauth in PROJECTS.items():
        with override_settings(TOKENAUTH={**tokenauth, "SIGN_IN_RATE_USER": "5/hour"}):
            results[name] = run_in_project(tenant)
    return results


def run_in_project(tenant: Tenant) -> dict[str, Any]:
    for name in ("a", "b"):
        with tenant(name):
            get_user_model().objects.all().delete()
            Session.objects.all().delete()
            user = get_user_model()(pk=1, username="alice")
            user.set_password(PASSWORD)
            user.save(force_insert=True)
    flows = (
        cross_tenants,
        copied_rows,
        count_statements,
        see_sign_outs_of_the_own_tenant,
        switch_in_threads,
        throttle_each_tenant,
        change_password,
        run_commands,
        run_task,
    )
    results = {}
    for flow in flows:
        cache.clear()
        results[flow.__name__] = flow(tenant)
    return results


def cross_tenants(tenant: Tenant) -> list[Any]:
    """Send the tokens of a to a, then to b, which also follows a cached verification."""
    tokens = sign_in("a")
    own, other = statuses("a", tokens), statuses("b", tokens)
    crossed = refresh("b", tokens).status_code
    for token in tokens["access_token"], tokens["refresh_token"]:
        request("b", "POST", "/auth/token/revoke/", body={"token": token})
    return [own, other, crossed, statuses("a", tokens), refresh("a", tokens).status_code]


def copied_rows(tenant: Tenant) -> list[Any]:
    """Copy a session of a to b, as a copy of a schema does."""
    tokens = sign_in("a")
    with tenant("a"):
        session = Session.objects.select_related("user").latest("created_at")
    with tenant("b"):
        session._state.adding = True
        session.auth_hash = get_user_model().objects.get(pk=1).get_session_auth_hash()
        session.save(force_insert=True, using=router.db_for_write(Session))
    results = [statuses("b", tokens), refresh("b", tokens).status_code]
    with tenant("b"):
        services.sign_out(get_user_model().objects.get(pk=1), session.pk)
    with time_machine.travel(datetime.now(UTC) + timedelta(seconds=30)):
        results.append(statuses("a", tokens))
    return results


def count_statements(tenant: Tenant) -> list[int]:
    """Return the numbers of statements of a request, a stateless request and a refresh."""
    tokens = sign_in("a")
    request("a", "GET", "/who/stateless/", tokens["access_token"])
    return [
        count(tenant, lambda: request("a", "GET", "/who/", tokens["access_token"])),
        count(tenant, lambda: request("a", "GET", "/who/stateless/", tokens["access_token"])),
        count(tenant, lambda: refresh("a", tokens)),
    ]


def count(tenant: Tenant, function: Callable[[], Any]) -> int:
    with tenant("a"):
        connection = connections[router.db_for_write(Session)]
    with CaptureQueriesContext(connection) as queries:
        assert function().status_code == 200
    # The middleware of django-tenants selects the tenant by its domain.
    foreign = ("SET search_path", "tenants_domain")
    return sum(not any(text in query["sql"] for text in foreign) for query in queries)


def see_sign_outs_of_the_own_tenant(tenant: Tenant) -> list[int]:
    """Sign out at a, and let this process read the revocations of *first* before those of a."""
    results = []
    for seconds, first in ((30, "a"), (60, "b")):
        tokens = sign_in("a")
        request("a", "POST", "/auth/token/revoke/", body={"token": tokens["refresh_token"]})
        with time_machine.travel(datetime.now(UTC) + timedelta(seconds=seconds)):
            fresh = sign_in(first)
            path = "/who/stateless/"
            results += [
                request(first, "GET", path, fresh["access_token"]).status_code,
                request("a", "GET", path, tokens["access_token"]).status_code,
            ]
    return results


def switch_in_threads(tenant: Tenant) -> list[Any]:
    """Alternate between the tenants in several threads. Return the distinct results."""
    tokens = {name: sign_in(name) for name in ("a", "b")}

    def use(number: int) -> tuple[int, ...]:
        own, other = ("a", "b") if number % 2 else ("b", "a")
        try:
            return (*statuses(own, tokens[own])[:2], *statuses(other, tokens[own])[:2])
        finally:
            for connection in connections.all(initialized_only=True):
                connection.close()

    with ThreadPoolExecutor(4) as threads:
        return sorted(set(threads.map(use, range(12))))


def throttle_each_tenant(tenant: Tenant) -> list[int]:
    """Use up the rate of a username at a, then sign in at b."""
    wrong = {"username": "alice", "password": "wrong"}
    failed = [request("a", "POST", "/auth/token/", body=wrong).status_code for _ in range(6)]
    return [*failed, request("b", "POST", "/auth/token/", body=wrong).status_code]


def change_password(tenant: Tenant) -> list[Any]:
    """Change the password of the user of a, whose primary key a user of b has too."""
    tokens = {name: sign_in(name) for name in ("a", "b")}
    with tenant("a"):
        user = get_user_model().objects.get(pk=1)
        user.set_password(PASSWORD)
        user.save()
    with time_machine.travel(datetime.now(UTC) + timedelta(seconds=90)):
        return [statuses(name, tokens[name]) for name in ("a", "b")]


def run_commands(tenant: Tenant) -> list[Any]:
    """Sign all users of a out, then prune the sessions of a."""
    tokens = {name: sign_in(name) for name in ("a", "b")}
    with tenant("a"):
        call_command("tokenauth_revoke", "--all", interactive=False, stdout=StringIO())
    with time_machine.travel(datetime.now(UTC) + timedelta(seconds=120)):
        results: list[Any] = [statuses(name, tokens[name])[:2] for name in ("a", "b")]
    with time_machine.travel(datetime.now(UTC) + timedelta(days=10)), tenant("a"):
        call_command("tokenauth_prune", stdout=StringIO())
        results.append(Session.objects.count())
    with tenant("b"):
        results.append(Session.objects.exists())
    return results


def run_task(tenant: Tenant) -> list[Any]:
    """Sign in without a request, as a task of a queue does."""
    with tenant("a"):
        pair = services.sign_in(get_user_model().objects.get(pk=1))
        active = [services.introspect(pair.access_token)["active"]]
    with tenant("b"):
        active.append(services.introspect(pair.access_token)["active"])
    tokens = {"access_token": pair.access_token, "refresh_token": pair.refresh_token}
    return [active, statuses("a", tokens)[:2], statuses("b", tokens)[:2]]
