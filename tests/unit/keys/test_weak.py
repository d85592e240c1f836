"""Keys that are well formed and worthless, found again by arithmetic of our own."""

from __future__ import annotations

import secrets
from math import prod

import pytest

from django_tokenauth.keys.weak import is_roca, is_small_order

P = 2**255 - 19
D = -121665 * pow(121666, -1, P) % P
IDENTITY = (0, 1)


def add(one, other):
    """The sum of two points of Ed25519 (RFC 8032 section 5.1.4, affine)."""
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
    """Both points with this y coordinate (RFC 8032 section 5.1.3); none where there is none."""
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * pow(2, (P - 1) // 4, P) % P
    return {(x, y), (-x % P, y)} if (x * x - square) % P == 0 else set()


def encoded(point):
    x, y = point
    return (y | (x & 1) << 255).to_bytes(32, "little")


def points_of_small_order():
    """All eight. They are a cyclic group, so a point of order 8 gives the others.

    Eight times any point times the order of the base point is the identity, so that multiple of a
    random point has an order that divides 8.
    """
    order = 2**252 + 27742317777372353535851937790883648493
    for y in range(2, 1000):
        for point in decompressed(y):
            found, total, factor = point, IDENTITY, order
            while factor:
                total = add(total, found) if factor & 1 else total
                found, factor = add(found, found), factor >> 1
            multiples = {times(k, total) for k in range(8)}
            if len(multiples) == 8:
                return multiples
    raise AssertionError("No point has a component of order 8.")


SMALL = points_of_small_order()


class TestSmallOrder:
    def test_the_arithmetic_of_this_module_is_right(self):
        base = next(p for p in decompressed(4 * pow(5, -1, P) % P) if p[0] % 2 == 0)
        assert encoded(base).hex() == "58" + "66" * 31
        assert add(base, IDENTITY) == base
        assert len(SMALL) == 8
        assert all(times(8, point) == IDENTITY for point in SMALL)

    @pytest.mark.parametrize("point", sorted(SMALL), ids=lambda point: encoded(point).hex())
    def test_each_of_the_eight_points_is_found(self, point):
        assert is_small_order(encoded(point))

    @pytest.mark.parametrize("point", sorted(SMALL), ids=lambda point: encoded(point).hex())
    def test_whatever_the_bit_of_the_sign_says(self, point):
        assert is_small_order(bytes([*encoded(point)[:31], encoded(point)[31] ^ 0x80]))

    @pytest.mark.parametrize("y", [P, P + 1])
    def test_a_coordinate_that_is_not_reduced_is_no_way_around(self, y):
        assert is_small_order(y.to_bytes(32, "little"))

    def test_other_points_are_not_found(self):
        for y in range(2, 20):
            assert not is_small_order(y.to_bytes(32, "little"))
        for _ in range(100):
            assert not is_small_order(secrets.token_bytes(32))


FINGERPRINT = [n for n in range(3, 168) if all(n % k for k in range(2, n))]


def powers(prime):
    return {pow(65537, exponent, prime) for exponent in range(prime)}


def modulus_with(residues):
    """The number with these residues (the Chinese remainder theorem), grown to 2048 bits."""
    product = prod(residues)
    small = sum(
        residue * (product // prime) * pow(product // prime, -1, prime)
        for prime, residue in residues.items()
    )
    return small % product + product * (1 << (2048 - product.bit_length()))


class TestRoca:
    def test_a_modulus_of_the_faulty_generator_is_found(self):
        for exponent in (1, 2, 12345, secrets.randbits(200)):
            residues = {prime: pow(65537, exponent, prime) for prime in FINGERPRINT}
            assert is_roca(modulus_with(residues))

    def test_the_product_of_two_of_its_primes_is_found(self):
        product = prod(FINGERPRINT)
        first, second = (
            secrets.randbits(800) * product + pow(65537, secrets.randbits(62), product)
            for _ in range(2)
        )
        assert is_roca(first * second)

    @pytest.mark.parametrize(
        "prime", [prime for prime in FINGERPRINT if len(powers(prime)) < prime - 1]
    )
    def test_one_residue_that_is_no_power_acquits(self, prime):
        residues = dict.fromkeys(FINGERPRINT, 1)
        assert is_roca(modulus_with(residues))
        residues[prime] = next(n for n in range(1, prime) if n not in powers(prime))
        assert not is_roca(modulus_with(residues))

    @pytest.mark.parametrize("prime", FINGERPRINT)
    def test_a_modulus_with_a_small_factor_is_another_matter(self, prime):
        assert not is_roca(modulus_with({**dict.fromkeys(FINGERPRINT, 1), prime: 0}))

    def test_random_numbers_are_not_found(self):
        # One in 2 to the 27 would be.
        assert not any(is_roca(secrets.randbits(2048) | 1) for _ in range(50))
