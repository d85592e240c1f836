"""The setting ``AUDIENCES``, and the checks of scopes against each other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from .._audience import MAX_AUDIENCES_LENGTH, OWN_AUDIENCE, is_absolute_uri
from .._scope import MAX_SCOPE_LENGTH
from . import names, values

if TYPE_CHECKING:
    from .settings import Settings

_EXPECTED = "a dict of audiences and the lists of their scopes"
_EXAMPLE = 'For example {"https://reports.example.com": ["reports:read"]}.'


def audiences(value: object) -> Mapping[str, tuple[str, ...]]:
    """Return the scopes of each audience, by audience. ``None`` and an empty dict name none."""
    if value is None:
        value = {}
    if not isinstance(value, Mapping):
        raise values.InvalidSetting(_EXPECTED, _EXAMPLE)
    parsed = {}
    for position, (name, scopes) in enumerate(value.items(), 1):
        # The hint shows no name: the project may have put a secret into the setting.
        entry = f"entry {position} (of {len(value)})"
        if not isinstance(name, str) or not is_absolute_uri(name):
            raise values.InvalidSetting(
                _EXPECTED,
                f"The audience in {entry} must be an absolute URI without a fragment, of at most "
                f"255 characters. {_EXAMPLE}",
            )
        try:
            parsed[name] = names.scopes(scopes)
        except values.InvalidSetting as error:
            raise values.InvalidSetting(
                _EXPECTED, f"The scopes in {entry} must be {error.expected}. {error.hint}"
            ) from None
    return MappingProxyType(parsed)


def unknown_scopes(settings: Settings) -> Iterator[tuple[str, str]]:
    """Yield a message and a hint for each audience with scopes that ``SCOPES`` does not contain."""
    for position, scopes in enumerate(settings.audiences.values(), 1):
        unknown = sorted(set(scopes).difference(settings.scopes))
        if not unknown:
            continue
        shown = [name for name in unknown if values.can_be_shown(name, settings.scopes)]
        named = f" It has {', '.join(map(repr, shown))}." if shown else ""
        meant = values.did_you_mean(unknown[0], settings.scopes)
        yield (
            f"Entry {position} of AUDIENCES has scopes that SCOPES does not contain.{named}",
            f"{meant} Add each scope to SCOPES, which lists the scopes of all services.".lstrip(),
        )


def scope_length(settings: Settings) -> Iterator[tuple[str, str]]:
    """Yield a message and a hint if a session cannot store all scopes."""
    if (
        len(" ".join(set(settings.scopes))) > MAX_SCOPE_LENGTH
        and settings.scope_policy is None
        and not settings.stateless_refresh
    ):
        message = (
            f"SCOPES has more than {MAX_SCOPE_LENGTH} characters. A session cannot store them all, "
            "so a sign-in with the full scope fails."
        )
        yield message, "Remove or shorten scope names, or set a SCOPE_POLICY that grants fewer."


def audience_length(settings: Settings) -> Iterator[tuple[str, str]]:
    """Yield a message and a hint if a session cannot store all audiences."""
    if (
        len(" ".join((OWN_AUDIENCE, *settings.audiences))) > MAX_AUDIENCES_LENGTH
        and not settings.stateless_refresh
    ):
        message = (
            f"AUDIENCES has more than {MAX_AUDIENCES_LENGTH} characters. A session cannot store "
            "them all, so a sign-in without an audience fails."
        )
        yield message, "Remove or shorten audiences."


#: The checks, each of which yields messages and hints.
CHECKS = (unknown_scopes, scope_length, audience_length)
