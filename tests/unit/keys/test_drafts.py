"""Atomic writes, and the drafts that interrupted writes leave behind."""

from __future__ import annotations

import errno
import os

import pytest

from django_tokenauth.keys.drafts import Access, delete_drafts, write_atomically
from tests.support.key_folder import NOW

DRAFT = ".0123456789abcdef.jwk"


@pytest.mark.parametrize(
    ("name", "modified", "deleted"),
    [
        (DRAFT, NOW - 1, True),
        (DRAFT, NOW, False),
        (".0123456789abcdef", NOW - 1, False),
        (".0123456789abcdef.json", NOW - 1, False),
        (".notes.jwk", NOW - 1, False),
        (".0123456789abcdef.old.jwk", NOW - 1, False),
    ],
)
def test_delete_drafts_deletes_only_old_drafts(tmp_path, name, modified, deleted):
    path = tmp_path / name
    path.write_text("")
    os.utime(path, (modified, modified))
    delete_drafts(tmp_path, ".jwk", NOW)
    assert path.exists() is not deleted


def test_delete_drafts_ignores_a_broken_symlink(tmp_path):
    (tmp_path / DRAFT).symlink_to(tmp_path / "missing")
    delete_drafts(tmp_path, ".jwk", NOW)
    assert os.path.lexists(tmp_path / DRAFT)


def test_atomic_write_succeeds_if_the_folder_cannot_be_opened(tmp_path, monkeypatch):
    real = os.open

    def opening(path, flags, *arguments):
        # As on Windows.
        if path == tmp_path:
            raise PermissionError(errno.EACCES, "Permission denied")
        return real(path, flags, *arguments)

    monkeypatch.setattr(os, "open", opening)
    write_atomically(tmp_path / "a.jwk", b"{}", Access(None, None, 0o600))
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"a.jwk": b"{}"}
