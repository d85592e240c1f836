"""The result of a run on several machines: its errors, and a table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from statistics import median, quantiles

from tests.campaigns.machines.load import RETRIED
from tests.campaigns.machines.running import Run
from tests.campaigns.machines.sign_outs import SignOutCheck

REFRESHES = ("refresh", "repeated refresh")


def find_errors(run: Run) -> list[str]:
    """Return all different errors of the run, with their numbers."""
    errors = Counter([*run.errors, *_sign_out_errors(run), *_missing_observations(run)])
    return [text if times == 1 else f"{text} (x {times})" for text, times in errors.items()]


def _sign_out_errors(run: Run) -> Iterator[str]:
    for check in run.checks:
        place = f"{check.machine} after {check.event}"
        if check.accepted or not check.rejected:
            counts = f"{check.accepted} accepted, {check.rejected} rejected"
            yield f"JWTAuthentication of {place}: {counts}"
        if check.stateless_rejected is None:
            yield f"stateless authentication of {place}: never rejected"
        elif not _is_in_time(run, check):
            yield f"stateless authentication of {place}: accepted {check.delay():.3f} s later"
        if check.accepted_again:
            yield f"stateless authentication of {place}: accepted after a rejection"


def _is_in_time(run: Run, check: SignOutCheck) -> bool:
    """Return whether each request after ``REVOCATION_POLL_INTERVAL`` was rejected.

    Late requests may use the old list while another request reads the new one. That reader starts
    before the first late request has its response, and ends after the last one has started.
    """
    late = check.late(run.plan.poll)
    return not late or any(
        span.sender is not check and span.started < late[0].ended and span.ended > late[-1].started
        for span in run.load.results.stateless
    )


def _missing_observations(run: Run) -> Iterator[str]:
    """Yield the events without which the run proves nothing."""
    if run.plan.outages and not any(len(request.upstreams) > 1 for request in run.proxied):
        yield "the proxy has retried no request"
    checked = {(check.event, check.machine) for check in run.checks}
    if len(checked) < len(run.plan.events) * len(run.machines):
        yield f"only these sign-outs were checked: {sorted(checked)}"
    for address, name in run.machines.items():
        if not any(request.upstreams[-1] == address for request in run.proxied):
            yield f"{name} has answered no request"
    if not any(record.title == REFRESHES[1] for record in run.load.results.requests):
        yield "no refresh was repeated"


def table(run: Run) -> str:
    """Return the figures of the run."""
    results = run.load.results
    failures = Counter(status for record in results.requests for status in record.failed)
    retried = sum(bool(record.failed) for record in results.requests)
    failed = sum(record.status in RETRIED for record in results.requests)
    refreshes = [record for record in results.requests if record.title in REFRESHES]
    repeated = sum(record.title == REFRESHES[1] for record in refreshes)
    slowest = max((record.seconds for record in refreshes if record.failed), default=0.0)
    proxy_retries = [request for request in run.proxied if len(request.upstreams) > 1]
    machines = Counter(run.machines.get(each.upstreams[-1], "none") for each in run.proxied)
    late = sum(len(check.late(run.plan.poll)) for check in run.checks)
    accepted = sum(len(check.stateless_accepted) for check in run.checks)
    outages = ", ".join(f"{outage} x {times}" for outage, times in sorted(run.outages.items()))
    lines = [
        f"{run.seconds:.0f} s, outages: {outages}",
        f"{len(results.requests)} requests through the proxy; answered by "
        + ", ".join(f"{name}: {times}" for name, times in sorted(machines.items())),
        f"    retried by the proxy on another machine: {len(proxy_retries)}",
        f"    retried by the client: {retried} (after {_statuses(failures)})",
        f"    failed after all retries: {failed}",
        f"{len(refreshes)} refreshes, of which with the previous token: {repeated}",
        f"    rotations with a lost response: {len(results.lost_responses)}",
        f"    slowest refresh with retries: {slowest:.2f} s",
        f"response time in seconds: {_quantiles([each.seconds for each in results.requests])}",
        "",
        f"Sign-outs (REVOCATION_POLL_INTERVAL: {run.plan.poll:g} s)",
        *(f"    {line}" for line in _sign_outs(run.checks)),
        f"    accepted later, while another request read the list: {late} of {accepted}",
    ]
    return "\n".join([*lines, *(f"ERROR: {text}" for text in find_errors(run)[:20])])


def _sign_outs(checks: list[SignOutCheck]) -> Iterator[str]:
    for event in dict.fromkeys(check.event for check in checks):
        selected = [check for check in checks if check.event == event]
        delays = [check.delay() for check in selected if check.same_process]
        summary = f"median {median(delays):.3f} s, maximum {max(delays):.3f} s" if delays else "-"
        yield (
            f"{event}: {len(selected)} checks, JWTAuthentication accepted "
            f"{sum(check.accepted for check in selected)} and rejected "
            f"{sum(check.rejected for check in selected)}; stateless authentication accepted the "
            f"last after {summary} ({len(delays)} without a restart)"
        )


def _statuses(counts: Counter[int]) -> str:
    names = {0: "no response"}
    return ", ".join(
        f"{names.get(status, status)} x {times}" for status, times in sorted(counts.items())
    )


def _quantiles(seconds: list[float]) -> str:
    if len(seconds) < 2:
        return "-"
    cuts = quantiles(seconds, n=100)
    return f"median {cuts[49]:.3f}, 99th percentile {cuts[98]:.3f}, maximum {max(seconds):.3f}"
