"""A whole rotation by the command, while clients are at work: publish, sign, retire."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

from tests.campaigns.crash.report import say
from tests.campaigns.rotation.consumer import Consumer
from tests.campaigns.rotation.load import Device, Load, kid_of
from tests.campaigns.rotation.processes import Deployment, ServerProcess
from tests.campaigns.rotation.watching import Watch

#: How the key before the new one goes: by the command, or its file is removed, or it is left to
#: the end that the command gave it.
ENDS = ("retire", "remove", "wait")
IN_SETTINGS = "KEYS in settings"
EVERY = 5.0


@dataclass(frozen=True)
class Plan:
    """What to do; times are in seconds."""

    #: How long the load lasts, if the rotation is not longer.
    seconds: float
    rate: float
    workers: int
    end: str
    #: From the publication to the first signature, or what the command takes for itself.
    delay: int | None
    max_age: int
    lifetime: int
    #: How long a client uses a token at most.
    keep: float
    #: Within which a key that comes or goes has to be noticed.
    notice: float = 10
    #: What is waited for has to come in this time, beyond what it has to wait for itself.
    patience: float = 60
    silent: bool = False


@dataclass
class Keys:
    """The key before and the new one, with the moments that count (seconds since the epoch)."""

    old: str
    new: str = ""
    published: float = 0
    start: int = 0
    ended: float = 0


@dataclass
class Run:
    """What happened. Nothing that is ``wrong`` is as it should be."""

    plan: Plan
    deployment: Deployment
    load: Load
    watches: list[Watch]
    keys: Keys
    began: float = field(default_factory=time.monotonic)
    wrong: list[str] = field(default_factory=list)

    @property
    def followers(self) -> list[Watch]:
        """Those of the servers that follow the folder."""
        return [watch for watch in self.watches if watch.server.name != IN_SETTINGS]

    def say(self, text: str) -> None:
        if not self.plan.silent:
            say(f"{time.monotonic() - self.began:6.1f} s  {text}")

    def until(self, what: str, condition: Callable[[], bool], at_least: float = 0) -> None:
        """Wait until ``condition``. Raises ``AssertionError`` if that does not come, or if
        anything is wrong meanwhile."""
        end = time.monotonic() + at_least + self.plan.patience
        say_next = time.monotonic() + EVERY
        while not condition():
            broken = self.load.wrong or list(chain(*(watch.wrong for watch in self.watches)))
            assert not broken, f"stopped while waiting until {what}"
            assert time.monotonic() < end, f"waited in vain until {what}"
            if time.monotonic() > say_next:
                say_next += EVERY
                self.say(
                    f"  {len(self.load.asked)} requests, {self.load.failed()} failed; "
                    f"waiting until {what}"
                )
            time.sleep(0.02)

    def signed(self, kid: str, watches: list[Watch]) -> bool:
        """Whether each of the servers has signed with the key."""
        by = {signed.server for signed in self.load.signed if signed.kid == kid}
        return by >= {watch.server.name for watch in watches}


def rotate(plan: Plan, folder: Path) -> Run:
    """Rotate under load, in ``folder``, which is empty. What is not as it should is ``wrong``."""
    deployment = Deployment(folder, plan.lifetime, plan.max_age)
    deployment.prepare()
    [only] = deployment.jwks()
    servers: list[ServerProcess] = []
    run = Run(plan, deployment, Load(servers, [], plan.rate, plan.keep), [], Keys(only["kid"]))
    with _ending(run):
        for number in range(plan.workers):
            _add(run, deployment.serve(f"worker {number + 1}"))
        sleeper = Device(run.load, -1)
        sleeper.sign_in()
        try:
            with run.load.running():
                _publish(run)
                _sign(run)
                _retire(run)
                run.until("the time is over", lambda: _elapsed(run) > plan.seconds, plan.seconds)
        except AssertionError as error:
            run.wrong.append(str(error))
        # Nobody was signed out, neither who worked nor who slept meanwhile.
        for device in (sleeper, *run.load.devices):
            device.refresh()
            device.close()
    return run


@contextmanager
def _ending(run: Run) -> Iterator[None]:
    """The watches and the servers end with it, in this order."""
    try:
        yield
    finally:
        for watch in run.watches:
            watch.stop()
        for watch in run.watches:
            watch.server.end()


def _add(run: Run, server: ServerProcess) -> Watch:
    watch = Watch(server)
    run.watches.append(watch)
    watch.start()
    # One that caches the keys for each of the servers: they come at different times.
    run.load.consumers.append(Consumer(server.address))
    run.load.servers.append(server)
    return watch


def _publish(run: Run) -> None:
    keys, plan = run.keys, run.plan
    run.until("each worker signs", lambda: run.signed(keys.old, run.followers))
    delay = () if plan.delay is None else ("--delay", str(plan.delay))
    run.say(run.deployment.manage("tokenauth_keys", "rotate", *delay).strip())
    [new] = [key for key in run.deployment.jwks() if key["kid"] != keys.old]
    keys.new, keys.start = new["kid"], new["nbf"]
    keys.published = run.deployment.file(keys.new).stat().st_mtime
    # The last token of the old key that anybody shows.
    token = Device(run.load, -2).access_token()
    assert kid_of(token) == keys.old, "the new key signs at once"
    if plan.end != "wait":
        for watch in run.watches:
            watch.token = token
    run.until("each worker shows the new key", lambda: all(w.shows(keys.new) for w in run.watches))
    watch = _add(run, run.deployment.serve_settings(IN_SETTINGS))
    watch.token = run.watches[0].token
    run.until("the process with KEYS answers", lambda: watch.shows(keys.new))
    run.say("all show the new key, also one that has it in its settings")


def _sign(run: Run) -> None:
    keys = run.keys
    run.until(
        "each process signs with the new key",
        lambda: run.signed(keys.new, run.watches),
        max(0, keys.start - time.time()),
    )
    run.say("all sign with the new key")
    run.until(
        "nobody uses a token of the old key",
        lambda: all(device.kid == keys.new for device in run.load.devices),
        run.plan.keep,
    )


def _retire(run: Run) -> None:
    keys, end = run.keys, run.plan.end
    file = run.deployment.file(keys.old)
    if end == "remove":
        file.unlink()
        keys.ended = time.time()
    elif end == "retire":
        run.say(run.deployment.manage("tokenauth_keys", "retire", keys.old, "--now").strip())
        keys.ended = file.stat().st_mtime
    else:
        keys.ended = json.loads(file.read_bytes())["exp"]
    run.until(
        "no worker knows the old key",
        lambda: all(_is_gone(run, watch) for watch in run.watches),
        max(0, keys.ended - time.time()),
    )
    run.say("no worker knows the old key any more")
    if end != "remove":
        # Removes the files of keys that have ended. The key that it makes does not come to sign.
        said = run.deployment.manage("tokenauth_keys", "rotate", "--delay", "86400")
        run.say(said.strip())
        assert not file.exists(), "the file of the old key is still there"


def _is_gone(run: Run, watch: Watch) -> bool:
    gone = watch.gone_from(run.keys.old) is not None
    if run.plan.end == "wait":
        return gone
    # Nobody told those that have the keys in their settings.
    return watch not in run.followers or (gone and watch.refused_from() is not None)


def _elapsed(run: Run) -> float:
    return time.monotonic() - run.began
