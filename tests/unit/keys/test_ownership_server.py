"""The users that a server may run as, and the process that opens key files as one of them."""

from __future__ import annotations

import os
import subprocess

import pytest

from django_tokenauth.keys import ownership
from django_tokenauth.keys.drafts import Access
from django_tokenauth.keys.files import read_folder
from django_tokenauth.keys.ownership import (
    ServerUser,
    _open_as,
    access_for_expiry,
    access_of,
    unreadable_files,
)
from tests.support.key_folder import NOW, put
from tests.support.other_users import GROUP, NOBODY, SERVER, needs_root, public_folder

ME = ServerUser(os.geteuid(), (os.getegid(),))


@pytest.fixture
def folder():
    with public_folder() as parent:
        folder = parent / "keys"
        folder.mkdir(mode=0o755)
        yield folder


@pytest.fixture
def options(monkeypatch):
    """Return the options of the process, which hangs until its timeout."""
    options = {}

    def run(command, **given):
        options.update(given)
        raise subprocess.TimeoutExpired(command, given["timeout"])

    monkeypatch.setattr(ownership.subprocess, "run", run)
    return options


def problems(folder):
    return [
        (str(error), error.hint) for error in unreadable_files(folder, read_folder(folder).files)
    ]


class TestServerUsers:
    @pytest.mark.parametrize("mode", [0o711, 0o755])
    def test_any_user_needs_only_search_permission_on_parent_folders(self, folder, mode):
        put(folder, "a")
        put(folder, "b")
        (folder / "a.jwk").chmod(0o604)
        folder.parent.chmod(mode)
        assert len(problems(folder)) == 1

    @needs_root
    @pytest.mark.parametrize("owner", [NOBODY - 1, NOBODY, NOBODY + 1])
    def test_group_member_is_never_the_owner_of_the_key_files(self, folder, owner):
        put(folder, "a", nbf=NOW - 50)
        put(folder, "b")
        for path in (folder, folder / "a.jwk", folder / "b.jwk"):
            os.chown(path, owner, GROUP)
        (folder / "a.jwk").chmod(0o640)
        [(message, _)] = problems(folder)
        assert message.startswith(f"The server runs as a member of the group {GROUP}, who cannot")

    @needs_root
    def test_errors_for_unreadable_key_files_say_how_to_correct_them(self, folder):
        put(folder, "a")
        put(folder, "b")
        put(folder, "c")
        os.chown(folder / "a.jwk", SERVER, GROUP)
        (folder / "a.jwk").chmod(0o604)
        os.chown(folder / "c.jwk", SERVER, GROUP)
        server = (
            f"as the user {SERVER}, who cannot read {folder / 'b.jwk'} (owner root, mode 0600)."
        )
        anyone = f"as any user, who cannot read {folder / 'c.jwk'} (owner {SERVER}, mode 0600)."
        assert problems(folder) == [
            (
                f"The server runs {server}",
                "Correct its owner or its mode: a server that starts now rejects the folder.",
            ),
            (
                f"All users can read a private key. The server may run {anyone}",
                f"If it runs as the owner: chmod -R go= {folder}. Otherwise, give it the file.",
            ),
        ]


class TestAccess:
    def test_access_of_equally_preferred_files_is_that_of_the_first(self, folder):
        put(folder, "a")
        put(folder, "b")
        (folder / "b.jwk").chmod(0o604)
        files = list(read_folder(folder).files.values())
        groups = [4242, 4243] if os.geteuid() == 0 else [os.getegid()] * 2
        for file, group in zip(files, groups, strict=True):
            os.chown(file.path, -1, group)
        assert access_of(folder, files) == Access(os.geteuid(), groups[0], 0o600)

    def test_expiry_of_executable_key_file_keeps_only_read_access(self, folder):
        put(folder, "a")
        (folder / "a.jwk").chmod(0o755)
        owner_only = Access(os.geteuid(), None, 0o600)
        assert access_for_expiry(owner_only, folder / "a.jwk").mode == 0o604


class TestOpenAs:
    def test_open_as_process_is_stopped_after_ten_seconds(self, folder, options):
        assert _open_as(ME, [folder]) is None
        assert options["timeout"] == 10

    def test_open_as_process_starts_in_the_root_folder(self, folder, options):
        _open_as(ME, [folder])
        assert options["cwd"] == "/"

    def test_open_as_process_writes_no_error_to_the_terminal(self, folder, monkeypatch, capfd):
        monkeypatch.setattr(ownership, "_OPEN_ALL", "echo error >&2")
        assert _open_as(ME, [folder]) == []
        assert capfd.readouterr() == ("", "")
