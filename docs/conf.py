"""Configuration of Sphinx. ``tox`` builds the pages with warnings as errors."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import django
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
html_theme = "alabaster"
html_theme_options = {
    "description": "Signed token authentication for Django REST framework",
    # Tables and examples of 100 columns fit.
    "body_max_width": "none",
    "page_width": "1180px",
}


def setup(app: Any) -> None:
    app.connect("missing-reference", _by_last_name)
    app.add_role("tests", _tests)


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
    found: list[nodes.Node] = []
    for file, functions in files.items():
        found += [nodes.Text("; " if found else ""), nodes.literal(text=file), nodes.Text(": ")]
        for place, function in enumerate(functions):
            found += [nodes.Text(", " if place else ""), nodes.literal(text=function)]
    return found, []


def _by_last_name(app: Any, env: Any, node: Any, content: Any) -> Any:
    """Resolve a name in a docstring without its module path."""
    if node.get("refdomain") != "py" or "." in node["reftarget"]:
        return None
    node["refspecific"] = True
    return env.domains["py"].resolve_xref(
        env, node["refdoc"], app.builder, node["reftype"], node["reftarget"], node, content
    )
