"""A project that counts the reads of key files and listings of their folder per command."""

from __future__ import annotations

import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO
from pathlib import Path
from types import FrameType
from typing import Any

from django.core.management import call_command

from django_tokenauth.keys.files import SUFFIX
from django_tokenauth.keys.loading import load_key

SECRET_KEY = "the secret key of a project, longer than 32 bytes"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "rest_framework",
    "django_tokenauth",
]


def scenario() -> dict[str, Counter[str]]:
    """Count reads of key files, listings of their folder and loaded keys, per command."""
    counts = {}
    with tempfile.TemporaryDirectory() as folder:
        # The kid of a secret never begins with a hyphen. A key pair is generated again if it does.
        commands = {
            "generate": ["generate", "--algorithm", "HS256"],
            "rotate": ["rotate"],
            "rotate --now": ["rotate", "--now"],
        }
        for name, arguments in commands.items():
            with _counted(Path(folder)) as counter:
                call_command(
                    "tokenauth_keys", *arguments, directory=Path(folder), stdout=StringIO()
                )
            counts[name] = counter
    return counts


@contextmanager
def _counted(folder: Path) -> Iterator[Counter[str]]:
    counter: Counter[str] = Counter()
    counting = True

    def audit(event: str, arguments: tuple[Any, ...]) -> None:
        # Python cannot remove an audit hook.
        if not counting:
            return
        if event in ("os.scandir", "os.listdir") and Path(arguments[0]) == folder:
            counter["listings"] += 1
        if event == "open" and isinstance(arguments[0], (str, Path)):
            path, mode = Path(arguments[0]), arguments[1]
            if path.suffix == SUFFIX and path.parent == folder and mode is not None and "r" in mode:
                counter["reads"] += 1

    def profile(frame: FrameType, event: str, argument: Any) -> None:
        if event == "call" and frame.f_code is load_key.__code__:
            counter["loads"] += 1

    sys.addaudithook(audit)
    sys.setprofile(profile)
    try:
        yield counter
    finally:
        sys.setprofile(None)
        counting = False
