"""The whole text of each error for unusable key files and key folders."""

from __future__ import annotations

import pytest

from django_tokenauth.keys.files import check_kids, read_file, unreadable_folder
from tests.support.key_folder import key_error, put, put_text

RUN_AS_OWNER = (
    "Run this as the user that owns the folder. Commands that need no key accept --skip-checks."
)


def texts(error):
    return str(error), error.hint


@pytest.mark.parametrize(
    ("error", "reason", "hint"),
    [
        (
            FileNotFoundError(2, "No such file or directory"),
            "No such file or directory",
            "Create it with a first key: manage.py tokenauth_keys generate",
        ),
        (
            PermissionError(13, "Permission denied"),
            "Permission denied",
            RUN_AS_OWNER,
        ),
        (
            NotADirectoryError(20, "Not a directory"),
            "Not a directory",
            "It must be a folder that the user of this process can list.",
        ),
    ],
    ids=["missing", "forbidden", "file"],
)
def test_unreadable_key_folder_error_has_reason_and_hint(tmp_path, error, reason, hint):
    assert texts(unreadable_folder(tmp_path, error)) == (
        f"The key folder {tmp_path} cannot be read ({reason}).",
        hint,
    )


def test_key_file_error_has_message_and_hint(tmp_path):
    put_text(tmp_path, "[]", "list.jwk")
    (tmp_path / "folder.jwk").mkdir()
    (tmp_path / "device.jwk").symlink_to("/dev/null")
    names = ("list.jwk", "folder.jwk", "device.jwk")
    assert [texts(key_error(read_file, tmp_path / name)) for name in names] == [
        (
            "The key file list.jwk is not a JWK.",
            "It must be one JSON object (RFC 7517), as manage.py tokenauth_keys writes it.",
        ),
        (
            "The key file folder.jwk cannot be read (Is a directory).",
            "Its owner must be the user of this process, and its mode 0600.",
        ),
        (
            "The key file device.jwk cannot be read (Not a regular file).",
            "Its owner must be the user of this process, and its mode 0600.",
        ),
    ]


def test_duplicate_kid_error_names_both_key_files(tmp_path):
    for name in ("a", "b"):
        put(tmp_path, name, kid="k")
    files = {name: read_file(tmp_path / name) for name in ("a.jwk", "b.jwk")}
    assert texts(key_error(check_kids, files)) == (
        "The key files a.jwk and b.jwk have the same kid (k).",
        "Delete one of them, or move it out of the folder.",
    )
