"""The IP address and the user agent of a sign-in or refresh request."""

from __future__ import annotations

import ipaddress
from typing import NamedTuple

from .._limits import MAX_USER_AGENT
from ..models import Session

# An IPv6 client has at least a /64 network (RFC 6177). Mobile networks often give a client several
# IPv4 addresses of one /24.
_PREFIX_IPV4 = 24
_PREFIX_IPV6 = 64


class Caller(NamedTuple):
    """The IP address and the user agent of a request; ``None`` and ``""`` mean unknown."""

    ip: str | None
    user_agent: str

    @classmethod
    def of(cls, ip: str | None, user_agent: str) -> Caller:
        """Return the caller of a request, with *user_agent* truncated to the column's length."""
        return cls(ip or None, user_agent[:MAX_USER_AGENT])

    @classmethod
    def last_of(cls, session: Session) -> Caller:
        """Return the caller of the sign-in or the last rotation of *session*."""
        return cls(session.last_ip, session.last_user_agent)

    @property
    def network(self) -> str | None:
        """The /24 (IPv4) or /64 (IPv6) of the address; ``None`` for an unknown address."""
        if self.ip is None:
            return None
        try:
            ip = ipaddress.ip_address(self.ip)
        except ValueError:
            return self.ip
        ip = getattr(ip, "ipv4_mapped", None) or ip
        prefix = _PREFIX_IPV4 if ip.version == 4 else _PREFIX_IPV6
        return str(ipaddress.ip_network((ip, prefix), strict=False))

    def resembles(self, other: Caller) -> bool:
        """Return whether both callers have the same user agent and network.

        Two unknown networks are equal.
        """
        return self.user_agent == other.user_agent and self.network == other.network

    def has_changed_network(self, before: Caller) -> bool:
        """Return whether both addresses are known and belong to different networks."""
        # Compare the strings first: most clients keep their address, and parsing takes longer.
        if self.ip == before.ip or None in (self.ip, before.ip):
            return False
        return self.network != before.network
