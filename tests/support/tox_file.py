"""The environments of tox.ini."""

from __future__ import annotations

import re
from configparser import ConfigParser
from itertools import product

from tests.support.documents import ROOT


def read():
    parser = ConfigParser(interpolation=None)
    parser.read(ROOT / "tox.ini", encoding="utf-8")
    return parser


def expanded(name):
    """Expand a factor expression: ``py{312, 313}-django52`` gives two names."""
    parts = re.split(r"{(.*?)}", name.replace(" ", ""))
    return ["".join(choice) for choice in product(*(part.split(",") for part in parts))]


def environments(label=None):
    """Return the environments of ``tox``, or of ``tox -m label``, in their order."""
    tox = read()["tox"]
    if label is not None:
        names = re.search(rf"^{label} =(.*)$", tox["labels"], re.MULTILINE)[1]
        return [name.strip() for name in names.split(",")]
    lines = tox["env_list"].split("\n")
    return [name for line in lines if line.strip() for name in expanded(line)]
