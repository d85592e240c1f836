"""What a rotation under load has shown: the faults, and a table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from statistics import quantiles

from tests.campaigns.rotation.load import Asked
from tests.campaigns.rotation.rotating import IN_SETTINGS, Run
from tests.campaigns.rotation.watching import OK, UNAUTHORIZED, Watch

NEW_SHOWN = "new key shown"
OLD_GONE = "old key gone"
REFUSED = "token rejected"


def faults(run: Run) -> list[str]:
    """Everything that was not as it should be, each once and how often."""
    found = Counter([*run.load.wrong, *run.wrong, *_watched(run), *_signed(run), *_noticed(run)])
    return [text if times == 1 else f"{text} (x {times})" for text, times in found.items()]


def _watched(run: Run) -> Iterator[str]:
    for watch in run.watches:
        name = watch.server.name
        yield from watch.wrong
        if watch.came_back():
            yield f"{name} took a token again that it had refused"
        # Else it would not be one that was verified a moment ago.
        if watch.token and not any(OK in seen.statuses for seen in watch.seen):
            yield f"{name} never took the token of the old key"
        answered = {status for seen in watch.seen for status in seen.statuses}
        for status in answered - {OK, UNAUTHORIZED}:
            yield f"{name} answered {status} to the token of the old key"
        # There the old key has not ended, so the token is as good as before: what the others refuse
        # is its key.
        if name == IN_SETTINGS and run.plan.end != "wait" and not watch.accepts():
            yield f"{name}: the token of the old key has ended by itself"


def _signed(run: Run) -> Iterator[str]:
    """Each process has to sign with the new key from its second on, and not a second earlier."""
    keys = run.keys
    for signed in run.load.signed:
        expected = keys.new if keys.new and signed.issued_at >= keys.start else keys.old
        if signed.kid != expected:
            off = signed.issued_at - keys.start
            yield f"{signed.server} signed with {signed.kid} {off} s after the switch"
    if not run.signed(keys.old, run.followers) or not run.signed(keys.new, run.watches):
        yield "not each process has signed before the switch and after it"


def _noticed(run: Run) -> Iterator[str]:
    for watch in run.watches:
        for what, seconds in _times(run, watch).items():
            is_due = what == NEW_SHOWN or run.keys.ended
            if is_due and (seconds is None or seconds > run.plan.notice):
                yield f"{watch.server.name}: {what}: {_told(seconds)}"


def _times(run: Run, watch: Watch) -> dict[str, float | None]:
    """After how many seconds the server noticed that a key came, and that one went."""
    keys = run.keys
    shown = _after(keys.published, watch.shown_from(keys.new))
    gone = _after(keys.ended, watch.gone_from(keys.old))
    if run.plan.end == "wait":
        # That comes by the time which stands in the key, wherever it stands.
        return {OLD_GONE: gone} | ({NEW_SHOWN: shown} if watch in run.followers else {})
    if watch not in run.followers:
        return {}
    refused = _after(keys.ended, watch.refused_from())
    return {NEW_SHOWN: shown, OLD_GONE: gone, REFUSED: refused}


def _after(moment: float, seen: float | None) -> float | None:
    return seen - moment if moment and seen is not None else None


def table(run: Run) -> str:
    """The result as text: a line for each process, and the requests."""
    rows = [_row(run, watch) for watch in run.watches]
    head = tuple(rows[0])
    cells = [head, *(tuple(row.values()) for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = [
        "  ".join(f"{cell:<{width}}" for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in [cells[0], tuple("-" * width for width in widths), *cells[1:]]
    ]
    load, keys = run.load, run.keys
    shown = Counter(asked.kid for asked in load.asked if asked.kid)
    verified = sum(consumer.verified for consumer in load.consumers)
    fetched = sum(consumer.fetched for consumer in load.consumers)
    lines += [
        "",
        f"{len(load.asked)} requests, {load.failed()} failed",
        *(f"    {what}: {counts}" for what, counts in _answers(load.asked)),
        f"    with a token of the old key: {shown[keys.old]}, of the new one: {shown[keys.new]}",
        f"    seconds to the answer: {_quantiles(load.asked)}",
        f"{len(load.consumers)} caches of the keys: {fetched} times fetched, {verified} verified",
    ]
    return "\n".join([*lines, *(f"WRONG: {text}" for text in faults(run)[:20])])


def _row(run: Run, watch: Watch) -> dict[str, str]:
    keys, name = run.keys, watch.server.name
    old, new = (
        [s.issued_at - keys.start for s in run.load.signed if (s.server, s.kid) == (name, kid)]
        for kid in (keys.old, keys.new)
    )
    times = _times(run, watch)
    noticed = {
        what: _told(times[what]) if what in times else "-"
        for what in (NEW_SHOWN, OLD_GONE, REFUSED)
    }
    return {
        "process": name,
        "requests": str(sum(asked.server == name for asked in run.load.asked)),
        "last by old key": f"{max(old):+} s" if old and keys.new else "-",
        "first by new key": f"{min(new):+} s" if new else "-",
        **noticed,
    }


def _told(seconds: float | None) -> str:
    return "never" if seconds is None else f"{seconds:.1f} s"


def _answers(asked: Iterable[Asked]) -> Iterator[tuple[str, str]]:
    counts = Counter((it.what, it.status) for it in asked)
    for what in sorted({what for what, _ in counts}):
        of_it = sorted((status, times) for (name, status), times in counts.items() if name == what)
        yield what, ", ".join(f"{status} x {times}" for status, times in of_it)


def _quantiles(asked: list[Asked]) -> str:
    if len(asked) < 2:
        return "-"
    cuts = quantiles((it.seconds for it in asked), n=100)
    return f"half in {cuts[49]:.3f}, 99 of 100 in {cuts[98]:.3f}"
