"""Wrong passwords at all machines, which count them together in Redis."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from contextlib import closing

from tests.campaigns.machines.load import Client
from tests.campaigns.machines.machine import DirectConnection, Machine
from tests.support.client import PASSWORDS

#: The default limit per user and IP in an hour.
RATE = 20
_HOUR = 3600
USERNAME = "bob-forgot"


def guess(client: Client, machines: Sequence[Machine]) -> None:
    """Use up the limit through the proxy, then check that each machine rejects one more guess.

    Errors are added to the results of the client.
    """
    while True:
        window = time.time() // _HOUR
        errors = list(_guess(client, machines))
        # The counter may have restarted at a full hour.
        if time.time() // _HOUR == window:
            client.results.errors += errors
            return


def _guess(client: Client, machines: Sequence[Machine]) -> list[str]:
    body = {"username": USERNAME, "password": "wrong"}
    errors = []
    for number in range(1, RATE + 1):
        response = client.send(
            "wrong password", "POST", "/auth/token/", body=body, expected=(400, 429)
        )
        if response.status != 400:
            errors.append(f"wrong password number {number}: {response}")
    for machine in machines:
        # The correct password is rejected too, so the response does not confirm it.
        correct = {**body, "password": PASSWORDS["alice"]}
        with closing(DirectConnection(machine.address)) as connection:
            response = connection.post("/auth/token/", json.dumps(correct))
        if response.status != 429 or not response.retry_after:
            errors.append(f"{machine.name} after {RATE} wrong passwords: {response.status}")
    return errors
