"""A full disk, for commands that write files."""

from __future__ import annotations

import errno
import os
from contextlib import contextmanager

import pytest


@contextmanager
def full_after(writes, number=errno.ENOSPC):
    """Make the creation of files fail with the error *number* after this many new files."""
    real = os.open

    def counting(path, flags, *arguments, **options):
        nonlocal writes
        if flags & os.O_CREAT:
            writes -= 1
            if writes < 0:
                raise OSError(number, os.strerror(number))
        return real(path, flags, *arguments, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "open", counting)
        yield
