"""A monitor that polls a server for its public keys and for the validity of a token."""

from __future__ import annotations

import threading
import time
from typing import NamedTuple

from tests.campaigns.crash.clients import Gate, KeptConnection
from tests.campaigns.rotation.consumer import fetch
from tests.campaigns.rotation.load import PROTECTED_PATHS
from tests.campaigns.rotation.processes import ServerProcess

POLL_INTERVAL = 0.25
OK, UNAUTHORIZED = 200, 401


class Sample(NamedTuple):
    """The keys and statuses of a server at a time (seconds since the epoch)."""

    at: float
    kids: frozenset[str]
    statuses: tuple[int, ...]


class KeyMonitor:
    """Poll ``server`` every :data:`POLL_INTERVAL` seconds until :meth:`stop`."""

    def __init__(self, server: ServerProcess) -> None:
        self.server = server
        #: The token to send to each view, if any.
        self.token = ""
        self.samples: list[Sample] = []
        self.errors: list[str] = []
        self._finished = threading.Event()
        self._thread = threading.Thread(target=self._poll, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._finished.set()
        self._thread.join()

    def publishes(self, kid: str) -> bool:
        """Return whether the last sample contains the key."""
        return bool(self.samples) and kid in self.samples[-1].kids

    def published_at(self, kid: str) -> float | None:
        """Return the time of the first sample with the key ``kid``."""
        return next((sample.at for sample in self.samples if kid in sample.kids), None)

    def removed_at(self, kid: str) -> float | None:
        """Return the time of the first later sample without the key."""
        published = self.published_at(kid)
        if published is None:
            return None
        later = (sample for sample in self.samples if sample.at > published)
        return next((sample.at for sample in later if kid not in sample.kids), None)

    def rejected_at(self) -> float | None:
        """Return the time of the first sample in which all views rejected the token."""
        return next((s.at for s in self.samples if set(s.statuses) == {UNAUTHORIZED}), None)

    def is_accepted(self) -> bool:
        """Return whether all views accepted the token in the last sample."""
        return bool(self.samples) and set(self.samples[-1].statuses) == {OK}

    def is_accepted_again(self) -> bool:
        """Return whether any view accepted the token after a rejection."""
        rejected = False
        for sample in self.samples:
            if rejected and OK in sample.statuses:
                return True
            rejected = rejected or UNAUTHORIZED in sample.statuses
        return False

    def _poll(self) -> None:
        connection = KeptConnection(self.server.address, Gate())
        try:
            while not self._finished.wait(POLL_INTERVAL):
                kids = frozenset(fetch(self.server.address)[0])
                token = self.token
                statuses = [
                    connection.call("GET", path, token).status for path in PROTECTED_PATHS if token
                ]
                self.samples.append(Sample(time.time(), kids, tuple(statuses)))
        except Exception as error:  # noqa: BLE001 - a test does not see exceptions of threads
            self.errors.append(f"the monitor of {self.server.name}: {error!r}")
        finally:
            connection.close()
