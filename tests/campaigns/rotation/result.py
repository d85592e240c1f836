"""The result of a rotation under load: its errors, and a table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from statistics import quantiles

from tests.campaigns.rotation.key_monitor import OK, UNAUTHORIZED, KeyMonitor
from tests.campaigns.rotation.load import RequestRecord
from tests.campaigns.rotation.rotating import IN_SETTINGS, Run

NEW_KEY = "new key published"
OLD_KEY = "old key removed"
REJECTED = "token rejected"


def find_errors(run: Run) -> list[str]:
    """Return all different errors of the run, with their numbers."""
    errors = Counter(
        [
            *run.load.errors,
            *run.errors,
            *_monitor_errors(run),
            *_signing_errors(run),
            *_delay_errors(run),
        ]
    )
    return [text if times == 1 else f"{text} (x {times})" for text, times in errors.items()]


def _monitor_errors(run: Run) -> Iterator[str]:
    for monitor in run.monitors:
        name = monitor.server.name
        yield from monitor.errors
        if monitor.is_accepted_again():
            yield f"{name} accepted a token that it had rejected before"
        # The token must have been accepted before its rejection.
        if monitor.token and not any(OK in sample.statuses for sample in monitor.samples):
            yield f"{name} never accepted the token of the old key"
        statuses = {status for sample in monitor.samples for status in sample.statuses}
        for status in statuses - {OK, UNAUTHORIZED}:
            yield f"{name} returned {status} for the token of the old key"
        # The settings still contain the old key, so the other processes reject the key itself.
        if name == IN_SETTINGS and run.plan.removal != "wait" and not monitor.is_accepted():
            yield f"{name}: the token of the old key has expired"


def _signing_errors(run: Run) -> Iterator[str]:
    """Yield the tokens that were not signed with the key of their second."""
    keys = run.keys
    for token in run.load.tokens:
        expected = keys.new if keys.new and token.issued_at >= keys.start else keys.old
        if token.kid != expected:
            offset = token.issued_at - keys.start
            yield f"{token.server} signed with {token.kid} {offset} s after the switch"
    if not run.signed(keys.old, run.followers) or not run.signed(keys.new, run.monitors):
        yield "a process has not signed before and after the switch"


def _delay_errors(run: Run) -> Iterator[str]:
    for monitor in run.monitors:
        for event, seconds in _delays(run, monitor).items():
            is_due = event == NEW_KEY or run.keys.invalid_from
            if is_due and (seconds is None or seconds > run.plan.maximum_delay):
                yield f"{monitor.server.name}: {event}: {_seconds(seconds)}"


def _delays(run: Run, monitor: KeyMonitor) -> dict[str, float | None]:
    """Return the seconds until the server noticed the new key and the removal of the old key."""
    keys = run.keys
    published = _after(keys.published, monitor.published_at(keys.new))
    removed = _after(keys.invalid_from, monitor.removed_at(keys.old))
    if run.plan.removal == "wait":
        # The key contains its expiry, so processes with keys in their settings follow it too.
        return {OLD_KEY: removed} | ({NEW_KEY: published} if monitor in run.followers else {})
    if monitor not in run.followers:
        return {}
    rejected = _after(keys.invalid_from, monitor.rejected_at())
    return {NEW_KEY: published, OLD_KEY: removed, REJECTED: rejected}


def _after(start: float, noticed: float | None) -> float | None:
    return noticed - start if start and noticed is not None else None


def table(run: Run) -> str:
    """Return a line for each process, and the figures of the requests."""
    rows = [_row(run, monitor) for monitor in run.monitors]
    head = tuple(rows[0])
    cells = [head, *(tuple(row.values()) for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = [
        "  ".join(f"{cell:<{width}}" for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in [cells[0], tuple("-" * width for width in widths), *cells[1:]]
    ]
    load, keys = run.load, run.keys
    by_kid = Counter(record.kid for record in load.requests if record.kid)
    verified = sum(consumer.verified_count for consumer in load.consumers)
    fetched = sum(consumer.fetch_count for consumer in load.consumers)
    lines += [
        "",
        f"{len(load.requests)} requests, {load.failed()} failed",
        *(f"    {title}: {counts}" for title, counts in _statuses(load.requests)),
        f"    with a token of the old key: {by_kid[keys.old]}, of the new key: {by_kid[keys.new]}",
        f"    response time in seconds: {_quantiles(load.requests)}",
        f"{len(load.consumers)} caches of the keys: {fetched} fetches, {verified} verified tokens",
    ]
    return "\n".join([*lines, *(f"ERROR: {text}" for text in find_errors(run)[:20])])


def _row(run: Run, monitor: KeyMonitor) -> dict[str, str]:
    keys, name = run.keys, monitor.server.name
    old, new = (
        [t.issued_at - keys.start for t in run.load.tokens if (t.server, t.kid) == (name, kid)]
        for kid in (keys.old, keys.new)
    )
    delays = _delays(run, monitor)
    noticed = {
        event: _seconds(delays[event]) if event in delays else "-"
        for event in (NEW_KEY, OLD_KEY, REJECTED)
    }
    return {
        "process": name,
        "requests": str(sum(record.server == name for record in run.load.requests)),
        "last by old key": f"{max(old):+} s" if old and keys.new else "-",
        "first by new key": f"{min(new):+} s" if new else "-",
        **noticed,
    }


def _seconds(seconds: float | None) -> str:
    return "never" if seconds is None else f"{seconds:.1f} s"


def _statuses(records: Iterable[RequestRecord]) -> Iterator[tuple[str, str]]:
    counts = Counter((record.title, record.status) for record in records)
    for title in sorted({title for title, _ in counts}):
        statuses = sorted(
            (status, times) for (name, status), times in counts.items() if name == title
        )
        yield title, ", ".join(f"{status} x {times}" for status, times in statuses)


def _quantiles(records: list[RequestRecord]) -> str:
    if len(records) < 2:
        return "-"
    cuts = quantiles((record.seconds for record in records), n=100)
    return f"median {cuts[49]:.3f}, 99th percentile {cuts[98]:.3f}"
