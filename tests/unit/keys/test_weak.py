"""Keys that are well formed and worthless, found again by arithmetic of our own."""

from __future__ import annotations

import secrets
from math import prod

import pytest

from django_tokenauth.keys.weak import is_roca, is_small_order
from tests.support.weak_keys import (
    FINGERPRINT,
    IDENTITY,
    SMALL,
    P,
    add,
    decompressed,
    encoded,
    times,
)


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
