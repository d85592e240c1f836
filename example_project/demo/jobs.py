"""The two scripts that call the API by themselves, each minute in place of each night."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread

from demo.parties import STATISTICS
from demo.processes import run_script

SECONDS = 60


@contextmanager
def running_jobs(api: str, api_token: str) -> Iterator[None]:
    """Run both scripts now and each minute, until the block exits. Prints their errors."""
    stopped = Event()

    def run() -> None:
        while True:
            for finished in (
                run_script("back_up_notes.py", **script_environment(api, api_token)),
                run_script("read_statistics.py", **account_environment(api)),
            ):
                if finished.returncode and not stopped.is_set():
                    sys.stderr.write(finished.stderr)
            if stopped.wait(SECONDS):
                return

    thread = Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        stopped.set()
        thread.join()


def script_environment(api: str, api_token: str) -> dict[str, str]:
    """Return the environment variables of the script with the API token."""
    return {"NOTES_API": api, "NOTES_API_TOKEN": api_token}


def account_environment(api: str) -> dict[str, str]:
    """Return the environment variables of the service account."""
    return {
        "NOTES_API": api,
        "CLIENT_ID": STATISTICS.client_id,
        "CLIENT_SECRET": STATISTICS.secret,
    }
