"""Notes of the tests that a run of tox skips; ``python -m tests.support.skips`` prints them.

Each tox environment notes what it skips, and the last one prints all notes, so that they are
visible at the end of the output. With ``CI`` set, no test may be skipped.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path


def in_ci() -> bool:
    return os.environ.get("CI", "").lower() not in ("", "0", "false")


def clear_notes() -> None:
    """Delete the notes of an earlier run of this tox environment."""
    if (notes := _notes()) is not None:
        notes.unlink(missing_ok=True)


def note(description: str) -> None:
    print(f"SKIPPED: {description}", file=sys.stderr)
    if (notes := _notes()) is not None:
        notes.parent.mkdir(parents=True, exist_ok=True)
        with notes.open("a", encoding="utf-8") as file:
            file.write(f"{description}\n")


def print_notes() -> None:
    folder = _folder()
    for notes in sorted(folder.iterdir()) if folder is not None and folder.is_dir() else ():
        for description in dict.fromkeys(notes.read_text(encoding="utf-8").splitlines()):
            print(f"SKIPPED by {notes.name}: {description}")
        notes.unlink()


def _folder() -> Path | None:
    folder = os.environ.get("TOKENAUTH_SKIP_NOTES")
    return Path(folder) if folder else None


def _notes() -> Path | None:
    folder = _folder()
    return None if folder is None else folder / os.environ.get("TOX_ENV_NAME", "tests")


if __name__ == "__main__":
    print_notes()
