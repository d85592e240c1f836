"""One part over one database, in this process: what ``python -m benchmarks`` starts for each.

It is given a job as JSON in its only argument, and prints the tables as JSON.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from dataclasses import asdict
from importlib import import_module

from . import databases, project
from .parts import PARTS, Effort
from .peers import PEERS
from .results import Table, table


def main(argument: str) -> None:
    job = json.loads(argument)
    effort = Effort(**{**job["effort"], "peers": tuple(job["effort"]["peers"])})
    part = PARTS[job["part"]]
    database = databases.entry(effort.database, effort.folder)
    project.configure(database, [PEERS[name].app for name in effort.peers])
    with databases.made():
        module = import_module(f"{__package__}.{part.module}")
        tables = [
            {**found.as_json(), "database": databases.TITLES[effort.database]}
            for found in module.tables(effort)
        ]
    json.dump(tables, sys.stdout)


def in_process(part: str, effort: Effort) -> list[Table]:
    """What :func:`main` finds in a process of its own. Raises ``CalledProcessError``."""
    with tempfile.TemporaryDirectory() as folder:
        job = {"part": part, "effort": {**asdict(effort), "folder": folder}}
        command = [sys.executable, "-m", f"{__package__}.run", json.dumps(job)]
        ended = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)  # noqa: S603
    return [table(members) for members in json.loads(ended.stdout)]


if __name__ == "__main__":
    main(sys.argv[1])
