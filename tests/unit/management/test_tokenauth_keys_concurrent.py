"""``manage.py tokenauth_keys``: commands at the same time, in processes of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

from django_tokenauth.keys.files import read_file, read_files
from tests.support.keys_command import SECONDS, put

PROJECT = """\
import sys
from io import StringIO
from pathlib import Path

import django
from django.conf import settings
from django.core.management import CommandError, call_command
from django.test import override_settings

settings.configure(
    INSTALLED_APPS=[
        "django.contrib.auth", "django.contrib.contenttypes", "rest_framework", "django_tokenauth"
    ],
    SECRET_KEY="x" * 50,
)
django.setup()
print("ready", flush=True)
for line in sys.stdin:
    with override_settings(TOKENAUTH={"KEY_DIRECTORY": Path(line.strip())}):
        try:
            call_command("tokenauth_keys", *sys.argv[1:], stdout=StringIO())
        except CommandError as error:
            print("CommandError", " ".join(str(error).split()), flush=True)
        else:
            print("done", flush=True)
"""
ROUNDS = 4


def start(*arguments):
    """Start a process that runs the command for each folder that it reads."""
    return subprocess.Popen(  # noqa: S603
        [sys.executable, "-c", PROJECT, *arguments],
        cwd=Path(__file__).parents[3],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def test_rotate_now_expires_stolen_key_beside_parallel_rotations(tmp_path):
    with ExitStack() as stack:
        processes = [
            stack.enter_context(start(*arguments))
            for arguments in (("rotate",), ("rotate", "--now"), ("rotate",))
        ]
        assert [process.stdout.readline() for process in processes] == ["ready\n"] * 3
        for number in range(ROUNDS):
            folder = tmp_path / str(number)
            # The not_before is long ago, because the processes use the real clock.
            put(folder, "stolen", SECONDS - 10**8)
            for process in processes:
                process.stdin.write(f"{folder}\n")
                process.stdin.flush()
            results = [process.stdout.readline().rstrip("\n") for process in processes]
            assert results[1] == "done", results
            started = min(file.path.stat().st_mtime for file in read_files(folder))
            path = folder / "stolen.jwk"
            # A later rotation deletes the file of an expired key.
            assert not os.path.lexists(path) or read_file(path).jwk["exp"] <= started + 60
            assert all(each == "done" or each.startswith("CommandError ") for each in results)
