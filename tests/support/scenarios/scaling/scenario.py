"""What a client sees that signs in while the copy lags behind."""

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
    first = get("/who/", tokens["access_token"]).status_code
    refreshed = refresh(tokens)
    token = refreshed.json()["access_token"]
    second = get("/who/", token).status_code
    catch_up()
    return [first, refreshed.status_code, second, get("/who/", token).status_code]
