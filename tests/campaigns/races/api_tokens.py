"""Rounds of the races of API tokens: a token is used while it is rotated or revoked.

A use that begins after a revocation, or after a rotation without overlap, is rejected. A rotation
with overlap rejects no use.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from django.contrib.auth import get_user_model

from django_tokenauth.api_tokens.models import APIToken
from tests.campaigns.races import calls
from tests.campaigns.races.calls import Call
from tests.campaigns.races.invalidations import create_targets
from tests.campaigns.races.rounds import INSIDE, random_delays
from tests.campaigns.races.worker_pool import WorkerPool
from tests.support.api_tokens import issue

# Maximum delays in seconds, before a call and before each of its statements.
USE_DELAYS = ((0.006, 0.004), (0, 0.004), (0, 0.004), (0, 0.004))
CHANGE_DELAYS = (0.008, 0.001, 0.002, 0.004)
#: Seconds for which the old token works after a rotation with overlap.
OVERLAP = 3600

Result = dict[str, Any]


@dataclass(frozen=True)
class Target:
    """An API token, and an access token of its user."""

    id: str
    token: str
    access_token: str

    def use(self, token: str | None = None) -> Call:
        return "use api token", {"token": token or self.token}

    def rotation(self, overlap: int = 0) -> Call:
        path, body = f"api-tokens/{self.id}/rotate/", {"overlap": overlap}
        return "post", {"path": path, "body": body, "token": self.access_token}

    def revocation(self) -> Call:
        return "delete", {"path": f"/auth/api-tokens/{self.id}/", "token": self.access_token}


@dataclass(frozen=True)
class Change:
    """A change of an API token during its uses: the call, its status, and its effect."""

    call: Callable[[Target], Call]
    status: int
    ends_token: bool = True


CHANGES = {
    "API token: use and revocation": Change(Target.revocation, 204),
    "API token: use and rotation": Change(Target.rotation, 200),
    "API token: use and rotation with overlap": Change(
        lambda target: target.rotation(OVERLAP), 200, ends_token=False
    ),
}


#: What happens during a rotation.
ROTATIONS = {
    "API token: two rotations": Target.rotation,
    "API token: rotation and revocation": Target.revocation,
}


def create_api_tokens(number: int, prefix: str) -> Iterator[Target]:
    """Create API tokens of different users."""
    users = get_user_model().objects
    for target in create_targets(number, prefix):
        issued = issue(users.get_by_natural_key(target.username))
        yield Target(str(issued.api_token.pk), issued.token, target.access_tokens[-1])


def play_use(clients: WorkerPool, change: Change, target: Target, generator: random.Random) -> str:
    """Use the token several times while another client changes it."""
    uses = [(target.use(), random_delays(generator, maximums)) for maximums in USE_DELAYS]
    request = {
        "call": change.call(target),
        "delays": random_delays(generator, CHANGE_DELAYS),
        "probes": [target.use()],
    }
    (_, used), (status, changed) = clients(
        [("in turn", {"observed": uses}), ("invalidate and probe", request)]
    )
    assert (status, changed["unavailable"]) == (change.status, [])
    statuses = []
    for use in used["results"]:
        possible = {200}
        if change.ends_token:
            possible = {401} if use["began"] > changed["finished"] else {200, 401}
        assert use["status"] in possible
        statuses.append(use["status"])
    # A rejected token stays rejected.
    assert statuses == sorted(statuses)
    expected = 401 if change.ends_token else 200
    [(probed, _)] = changed["probes"]
    assert (probed, status_of(target.use())) == (expected, expected)
    if (token := changed["body"].get("token")) is not None:
        assert status_of(target.use(token)) == 200
    assert_row(target, revoked=change.status == 204)
    inside = any(use["began"] < changed["finished"] < use["finished"] for use in used["results"])
    return f"{statuses.count(200)} accepted, {INSIDE if inside else 'the change fell outside'}"


def play_rotation(
    clients: WorkerPool,
    change_of: Callable[[Target], Call],
    target: Target,
    generator: random.Random,
) -> str:
    """Rotate the token while another client rotates or revokes it."""
    other = change_of(target)
    (_, rotated), (_, changed) = clients(
        [
            ("in turn", {"observed": [(call, random_delays(generator, CHANGE_DELAYS))]})
            for call in (target.rotation(), other)
        ]
    )
    [rotation], [change] = rotated["results"], changed["results"]
    results = [rotation, change]
    new = [each["body"]["token"] for each in results if each["status"] == 200]
    if other == target.revocation():
        assert change["status"] == 204
        assert rotation["status"] in {200, 401, 404, 409}
        works = 0
    else:
        assert sorted({each["status"] for each in results}) in ([200], [200, 409])
        works = 1
    statuses = [status_of(target.use(token)) for token in new]
    assert statuses.count(200) == works
    assert status_of(target.use()) == 401
    assert_row(target, revoked=works == 0)
    inside = rotation["began"] < change["finished"] < rotation["finished"]
    found = f"rotation {rotation['status']}, other {change['status']}"
    return f"{found}, {INSIDE if inside else 'the change fell outside'}"


def status_of(call: Call) -> int:
    """Make the call in this process, and return the status of its response."""
    status, _ = calls.make(call)
    return status


def assert_row(target: Target, *, revoked: bool) -> None:
    """Assert that no write of a last use has changed more than the time of the use."""
    row = APIToken.objects.get(pk=target.id)
    assert (row.revoked_at is not None) == revoked
