"""Weak keys, computed independently of the package."""

from __future__ import annotations

P = 2**255 - 19
D = -121665 * pow(121666, -1, P) % P
IDENTITY = (0, 1)


def add(one, other):
    """Return the sum of two points of Ed25519 (RFC 8032 section 5.1.4, affine)."""
    (x1, y1), (x2, y2) = one, other
    twist = D * x1 * x2 * y1 * y2
    x = (x1 * y2 + x2 * y1) * pow(1 + twist, -1, P)
    y = (y1 * y2 + x1 * x2) * pow(1 - twist, -1, P)
    return x % P, y % P


def times(factor, point):
    total = IDENTITY
    for _ in range(factor):
        total = add(total, point)
    return total


def decompressed(y):
    """Return the points with this y coordinate, two or none (RFC 8032 section 5.1.3)."""
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * pow(2, (P - 1) // 4, P) % P
    return {(x, y), (-x % P, y)} if (x * x - square) % P == 0 else set()


def encoded(point):
    x, y = point
    return (y | (x & 1) << 255).to_bytes(32, "little")


def points_of_small_order():
    """Return all eight points of small order, the multiples of one point of order 8.

    The order of the base point times any point has an order that divides 8.
    """
    order = 2**252 + 27742317777372353535851937790883648493
    for y in range(2, 1000):
        for point in decompressed(y):
            doubled, total, factor = point, IDENTITY, order
            while factor:
                total = add(total, doubled) if factor & 1 else total
                doubled, factor = add(doubled, doubled), factor >> 1
            multiples = {times(k, total) for k in range(8)}
            if len(multiples) == 8:
                return multiples
    raise AssertionError("No point has a component of order 8.")


SMALL = points_of_small_order()
FINGERPRINT = [n for n in range(3, 168) if all(n % k for k in range(2, n))]
