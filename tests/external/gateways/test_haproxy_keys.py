"""HAProxy with the files of the documented script, during a key rotation."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.external.gateways.processes import free_address, running
from tests.external.gateways.programs import PROGRAMS, write_files
from tests.external.gateways.server import environment, publish_keys
from tests.external.gateways.service import service
from tests.support.documents import ROOT
from tests.support.http_server import send_request

[HAPROXY] = [program for program in PROGRAMS if program.name == "HAProxy"]


def keys_command(folder, *words):
    subprocess.run(  # noqa: S603
        [sys.executable, "-m", "django", "tokenauth_keys", *words],
        check=True,
        cwd=ROOT,
        env=environment(folder),
        stdout=subprocess.PIPE,
    )


def private_jwks(folder):
    """Return the keys in the order of their creation."""
    files = [path.read_text(encoding="utf-8") for path in (folder / "keys").glob("*.jwk")]
    jwks = [json.loads(text) for text in files if '"d"' in text]
    return sorted(jwks, key=lambda jwk: jwk["nbf"])


@pytest.mark.skipif(HAPROXY.find() is None, reason="HAProxy is not installed")
def test_haproxy_accepts_tokens_of_current_and_next_key(server, tmp_path):
    token = server.sign_in(scope="notes:read")["access_token"]
    (tmp_path / "keys").mkdir()
    keys_command(tmp_path, "generate", "--algorithm", "ES256")
    public = publish_keys(tmp_path)
    one_key = {path.name for path in public.iterdir()}
    keys_command(tmp_path, "rotate")
    publish_keys(tmp_path)
    two_keys = {path.name for path in public.iterdir()}
    assert one_key == two_keys == {"0.pem", "1.pem", "2.pem", "all.pem"}
    # Each file has one key. HAProxy reads no other one.
    files = [(public / f"{number}.pem").read_text(encoding="utf-8") for number in range(3)]
    assert [text.count("BEGIN PUBLIC KEY") for text in files] == [1, 1, 1]
    current, following = private_jwks(tmp_path)
    with service() as upstream:
        address = free_address()
        addresses = (address, server.address, upstream.server_address)
        write_files(HAPROXY, tmp_path, addresses, public)
        command = [HAPROXY.find(), *HAPROXY.command(tmp_path)]
        with running(command, address, tmp_path / "output.log"):
            for jwk, status in ((current, 200), (following, 200), (server.private_jwk(), 401)):
                bearer = f"Authorization: Bearer {server.signed(token, jwk=jwk)}"
                response = send_request(address, b"GET / HTTP/1.1", bearer.encode())
                assert response.status == status
