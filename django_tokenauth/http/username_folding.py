"""One string for all spellings of a username, which share the limits of sign-ins."""

from __future__ import annotations

import re
import unicodedata

# Classical Latin, Lithuanian, Danish and traditional Swedish collations.
_SAME_LETTERS = str.maketrans("jyuvw", "iiiii")
# The German phone book, Danish and Lithuanian collations, and utf8mb4_general_ci. The first letter
# of a pair may have lost its accent, and the second one can follow it again. Any u is already an i.
_SAME_PAIRS = re.compile(r"(?<=a)[ae]+|(?<=[io])e+|(?<=s)s+|(?<=c)h")
_LEADING_ZEROS = re.compile(r"(?<![0-9])0+(?=[0-9])")
# "LATIN SMALL LETTER O WITH STROKE", "LATIN SMALL LIGATURE OE", "LATIN SMALL LETTER DOTLESS I".
_LATIN = re.compile(r"(?:LATIN|MODIFIER LETTER) (?:(?!WITH ).)*?\b([A-Z]{1,2})(?: |$)")
# Letters whose name does not show the equal letter.
_OTHER = {
    "\N{LATIN SMALL LETTER ETH}": "d",
    "\N{LATIN SMALL LETTER THORN}": "th",
    "\N{LATIN SMALL LETTER OLD POLISH O}": "a",
}
_DIGITS = ("ZERO", "ONE", "TWO", "THREE", "FOUR", "FIVE", "SIX", "SEVEN", "EIGHT", "NINE")


def folded(username: str) -> str:
    """Return one string for usernames that common database collations treat as equal.

    Only letters and digits remain, without case, accents, strokes, ligatures and leading zeros.
    Digits and numbers of all scripts become ASCII digits. MySQL's collations for Classical Latin
    treat i and j as equal, and u and v. Lithuanian collations treat i and y as equal, and c and ch.
    Danish and Swedish collations treat y as equal to u with a diaeresis, and thorn to th. The
    traditional Swedish collation treats v and w as equal. ICU collations can ignore punctuation and
    leading zeros (UTS #10, "variable" and "kn").

    If the usernames of two users become equal, the users share a limit at each address.
    """
    letters = unicodedata.normalize("NFKD", username.casefold())
    plain = "".join(map(_plain, filter(str.isalnum, letters)))
    plain = unicodedata.normalize("NFKC", plain).casefold()
    # Equal letters have equal pairs: ü and y, üe and ye.
    plain = _SAME_PAIRS.sub("", plain.translate(_SAME_LETTERS))
    # A username may consist of symbols alone.
    return _LEADING_ZEROS.sub("", plain) or username


def _plain(character: str) -> str:
    """Return the ASCII letters or digits of *character*, or *character* if it has none.

    The Unicode Collation Algorithm gives them the same primary weight.
    """
    if character.isascii():
        return character
    name = unicodedata.name(character, "")
    if unicodedata.category(character).startswith("N"):
        # The value of "TIBETAN DIGIT HALF ONE" is one half.
        found = [str(digit) for digit, word in enumerate(_DIGITS) if word in name.split()]
        return found[0] if found else f"{unicodedata.numeric(character, 0):g}"
    latin = _LATIN.match(name)
    return _OTHER.get(character) or (latin[1].lower() if latin else character)
