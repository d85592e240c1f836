"""A comparison of the session rows with the tokens of the devices after a crash."""

from __future__ import annotations

from django_tokenauth.models import Session
from tests.campaigns.crash.clients import Device


class SessionRows:
    """The rows of the devices, and their generations at the last check."""

    def __init__(self, devices: list[Device]) -> None:
        self._devices = devices
        self._other_rows = Session.objects.count() - len(devices)
        self._generations: dict[str, int] = {}
        self.errors: list[str] = []
        #: Rotations whose response was lost, and rotations that the database lost.
        self.lost_responses = 0
        self.lost_rotations = 0

    def check(self, *, may_lose: bool = False) -> None:
        """Compare the rows with the devices, which have no pending request.

        A row has the generation of its device, or one more if the response was lost. It can be
        behind if the database ``may_lose`` committed rotations.
        """
        rows = {str(row.pk): row for row in Session.objects.all()}
        if len(rows) != len(self._devices) + self._other_rows:
            self.errors.append(
                f"{len(rows)} rows instead of {len(self._devices) + self._other_rows}"
            )
        for device in self._devices:
            row = rows.get(device.session)
            if row is None:
                self.errors.append("a session row is missing")
                continue
            ahead = row.generation - device.generation
            self.lost_responses += ahead == 1 and row.generation != self._generations.get(
                device.session
            )
            if may_lose and ahead < 0:
                self.lost_rotations -= ahead
            elif ahead not in (0, 1):
                self.errors.append(
                    f"generation {row.generation} in a row, {device.generation} in its token"
                )
            if row.revoked_at is not None or row.revoked_reason:
                self.errors.append(f"a session was revoked: {row.revoked_reason}")
            if not may_lose and row.generation < self._generations.get(device.session, 1):
                self.errors.append(f"a generation decreased to {row.generation}")
            self._generations[device.session] = row.generation
