"""The whole: machines that come and go under load, sign-outs meanwhile, and a new key."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from tests.campaigns.crash.report import say
from tests.campaigns.machines.deployment import Deployment
from tests.campaigns.machines.guessing import NAME, guess
from tests.campaigns.machines.load import NAMES, Client, Load
from tests.campaigns.machines.machine import Machine
from tests.campaigns.machines.proxy import Passed, Proxy
from tests.campaigns.machines.sign_outs import WAYS, Leaver, Watched, name_of
from tests.campaigns.rotation.load import kid_of

EVERY = 10.0
# One after the other. Three machines and five ways: each machine goes in each of them.
OUTAGES = ("SIGKILL", "SIGTERM", "SIGKILL", "SIGKILL of two", "SIGSTOP and SIGKILL")
# Longer than the proxy waits for an answer.
SECONDS_FROZEN = 6
# So many refreshes are under way when a machine goes, if that comes to pass.
AT_ONCE = 3
# Long enough for each process to have seen the new key, also on a slow machine.
SECONDS_TO_NEW_KEY = 12


@dataclass(frozen=True)
class Plan:
    """What to do; ``poll`` (``REVOCATION_POLL_INTERVAL``) and all times are in seconds."""

    #: How often machines go and come back at least. With none the keys are not rotated either.
    outages: int
    #: How often each way to sign out is measured, by each of the leavers.
    sign_outs: int
    rate: float
    seed: int
    poll: float = 1.0
    devices: int = 8
    leavers: int = 2
    ways: tuple[str, ...] = WAYS
    broken: tuple[str, ...] = ()
    #: How long a machine may take a token after the sign-out, until it is no longer asked.
    patience: float = 60.0
    silent: bool = False


@dataclass
class Run:
    """What happened. Nothing that is ``wrong`` is as it should be."""

    plan: Plan
    load: Load
    watched: list[Watched] = field(default_factory=list)
    passed: list[Passed] = field(default_factory=list)
    #: How often machines were killed and stopped.
    outages: Counter[str] = field(default_factory=Counter)
    #: What the proxy calls each machine.
    places: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0
    wrong: list[str] = field(default_factory=list)

    def say(self, text: str) -> None:
        if not self.plan.silent:
            say(text)


def run(plan: Plan, folder: Path) -> Run:
    """Do it, in ``folder``, which is empty. What is not as it should is ``wrong``."""
    deployment = Deployment(folder, plan.poll, plan.broken)
    leaving = [name_of(how, number) for number in range(plan.leavers) for how in plan.ways]
    with deployment.running([*NAMES, NAME, *leaving]) as (machines, proxy):
        load = Load(deployment, proxy.address, plan.rate, plan.devices)
        done = Run(plan, load)
        done.places = {"{}:{}".format(*machine.address): machine.name for machine in machines}
        began = time.monotonic()
        try:
            _work(done, deployment, machines, proxy)
            with closing(Client(proxy.address, load.notes)) as client:
                guess(client, machines)
        except AssertionError as error:
            done.wrong.append(str(error))
        done.seconds = time.monotonic() - began
        done.passed = proxy.passed()
        done.wrong += load.notes.wrong
        if done.wrong:
            done.say("\n".join([proxy.last_words(), *(it.last_words() for it in machines)]))
    return done


def _work(done: Run, deployment: Deployment, machines: list[Machine], proxy: Proxy) -> None:
    plan, load = done.plan, done.load
    leavers = [
        Leaver(Client(proxy.address, load.notes), machines, number, plan.patience)
        for number in range(plan.leavers)
    ]
    threads = [
        threading.Thread(target=leaver.leave, args=[plan.ways, plan.sign_outs], daemon=True)
        for leaver in leavers
    ]
    with load.running():
        before = load.sleeper.kid
        signs_at = _rotate(done, deployment) if plan.outages else 0.0
        for thread in threads:
            thread.start()
        _disturb(done, machines, threads, signs_at)
    done.watched = [seen for leaver in leavers for seen in leaver.watched]
    if plan.outages:
        with closing(Client(proxy.address, load.notes)) as client:
            kids = {kid_of(client.sign_in("alice")["access_token"]) for _ in 2 * machines}
        if len(kids) != 1 or before in kids:
            done.wrong.append(f"after the rotation of {before} these sign: {kids}")


def _rotate(done: Run, deployment: Deployment) -> float:
    """Make the next key; when it begins to sign."""
    said = deployment.manage("tokenauth_keys", "rotate", "--delay", str(SECONDS_TO_NEW_KEY))
    done.say(said.strip())
    return time.time() + SECONDS_TO_NEW_KEY


def _disturb(
    done: Run, machines: list[Machine], others: list[threading.Thread], until: float
) -> None:
    """Let one machine after the other go and come back, until the others are done too."""
    chance = random.Random(done.plan.seed)  # noqa: S311
    say_next = time.monotonic() + EVERY
    turn = 0
    while (
        sum(done.outages.values()) < done.plan.outages
        or time.time() < until
        or any(other.is_alive() for other in others)
    ):
        time.sleep(chance.uniform(0.2, 0.8))
        if not done.plan.outages:
            continue
        first, second = (machines[(turn + ahead) % len(machines)] for ahead in (0, 1))
        how = OUTAGES[turn % len(OUTAGES)]
        gone = [first, second] if how == "SIGKILL of two" else [first]
        _await_refreshes(done.load)
        if how == "SIGSTOP and SIGKILL":
            first.freeze()
            time.sleep(SECONDS_FROZEN)
        for machine in gone:
            machine.stop() if how == "SIGTERM" else machine.kill()
        time.sleep(chance.uniform(0, 0.3))
        for machine in gone:
            machine.start()
        for machine in gone:
            machine.wait()
        done.outages[how] += 1
        turn += 1
        if time.monotonic() > say_next:
            say_next += EVERY
            done.say(
                f"  {len(done.load.notes.asked)} requests, {turn} outages, "
                f"{len(done.load.notes.wrong)} wrong"
            )


def _await_refreshes(load: Load) -> None:
    """Until several are under way, or for a while: theirs are the answers that hurt to lose."""
    end = time.monotonic() + 1
    while sum(device.is_refreshing for device in load.devices) < AT_ONCE:
        if time.monotonic() > end:
            return
        time.sleep(0.0005)
