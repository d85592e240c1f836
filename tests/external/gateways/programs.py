"""The gateways: how each program is found, configured and started."""

from __future__ import annotations

import os
import pwd
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.support.documents import DOCS

#: The addresses in the documented configurations.
SERVER, SERVICE, LISTEN = "127.0.0.1:8000", "127.0.0.1:9000", ":8080"
TLS_SERVER = "https://auth.example.com"
#: The folder of the public keys in the documented files.
KEY_FOLDER = "/etc/haproxy/tokens"
_PATH = os.pathsep.join(
    [str(Path(sys.executable).parent), os.environ.get("PATH", ""), "/usr/local/sbin", "/usr/sbin"]
)


@dataclass(frozen=True)
class Program:
    """A program and its documented configuration files; the first one is passed to it.

    ``exact`` gateways call the token server for each request. ``forwards`` says that they use
    ``token/forward-auth/``.
    """

    name: str
    executable: str
    files: tuple[str, ...]
    version: tuple[str, ...]
    exact: bool = True
    forwards: bool = True
    #: The status if the server responds with an error, and without a connection to it.
    failure: int = 503
    unreachable: int = 503
    #: The status if the token lacks the scope.
    forbidden: int = 403

    def find(self):
        """Return the path of the program, or ``None``."""
        return shutil.which(self.executable, path=_PATH)

    def find_version(self):
        command = [self.find(), *self.version]
        ended = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603
        return re.search(r"\d+\.\d+\.\d+", ended.stdout + ended.stderr)[0]

    def command(self, folder):
        """Return the command that runs the program in the foreground with files in *folder*."""
        file = str(folder / self.files[0])
        match self.name:
            case "nginx":
                return ["-e", "stderr", "-c", _wrapped_nginx(folder)]
            case "Traefik":
                return ["--configFile", file]
            case "Envoy":
                return ["-c", file, "--concurrency", "1", "--use-dynamic-base-id", "-l", "warning"]
            case "HAProxy":
                return ["-db", "-f", file]
            case "Apache":
                return ["-D", "FOREGROUND", "-f", _wrapped_apache(folder)]
            case "Caddy":
                return ["run", "--adapter", "caddyfile", "--config", file]
        raise ValueError(self.name)


PROGRAMS = [
    Program("nginx", "nginx", ("nginx.conf",), ("-v",), failure=500, unreachable=500),
    Program(
        "Traefik", "traefik", ("traefik.yml", "traefik-routes.yml"), ("version",), unreachable=500
    ),
    Program("Envoy", "envoy", ("envoy.yaml",), ("--version",)),
    Program("Caddy", "caddy", ("Caddyfile",), ("version",), unreachable=502),
    Program(
        "Apache",
        "apache2",
        ("apache.conf",),
        ("-v",),
        forwards=False,
        failure=401,
        unreachable=401,
        forbidden=401,
    ),
    Program("HAProxy", "haproxy", ("haproxy.cfg",), ("-v",), exact=False, forwards=False),
]


def apache_modules():
    """Return the folder of Apache's modules, or ``None`` without Apache."""
    [path] = [program.find() for program in PROGRAMS if program.name == "Apache"]
    return path and Path(path).resolve().parents[1] / "lib" / "apache2" / "modules"


def has_mod_wsgi():
    folder = apache_modules()
    return folder is not None and (folder / "mod_wsgi.so").exists()


def write_files(program, folder, addresses, keys):
    """Write the documented files of *program* to *folder*.

    *addresses* replace ``LISTEN``, ``SERVER`` and ``SERVICE``, and *keys* replaces ``KEY_FOLDER``.
    """
    listen, server, service = addresses
    for name in program.files:
        text = (DOCS / "gateways" / name).read_text(encoding="utf-8")
        text = text.replace(SERVER, "{}:{}".format(*server))
        text = text.replace(f"{TLS_SERVER}/auth/", "https://{}:{}/auth/".format(*server))
        text = text.replace(SERVICE, "{}:{}".format(*service))
        text = re.sub(r"(?<!\d)8080\b", str(listen[1]), text)
        text = text.replace("port_value: 8000", f"port_value: {server[1]}")
        text = text.replace("port_value: 9000", f"port_value: {service[1]}")
        text = text.replace(KEY_FOLDER, str(keys))
        text = text.replace("traefik-routes.yml\n", f"{folder / 'traefik-routes.yml'}\n")
        (folder / name).write_text(text, encoding="utf-8")


def _wrapped_nginx(folder):
    # nginx drops the rights of root, and then could not write to a folder of root.
    user = "" if os.geteuid() else f"user {pwd.getpwuid(0).pw_name};"
    paths = "".join(
        f"{name}_temp_path {folder}/{name};\n"
        for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    file = folder / "main.conf"
    file.write_text(
        f"daemon off; worker_processes 1; pid {folder}/pid; {user}\n"
        "events { worker_connections 512; }\n"
        f"http {{ access_log off;\n{paths}"
        # A cache for all responses that do not forbid it, with the URL as its key.
        f"proxy_cache_path {folder}/cache keys_zone=all:1m; proxy_cache all;\n"
        "proxy_cache_convert_head off;\n"
        f"proxy_cache_valid 200 204 401 403 10m; include {folder}/nginx.conf; }}\n",
        encoding="utf-8",
    )
    return str(file)


def _wrapped_apache(folder):
    modules = {
        "mpm_event": "mpm_event",
        "authn_core": "authn_core",
        "authz_core": "authz_core",
        "authz_user": "authz_user",
        "auth_openidc": "auth_openidc",
        "headers": "headers",
        "proxy": "proxy",
        "proxy_http": "proxy_http",
    }
    lines = [
        f"LoadModule {name}_module /usr/lib/apache2/modules/mod_{file}.so"
        for name, file in modules.items()
    ]
    # Apache does not serve as root.
    user = [] if os.geteuid() else ["User www-data", "Group www-data"]
    file = folder / "main.conf"
    file.write_text(
        "\n".join(
            [
                f"ServerRoot {folder}",
                "ServerName api.example.com",
                f"PidFile {folder}/pid",
                f"DefaultRuntimeDir {folder}",
                f"ErrorLog {folder}/error.log",
                *lines,
                *user,
                # The certificate of the test server.
                f"OIDCCABundlePath {folder}/certificate.pem",
                f"Include {folder}/apache.conf",
                "",
            ]
        ),
        encoding="utf-8",
    )
    return str(file)
