"""The name of a device, derived from its user agent."""

from __future__ import annotations

import subprocess
import sys
from time import perf_counter

import pytest
from django.utils.translation import override

from django_tokenauth._devices import _parser, device_of

CHROME = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/131.0.0.0 Safari/537.36"
)
IPHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 "
    "(KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1"
)


@pytest.mark.parametrize(
    ("user_agent", "name"),
    [
        (CHROME, "Chrome on Windows"),
        (IPHONE, "Mobile Safari on iOS"),
        ("curl/8.5.0", "curl"),
        ("Unknown/1.0 (Windows NT 10.0)", "Windows"),
        ("a program", ""),
        ("", ""),
    ],
)
def test_device_name_has_the_known_parts_of_a_user_agent(user_agent, name):
    with override("en"):
        assert device_of(user_agent) == name


def test_device_name_of_a_known_user_agent_is_cached():
    device_of(CHROME)
    start = perf_counter()
    for _ in range(100):
        device_of(CHROME)
    # A page has at most 100 rows.
    assert perf_counter() - start < 0.5


def test_device_name_is_empty_without_the_package(monkeypatch):
    monkeypatch.setitem(sys.modules, "ua_parser", None)
    _parser.cache_clear()
    try:
        assert device_of(CHROME) == ""
    finally:
        _parser.cache_clear()


def test_module_of_device_names_does_not_import_the_package():
    program = "import sys, django_tokenauth._devices; sys.exit('ua_parser' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0  # noqa: S603
