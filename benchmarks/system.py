"""What Linux tells of processes: memory, and time of the processor. Others tell nothing of it."""

from __future__ import annotations

import os
import re
from pathlib import Path

_STATUS, _FORGET = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def forget_peak() -> bool:
    """Begin anew; False where that cannot be done."""
    try:
        _FORGET.write_text("5", encoding="ascii")
    except OSError:
        return False
    return True


def resident() -> float | None:
    """MiB now, or ``None`` where the system does not tell."""
    return _mebibytes("VmRSS")


def peak() -> float | None:
    """MiB at most since :func:`forget_peak`."""
    return _mebibytes("VmHWM")


def _mebibytes(name: str) -> float | None:
    try:
        status = _STATUS.read_text(encoding="ascii", errors="replace")
    except OSError:
        return None
    found = re.search(rf"^{name}:\s+(\d+) kB$", status, re.MULTILINE)
    return None if found is None else int(found[1]) / 1024


def processor_seconds(pid: int) -> float | None:
    """What a process and its children took of the processors, those that ended left out."""
    try:
        # Behind the name, which may have any characters in it.
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii")
    except OSError:
        return None
    user, kernel = fields.rpartition(")")[2].split()[11:13]
    own = (int(user) + int(kernel)) / os.sysconf("SC_CLK_TCK")
    return own + sum(processor_seconds(int(child)) or 0.0 for child in children.split())
