"""The router, the middleware and the issuer of ``docs/tenants.rst``, for databases."""

from __future__ import annotations

from tests.support.documents import DOCS, section

PAGE = section(DOCS / "tenants.rst", "A database for each tenant")
[_BLOCK] = [block for block in PAGE.blocks if block.file == "mysite/tenants.py"]
exec(_BLOCK.text)  # noqa: S102
