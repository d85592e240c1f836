"""CONTRIBUTING, RELEASING and CHANGELOG agree with the repository; README's links are absolute."""

from __future__ import annotations

import re
from configparser import ConfigParser

import pytest

from tests.support.documents import README, ROOT, section, sections
from tests.support.tox_file import environments

CONTRIBUTING = ROOT / "CONTRIBUTING.rst"
RELEASING = ROOT / "RELEASING.rst"
CHANGELOG = ROOT / "CHANGELOG.rst"


def setup_cfg():
    parser = ConfigParser(interpolation=None)
    parser.read(ROOT / "setup.cfg", encoding="utf-8")
    return parser


def shell_lines(title):
    return [
        line.partition("#")[0].strip()
        for block in section(CONTRIBUTING, title).blocks
        for line in block.text.splitlines()
    ]


def shown_tests():
    """Return the path and the -k word (or none) of each command that runs tests."""
    return [
        re.search(r"(tests/\S+)(?: -k (\w+))?$", line).groups(default="")
        for line in shell_lines("Run tests")
        if "tests/" in line
    ]


class TestContributing:
    def test_contributing_has_at_most_50_lines_and_3_set_up_commands(self):
        assert len(CONTRIBUTING.read_text(encoding="utf-8").splitlines()) <= 50
        assert len(shell_lines("Set up")) == 3

    def test_contributing_commands_select_existing_tests(self):
        assert len(shown_tests()) == 3
        for path, word in shown_tests():
            assert (ROOT / path).exists(), path
            if word:
                source = (ROOT / path).read_text(encoding="utf-8")
                assert re.search(rf"def test_\w*{word}", source), word

    def test_contributing_shows_existing_tox_environments(self):
        shown = [
            name
            for line in shell_lines("Run tests")
            for names in re.findall(r"/tox -e (\S+)", line)
            for name in names.split(",")
        ]
        assert len(shown) == 3
        assert set(shown) <= set(environments())

    @pytest.mark.parametrize("path", [CONTRIBUTING, RELEASING], ids=lambda path: path.name)
    def test_links_of_contributing_and_releasing_lead_to_files(self, path):
        links = re.findall(r"<([^>]+)>`_", path.read_text(encoding="utf-8"))
        assert [link for link in links if not (ROOT / link).is_file()] == []


class TestSecurity:
    def test_security_page_links_to_private_reports(self):
        text = (ROOT / "SECURITY.rst").read_text(encoding="utf-8")
        assert f"<{setup_cfg()['metadata']['url']}/security/advisories/new>`_" in text


class TestReleasing:
    def test_supported_versions_match_the_package_metadata(self):
        metadata, options = setup_cfg()["metadata"], setup_cfg()["options"]
        [[_, *rows]] = section(RELEASING, "Supported versions").tables
        table = {row[0]: row[1] for row in rows}
        for software, classifier in (
            ("Python", "Programming Language :: Python"),
            ("Django", "Framework :: Django"),
        ):
            versions = re.findall(
                rf"^{classifier} :: (\d+\.\d+)$", metadata["classifiers"], re.MULTILINE
            )
            assert table[software] == ", ".join(versions)
        required = dict(re.findall(r"^(\w+)>=(.+)$", options["install_requires"], re.MULTILINE))
        assert required["Django"] == table["Django"].split(", ")[0]
        assert f"{required['djangorestframework']} or later" == table["REST framework"]
        assert f"{required['PyJWT']} or later" == table["PyJWT"]
        assert options["python_requires"] == f">={table['Python'].split(', ')[0]}"

    def test_tox_environments_test_only_supported_versions(self):
        [[_, *rows]] = section(RELEASING, "Supported versions").tables
        table = {row[0]: row[1].split(", ") for row in rows}
        pairs = [name for name in environments() if re.fullmatch(r"py\d+-django\d+", name)]
        for software, pattern in (("Python", r"py(\d)(\d+)"), ("Django", r"django(\d)(\d)")):
            tested = {".".join(re.search(pattern, pair).groups()) for pair in pairs}
            assert tested <= set(table[software])


class TestChangelog:
    def test_changelog_starts_with_unreleased(self):
        assert [found.title for found in sections(CHANGELOG)][:2] == ["Changelog", "Unreleased"]

    def test_changelog_entry_is_one_line_and_unique(self):
        lines = CHANGELOG.read_text(encoding="utf-8").splitlines()
        entries = [line for line in lines if line.startswith("* ")]
        assert len(entries) == len(set(entries))
        assert [line for line in lines if line.startswith(" ")] == []
        assert [line for line in entries if len(line) > 100 or not line.endswith(".")] == []


class TestReadme:
    def test_readme_has_only_absolute_links_and_no_sphinx_roles(self):
        text = README.read_text(encoding="utf-8")
        links = re.findall(r"<([^<>\s]+)>`__?", text) + re.findall(
            r"^\.\. _.+?: (.+)$", text, re.MULTILINE
        )
        assert [link for link in links if not link.startswith("https://")] == []
        assert re.findall(r":(?:doc|ref|mod|class|func):`|^\.\. (?:include|toctree)::", text) == []
