"""The translations are complete and up to date."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys

import pytest
from django.utils.translation import override

from django_tokenauth.errors import OAuthError
from tests.meta import translations
from tests.meta.translations import PACKAGE, Entry
from tests.support import skips
from tests.support.documents import ROOT

RELEASING = ROOT / "RELEASING.rst"
KOREAN = PACKAGE / "locale" / "ko" / "LC_MESSAGES"
PO = translations.read_entries(KOREAN / "django.po")
MESSAGES = [entry for entry in PO if entry.message]
HANGUL = re.compile("[가-힣]")
#: English words in translations: a parameter value, an RFC term, and abbreviations.
ENGLISH = ("actor_token", "current", "grant type", "API", "IP", "JSON", "UTC", "UTF-8", "(예: Z)")


class TestFiles:
    def test_package_has_only_the_korean_translation(self):
        assert [path.name for path in (PACKAGE / "locale").iterdir()] == ["ko"]

    def test_po_header_declares_korean_without_plural_forms(self):
        [head] = [entry for entry in PO if not entry.message]
        assert "\nLanguage: ko\n" in head.translations[0]
        assert "\nPlural-Forms: nplurals=1; plural=0;\n" in head.translations[0]
        assert not head.is_fuzzy

    @pytest.mark.parametrize("entry", MESSAGES, ids=lambda entry: entry.message)
    def test_message_has_a_korean_translation(self, entry):
        assert not entry.is_fuzzy
        assert not entry.is_obsolete
        assert len(entry.translations) == 1
        assert HANGUL.search(entry.translations[0])

    @pytest.mark.parametrize("entry", MESSAGES, ids=lambda entry: entry.message)
    def test_translation_has_the_placeholders_of_its_message(self, entry):
        placeholders = re.compile(r"%\(\w+\)[sd]|%[sd]|\{\w*\}")
        assert placeholders.findall(entry.translations[0]) == placeholders.findall(entry.message)

    @pytest.mark.parametrize("entry", MESSAGES, ids=lambda entry: entry.message)
    def test_translation_ends_with_a_period_like_its_message(self, entry):
        assert entry.translations[0].endswith(".") == entry.message.endswith(".")

    def test_korean_translations_use_only_listed_english_words(self):
        text = " ".join(
            re.sub(r"%\(\w+\)[sd]|\{\w+\}", "", entry.translations[0]) for entry in MESSAGES
        )
        for known in ENGLISH:
            text = text.replace(known, "")
        assert re.findall("[A-Za-z]+", text) == []

    def test_po_file_lists_all_messages_of_the_source(self):
        source = {
            message
            for path in PACKAGE.rglob("*.py")
            for message in translations.marked_messages(path.read_text(encoding="utf-8"))
        }
        for path in PACKAGE.rglob("*.html"):
            source.update(re.findall(r'{% translate "(.+?)" %}', path.read_text(encoding="utf-8")))
        assert {entry.message for entry in MESSAGES} | {
            entry.plural for entry in MESSAGES if entry.plural
        } == source

    def test_mo_file_matches_the_po_file(self):
        assert translations.read_compiled(KOREAN / "django.mo") == translations.catalog(MESSAGES)

    def test_translation_commands_of_a_release_change_no_entry(self, tmp_path):
        if missing := {"xgettext", "msgmerge"} - {
            name for name in ("xgettext", "msgmerge") if shutil.which(name)
        }:
            if skips.in_ci():
                pytest.fail(f"{missing} of gettext is missing")
            skips.note(what := "makemessages (GNU gettext is missing)")
            pytest.skip(what)
        copy = shutil.copytree(PACKAGE, tmp_path / "django_tokenauth")
        [makemessages, compilemessages] = re.findall(
            r"``python\s+(-m\s+django\s+\w+messages\b[^`]*)``", RELEASING.read_text("utf-8")
        )
        for command in (makemessages, compilemessages):
            subprocess.run(  # noqa: S603
                [sys.executable, *command.split()],
                check=True,
                cwd=copy,
                env={name: os.environ[name] for name in os.environ if "SETTINGS" not in name},
                capture_output=True,
            )
        made = translations.read_entries(copy / KOREAN.relative_to(PACKAGE) / "django.po")
        assert [entry for entry in made if entry.message] == MESSAGES
        compiled = copy / KOREAN.relative_to(PACKAGE) / "django.mo"
        assert translations.read_compiled(compiled) == translations.catalog(MESSAGES)


class TestTranslationReader:
    """The reader of translation files, which all tests above use."""

    def test_po_reader_finds_fuzzy_plural_and_obsolete_entries(self):
        text = (
            'msgid ""\nmsgstr ""\n"Language: ko\\n"\n\n'
            '#, fuzzy\nmsgid "a"\nmsgstr ""\n\n'
            'msgid "%(n)d b"\nmsgid_plural "%(n)d bs"\nmsgstr[0] "ㄴ"\n\n'
            '#~ msgid "old"\n#~ msgstr "ㅇ"\n'
        )
        assert list(translations.entries(text)) == [
            Entry("", "", ("Language: ko\n",), is_fuzzy=False, is_obsolete=False),
            Entry("a", "", ("",), is_fuzzy=True, is_obsolete=False),
            Entry("%(n)d b", "%(n)d bs", ("ㄴ",), is_fuzzy=False, is_obsolete=False),
            Entry("", "", (), is_fuzzy=False, is_obsolete=True),
        ]

    def test_messages_marked_in_the_source_are_found(self):
        source = "_('a' 'b')\nngettext('one', 'many', n)\nprint('c')\nx._('d')\n"
        assert list(translations.marked_messages(source)) == ["ab", "one", "many"]

    def test_message_built_at_run_time_is_rejected(self):
        with pytest.raises(TypeError, match="line 1"):
            list(translations.marked_messages("_(f'{x}')"))


@pytest.mark.parametrize("kind", OAuthError.__subclasses__(), ids=lambda kind: kind.error)
def test_token_endpoint_error_has_a_korean_description(kind):
    with override("ko"):
        assert HANGUL.search(str(kind.description))
