"""What people use today, and which of it runs here: ``python -m benchmarks.peers NAME`` tries one.

Whether a package runs with this Django is only known after Django was set up with it, which a
process can do once. So each is tried in a process of its own.
"""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version

from . import project


@dataclass(frozen=True, slots=True)
class Peer:
    """A package that is compared. It may not be there, so nothing here imports it by its name."""

    name: str
    #: As it is installed.
    package: str
    app: str
    #: Which of its modules are used.
    modules: tuple[str, ...]


PEERS = {
    peer.name: peer
    for peer in (
        Peer(
            "simplejwt",
            "djangorestframework-simplejwt",
            "rest_framework_simplejwt.token_blacklist",
            (
                "rest_framework_simplejwt.authentication",
                "rest_framework_simplejwt.views",
                # The first token would load it.
                "rest_framework_simplejwt.state",
            ),
        ),
        Peer("knox", "django-rest-knox", "knox", ("knox.auth", "knox.views")),
        Peer(
            "drf-jwt",
            "drf-jwt",
            "rest_framework_jwt",
            ("rest_framework_jwt.authentication", "rest_framework_jwt.views"),
        ),
    )
}


def installed(package: str) -> str | None:
    """The version of ``package``, or ``None``."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def reason_against(peer: Peer) -> str | None:
    """Why ``peer`` cannot be compared here, or ``None``."""
    if installed(peer.package) is None:
        return "not installed"
    command = [sys.executable, "-m", f"{__package__}.peers", peer.name]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    if ended.returncode == 0:
        return None
    lines = ended.stderr.strip().splitlines() or ["it says nothing"]
    return f"{installed(peer.package)} does not run here: {lines[-1]}"


def main(name: str) -> None:
    peer = PEERS[name]
    project.configure({"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}, [peer.app])
    for module in peer.modules:
        import_module(module)


if __name__ == "__main__":
    main(sys.argv[1])
