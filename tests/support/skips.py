"""What a run of tox left out on this machine; ``python -m tests.support.skips`` prints it.

Each tox environment that leaves something out notes it; the last one prints all notes, so that
they are not lost in the middle of the output. With ``CI`` set nothing may be left out.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path


def in_ci() -> bool:
    return os.environ.get("CI", "").lower() not in ("", "0", "false")


def forget() -> None:
    """Forget what an earlier run of this tox environment noted."""
    if (notes := _notes()) is not None:
        notes.unlink(missing_ok=True)


def note(what: str) -> None:
    print(f"LEFT OUT: {what}", file=sys.stderr)
    if (notes := _notes()) is not None:
        notes.parent.mkdir(parents=True, exist_ok=True)
        with notes.open("a", encoding="utf-8") as file:
            file.write(f"{what}\n")


def tell() -> None:
    folder = _folder()
    for notes in sorted(folder.iterdir()) if folder is not None and folder.is_dir() else ():
        for what in dict.fromkeys(notes.read_text(encoding="utf-8").splitlines()):
            print(f"LEFT OUT by {notes.name}: {what}")
        notes.unlink()


def _folder() -> Path | None:
    folder = os.environ.get("TOKENAUTH_LEFT_OUT")
    return Path(folder) if folder else None


def _notes() -> Path | None:
    folder = _folder()
    return None if folder is None else folder / os.environ.get("TOX_ENV_NAME", "tests")


if __name__ == "__main__":
    tell()
