"""What a process pays once: time and memory of the import, and a full cache of verified tokens."""

from __future__ import annotations

import gc
import json
import random
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Iterator

from django_tokenauth.conf.settings import load
from django_tokenauth.tokens.access import access_tokens

from . import project
from .our_tokens import access_tokens_of
from .parts import Effort
from .peers import PEERS
from .results import Kind, Row, Table
from .rounds import above, exactly, figure

FLOOR = "Django and REST framework alone"


def tables(effort: Effort) -> Iterator[Table]:
    yield from _import(effort)
    yield _full_cache(effort)


def _import(effort: Effort) -> Iterator[Table]:
    asked = {
        FLOOR: ("", ""),
        "ours": ("django_tokenauth", "django_tokenauth.urls"),
        **{name: (PEERS[name].app, ",".join(PEERS[name].modules)) for name in effort.peers},
    }
    found: dict[str, list[dict[str, float | None]]] = {name: [] for name in asked}
    rounds = max(1, effort.rounds // 3)
    # After the first round all is compiled, and in the cache of the disk.
    for number in range(1 + rounds):
        for name in random.sample(list(asked), len(asked)):
            command = [sys.executable, "-m", f"{__package__}.imports", *asked[name]]
            ended = subprocess.run(command, stdout=subprocess.PIPE, check=True)  # noqa: S603
            if number:
                found[name].append(json.loads(ended.stdout))
    note = "What a project without it needs is taken off."
    for title, unit in (("Time of the import", "ms"), ("Memory of the import", "MiB")):
        values = {name: [once[unit] for once in times] for name, times in found.items()}
        known = {name: [value for value in of if value is not None] for name, of in values.items()}
        floor = known[FLOOR]
        if not floor:
            continue
        rows = [Row(FLOOR, Kind.FLOOR, figure(floor))]
        for name in list(asked)[1:]:
            kind = Kind.OURS if name == "ours" else Kind.PEER
            rows.append(Row(name, kind, above(floor, known[name])))
        yield Table(title, rows, f"CPU {unit}" if unit == "ms" else unit, note=note, rounds=rounds)


def _full_cache(effort: Effort) -> Table:
    size = 64 if effort.quick else load().token_cache_size
    project.use(TOKEN_CACHE_SIZE=size)
    [alice] = project.users(1)
    tokens = access_tokens_of(alice, size)
    kind = access_tokens(load())
    gc.collect()
    tracemalloc.start()
    for token in tokens:
        kind.decode(token, now=time.time())
    gc.collect()
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    rows = [Row(f"{size:,} tokens", Kind.OURS, exactly(kept / 1024))]
    note = f"{kept / size:,.0f} bytes for each token."
    return Table("Memory of a full token cache", rows, "KiB", note=note)
