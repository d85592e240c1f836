"""The configurations of ``docs/token-header.rst``: a password of the proxy beside the token.

The recorded service is the server of the tokens and the service at once.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import time
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.external.gateways.processes import START_TIMEOUT, free_address, running
from tests.external.gateways.programs import PROGRAMS, apache_modules, has_mod_wsgi, write_files
from tests.external.gateways.service import service
from tests.support.documents import DOCS, section
from tests.support.http_server import send_request

NGINX, TRAEFIK, _, _, APACHE, _ = PROGRAMS
PASSWORD = b"gateway:the password of the proxy"
BASIC = f"Authorization: Basic {base64.b64encode(PASSWORD).decode()}"
TOKEN = "X-Auth-Token: Bearer a.b.c"
BEARER = "Authorization: Bearer a.b.c"
# Apache does not serve as root.
USER = "" if os.geteuid() else "User www-data\nGroup www-data"
STATIC = "entryPoints: {web: {address: ':%d'}}\nproviders: {file: {filename: %s}}\n"
ROUTES = """
  routers:
    api: {rule: PathPrefix(`/`), middlewares: [%s], service: api}
  services:
    api: {loadBalancer: {servers: [{url: "http://127.0.0.1:8000"}]}}
"""
APPLICATION = """
import json

def application(environ, start_response):
    names = ("HTTP_AUTHORIZATION", "HTTP_X_AUTH_TOKEN")
    body = json.dumps([environ.get(name) for name in names]).encode()
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]
"""


def documented(title):
    """Return the configuration of a section."""
    [block] = section(DOCS / "token-header.rst", title).blocks
    return block.text


def needs(program):
    reason = f"{program.name} is not installed"
    return pytest.mark.skipif(program.find() is None, reason=reason)


@pytest.fixture
def folder():
    # The folders of pytest are closed to the workers, which are other users.
    with TemporaryDirectory(prefix="tokenauth-header-") as name:
        path = Path(name)
        path.chmod(0o755)
        user, _, password = PASSWORD.partition(b":")
        digest = base64.b64encode(hashlib.sha1(password).digest())  # noqa: S324
        (path / "htpasswd").write_bytes(user + b":{SHA}" + digest + b"\n")
        yield path


@pytest.fixture
def upstream():
    with service() as server:
        yield server


def configured(text, folder, upstream):
    """Return a configuration with the files and the address of the test."""
    for program in ("nginx", "traefik"):
        text = text.replace(f"/etc/{program}/htpasswd", str(folder / "htpasswd"))
    return text.replace("127.0.0.1:8000", "{}:{}".format(*upstream.server_address))


@contextmanager
def started(program, folder, address):
    command = [program.find(), *program.command(folder)]
    values = {**os.environ, "HOME": str(folder)}
    log = folder / "output.log"
    with running(command, address, log, values, folder):
        end = time.monotonic() + START_TIMEOUT
        # Traefik loads the routes after it listens.
        while send_request(address, b"GET / HTTP/1.1").status == 404:
            assert time.monotonic() < end, log.read_text(encoding="utf-8")
            time.sleep(0.05)
        yield


@contextmanager
def nginx(folder, upstream):
    address = free_address()
    location = configured(documented("nginx"), folder, upstream)
    server = f"server {{\nlisten {address[1]};\n{location}}}\n"
    (folder / "nginx.conf").write_text(server, encoding="utf-8")
    with started(NGINX, folder, address):
        yield address


@contextmanager
def traefik(folder, upstream, *, keep_password=False, middlewares="password, token"):
    address = free_address()
    text = documented("Traefik") + ROUTES % middlewares
    if keep_password:
        text = text.replace("removeHeader: true", "removeHeader: false")
    static = STATIC % (address[1], folder / "routes.yml")
    (folder / "traefik.yml").write_text(static, encoding="utf-8")
    routes = configured(text, folder, upstream)
    (folder / "routes.yml").write_text(routes, encoding="utf-8")
    with started(TRAEFIK, folder, address):
        upstream.requests.clear()
        yield address


@contextmanager
def apache(folder, *lines):
    address = free_address()
    (folder / "app.wsgi").write_text(APPLICATION, encoding="utf-8")
    names = ("authn_core", "authn_file", "auth_basic", "authz_core", "authz_user", "wsgi")
    loaded = [
        f"LoadModule {name}_module {apache_modules()}/mod_{name}.so"
        for name in ("mpm_event", *names)
    ]
    text = "\n".join(
        [
            f"ServerRoot {folder}",
            "ServerName api.example.com",
            f"Listen {address[1]}",
            f"PidFile {folder}/pid",
            f"DefaultRuntimeDir {folder}",
            f"ErrorLog {folder}/error.log",
            *loaded,
            USER,
            # Apache would wait ten seconds for the end of the interpreter.
            "WSGIDestroyInterpreter Off",
            f"WSGIScriptAlias / {folder}/app.wsgi",
            *lines,
            "",
        ]
    )
    file = folder / "main.conf"
    file.write_text(text, encoding="utf-8")
    command = [APACHE.find(), "-D", "FOREGROUND", "-f", str(file)]
    # The Python of mod_wsgi is another one.
    values = {name: os.environ[name] for name in os.environ if not name.startswith("PYTHON")}
    with running(command, address, folder / "output.log", values, folder):
        yield address


def get(address, *lines):
    encoded = [line.encode() for line in lines]
    return send_request(address, b"GET /notes/ HTTP/1.1", *encoded)


def headers(request):
    return request.values("authorization"), request.values("x-auth-token")


@needs(NGINX)
def test_documented_nginx_passes_the_token_but_not_its_password(folder, upstream):
    with nginx(folder, upstream) as address:
        assert get(address, BASIC, TOKEN).status == 200
        assert [headers(each) for each in upstream.requests] == [([], ["Bearer a.b.c"])]
        upstream.requests.clear()
        assert [get(address, *each).status for each in ([TOKEN], [BEARER])] == [401, 401]
        assert upstream.requests == []
        # nginx drops headers with underscores.
        assert get(address, BASIC, TOKEN.replace("-", "_")).status == 200
        assert [headers(each) for each in upstream.requests] == [([], [])]


@needs(NGINX)
def test_nginx_auth_request_sends_another_header_of_the_token(folder, upstream):
    address = free_address()
    write_files(NGINX, folder, (address, *[upstream.server_address] * 2), "")
    with started(NGINX, folder, address):
        upstream.requests.clear()
        assert get(address, TOKEN).status == 200
    checked, passed = upstream.requests
    assert (checked.path, passed.path) == ("/auth/token/forward-auth/", "/notes/")
    assert headers(checked) == headers(passed) == ([], ["Bearer a.b.c"])


@needs(TRAEFIK)
def test_documented_traefik_checks_the_token_in_another_header(folder, upstream):
    with traefik(folder, upstream) as address:
        assert get(address, BASIC, TOKEN).status == 200
        checked, passed = upstream.requests
        assert (checked.path, passed.path) == ("/auth/token/forward-auth/", "/notes/")
        assert headers(checked) == headers(passed) == ([], ["Bearer a.b.c"])
        upstream.requests.clear()
        assert get(address, TOKEN).status == 401
        assert upstream.requests == []


@needs(TRAEFIK)
def test_traefik_passes_its_password_without_remove_header(folder, upstream):
    with traefik(folder, upstream, keep_password=True) as address:
        assert get(address, BASIC, TOKEN).status == 200
    checked, passed = upstream.requests
    assert headers(checked) == ([], ["Bearer a.b.c"])
    assert headers(passed) == ([BASIC.partition(": ")[2]], ["Bearer a.b.c"])


@needs(TRAEFIK)
def test_traefik_forward_auth_sends_only_the_listed_headers(folder, upstream):
    with traefik(folder, upstream, middlewares="token") as address:
        assert get(address, BEARER, TOKEN).status == 200
    checked, passed = upstream.requests
    assert headers(checked) == ([], ["Bearer a.b.c"])
    assert headers(passed) == (["Bearer a.b.c"], ["Bearer a.b.c"])


@pytest.mark.skipif(not has_mod_wsgi(), reason="mod_wsgi is not installed")
class TestModWsgi:
    def test_apache_passes_authorization_with_the_documented_line(self, folder):
        open_to_all = "<Location />\nRequire all granted\n</Location>"
        seen = []
        for lines in ([open_to_all], [open_to_all, documented("Apache with mod_wsgi")]):
            with apache(folder, *lines) as address:
                seen.append(json.loads(get(address, BEARER, TOKEN).body))
        assert seen == [[None, "Bearer a.b.c"], ["Bearer a.b.c", "Bearer a.b.c"]]

    def test_apache_password_allows_the_token_in_another_header(self, folder):
        protected = (
            f"<Location />\nAuthType Basic\nAuthName test\nAuthUserFile {folder}/htpasswd\n"
            "Require valid-user\n</Location>"
        )
        with apache(folder, protected) as address:
            assert json.loads(get(address, BASIC, TOKEN).body) == [None, "Bearer a.b.c"]
            assert get(address, TOKEN).status == 401
