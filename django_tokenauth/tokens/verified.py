"""The cache of verified access tokens, bounded by the number of entries and by their memory."""

from __future__ import annotations

from collections import OrderedDict
from threading import Lock

from .claims import Claims

# Claims with the start and the end of their validity, in seconds since the epoch.
Verified = tuple[Claims, float, float]

#: An upper estimate of the memory of an entry without extra claims, in bytes. The measured memory
#: of such an entry is 1.3 KB, plus the entry in the dict of costs.
ENTRY_COST = 2048
# In CPython 3.13, 5.6 KB of claims take 7 KB of memory as one string, and 46 KB as integers. Claims
# of 5.6 KB take 47 KB as small objects with lists, and 152 KB as objects of one member. An object
# that has just grown beyond 341 members takes 125 bytes per member, and 147 with CPython 3.11. A
# set of scope names, which spaces separate, takes up to 180 bytes per name. The result of
# estimate_cost() exceeds the measured memory in each measured case.
_COSTS = ((b"{", 200), (b"[", 72), (b",", 56), (b":", 80), (b" ", 192))
# Claims without extra claims take at most ENTRY_COST bytes with at most _SHORT ASCII characters in
# at most _FEW strings: a set of five scope names takes 512 bytes more than a set of four.
_SHORT, _FEW = 400, 9
# One character above U+FFFF makes each character of a string take four bytes.
_WIDE = 4


def is_small(claims: Claims) -> bool:
    """Return whether the entry of *claims* takes at most ENTRY_COST bytes."""
    strings = (
        *(claims.issuer, claims.subject, claims.client_id, claims.jwt_id),
        *(*claims.audience, *claims.scope, *claims.amr),
        *(() if claims.tenant is None else (claims.tenant,)),
        *(() if claims.acr is None else (claims.acr,)),
        *claims.acting_clients,
    )
    together = "".join(strings)
    is_short = len(together) <= _SHORT and together.isascii()
    return is_short and len(strings) <= _FEW and not claims.extra and claims.actor is None


def estimate_cost(payload: bytes) -> int:
    """Return an upper estimate of the memory of the claims in the JSON *payload*, in bytes.

    Counting the characters takes 2 us for 6 KB.
    """
    wide = not payload.isascii() or b"\\u" in payload
    structure = sum(payload.count(character) * cost for character, cost in _COSTS)
    return ENTRY_COST + len(payload) * (_WIDE if wide else 1) + structure


class VerifiedTokens:
    """A bounded cache of verified claims that evicts the least recently used entry.

    Cache keys begin with digests of whole tokens. The cache holds no token and no error.
    ``AccessTokens.decode()`` checks the expiry of cached claims at every use. Threads share the
    cache. A cache hit takes no lock: each operation on the ``OrderedDict`` is atomic, and a race
    loses at most one cached entry.
    """

    def __init__(self, size: int, max_bytes: int = 16 * 2**20) -> None:
        self._size = size
        self._max_bytes = max_bytes
        self._verified: OrderedDict[bytes, Verified] = OrderedDict()
        self._costs: dict[bytes, int] = {}
        self._bytes = 0
        # put() holds the lock, so that the sum of the costs stays correct.
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self._verified)

    def get(self, digest: bytes) -> Verified | None:
        """Return the entry of *digest*, or ``None``."""
        verified = self._verified.get(digest)
        if verified is not None:
            # Another thread may have evicted the entry. suppress() would add a function call to
            # every request.
            try:  # noqa: SIM105
                self._verified.move_to_end(digest)
            except KeyError:
                pass
        return verified

    def put(self, digest: bytes, verified: Verified, cost: int = ENTRY_COST) -> None:
        """Add an entry of *cost* bytes. Above a limit, evict the least recently used entries.

        An entry of more than ``max_bytes`` is not cached, and evicts no other entry.
        """
        if cost > self._max_bytes:
            return
        with self._lock:
            self._bytes += cost - self._costs.get(digest, 0)
            self._verified[digest] = verified
            self._costs[digest] = cost
            while len(self._verified) > self._size or self._bytes > self._max_bytes:
                try:
                    evicted, _ = self._verified.popitem(last=False)
                except KeyError:
                    # Reset the costs of an empty cache: without the reset, the loop would not end.
                    self._costs.clear()
                    self._bytes = 0
                else:
                    self._bytes -= self._costs.pop(evicted, 0)
