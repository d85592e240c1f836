"""The syntax of an audience (RFC 8707 section 2)."""

from __future__ import annotations

import pytest

from django_tokenauth._audience import is_absolute_uri


@pytest.mark.parametrize(
    "text",
    [
        "https://reports.example.com",
        "https://reports.example.com/",
        "https://example.com:8443/a/b?c=d",
        "http://[::1]:8000/",
        "HTTPS://reports.example.com",
        "urn:example:reports",
        "https://example.com/a%20b",
        f"https://example.com/{'a' * 235}",
    ],
)
def test_absolute_uri_without_fragment_is_accepted(text):
    assert is_absolute_uri(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "self",
        "reports",
        "/reports",
        "//reports.example.com",
        "reports.example.com",
        "https:",
        "https:reports",
        "https://",
        "https:///reports",
        "https://reports.example.com#",
        "https://reports.example.com#a",
        "https://reports.example.com\n",
        " https://reports.example.com",
        "https://reports.example.com/a b",
        'https://reports.example.com/"',
        "https://reports.example.com/\\",
        "https://r\u00e9ports.example.com",
        "https://[::1",
        "1https://reports.example.com",
        "https://a.example.com https://b.example.com",
        f"https://example.com/{'a' * 236}",
    ],
)
def test_relative_uri_fragment_or_other_text_is_rejected(text):
    assert not is_absolute_uri(text)
