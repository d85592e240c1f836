"""Responses to a client that signs in while the replica lags."""

from __future__ import annotations

from typing import Any

from django.contrib.auth import get_user_model
from django.core.management import call_command

from tests.support.client import get
from tests.support.scenarios.two_databases.scenario import (
    NAME,
    PASSWORD,
    catch_up,
    refresh,
    sign_in,
)


def scenario() -> list[int]:
    call_command("migrate", database="accounts", verbosity=0)
    users: Any = get_user_model()
    users.objects.db_manager("accounts").create_user(NAME, password=PASSWORD)
    catch_up()
    tokens = sign_in()
    before_refresh = get("/who/", tokens["access_token"]).status_code
    refreshed = refresh(tokens)
    token = refreshed.json()["access_token"]
    after_refresh = get("/who/", token).status_code
    catch_up()
    return [before_refresh, refreshed.status_code, after_refresh, get("/who/", token).status_code]
