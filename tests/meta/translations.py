"""Entries of translation files, and the marked messages of the source."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from gettext import GNUTranslations
from pathlib import Path

import django_tokenauth

PACKAGE = Path(django_tokenauth.__file__).parent

_MARKERS = {"_", "gettext", "gettext_lazy", "ngettext", "ngettext_lazy"}


@dataclass(frozen=True)
class Entry:
    """A message of a ``.po`` file with its plural and its translations."""

    message: str
    plural: str
    translations: tuple[str, ...]
    is_fuzzy: bool
    is_obsolete: bool


def entries(text: str) -> Iterator[Entry]:
    """Yield the entries of a ``.po`` file. The first has an empty id and is the header."""
    for part in re.split(r"\n{2,}", text.strip()):
        found = re.findall(r'^(msg\w+(?:\[\d\])?) ((?:".*"\s*)+)', part, re.MULTILINE)
        texts = {name: ast.literal_eval(f"({quoted})") for name, quoted in found}
        yield Entry(
            message=texts.get("msgid", ""),
            plural=texts.get("msgid_plural", ""),
            translations=tuple(text for name, text in texts.items() if "msgstr" in name),
            is_fuzzy=bool(re.search(r"^#,.*\bfuzzy\b", part, re.MULTILINE)),
            is_obsolete=part.startswith("#~"),
        )


def read_entries(path: Path) -> list[Entry]:
    """Return the entries of the file ``path``."""
    return list(entries(path.read_text(encoding="utf-8")))


def catalog(found: list[Entry]) -> dict[object, str]:
    """Return the messages of a ``.mo`` file of these entries, like :func:`read_compiled`."""
    return {
        (entry.message, number) if entry.plural else entry.message: text
        for entry in found
        for number, text in enumerate(entry.translations)
    }


def read_compiled(path: Path) -> dict[object, str]:
    """Return the messages of a ``.mo`` file, without the header."""
    with path.open("rb") as file:
        texts = dict(vars(GNUTranslations(file))["_catalog"])
    del texts[""]
    return texts


def marked_messages(source: str) -> Iterator[str]:
    """Yield the messages that a Python source marks for translation."""
    for node in ast.walk(ast.parse(source)):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id in _MARKERS
        ):
            plurals = 2 if node.func.id.startswith("n") else 1
            for argument in node.args[:plurals]:
                if not isinstance(argument, ast.Constant):
                    raise TypeError(f"line {node.lineno}: a message must be a string literal")
                yield str(argument.value)
