"""``manage.py tokenauth_keys``: two commands at the same time, in processes of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from django_tokenauth.keys.files import read_file, read_files
from tests.support.keys_command import SECONDS, put

PROJECT = """\
import sys
from pathlib import Path

import django
from django.conf import settings
from django.core.management import CommandError, call_command

settings.configure(
    INSTALLED_APPS=[
        "django.contrib.auth", "django.contrib.contenttypes", "rest_framework", "django_tokenauth"
    ],
    SECRET_KEY="x" * 50,
    TOKENAUTH={"KEY_DIRECTORY": Path(sys.argv[1])},
)
django.setup()
print("ready", flush=True)
sys.stdin.readline()
try:
    call_command("tokenauth_keys", *sys.argv[2:])
except CommandError as error:
    sys.exit(f"CommandError: {error}")
"""
ROUNDS = 2


def start(folder, *arguments):
    process = subprocess.Popen(  # noqa: S603
        [sys.executable, "-c", PROJECT, str(folder), *arguments],
        cwd=Path(__file__).parents[3],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "ready\n"
    return process


def test_end_by_rotate_now_survives_parallel_rotations(tmp_path):
    for number in range(ROUNDS):
        folder = tmp_path / str(number)
        # Its own times: the processes use the real clock.
        put(folder, "stolen", SECONDS - 10**8)
        processes = [
            start(folder, *arguments)
            for arguments in (("rotate",), ("rotate", "--now"), ("rotate",))
        ]
        for process in processes:
            process.stdin.write("\n")
            process.stdin.flush()
        results = [process.communicate(timeout=120) for process in processes]
        assert processes[1].returncode == 0, results
        started = min(file.path.stat().st_mtime for file in read_files(folder))
        path = folder / "stolen.jwk"
        # A later rotation deletes the file of an ended key.
        assert not os.path.lexists(path) or read_file(path).jwk["exp"] <= started + 60
        for process, (_, errors) in zip(processes, results, strict=True):
            assert process.returncode == 0 or "CommandError" in errors
