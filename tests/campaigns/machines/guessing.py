"""Wrong passwords at all machines: they are counted together, in Redis."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from contextlib import closing

from tests.campaigns.machines.load import Client
from tests.campaigns.machines.machine import Direct, Machine
from tests.support.client import PASSWORDS

#: What the settings of the example leave as it is: 20 for one name and address in an hour.
RATE = 20
_HOUR = 3600
NAME = "bob-forgot"


def guess(client: Client, machines: Sequence[Machine]) -> None:
    """As many as are free by the proxy, and one at each machine, which is one too many.

    Whatever is not as it should be goes into the notes of the client.
    """
    while True:
        window = time.time() // _HOUR
        wrong = list(_guess(client, machines))
        # The count begins anew each hour, also in the midst of this.
        if time.time() // _HOUR == window:
            client.notes.wrong += wrong
            return


def _guess(client: Client, machines: Sequence[Machine]) -> list[str]:
    body = {"username": NAME, "password": "wrong"}
    wrong = []
    for number in range(1, RATE + 1):
        answer = client.ask(
            "wrong password", "POST", "/auth/token/", body=body, expected=(400, 429)
        )
        if answer.status != 400:
            wrong.append(f"wrong password number {number}: {answer}")
    for machine in machines:
        # The right one too: whoever guesses must not be told.
        right = {**body, "password": PASSWORDS["alice"]}
        with closing(Direct(machine.address)) as line:
            answer = line.post("/auth/token/", json.dumps(right))
        if answer.status != 429 or not answer.retry_after:
            wrong.append(f"{machine.name} after {RATE} wrong passwords: {answer.status}")
    return wrong
