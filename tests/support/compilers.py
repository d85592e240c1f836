"""SQL compilers with the changes that a future version of Django may have."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from django_tokenauth.sessions.compiled import CompilerOf, django_compiler


def changed_compiler(change: Callable[[dict[str, Any]], Any]) -> CompilerOf:
    """Return a ``compiler_of`` whose compilers have other attributes.

    *change* receives the known attributes, with ``as_sql`` as the value that it returns, and
    changes them.
    """

    def compiler_of(query: Any, using: str) -> Any:
        compiler = django_compiler(query, using)
        statement, parameters = compiler.as_sql()
        known = {
            "as_sql": (statement, tuple(parameters)),
            "select": getattr(compiler, "select", None),
            "klass_info": getattr(compiler, "klass_info", None),
        }
        change(known)
        if "as_sql" in known:
            result = known.pop("as_sql")
            known["as_sql"] = lambda: result
        return SimpleNamespace(**known)

    return compiler_of


#: A compiler without any of the known attributes.
unknown_compiler = changed_compiler(dict.clear)
