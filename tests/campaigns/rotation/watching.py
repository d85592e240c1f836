"""Somebody who asks one server again and again which keys it shows, and whether a token is good."""

from __future__ import annotations

import threading
import time
from typing import NamedTuple

from tests.campaigns.crash.clients import Gate, Line
from tests.campaigns.rotation.consumer import fetch
from tests.campaigns.rotation.load import VIEWS
from tests.campaigns.rotation.processes import ServerProcess

EVERY = 0.1
OK, UNAUTHORIZED = 200, 401


class Seen(NamedTuple):
    """What a server showed and said at a time (seconds since the epoch); 0 is no answer."""

    at: float
    kids: frozenset[str]
    statuses: tuple[int, ...]


class Watch:
    """Looks at ``server`` every :data:`EVERY` seconds, from :meth:`start` until :meth:`stop`."""

    def __init__(self, server: ServerProcess) -> None:
        self.server = server
        #: The token that it shows to each view, once there is one.
        self.token = ""
        self.seen: list[Seen] = []
        self.wrong: list[str] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._over.set()
        self._thread.join()

    def shows(self, kid: str) -> bool:
        return bool(self.seen) and kid in self.seen[-1].kids

    def shown_from(self, kid: str) -> float | None:
        """When the key ``kid`` was first seen."""
        return next((seen.at for seen in self.seen if kid in seen.kids), None)

    def gone_from(self, kid: str) -> float | None:
        """When it was first missed after it had been seen."""
        known = self.shown_from(kid)
        if known is None:
            return None
        missing = (seen.at for seen in self.seen if seen.at > known and kid not in seen.kids)
        return next(missing, None)

    def refused_from(self) -> float | None:
        """When all views had first refused the token."""
        return next((s.at for s in self.seen if set(s.statuses) == {UNAUTHORIZED}), None)

    def accepts(self) -> bool:
        """Whether all views took the token when it was last shown."""
        return bool(self.seen) and set(self.seen[-1].statuses) == {OK}

    def came_back(self) -> bool:
        """Whether any view took the token again after it had been refused."""
        refused = False
        for seen in self.seen:
            if refused and OK in seen.statuses:
                return True
            refused = refused or UNAUTHORIZED in seen.statuses
        return False

    def _look(self) -> None:
        line = Line(self.server.address, Gate())
        try:
            while not self._over.wait(EVERY):
                kids = frozenset(fetch(self.server.address)[0])
                token = self.token
                answers = [line.call("GET", view, token).status for view in VIEWS if token]
                self.seen.append(Seen(time.time(), kids, tuple(answers)))
        except Exception as error:  # noqa: BLE001 - a thread that dies in silence fails nothing
            self.wrong.append(f"the watch of {self.server.name}: {error!r}")
        finally:
            line.close()
