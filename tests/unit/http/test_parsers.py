"""Strict parsers of request bodies, with a maximum size."""

from __future__ import annotations

from io import BytesIO

import pytest
from rest_framework.exceptions import ParseError

from django_tokenauth.http.parsers import MAX_BODY, StrictFormParser, StrictJSONParser


class TestStrictJSONParser:
    def parse(self, body):
        return StrictJSONParser().parse(BytesIO(body))

    @pytest.mark.parametrize(
        ("body", "value"),
        [
            (b"{}", {}),
            (b' {"a": 1} \n', {"a": 1}),
            (b'{"a": {"b": [null, true, 1.5]}}', {"a": {"b": [None, True, 1.5]}}),
            ('{"a": "é\N{GRINNING FACE}"}'.encode(), {"a": "é\N{GRINNING FACE}"}),
            (rb'{"a": "\ud83d\ude00"}', {"a": "\N{GRINNING FACE}"}),
        ],
    )
    def test_json_parser_accepts_an_object(self, body, value):
        assert self.parse(body) == value

    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b" ",
            b"null",
            b"true",
            b"1",
            b'"text"',
            b"[]",
            b'[{"a": 1}]',
            b"{",
            b'{"a": 1',
            b"{'a': 1}",
            b'{"a": 1,}',
            b'{"a": 1}{"b": 2}',
            b'{"a": 1, "a": 1}',
            b'{"a": {"b": 1, "b": 2}}',
            b'{"a": NaN}',
            b'{"a": Infinity}',
            b'{"a": -Infinity}',
            b'{"a": 1e999}',
            b'{"a": "\xff"}',
            b'{"a": "\xed\xa0\x80"}',
            b'\xef\xbb\xbf{"a": 1}',
            rb'{"a": "\ud800"}',
            rb'{"\udfff": 1}',
            b'{"a": "\0"}',
            b'{"a": "\n"}',
            '{"a": 1}'.encode("utf-16"),
            '{"a": 1}'.encode("utf-32"),
            b'{"a": ' + b"9" * 5000 + b"}",
            b'{"a": ' + b"[" * 17 + b"]" * 17 + b"}",
            b"[" * 16_000 + b"]" * 16_000,
            b'{"a":' * 5_000 + b"1" + b"}" * 5_000,
        ],
        ids=lambda body: body[:12].decode("latin-1").encode("unicode_escape").decode(),
    )
    def test_json_parser_rejects_invalid_json_and_non_objects(self, body):
        with pytest.raises(ParseError):
            self.parse(body)


class TestStrictFormParser:
    def parse(self, body):
        return StrictFormParser().parse(BytesIO(body))

    @pytest.mark.parametrize(
        ("body", "fields"),
        [
            (b"", {}),
            (b"a=1&b=", {"a": "1", "b": ""}),
            (b"a=%C3%A9+%2B&B=2&b=3", {"a": "é +", "B": "2", "b": "3"}),
            (b"a=%ff", {"a": "\N{REPLACEMENT CHARACTER}"}),
        ],
    )
    def test_form_parser_decodes_form_fields(self, body, fields):
        assert self.parse(body).dict() == fields

    def test_form_parser_decodes_utf_8_with_any_default_charset(self, settings):
        settings.DEFAULT_CHARSET = "latin-1"
        assert self.parse(b"a=%C3%A9").dict() == {"a": "\N{LATIN SMALL LETTER E WITH ACUTE}"}

    @pytest.mark.parametrize("body", [b"a=1&a=1", b"a=1&a=2", b"a=&a=", b"a&b=1&a", b"%61=1&a=2"])
    def test_form_parser_rejects_duplicate_field_names(self, body):
        with pytest.raises(ParseError):
            self.parse(body)

    def test_form_parser_rejects_more_fields_than_django_permits(self, settings):
        settings.DATA_UPLOAD_MAX_NUMBER_FIELDS = 5
        assert len(self.parse(b"a=1&b=1&c=1&d=1&e=1")) == 5
        with pytest.raises(ParseError):
            self.parse(b"a=1&b=1&c=1&d=1&e=1&f=1")


@pytest.mark.parametrize(
    ("parser", "start", "end"),
    [(StrictJSONParser, b'{"a": "', b'"}'), (StrictFormParser, b"a=", b"")],
)
class TestMaximumSize:
    def body(self, start, end, size):
        return start + b"x" * (size - len(start) - len(end)) + end

    def test_parser_accepts_body_of_maximum_size(self, parser, start, end):
        assert "a" in parser().parse(BytesIO(self.body(start, end, MAX_BODY)))

    def test_parser_rejects_body_above_maximum_size(self, parser, start, end):
        with pytest.raises(ParseError):
            parser().parse(BytesIO(self.body(start, end, MAX_BODY + 1)))

    @pytest.mark.attack(120)
    def test_parser_reads_at_most_one_byte_above_maximum_size(self, parser, start, end):
        stream = BytesIO(self.body(start, end, 1_000_000))
        with pytest.raises(ParseError):
            parser().parse(stream)
        assert stream.tell() == MAX_BODY + 1
