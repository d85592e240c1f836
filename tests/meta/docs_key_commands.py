"""What the documents show of ``tokenauth_keys``, held against what it prints."""

from __future__ import annotations

import re

_MOMENT = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d"
# A name that is cut, or a time.
_VARIES = re.compile(rf"(\w*\.{{3}}|{_MOMENT})")


class ShownKeys:
    """The names of keys, which the page cuts: what stands there and what the keys have here."""

    def __init__(self, *, at_any_time=False):
        self.known = {}
        self._at_any_time = at_any_time

    def beginning(self, word):
        """What is typed for ``word`` of a command: of a name as much as the page has, and more."""
        return self.known[word][:8] if word in self.known else word

    def learn(self, shown, printed):
        """Whether ``printed`` is what is shown, where ``...`` stands for the rest of a name."""
        new = set()
        pattern = "".join(self._pattern(part, new) for part in _VARIES.split(shown))
        match = re.fullmatch(pattern, printed)
        if match:
            self.known |= match.groupdict()
        return match is not None and len(set(self.known.values())) == len(self.known)

    def _pattern(self, part, new):
        if self._at_any_time and re.fullmatch(_MOMENT, part):
            return _MOMENT
        name = part.removesuffix("...")
        if name == part:
            # Columns are as wide as the names in them.
            return r"\s+".join(map(re.escape, re.split(r"\s+", part)))
        if not name:
            return r"[\w-]+"
        if name in self.known:
            return re.escape(self.known[name])
        if name in new:
            return f"(?P={name})"
        new.add(name)
        return rf"(?P<{name}>[\w-]{{43}})"
