"""What the README shows is what happens: its examples are run, its ``curl`` lines are sent."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from django.test import override_settings
from rest_framework.test import APIClient

from django_tokenauth import conf, errors, signals
from django_tokenauth.claims import Claims
from django_tokenauth.key_sets import build_access_keys
from django_tokenauth.tokens import AccessTokens
from tests import left_out
from tests.documents import README, exchanges, section, sections
from tests.projects import Project, curl

QUICK_START = section(README, "Quick start")
SCOPES = section(README, "Protect a view by scope")
STATELESS = section(README, "Without a query: the stateless class")
KEYS = section(README, "Keys")
HOOKS = section(README, "Hooks")
SIGNALS = section(README, "Signals and log")
ADMIN = section(README, "Admin and clean-up")
RUN_HERE = [QUICK_START, SCOPES, STATELESS, KEYS, HOOKS, SIGNALS, ADMIN]

UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z")
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z\Z")


def python(found, *files):
    """The Python blocks of a section, or only those for ``files``."""
    return [
        block
        for block in found.blocks
        if block.language == "python" and (not files or block.file in files)
    ]


def consoles(found):
    return [
        exchange
        for block in found.blocks
        if block.language == "console"
        for exchange in exchanges(block)
    ]


def add(project, blocks):
    for block in blocks:
        project.add(block.file, block.text)


def same(shown, got):
    """Whether ``got`` is what is shown, but for what differs from run to run."""
    if isinstance(shown, dict):
        return (
            isinstance(got, dict)
            and list(shown) == list(got)
            and all(same(shown[name], got[name]) for name in shown)
        )
    if isinstance(shown, list):
        return len(shown) == len(got) and all(map(same, shown, got))
    if isinstance(shown, str) and shown.endswith("..."):
        return got.startswith(shown.removesuffix("..."))
    for form in (UUID, MOMENT):
        if isinstance(shown, str) and form.match(shown):
            return bool(form.match(got))
    return shown == got


def walk(lines, origin, variables):
    """Send every ``curl`` line and hold the answer against what is shown below it."""
    for command, shown in lines:
        answer = curl(command, origin, variables)
        head, body = "HTTP/1.1 200 OK", shown
        if shown.startswith("HTTP/"):
            head, _, body = shown.partition("\n\n")
        status, *headers = head.splitlines()
        assert f"HTTP/1.1 {answer.status} {answer.reason}" == status, (command, answer)
        for header in headers:
            name, _, value = header.partition(": ")
            assert answer.headers[name] == value, command
        got = json.loads(answer.body) if answer.body else None
        assert same(json.loads(body) if body else None, got), (command, answer.body)
        if isinstance(got, dict) and "access_token" in got:
            variables["ACCESS"], variables["REFRESH"] = got["access_token"], got["refresh_token"]


def curl_lines(*found):
    return [line for each in found for line in consoles(each) if line[0].startswith("curl ")]


@pytest.fixture(scope="module")
def quick_start(tmp_path_factory):
    """The project of the quick start, with its table and with alice."""
    project = Project.start("mysite", tmp_path_factory.mktemp("quick_start"))
    add(project, python(QUICK_START))
    for command, _ in consoles(QUICK_START):
        if command.startswith("python manage.py") and "runserver" not in command:
            project.shell(command)
    return project


class TestBlocks:
    def test_no_example_is_left_out_here(self):
        shown = [each.title for each in sections(README) if each.blocks]
        assert shown == ["Try it", *(each.title for each in RUN_HERE)]

    @pytest.mark.parametrize("found", RUN_HERE, ids=lambda each: each.title)
    def test_every_example_is_of_a_kind_that_is_run(self, found):
        for block in found.blocks:
            assert block.language == "console" or (block.language == "python" and block.file)


class TestSame:
    @pytest.mark.parametrize(
        ("shown", "got"),
        [
            ({"a": 1}, {"a": 1, "b": 2}),
            ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
            ([1], []),
            ("eyJ...", "abc"),
            ("a2af27d9-acd1-429f-8b86-2cd0bec312f2", "a2af27d9"),
            ("2026-11-23T09:00:00.000001Z", "2026-11-23"),
            (300, 299),
        ],
    )
    def test_a_difference_is_one(self, shown, got):
        assert not same(shown, got)


class TestQuickStart:
    def test_the_project_has_nothing_to_complain_of(self, quick_start):
        said = quick_start.shell("python manage.py check --database default")
        assert "no issues (0 silenced)" in said

    def test_every_line_answers_as_shown(self, quick_start, tmp_path):
        with quick_start.copy(tmp_path / "project").served() as origin:
            walk(curl_lines(QUICK_START), origin, {})

    def test_the_installation_names_an_extra_that_exists(self):
        setup = (README.parent / "setup.cfg").read_text(encoding="utf-8")
        assert consoles(QUICK_START)[0] == ('pip install ".[crypto]"', "")
        assert "\ncrypto =\n" in setup


class TestScopesAndStateless:
    def test_every_line_answers_as_shown(self, quick_start, tmp_path):
        project = quick_start.copy(tmp_path / "project")
        add(project, [*python(SCOPES), *python(STATELESS)])
        with project.served() as origin:
            walk(curl_lines(SCOPES, STATELESS), origin, {})


class TestHooks:
    def test_the_claims_and_the_policy_are_those_of_the_hooks(self, quick_start, tmp_path):
        project = quick_start.copy(tmp_path / "project")
        add(project, python(HOOKS))
        reader = 'Response(dict(request.auth.extra, scope=" ".join(sorted(request.auth.scope))))'
        project.add("mysite/views.py", f"@api_view()\ndef who(request):\n    return {reader}\n")
        project.shell('python manage.py shell -c "' + NEW_USER + '"')
        with project.served() as origin:
            for name, staff, scope in (
                ("alice", True, "notes:read notes:write"),
                ("bob", False, "notes:read"),
            ):
                line = curl_lines(QUICK_START)[0][0].replace("alice", name)
                pair = json.loads(curl(line, origin, {}).body)
                who = curl(curl_lines(QUICK_START)[1][0], origin, {"ACCESS": pair["access_token"]})
                assert json.loads(who.body) == {
                    "preferred_username": name,
                    "staff": staff,
                    "scope": scope,
                }
                assert pair["scope"] == scope


NEW_USER = (
    "from django.contrib.auth.models import User;"
    "User.objects.create_user('bob', password='correct-horse')"
)


def write_keys(folder, private, public):
    """What the two openssl lines do, for those who have no openssl that knows Ed25519."""
    key = Ed25519PrivateKey.generate()
    (folder / private).write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    )
    (folder / public).write_bytes(
        key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    )


class TestKeys:
    signing, service, rotated = (
        block for block in python(KEYS) if block.file.endswith("settings.py")
    )

    def test_a_service_without_a_database_verifies_what_the_server_signed(
        self, quick_start, tmp_path
    ):
        server = quick_start.copy(tmp_path / "server")
        write_keys(server.folder, "signing.pem", "verifying.pem")
        add(server, [self.signing])
        (tmp_path / "service").mkdir()
        service = Project.start("service", tmp_path / "service")
        shutil.copy(server.folder / "verifying.pem", service.folder)
        add(service, [self.service])
        # Its view is that of the quick start, where the user is known by the token alone.
        for block in python(QUICK_START, "mysite/views.py", "mysite/urls.py"):
            service.add(
                block.file.replace("mysite", "service"), block.text.replace("mysite", "service")
            )
        assert "no issues (1 silenced)" in service.shell("python manage.py check")
        sign_in, who, bare = (line for line, _ in curl_lines(QUICK_START)[:3])
        with server.served() as at_server, service.served() as at_service:
            pair = json.loads(curl(sign_in, at_server, {}).body)
            for origin, name in ((at_server, "alice"), (at_service, "1")):
                answer = curl(who, origin, {"ACCESS": pair["access_token"]})
                assert json.loads(answer.body)["name"] == name
            assert curl(bare, at_service, {}).status == 401
            assert curl(sign_in, at_service, {}).status == 503

    def test_the_next_key_signs_and_the_old_one_still_verifies(self, tmp_path):
        write_keys(tmp_path, "signing.pem", "verifying.pem")
        write_keys(tmp_path, "signing-2.pem", "verifying-2.pem")
        before, after = (tokens(block, tmp_path) for block in (self.signing, self.rotated))
        for made, read in ((before, after), (after, after)):
            assert read.decode(made.encode(CLAIMS), now=1001) == CLAIMS
        with pytest.raises(errors.InvalidToken):
            before.decode(after.encode(CLAIMS), now=1001)

    def test_openssl_makes_keys_that_can_be_used(self, tmp_path):
        lines = [command.split() for command, _ in consoles(KEYS)]
        assert {words[0] for words in lines} == {"openssl"}
        try:
            for words in lines:
                subprocess.run(  # noqa: S603
                    words, check=True, cwd=tmp_path, capture_output=True
                )
        except (OSError, subprocess.CalledProcessError):
            if left_out.in_ci():
                raise
            left_out.note(what := "the openssl lines of the README, for want of one with Ed25519")
            pytest.skip(what)
        pair = tokens(self.signing, tmp_path)
        assert pair.decode(pair.encode(CLAIMS), now=1001) == CLAIMS


CLAIMS = Claims(
    issuer="https://auth.example.com",
    audience=("https://auth.example.com",),
    subject="1",
    client_id="phone",
    issued_at=1000,
    expires_at=1300,
    jwt_id="a",
)


def tokens(block, folder):
    """The access tokens of a settings block whose keys are in ``folder``."""
    names = {"BASE_DIR": folder}
    exec(block.text, names)  # noqa: S102
    settings, problems = conf.read(names["TOKENAUTH"], (b"x" * 50,))
    assert problems == []
    return AccessTokens(settings, build_access_keys(settings))


class TestSignals:
    def test_the_receiver_of_the_example_ends_all_sessions_of_the_user(self, alice):
        client = APIClient()

        def sign_in():
            body = {"username": "alice", "password": "correct horse"}
            answer = client.post("/auth/token/", body, format="json")
            return {"refresh_token": answer.json()["refresh_token"]}

        def refresh(body):
            return client.post("/auth/token/refresh/", body, format="json").status_code

        [block] = python(SIGNALS)
        names = {"__name__": "accounts.receivers"}
        exec(block.text, names)  # noqa: S102
        try:
            with override_settings(TOKENAUTH={"REFRESH_GRACE": timedelta(0)}):
                stolen, other = sign_in(), sign_in()
                assert [refresh(stolen), refresh(stolen), refresh(other)] == [200, 400, 400]
        finally:
            signals.refresh_token_reused.disconnect(names["end_all_sessions"])


class TestAdmin:
    def test_the_prune_command_prints_what_is_shown(self, quick_start):
        for command, shown in consoles(ADMIN):
            assert quick_start.shell(command).strip() == shown
