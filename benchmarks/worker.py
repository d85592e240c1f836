"""One process for each benchmark and database, because Django can be set up only once."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from dataclasses import asdict, replace
from importlib import import_module

from . import project
from .catalog import DATABASES, Run
from .tables import Table, table_from_json


def measure(run: Run) -> list[Table]:
    """Return what :func:`main` prints in a new process. Raises ``CalledProcessError``."""
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(  # noqa: S603
            [sys.executable, "-m", __name__],
            env=replace(run, folder=folder).environment(),
            stdout=subprocess.PIPE,
            check=True,
        )
    return [table_from_json(members) for members in json.loads(done.stdout)]


def main() -> None:
    """Print the tables of the run that the environment describes, as JSON."""
    run = Run.from_environment()
    project.set_up()
    with project.created_database():
        # By name, because benchmarks import models.
        module = import_module(f"{__package__}.{run.benchmark}")
        database = DATABASES[run.database]
        tables = [asdict(replace(table, database=database)) for table in module.tables(run)]
    json.dump(tables, sys.stdout)


if __name__ == "__main__":
    main()
