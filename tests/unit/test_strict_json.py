"""Strict JSON: each document has one meaning or is rejected."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from django_tokenauth._strict_json import Malformed, loads

ANY_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=15,
)


class TestAccepted:
    @pytest.mark.parametrize(
        ("data", "value"),
        [
            (b"{}", {}),
            (
                b' {"a" : [1, 2.5, -3e2, true, false, null, ""]}\r\n\t',
                {"a": [1, 2.5, -300.0, True, False, None, ""]},
            ),
            (b'{"a": {"a": {"a": 1}}}', {"a": {"a": {"a": 1}}}),
            (b'[{"a": 1}, {"a": 2}]', [{"a": 1}, {"a": 2}]),
            (b'{"a": 1, "A": 2, "a ": 3}', {"a": 1, "A": 2, "a ": 3}),
            ('"열쇠 🔑"'.encode(), "열쇠 🔑"),
            (b'"\\ud83d\\udd11"', "🔑"),
            (b'"\\u0000\\n"', "\x00\n"),
            (b'"\\\\ud800"', "\\ud800"),
            (b"1e-400", 0.0),
            (b"1.7e308", 1.7e308),
            (b"-0", 0),
            (b"9007199254740993", 9007199254740993),
            (b"1" * 4000, int("1" * 4000)),
        ],
    )
    def test_strict_json_loads_unambiguous_document(self, data, value):
        assert loads(data) == value

    @settings(derandomize=True, deadline=None, database=None)
    @given(ANY_JSON, st.booleans())
    def test_strict_json_loads_every_document_of_json_dumps(self, value, ascii_only):
        assert loads(json.dumps(value, ensure_ascii=ascii_only).encode()) == value


class TestRejected:
    @pytest.mark.attack(51, 52, 53, 54, 55, 57, 60)
    @pytest.mark.parametrize(
        "data",
        [
            # No value, or more than one (RFC 8259 section 2).
            *(b"", b" ", b"{", b'{"a": 1', b'{"a": 1}}', b"{} {}", b"{},", b"1 2", b"{}\x00"),
            # Almost JSON.
            *(
                b"{'a': 1}",
                b"{a: 1}",
                b'{"a": 1,}',
                b"[1,]",
                b"// no\n{}",
                b"01",
                b"+1",
                b".5",
                b"1.",
            ),
            *(
                b"0x10",
                b"1_000",
                b"True",
                b"None",
                b"undefined",
                b'"a',
                b'"\\x41"',
                b"\xc2\xa0{}",
                b"X{}X",
            ),
            "٣".encode(),
            # Duplicate names, in any encoding and at any depth.
            b'{"a": 1, "a": 1}',
            b'{"a": 1, "b": 2, "a": 3}',
            b'{"a": 1, "\\u0061": 2}',
            b'{"a": {"b": 1, "b": 2}}',
            b'[[{"b": 1, "b": 2}]]',
            b'{"": 1, "": 2}',
            # Numbers outside JSON or outside its range (section 6).
            *(b"NaN", b"Infinity", b"-Infinity", b'{"a": NaN}', b"[[-Infinity]]", b"nan", b"inf"),
            *(b"1e400", b"-1e400", b'{"a": 1e999}', b"1" * 5000, b"-" + b"1" * 5000),
            # Not UTF-8 (section 8.1).
            *('{"a": 1}'.encode(encoding) for encoding in ("utf-16", "utf-16-le", "utf-16-be")),
            *('{"a": 1}'.encode(encoding) for encoding in ("utf-32", "utf-32-le", "utf-32-be")),
            '{"a": 1}'.encode("utf-8-sig"),
            *(b'"\xff"', b'"\xc0\xaf"', b'"\xe9"', b'"\xed\xa0\x80"', b'"\xf4\x90\x80\x80"'),
            '"é"'.encode("latin-1"),
            # Control characters (section 7).
            *(b'"\x00"', b'"\n"', b'"\t"', b'"\x1f"'),
            # Lone surrogates (section 8.2).
            *(b'"\\ud800"', b'"\\udc00\\ud800"', b'{"\\udfff": 1}', b'[["\\ud83d \\udd11"]]'),
        ],
    )
    def test_strict_json_rejects_invalid_or_ambiguous_document(self, data):
        with pytest.raises(Malformed) as caught:
            loads(data)
        assert str(caught.value) == ""
        assert caught.value.__suppress_context__ or caught.value.__context__ is None


class TestDepth:
    @pytest.mark.attack(58, 59)
    @pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}")])
    # An escape triggers a second check, which must not recurse.
    @pytest.mark.parametrize("innermost", ["1", '"\\u0041"'])
    def test_strict_json_limits_nesting_to_sixteen_levels(self, opening, closing, innermost):
        assert loads(f"{opening * 16}{innermost}{closing * 16}".encode())
        for depth in (17, 900, 3000, 100_000):
            with pytest.raises(Malformed):
                loads(f"{opening * depth}{innermost}{closing * depth}".encode())

    def test_strict_json_accepts_documents_with_many_items(self):
        assert loads(b"[" + b"[[]]," * 1000 + b"{}]")[-1] == {}

    def test_strict_json_ignores_brackets_in_strings(self):
        assert loads(b'"' + b"[{" * 1000 + b'"') == "[{" * 1000


@settings(derandomize=True, deadline=None, database=None)
@given(
    st.binary(max_size=40) | st.text('[]{}":,\\u0dD8 1e+-.aN\ufeff', max_size=30).map(str.encode)
)
def test_strict_json_raises_only_malformed(data):
    try:
        value = loads(data)
    except Malformed:
        return
    assert json.loads(data) == value
