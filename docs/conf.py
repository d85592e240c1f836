"""Configuration of Sphinx. ``tox`` builds the pages with warnings as errors."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import django
from bs4 import BeautifulSoup, Tag
from django.conf import settings
from docutils import nodes

import django_tokenauth

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from tests.support.marks import marked_tests, parse_entry

# autodoc imports the models, which need a configured project.
settings.configure(
    INSTALLED_APPS=[
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "rest_framework",
        "django_tokenauth",
        "django_tokenauth.api_tokens",
    ],
)
django.setup()

project = "drf-tokenauth"
author = "The drf-tokenauth authors"
copyright = f"2026, {author}"  # noqa: A001 - the name that Sphinx reads
release = version = django_tokenauth.__version__

extensions = ["sphinx.ext.autodoc"]
autodoc_member_order = "bysource"
autodoc_typehints = "none"
autodoc_preserve_defaults = True

nitpicky = True
# Documented elsewhere.
nitpick_ignore_regex = [
    (r"py:.*", r"(collections|datetime|django|enum|rest_framework|typing|uuid)\..*"),
    (r"py:(class|exc)", r"(dict|frozenset|int|str|tuple|Exception)"),
]
# attacks.rst and standards.rst include these files.
exclude_patterns = ["_build", "attacks/*", "standards/*"]
html_theme = "pydata_sphinx_theme"
html_title = project
html_static_path = ["_static"]
html_css_files = ["narrow.css"]
templates_path = ["_templates"]
# One list of all pages, in the groups of index.rst.
html_sidebars = {"**": ["navigation.html"]}
html_show_sourcelink = False
html_theme_options = {
    "navbar_center": [],
    "footer_start": ["copyright"],
    "footer_end": [],
    # The tables of these pages need the width.
    "secondary_sidebar_items": {
        "**": ["page-toc"],
        "attacks": [],
        "checks": [],
        "security": [],
        "standards": [],
    },
}

# The pages whose first table has one row for each object of a kind. Each row gets an anchor, and
# the kind is a role: :setting:`LEEWAY` is a link to settings.html#setting-LEEWAY.
ROW_KINDS = {"settings": "setting", "checks": "check", "errors": "rejection"}


def setup(app: Any) -> None:
    app.connect("missing-reference", _by_last_name)
    app.add_role("tests", _tests)
    for kind in ROW_KINDS.values():
        app.add_crossref_type(kind, kind, ref_nodeclass=nodes.literal)
    app.connect("doctree-read", _add_row_anchors)
    app.connect("doctree-resolved", _link_settings)
    app.connect("html-page-context", _fit_narrow_screens)


def _add_row_anchors(app: Any, doctree: nodes.document) -> None:
    """Give each row of a table in ``ROW_KINDS`` an anchor, and link its name to the anchor."""
    kind = ROW_KINDS.get(app.env.docname)
    if kind is None:
        return
    table = next(doctree.findall(nodes.table))
    for row in next(table.findall(nodes.tbody)).findall(nodes.row):
        literal = next(row.findall(nodes.literal))
        name = literal.astext()
        anchor = f"{kind}-{name.removeprefix('tokenauth.')}"
        row["ids"].append(anchor)
        link = nodes.reference("", "", internal=True, refid=anchor)
        literal.parent.replace(literal, link)
        link += literal
        app.env.domains["std"].note_object(kind, name, anchor, location=row)


def _link_settings(app: Any, doctree: nodes.document, page: str) -> None:
    """Link the first name of each setting in a section to the row of the setting."""
    objects = app.env.domains["std"].objects
    linked: set[tuple[int, str]] = set()
    for literal in list(doctree.findall(nodes.literal)):
        name = literal.astext()
        ancestors = list(_ancestors(literal))
        if ("setting", name) not in objects or any(
            isinstance(node, nodes.reference | nodes.title) for node in ancestors
        ):
            continue
        section = next((node for node in ancestors if isinstance(node, nodes.section)), doctree)
        if (id(section), name) in linked:
            continue
        linked.add((id(section), name))
        target, anchor = objects["setting", name]
        uri = f"{app.builder.get_relative_uri(page, target)}#{anchor}"
        link = nodes.reference("", "", internal=True, refuri=uri)
        literal.parent.replace(literal, link)
        link += literal


def _ancestors(node: Any) -> Iterator[Any]:
    while node.parent is not None:
        node = node.parent
        yield node


def _fit_narrow_screens(
    app: Any, page: str, template: str, context: dict[str, Any], doctree: nodes.document | None
) -> None:
    """Let long names break at their symbols, and prepare the tables for ``narrow.css``.

    On a phone, ``narrow.css`` shows each row of a table as a block, with the name of the column
    before each cell. The roles keep the table for screen readers. Lists of tests are closed until
    the reader opens them.
    """
    if not context.get("body"):
        return
    body = BeautifulSoup(context["body"], "html.parser")
    for table in body.select("table:has(> thead)"):
        table["role"] = "table"
        columns = [cell.get_text(" ", strip=True) for cell in table.select("thead th")]
        for row in table.select("tbody > tr"):
            row["role"] = "row"
            for column, cell in zip(columns, row.find_all("td", recursive=False), strict=True):
                cell["role"] = "cell"
                cell["data-column"] = column
    for names in body.select("td span.tests"):
        _fold(body, names)
    for word in body.select("code .pre, .property .pre"):
        if len(word.get_text()) > (16 if word.find_parent("table") else 30):
            _add_break_opportunities(body, word)
    context["body"] = str(body)


def _add_break_opportunities(document: BeautifulSoup, word: Tag) -> None:
    parts = re.findall(r"[^_./(=]+[_./(=]*|[_./(=]+", word.get_text())
    word.clear()
    word["class"] = "pre long"
    for place, part in enumerate(parts):
        if place:
            word.append(document.new_tag("wbr"))
        word.append(part)


def _fold(document: BeautifulSoup, names: Tag) -> None:
    """Show the number of tests, which opens the list of their names."""
    number = len(names.select("code.test"))
    summary = document.new_tag("summary")
    summary.string = f"{number} test" if number == 1 else f"{number} tests"
    names.name = "details"
    names.insert(0, summary)
    if names.parent is not None and names.parent.name == "p":
        names.parent.name = "div"


def _tests(
    name: str, rawtext: str, text: str, lineno: int, inliner: Any, *args: Any, **kwargs: Any
) -> tuple[list[nodes.Node], list[nodes.system_message]]:
    """Replace ``:tests:`attack 130``` by the tests that carry this mark, grouped by file."""
    files: dict[str, list[str]] = {}
    for test in marked_tests().get(parse_entry(text), []):
        file, _, function = test.partition("::")
        files.setdefault(file, []).append(function)
    if not files:
        error = inliner.reporter.error(f"No test has the mark {text!r}.", line=lineno)
        return [inliner.problematic(rawtext, rawtext, error)], [error]
    found = nodes.inline(classes=["tests"])
    for file, functions in files.items():
        found += [nodes.Text("; " if found.children else ""), nodes.literal(text=file)]
        for place, function in enumerate(functions):
            found += nodes.Text(", " if place else ": ")
            found += nodes.literal(text=function, classes=["test"])
    return [found], []


def _by_last_name(app: Any, env: Any, node: Any, content: Any) -> Any:
    """Resolve a name in a docstring without its module path."""
    if node.get("refdomain") != "py" or "." in node["reftarget"]:
        return None
    node["refspecific"] = True
    return env.domains["py"].resolve_xref(
        env, node["refdoc"], app.builder, node["reftype"], node["reftarget"], node, content
    )
