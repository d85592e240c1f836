"""Serve an admin site with long names until the standard input ends.

Print one line of JSON: the address of the site, the cookie of a superuser, and paths of pages.
"""

from __future__ import annotations

import json
import sys

import django
from django.contrib.auth import get_user_model
from django.contrib.staticfiles.handlers import StaticFilesHandler
from django.core.management import call_command
from django.test import Client
from django.test.testcases import LiveServerThread

django.setup()

from django_tokenauth import services  # noqa: E402
from django_tokenauth.models import Session  # noqa: E402

CHROME = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/131.0.0.0 Safari/537.36"
)
IPV6 = "2001:db8:1234:5678:9abc:def0:1234:5678"
LIST = "/admin/django_tokenauth/session/"


def main() -> None:
    call_command("migrate", run_syncdb=True, verbosity=0)
    users = get_user_model().objects
    administrator = users.create_superuser("administrator")
    alice, long = users.create_user("alice"), users.create_user("x" * 150)
    session = services.sign_in(alice, user_agent=CHROME, ip="192.0.2.1").session
    services.sign_in(alice, device_name="Alice's phone", ip=IPV6, client_id="phone")
    services.sign_in(
        long, device_name="N" * 100, user_agent="y" * 255, ip=IPV6, client_id="c" * 255
    )
    Session.objects.filter(user=long).update(last_user_agent="z" * 255)
    ended = services.sign_in(alice).session
    assert session is not None
    assert ended is not None
    services.sign_out(alice, ended.pk)
    client = Client()
    client.force_login(administrator)
    longest = Session.objects.get(user=long)
    pages = {
        "list": LIST,
        "list of a user": f"{LIST}?user={long.pk}",
        "session": f"{LIST}{longest.pk}/change/",
        "sign-out": f"{LIST}{longest.pk}/sign-out/",
        "user": f"/admin/auth/user/{alice.pk}/change/",
    }
    server = LiveServerThread("127.0.0.1", StaticFilesHandler, port=0)
    server.start()
    server.is_ready.wait()
    address = f"http://127.0.0.1:{server.port}"
    cookie = client.cookies["sessionid"].value
    json.dump({"address": address, "cookie": cookie, "pages": pages}, sys.stdout)
    sys.stdout.write("\n")
    sys.stdout.flush()
    sys.stdin.read()
    server.terminate()


if __name__ == "__main__":
    main()
