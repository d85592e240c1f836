"""How Sphinx builds these pages; ``tox -e docs`` does it with every warning as an error."""

from __future__ import annotations

from typing import Any

import django
from django.conf import settings

import django_tokenauth

# The reference is made of the docstrings, and the models cannot be imported without a project.
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
copyright = f"2026, {author}"  # noqa: A001 - Sphinx's name for it
release = version = django_tokenauth.__version__

extensions = ["sphinx.ext.autodoc"]
autodoc_member_order = "bysource"
autodoc_typehints = "none"
autodoc_preserve_defaults = True

nitpicky = True
# What others document, and what is not on these pages.
nitpick_ignore_regex = [
    (r"py:.*", r"(collections|datetime|django|enum|rest_framework|typing|uuid)\..*"),
    (r"py:(class|exc)", r"(dict|frozenset|int|str|tuple|Exception)"),
]
# What attacks.rst and standards.rst include is no page of its own.
exclude_patterns = ["_build", "attacks/*", "standards/*"]
html_theme = "alabaster"
html_theme_options = {"description": "Signed token authentication for Django REST framework"}


def setup(app: Any) -> None:
    app.connect("missing-reference", _by_last_name)


def _by_last_name(app: Any, env: Any, node: Any, content: Any) -> Any:
    """Find what a docstring names as its module does, without the path of another module."""
    if node.get("refdomain") != "py" or "." in node["reftarget"]:
        return None
    node["refspecific"] = True
    return env.domains["py"].resolve_xref(
        env, node["refdoc"], app.builder, node["reftype"], node["reftarget"], node, content
    )
