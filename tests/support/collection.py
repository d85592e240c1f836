"""Rules that pytest checks while it collects the tests."""

from __future__ import annotations

import re
from collections.abc import Iterable

import pytest

#: The memory address in the default ``repr`` of an object, which differs between processes.
ADDRESS = re.compile(r"\bat 0x[0-9a-f]+")


def check_ids(ids: Iterable[str]) -> None:
    """Raise ``UsageError`` for an id that changes from run to run, which pytest-xdist rejects."""
    for node_id in ids:
        if ADDRESS.search(node_id):
            raise pytest.UsageError(
                f"The id of {node_id} contains a memory address. Give the parameter an id."
            )
