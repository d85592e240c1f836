"""What the table has to say after a crash about the devices and the tokens that they hold."""

from __future__ import annotations

from django_tokenauth.models import Session
from tests.campaigns.crash.clients import Device


class Rows:
    """The rows of the devices, and how far each had come when they were last looked at."""

    def __init__(self, devices: list[Device]) -> None:
        self._devices = devices
        self._others = Session.objects.count() - len(devices)
        self._seen: dict[str, int] = {}
        self.wrong: list[str] = []
        #: Rotations that were committed and whose answer was lost, and those that were not.
        self.answers_lost = 0
        self.rotations_lost = 0

    def look(self, *, may_lose: bool = False) -> None:
        """Hold the rows against the devices, none of which awaits an answer now.

        A row is where its device is, or one ahead if the answer was lost. Where the database
        ``may_lose`` what it has said to be stored, it can also be behind.
        """
        rows = {str(row.pk): row for row in Session.objects.all()}
        if len(rows) != len(self._devices) + self._others:
            self.wrong.append(f"{len(rows)} rows instead of {len(self._devices) + self._others}")
        for device in self._devices:
            row = rows.get(device.session)
            if row is None:
                self.wrong.append("a session is gone")
                continue
            ahead = row.generation - device.generation
            self.answers_lost += ahead == 1 and row.generation != self._seen.get(device.session)
            if may_lose and ahead < 0:
                self.rotations_lost -= ahead
            elif ahead not in (0, 1):
                self.wrong.append(f"a row is at {row.generation}, its token at {device.generation}")
            if row.revoked_at is not None or row.revoked_reason:
                self.wrong.append(f"a session was revoked: {row.revoked_reason}")
            if not may_lose and row.generation < self._seen.get(device.session, 1):
                self.wrong.append(f"a generation fell to {row.generation}")
            self._seen[device.session] = row.generation
