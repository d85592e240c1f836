"""The devices and IP addresses in the admin's list of sessions."""

from __future__ import annotations

import html
import re
import sys

import pytest

from django_tokenauth._devices import _parser
from tests.support.clock import NOW
from tests.support.session_rows import create_session

LIST = "/admin/django_tokenauth/session/"
CHROME = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/131.0.0.0 Safari/537.36"
)


@pytest.fixture(autouse=True)
def _now(time_machine):
    time_machine.move_to(NOW, tick=False)


@pytest.fixture
def _without_package(monkeypatch):
    monkeypatch.setitem(sys.modules, "ua_parser", None)
    _parser.cache_clear()
    yield
    _parser.cache_clear()


def cell(client, name):
    """Return the content of the cell *name* in the only row, without the link."""
    text = client.get(LIST).content.decode()
    [content] = re.findall(rf'<t[dh] class="field-{name}[^"]*">(.*?)</t[dh]>', text, re.DOTALL)
    return re.sub(r"</?a[^>]*>", "", content)


def shown(content):
    return html.unescape(" ".join(re.sub(r"<[^>]+>", "", content).split()))


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"user_agent": CHROME}, "Chrome on Windows"),
        ({"user_agent": CHROME, "device_name": "laptop"}, "laptop Chrome on Windows"),
        ({"user_agent": "a <b> program"}, "a <b> program"),
        ({"device_name": "laptop"}, "laptop"),
        ({"user_agent": "x" * 255}, "x" * 59 + "…"),
    ],
)
def test_admin_list_shows_the_name_and_the_derived_device(admin_client, alice, fields, expected):
    create_session(alice, **fields)
    assert shown(cell(admin_client, "device")) == expected


def test_admin_list_shows_the_id_of_a_session_without_a_device(admin_client, alice):
    session = create_session(alice)
    assert shown(cell(admin_client, "device")) == str(session.pk)


def test_admin_list_has_the_whole_user_agent_as_a_title(admin_client, alice):
    create_session(alice, user_agent=f"{CHROME} <b>")
    assert f'title="{CHROME} &lt;b&gt;"' in cell(admin_client, "device")


@pytest.mark.usefixtures("_without_package")
def test_admin_list_shows_the_user_agent_without_the_package(admin_client, alice):
    create_session(alice, user_agent=CHROME)
    assert shown(cell(admin_client, "device")) == f"{CHROME[:59]}…"


def test_admin_list_shows_ip_addresses_and_a_changed_device(admin_client, alice):
    create_session(
        alice,
        user_agent=CHROME,
        ip="192.0.2.1",
        last_user_agent="curl/8.5.0",
        last_ip="2001:db8::1",
    )
    assert shown(cell(admin_client, "sign_in")).endswith(" 192.0.2.1")
    assert shown(cell(admin_client, "last_refresh")).endswith(" 2001:db8::1 curl")


def test_admin_list_omits_unknown_addresses_and_the_same_device(admin_client, alice):
    create_session(alice, user_agent=CHROME, last_user_agent=CHROME)
    assert shown(cell(admin_client, "sign_in")) == shown(cell(admin_client, "last_refresh"))
    assert "detail" not in cell(admin_client, "last_refresh")
