"""The two scripts that call the API without a sign-in: each minute here, in place of each night."""

from __future__ import annotations

import subprocess
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
    jobs = {
        "back_up_notes.py": script_environment(api, api_token),
        "read_statistics.py": account_environment(api),
    }

    def run() -> None:
        while not stopped.is_set():
            for name, variables in jobs.items():
                error = run_job(name, variables)
                if error and not stopped.is_set():
                    sys.stderr.write(f"{name}: {error}\n")
            stopped.wait(SECONDS)

    thread = Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        stopped.set()
        thread.join()


def run_job(name: str, variables: dict[str, str]) -> str:
    """Run a script and return its error, or an empty string."""
    try:
        finished = run_script(name, **variables)
    except subprocess.TimeoutExpired:
        return "no result within a minute"
    return finished.stderr.strip() if finished.returncode else ""


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
