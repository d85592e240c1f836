"""A complete rotation by the command under load: publish, sign, retire."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

from tests.campaigns.crash.report import print_line
from tests.campaigns.rotation.consumer import Consumer
from tests.campaigns.rotation.key_monitor import KeyMonitor
from tests.campaigns.rotation.load import Device, Load, kid_of
from tests.campaigns.rotation.processes import Deployment, ServerProcess

#: How the old key becomes invalid: by the command, by deletion of its file, or by its expiry.
REMOVALS = ("retire", "remove", "wait")
IN_SETTINGS = "KEYS in settings"
PROGRESS_INTERVAL = 5.0


@dataclass(frozen=True)
class Plan:
    """The parameters of a run. Times are in seconds."""

    #: The minimum duration of the load.
    seconds: float
    rate: float
    workers: int
    removal: str
    #: From publication to the first signature; ``None`` is the default of the command.
    delay: int | None
    max_age: int
    lifetime: int
    #: The maximum time for which a client uses a token.
    use_time: float
    #: The maximum delay until a process notices a new key or the removal of a key.
    maximum_delay: float = 10
    #: The timeout of each step, in addition to its minimum duration.
    timeout: float = 60
    silent: bool = False


@dataclass
class Keys:
    """The old and the new key, with their times (seconds since the epoch)."""

    old: str
    new: str = ""
    published: float = 0
    start: int = 0
    invalid_from: float = 0


@dataclass
class Run:
    """The state and the errors of a run."""

    plan: Plan
    deployment: Deployment
    load: Load
    monitors: list[KeyMonitor]
    keys: Keys
    started: float = field(default_factory=time.monotonic)
    errors: list[str] = field(default_factory=list)

    @property
    def followers(self) -> list[KeyMonitor]:
        """Return the monitors of the servers that read the key folder."""
        return [each for each in self.monitors if each.server.name != IN_SETTINGS]

    def print_line(self, text: str) -> None:
        if not self.plan.silent:
            print_line(f"{time.monotonic() - self.started:6.1f} s  {text}")

    def wait_until(self, title: str, condition: Callable[[], bool], minimum: float = 0) -> None:
        """Wait until ``condition`` is true. Raises ``AssertionError`` on an error or timeout."""
        end = time.monotonic() + minimum + self.plan.timeout
        next_line = time.monotonic() + PROGRESS_INTERVAL
        while not condition():
            errors = self.load.errors or list(chain(*(each.errors for each in self.monitors)))
            assert not errors, f"stopped while waiting until {title}"
            assert time.monotonic() < end, f"timeout while waiting until {title}"
            if time.monotonic() > next_line:
                next_line += PROGRESS_INTERVAL
                self.print_line(
                    f"  {len(self.load.requests)} requests, {self.load.failed()} failed; "
                    f"waiting until {title}"
                )
            time.sleep(0.02)

    def signed(self, kid: str, monitors: list[KeyMonitor]) -> bool:
        """Return whether each of the servers has signed with the key."""
        signers = {token.server for token in self.load.tokens if token.kid == kid}
        return signers >= {monitor.server.name for monitor in monitors}


def rotate(plan: Plan, folder: Path) -> Run:
    """Rotate under load, with files in the empty ``folder``."""
    deployment = Deployment(folder, plan.lifetime, plan.max_age)
    deployment.prepare()
    [old_key] = deployment.jwks()
    servers: list[ServerProcess] = []
    run = Run(
        plan, deployment, Load(servers, [], plan.rate, plan.use_time), [], Keys(old_key["kid"])
    )
    with _stopping(run):
        for number in range(plan.workers):
            _add(run, deployment.serve(f"worker {number + 1}"))
        idle = Device(run.load, -1)
        idle.sign_in()
        try:
            with run.load.running():
                _publish(run)
                _sign(run)
                _retire(run)
                run.wait_until("the load stops", lambda: _elapsed(run) > plan.seconds, plan.seconds)
        except AssertionError as error:
            run.errors.append(str(error))
        # The active and the idle sessions still work.
        for device in (idle, *run.load.devices):
            device.refresh()
            device.close()
    return run


@contextmanager
def _stopping(run: Run) -> Iterator[None]:
    """Stop the monitors and then the servers after the ``with`` block."""
    try:
        yield
    finally:
        for monitor in run.monitors:
            monitor.stop()
        for monitor in run.monitors:
            monitor.server.end()


def _add(run: Run, server: ServerProcess) -> KeyMonitor:
    monitor = KeyMonitor(server)
    run.monitors.append(monitor)
    monitor.start()
    # Each server has its consumer, so the caches expire at different times.
    run.load.consumers.append(Consumer(server.address))
    run.load.servers.append(server)
    return monitor


def _publish(run: Run) -> None:
    keys, plan = run.keys, run.plan
    run.wait_until("each worker signs", lambda: run.signed(keys.old, run.followers))
    delay = () if plan.delay is None else ("--delay", str(plan.delay))
    run.print_line(run.deployment.manage("tokenauth_keys", "rotate", *delay).strip())
    [new] = [key for key in run.deployment.jwks() if key["kid"] != keys.old]
    keys.new, keys.start = new["kid"], new["nbf"]
    keys.published = run.deployment.file(keys.new).stat().st_mtime
    # The last token of the old key, which the monitors send.
    token = Device(run.load, -2).access_token()
    assert kid_of(token) == keys.old, "the new key signs before its time"
    if plan.removal != "wait":
        for monitor in run.monitors:
            monitor.token = token
    run.wait_until(
        "each worker publishes the new key",
        lambda: all(m.publishes(keys.new) for m in run.monitors),
    )
    monitor = _add(run, run.deployment.serve_settings(IN_SETTINGS))
    monitor.token = run.monitors[0].token
    run.wait_until("the process with KEYS answers", lambda: monitor.publishes(keys.new))
    run.print_line("all processes publish the new key, including the one with KEYS")


def _sign(run: Run) -> None:
    keys = run.keys
    run.wait_until(
        "each process signs with the new key",
        lambda: run.signed(keys.new, run.monitors),
        max(0, keys.start - time.time()),
    )
    run.print_line("all processes sign with the new key")
    run.wait_until(
        "no client uses a token of the old key",
        lambda: all(device.kid == keys.new for device in run.load.devices),
        run.plan.use_time,
    )


def _retire(run: Run) -> None:
    keys, removal = run.keys, run.plan.removal
    file = run.deployment.file(keys.old)
    if removal == "remove":
        file.unlink()
        keys.invalid_from = time.time()
    elif removal == "retire":
        run.print_line(run.deployment.manage("tokenauth_keys", "retire", keys.old, "--now").strip())
        keys.invalid_from = file.stat().st_mtime
    else:
        keys.invalid_from = json.loads(file.read_bytes())["exp"]
    run.wait_until(
        "no worker has the old key",
        lambda: all(_is_removed(run, monitor) for monitor in run.monitors),
        max(0, keys.invalid_from - time.time()),
    )
    run.print_line("no worker has the old key")
    if removal != "remove":
        # This rotation deletes the files of expired keys. Its new key never signs.
        output = run.deployment.manage("tokenauth_keys", "rotate", "--delay", "86400")
        run.print_line(output.strip())
        assert not file.exists(), "the file of the old key still exists"


def _is_removed(run: Run, monitor: KeyMonitor) -> bool:
    removed = monitor.removed_at(run.keys.old) is not None
    if run.plan.removal == "wait":
        return removed
    # A process with keys in its settings does not notice the removal.
    return monitor not in run.followers or (removed and monitor.rejected_at() is not None)


def _elapsed(run: Run) -> float:
    return time.monotonic() - run.started
