"""Find the routes of this package in the URLconf of the project, by their views.

A project may include the routes in any namespace, nest and rename them, write them line by line, or
subclass their views. The names of the routes are therefore not used.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from django.urls import NoReverseMatch, URLPattern, URLResolver, get_resolver, get_urlconf
from django.urls.base import get_script_prefix
from django.urls.resolvers import RegexPattern

#: The attribute of a view that names its endpoint: ``"token"``, ``"refresh"``, ``"revocation"``,
#: ``"introspection"``, ``"jwks"`` or ``"metadata"``. Decorators that use ``functools.wraps()`` copy
#: the attributes of a view.
ATTRIBUTE = "tokenauth_endpoint"

_Route = tuple[URLResolver | URLPattern, ...]


def route_path(endpoint: str, arguments: Mapping[str, Any] | None = None) -> str | None:
    """Return the path of the first route to *endpoint*, with the script prefix, or ``None``.

    *arguments* are the keyword arguments of the current route. A route below a prefix with URL
    parameters, such as a version or a tenant, is found if *arguments* contains the parameters.
    """
    for route in _routes(get_resolver(get_urlconf()), endpoint):
        names = _parameters(route)
        # Django also reverses callables, which its type stubs do not know.
        view: Any = route[-1].callback
        kwargs = {name: value for name, value in (arguments or {}).items() if name in names}
        try:
            path = _without_namespaces(route).reverse(view, **kwargs)
        except NoReverseMatch:
            continue
        return get_script_prefix() + str(path)
    return None


def route_parameters(endpoint: str) -> list[set[str]]:
    """Return the names of the URL parameters of each route to *endpoint*.

    The list is empty if the URLconf has no route to *endpoint*.
    """
    return [_parameters(route) for route in _routes(get_resolver(get_urlconf()), endpoint)]


# The URLconf does not change while a process runs, and a large project has hundreds of routes.
@lru_cache(maxsize=64)
def _routes(resolver: URLResolver, endpoint: str) -> tuple[_Route, ...]:
    """Return the routes to *endpoint*: the resolvers below *resolver*, and the pattern at the end.

    The routes to the views of this package come first, because a subclass may be an additional
    view.
    """
    return tuple(sorted(_search(resolver, endpoint, ()), key=_is_subclass))


def _search(resolver: URLResolver, endpoint: str, before: _Route) -> Iterator[_Route]:
    for entry in resolver.url_patterns:
        if isinstance(entry, URLResolver):
            yield from _search(entry, endpoint, (*before, entry))
        elif getattr(_view(entry), ATTRIBUTE, None) == endpoint:
            yield (*before, entry)


def _is_subclass(route: _Route) -> bool:
    return ATTRIBUTE not in vars(_view(route[-1]))


def _view(entry: Any) -> Any:
    """Return the class of the view of *entry*, or the function."""
    return getattr(entry.callback, "view_class", entry.callback)


def _parameters(route: _Route) -> set[str]:
    return set().union(*(each.pattern.regex.groupindex for each in route))


def _without_namespaces(route: _Route) -> URLResolver:
    """Return a URLconf of *route* alone, whose view can be reversed without a namespace."""
    entry: Any = route[-1]
    for resolver in reversed(route[:-1]):
        entry = URLResolver(resolver.pattern, [entry], resolver.default_kwargs)  # type: ignore[union-attr]
    return URLResolver(RegexPattern(""), [entry])
