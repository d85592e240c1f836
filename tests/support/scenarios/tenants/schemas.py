"""The issuer of ``docs/tenants.rst``, for schemas."""

from __future__ import annotations

from tests.support.documents import DOCS, section

PAGE = section(DOCS / "tenants.rst", "django-tenants")
[_BLOCK] = [block for block in PAGE.blocks if block.file == "mysite/tenants.py"]
exec(_BLOCK.text)  # noqa: S102
