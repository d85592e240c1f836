"""The documented output of ``tokenauth_keys``, compared with the printed output."""

from __future__ import annotations

import re

_MOMENT = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d"
# A shortened name, or a time.
_VARIES = re.compile(rf"(\w*\.{{3}}|{_MOMENT})")


class ShownKeys:
    """The key names that a page shortens, with the full names of this run."""

    def __init__(self, *, at_any_time=False):
        self.known = {}
        self._at_any_time = at_any_time

    def beginning(self, word):
        """Return ``word``, or the first eight characters of the key name that it shortens."""
        return self.known[word][:8] if word in self.known else word

    def learn(self, shown, printed):
        """Return whether ``printed`` matches ``shown``. ``...`` replaces the rest of a name."""
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
            # The width of a column depends on its names.
            return r"\s+".join(map(re.escape, re.split(r"\s+", part)))
        if not name:
            return r"[\w-]+"
        if name in self.known:
            return re.escape(self.known[name])
        if name in new:
            return f"(?P={name})"
        new.add(name)
        return rf"(?P<{name}>[\w-]{{43}})"
