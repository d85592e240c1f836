"""Run functions in processes of other users. Only root can do that."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import warnings
from contextlib import contextmanager
from pathlib import Path

import pytest

#: A user and a group without an entry in the system.
SERVER, GROUP = 4242, 4243
NOBODY = 65534

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can change the owner of files")


@contextmanager
def public_folder():
    """Yield a temporary folder in which each user can reach the files that it may read."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def run_as(uid, gid, function):
    """Return the JSON result of ``function()`` in a forked process of the user ``uid``."""
    reading, writing = os.pipe()
    with warnings.catch_warnings():
        # The child calls no function that needs the threads of its parent.
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        status = 1
        try:
            os.setgroups([])
            os.setgid(gid)
            os.setuid(uid)
            os.write(writing, json.dumps(function()).encode())
            status = 0
        finally:
            os._exit(status)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        result = pipe.read()
    assert os.waitpid(child, 0)[1] == 0
    return json.loads(result)
