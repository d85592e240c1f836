"""A complete run: outages of machines under load, sign-outs, and a key rotation."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from tests.campaigns.crash.report import print_line
from tests.campaigns.machines.deployment import Deployment
from tests.campaigns.machines.guessing import USERNAME, guess
from tests.campaigns.machines.load import USERNAMES, Client, Load
from tests.campaigns.machines.machine import Machine
from tests.campaigns.machines.proxy import ProxiedRequest, Proxy
from tests.campaigns.machines.sign_outs import EVENTS, SignOutCheck, SignOutClient, username_of
from tests.campaigns.rotation.load import kid_of

PROGRESS_INTERVAL = 10.0
# In turn: with three machines and five outages, each machine has each outage.
OUTAGES = ("SIGKILL", "SIGTERM", "SIGKILL", "SIGKILL of two", "SIGSTOP and SIGKILL")
# Longer than the timeout of the proxy.
SECONDS_FROZEN = 6
# The number of pending refreshes before an outage, if it occurs.
PENDING_REFRESHES = 3
# Long enough for each process to read the new key, also on a slow machine.
SECONDS_TO_NEW_KEY = 12


@dataclass(frozen=True)
class Plan:
    """The parameters of a run. ``poll`` is ``REVOCATION_POLL_INTERVAL``, in seconds."""

    #: The minimum number of outages. 0 also skips the key rotation.
    outages: int
    #: The number of sign-outs in each way by each client.
    sign_outs: int
    rate: float
    seed: int
    poll: float = 1.0
    devices: int = 8
    sign_out_clients: int = 2
    events: tuple[str, ...] = EVENTS
    defects: tuple[str, ...] = ()
    #: The maximum time for which a token is sent after a sign-out.
    timeout: float = 60.0
    silent: bool = False


@dataclass
class Run:
    """The results and the errors of a run."""

    plan: Plan
    load: Load
    checks: list[SignOutCheck] = field(default_factory=list)
    proxied: list[ProxiedRequest] = field(default_factory=list)
    #: The number of outages by type.
    outages: Counter[str] = field(default_factory=Counter)
    #: The names of the machines by address.
    machines: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0
    errors: list[str] = field(default_factory=list)

    def print_line(self, text: str) -> None:
        if not self.plan.silent:
            print_line(text)


def run(plan: Plan, folder: Path) -> Run:
    """Run the plan, with files in the empty ``folder``."""
    deployment = Deployment(folder, plan.poll, plan.defects)
    usernames = [
        username_of(event, number)
        for number in range(plan.sign_out_clients)
        for event in plan.events
    ]
    with deployment.running([*USERNAMES, USERNAME, *usernames]) as (machines, proxy):
        load = Load(deployment, proxy.address, plan.rate, plan.devices)
        result = Run(plan, load)
        result.machines = {"{}:{}".format(*machine.address): machine.name for machine in machines}
        started = time.monotonic()
        try:
            _execute(result, deployment, machines, proxy)
            with closing(Client(proxy.address, load.results)) as client:
                guess(client, machines)
        except AssertionError as error:
            result.errors.append(str(error))
        result.seconds = time.monotonic() - started
        result.proxied = proxy.requests()
        result.errors += load.results.errors
        if result.errors:
            logs = [proxy.log_end(), *(machine.log_end() for machine in machines)]
            result.print_line("\n".join(logs))
    return result


def _execute(result: Run, deployment: Deployment, machines: list[Machine], proxy: Proxy) -> None:
    plan, load = result.plan, result.load
    clients = [
        SignOutClient(Client(proxy.address, load.results), machines, number, plan.timeout)
        for number in range(plan.sign_out_clients)
    ]
    threads = [
        threading.Thread(target=client.run, args=[plan.events, plan.sign_outs], daemon=True)
        for client in clients
    ]
    with load.running():
        old_kid = load.idle.kid
        signs_at = _rotate(result, deployment) if plan.outages else 0.0
        for thread in threads:
            thread.start()
        _cause_outages(result, machines, threads, signs_at)
    result.checks = [check for client in clients for check in client.checks]
    if plan.outages:
        with closing(Client(proxy.address, load.results)) as last:
            kids = {kid_of(last.sign_in("alice")["access_token"]) for _ in 2 * machines}
        if len(kids) != 1 or old_kid in kids:
            result.errors.append(f"after the rotation of {old_kid}, these keys sign: {kids}")


def _rotate(result: Run, deployment: Deployment) -> float:
    """Generate the next key and return the time of its first signature."""
    output = deployment.manage("tokenauth_keys", "rotate", "--delay", str(SECONDS_TO_NEW_KEY))
    result.print_line(output.strip())
    return time.time() + SECONDS_TO_NEW_KEY


def _cause_outages(
    result: Run, machines: list[Machine], threads: list[threading.Thread], until: float
) -> None:
    """Stop and restart the machines in turn, until the ``threads`` have ended."""
    generator = random.Random(result.plan.seed)  # noqa: S311
    next_line = time.monotonic() + PROGRESS_INTERVAL
    number = 0
    while (
        sum(result.outages.values()) < result.plan.outages
        or time.time() < until
        or any(thread.is_alive() for thread in threads)
    ):
        time.sleep(generator.uniform(0.2, 0.8))
        if not result.plan.outages:
            continue
        first, second = (machines[(number + offset) % len(machines)] for offset in (0, 1))
        outage = OUTAGES[number % len(OUTAGES)]
        stopped = [first, second] if outage == "SIGKILL of two" else [first]
        _wait_for_refreshes(result.load)
        if outage == "SIGSTOP and SIGKILL":
            first.freeze()
            time.sleep(SECONDS_FROZEN)
        for machine in stopped:
            machine.stop() if outage == "SIGTERM" else machine.kill()
        time.sleep(generator.uniform(0, 0.3))
        for machine in stopped:
            machine.start()
        for machine in stopped:
            machine.wait()
        result.outages[outage] += 1
        number += 1
        if time.monotonic() > next_line:
            next_line += PROGRESS_INTERVAL
            result.print_line(
                f"  {len(result.load.results.requests)} requests, {number} outages, "
                f"{len(result.load.results.errors)} errors"
            )


def _wait_for_refreshes(load: Load) -> None:
    """Wait up to a second until several refreshes are pending, so that responses get lost."""
    end = time.monotonic() + 1
    while sum(device.is_refreshing for device in load.devices) < PENDING_REFRESHES:
        if time.monotonic() > end:
            return
        time.sleep(0.0005)
