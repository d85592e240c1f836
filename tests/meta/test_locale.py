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

KOREAN = PACKAGE / "locale" / "ko" / "LC_MESSAGES"
PO = translations.written(KOREAN / "django.po")
MESSAGES = [entry for entry in PO if entry.message]
HANGUL = re.compile("[가-힣]")
#: What stays as it is: the value of a parameter, and a name of the RFCs.
ENGLISH = {"current": "current", "grant type": "grant type", "IP": "IP"}


class TestFiles:
    def test_the_languages_are_those_that_are_tested(self):
        assert [path.name for path in (PACKAGE / "locale").iterdir()] == ["ko"]

    def test_the_head_says_which_language_it_is_and_that_it_has_no_plurals(self):
        [head] = [entry for entry in PO if not entry.message]
        assert "\nLanguage: ko\n" in head.translations[0]
        assert "\nPlural-Forms: nplurals=1; plural=0;\n" in head.translations[0]
        assert not head.is_fuzzy

    @pytest.mark.parametrize("entry", MESSAGES, ids=lambda entry: entry.message)
    def test_the_message_is_translated(self, entry):
        assert not entry.is_fuzzy
        assert not entry.is_obsolete
        assert len(entry.translations) == 1
        assert HANGUL.search(entry.translations[0])

    @pytest.mark.parametrize("entry", MESSAGES, ids=lambda entry: entry.message)
    def test_the_translation_has_the_same_places_to_fill(self, entry):
        places = re.compile(r"%\(\w+\)[sd]|%[sd]|\{\w*\}")
        assert places.findall(entry.translations[0]) == places.findall(entry.message)

    @pytest.mark.parametrize("entry", MESSAGES, ids=lambda entry: entry.message)
    def test_the_translation_ends_as_the_message_does(self, entry):
        assert entry.translations[0].endswith(".") == entry.message.endswith(".")

    def test_no_english_word_is_left_over(self):
        text = " ".join(re.sub(r"%\(\w+\)[sd]", "", entry.translations[0]) for entry in MESSAGES)
        for known in ENGLISH:
            text = text.replace(known, "")
        assert re.findall("[A-Za-z]+", text) == []

    def test_the_messages_are_those_of_the_source(self):
        source = {
            message
            for path in PACKAGE.rglob("*.py")
            for message in translations.asked_for(path.read_text(encoding="utf-8"))
        }
        assert {entry.message for entry in MESSAGES} | {
            entry.plural for entry in MESSAGES if entry.plural
        } == source

    def test_the_compiled_file_is_that_of_the_text(self):
        assert translations.compiled(KOREAN / "django.mo") == translations.catalog(MESSAGES)

    def test_makemessages_finds_nothing_to_change(self, tmp_path):
        if missing := {"xgettext", "msgmerge"} - {
            name for name in ("xgettext", "msgmerge") if shutil.which(name)
        }:
            if skips.in_ci():
                pytest.fail(f"{missing} of gettext is missing")
            skips.note(what := "makemessages, for want of GNU gettext")
            pytest.skip(what)
        copy = shutil.copytree(PACKAGE, tmp_path / "django_tokenauth")
        subprocess.run(
            [sys.executable, "-m", "django", "makemessages", "-l", "ko", "--no-location"],
            check=True,
            cwd=copy,
            env={name: os.environ[name] for name in os.environ.keys() - {"DJANGO_SETTINGS_MODULE"}},
            capture_output=True,
        )
        made = translations.written(copy / KOREAN.relative_to(PACKAGE) / "django.po")
        assert [entry for entry in made if entry.message] == MESSAGES


class TestTranslations:
    """The tests above read the files with this; it must be able to fail."""

    def test_an_entry_is_read_with_all_that_can_be_wrong_with_it(self):
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

    def test_messages_are_found_in_the_source(self):
        source = "_('a' 'b')\nngettext('one', 'many', n)\nprint('c')\nx._('d')\n"
        assert list(translations.asked_for(source)) == ["ab", "one", "many"]

    def test_a_message_that_is_made_at_run_time_is_refused(self):
        with pytest.raises(TypeError, match="line 1"):
            list(translations.asked_for("_(f'{x}')"))


@pytest.mark.parametrize("kind", OAuthError.__subclasses__(), ids=lambda kind: kind.error)
def test_every_error_of_the_token_endpoint_has_a_korean_description(kind):
    with override("ko"):
        assert HANGUL.search(str(kind.description))
