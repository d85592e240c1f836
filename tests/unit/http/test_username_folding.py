"""Usernames that a case-insensitive lookup or a collation may treat as equal share a limit."""

from __future__ import annotations

import pytest

from django_tokenauth.http.username_folding import folded


@pytest.mark.parametrize(
    ("name", "same"),
    [
        # upper() of the dotless i is I, and lower() of the dotted I is i with a combining dot.
        ("kiss", "K\N{LATIN SMALL LETTER DOTLESS I}SS"),
        ("kiss", "k\N{LATIN CAPITAL LETTER I WITH DOT ABOVE}ss"),
        ("kiss", "ki\N{COMBINING DOT ABOVE}ss"),
        ("kiss", "kis\N{LATIN SMALL LETTER LONG S}"),
        ("kiss", "\N{KELVIN SIGN}iss"),
        ("kiss", "ki\N{LATIN SMALL LETTER SHARP S}"),
        # utf8mb4_general_ci
        ("kis", "ki\N{LATIN SMALL LETTER SHARP S}"),
        ("anne", "\N{ANGSTROM SIGN}nne"),
        # utf8mb4_danish_ci
        ("aanne", "\N{LATIN SMALL LETTER A WITH RING ABOVE}nne"),
        ("yngwe", "\N{LATIN SMALL LETTER U WITH DIAERESIS}ngwe"),
        # utf8mb4_german2_ci
        ("jaeger", "j\N{LATIN SMALL LETTER A WITH DIAERESIS}ger"),
        ("mueller", "m\N{LATIN SMALL LETTER U WITH DIAERESIS}ller"),
        ("raee", "r\N{LATIN SMALL LETTER A WITH DIAERESIS}e"),
        ("raea", "r\N{LATIN SMALL LETTER A WITH DIAERESIS}a"),
        ("suee", "s\N{LATIN SMALL LETTER U WITH DIAERESIS}e"),
        # A letter that two collations treat as equal to others, before an e.
        ("steve", "steue"),
        ("rye", "r\N{LATIN SMALL LETTER U WITH DIAERESIS}e"),
        # utf8mb4_da_0900_ai_ci and utf8mb4_sv_0900_ai_ci
        ("thor", "\N{LATIN CAPITAL LETTER THORN}or"),
        # utf8mb4_lithuanian_ci
        ("michael", "micael"),
        # sv-u-co-trad and fi-u-co-trad of ICU
        ("swen", "sven"),
        # The default collation of MariaDB 11.8 (UCA 14).
        ("olof", "\N{LATIN CAPITAL LETTER O WITH STROKE}lof"),
        ("olof", "o\N{LATIN SMALL LETTER L WITH STROKE}of"),
        ("olof", "olo\N{LATIN SMALL LETTER INSULAR F}"),
        ("david", "\N{LATIN SMALL LETTER D WITH STROKE}avid"),
        ("david", "\N{LATIN SMALL LETTER ETH}avid"),
        ("caesar", "c\N{LATIN SMALL LETTER AE}sar"),
        ("caesar", "c\N{LATIN SMALL LETTER AE WITH ACUTE}sar"),
        ("oedipus", "\N{LATIN CAPITAL LIGATURE OE}dipus"),
        ("alice7", "alice\N{DINGBAT NEGATIVE CIRCLED DIGIT SEVEN}"),
        ("alice7", "alice\N{ETHIOPIC DIGIT SEVEN}"),
        ("alice11", "alice\N{NEGATIVE CIRCLED NUMBER ELEVEN}"),
        ("alice7", "alice\N{KHMER SYMBOL LEK ATTAK PRAM-PII}"),
        # Its value is one half.
        ("alice1", "alice\N{TIBETAN DIGIT HALF ONE}"),
    ],
)
def test_equal_usernames_are_folded_to_one_string(name, same):
    assert folded(name) == folded(same)


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("alice", "bob"),
        ("alice1", "alice2"),
        ("alice1", "alice11"),
        ("alice", "alice1"),
        ("\uc775\uba85", "\uc575\ubb34"),
        ("\N{CYRILLIC SMALL LETTER EN}", "\N{CYRILLIC SMALL LETTER EL}"),
        ("\u674e\u4e00", "\u674e\u4e8c"),
        ("\U00016999", "\U0001699a"),
        ("...", "..."[:2]),
    ],
)
def test_other_usernames_keep_their_own_limit(name, other):
    assert folded(name) != folded(other)


@pytest.mark.parametrize("name", ["", "\ud800", "\U00012456", "\U000e01ef", "\u0378"])
def test_unusual_usernames_are_folded_without_an_error(name):
    assert isinstance(folded(name), str)
