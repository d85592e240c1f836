"""The clock of another program, which libfaketime sets while the program runs."""

from __future__ import annotations

from pathlib import Path


def find_clock() -> Path | None:
    """Return the path of libfaketime, or ``None``."""
    name = "faketime/libfaketime.so.1"
    folders = ("lib*", "lib*/*")
    paths = (path for folder in folders for path in Path("/usr").glob(f"{folder}/{name}"))
    return next(paths, None)


class Clock:
    """Control the clock of a program through its environment."""

    def __init__(self, library: Path, file: Path) -> None:
        self._file = file
        #: The environment variables of the program.
        self.environment = {
            "LD_PRELOAD": str(library),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_TIMESTAMP_FILE": str(file),
        }
        self.set(ahead=0)

    def set(self, *, ahead: int) -> None:
        """Set the clock of the program ``ahead`` seconds forward."""
        self._file.write_text(f"+{ahead}\n", encoding="ascii")
