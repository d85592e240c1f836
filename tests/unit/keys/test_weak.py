"""Weak keys, computed by independent arithmetic and detected."""

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


class TestIsSmallOrder:
    def test_ed25519_test_helpers_compute_known_points(self):
        base = next(p for p in decompressed(4 * pow(5, -1, P) % P) if p[0] % 2 == 0)
        assert encoded(base).hex() == "58" + "66" * 31
        assert add(base, IDENTITY) == base
        assert len(SMALL) == 8
        assert all(times(8, point) == IDENTITY for point in SMALL)

    @pytest.mark.parametrize("point", sorted(SMALL), ids=lambda point: encoded(point).hex())
    def test_ed25519_point_of_small_order_is_detected(self, point):
        assert is_small_order(encoded(point))

    @pytest.mark.parametrize("point", sorted(SMALL), ids=lambda point: encoded(point).hex())
    def test_ed25519_small_order_point_with_flipped_sign_is_detected(self, point):
        assert is_small_order(bytes([*encoded(point)[:31], encoded(point)[31] ^ 0x80]))

    @pytest.mark.parametrize("y", [P, P + 1])
    def test_ed25519_small_order_point_with_unreduced_y_is_detected(self, y):
        assert is_small_order(y.to_bytes(32, "little"))

    def test_ed25519_point_of_large_order_is_not_detected(self):
        for y in range(2, 20):
            assert not is_small_order(y.to_bytes(32, "little"))
        for _ in range(100):
            assert not is_small_order(secrets.token_bytes(32))


def powers(prime):
    return {pow(65537, exponent, prime) for exponent in range(prime)}


def modulus_with(residues):
    """Return a number of 2048 bits with these residues (Chinese remainder theorem)."""
    product = prod(residues)
    small = sum(
        residue * (product // prime) * pow(product // prime, -1, prime)
        for prime, residue in residues.items()
    )
    return small % product + product * (1 << (2048 - product.bit_length()))


class TestIsRoca:
    def test_roca_modulus_is_detected(self):
        for exponent in (1, 2, 12345, secrets.randbits(200)):
            residues = {prime: pow(65537, exponent, prime) for prime in FINGERPRINT}
            assert is_roca(modulus_with(residues))

    def test_roca_product_of_two_primes_is_detected(self):
        product = prod(FINGERPRINT)
        first, second = (
            secrets.randbits(800) * product + pow(65537, secrets.randbits(62), product)
            for _ in range(2)
        )
        assert is_roca(first * second)

    @pytest.mark.parametrize(
        "prime", [prime for prime in FINGERPRINT if len(powers(prime)) < prime - 1]
    )
    def test_modulus_with_one_foreign_residue_is_not_roca(self, prime):
        residues = dict.fromkeys(FINGERPRINT, 1)
        assert is_roca(modulus_with(residues))
        residues[prime] = next(n for n in range(1, prime) if n not in powers(prime))
        assert not is_roca(modulus_with(residues))

    @pytest.mark.parametrize("prime", FINGERPRINT)
    def test_modulus_with_small_factor_is_not_roca(self, prime):
        assert not is_roca(modulus_with({**dict.fromkeys(FINGERPRINT, 1), prime: 0}))

    def test_random_modulus_is_not_roca(self):
        # The false positive rate is one in 2**27.
        assert not any(is_roca(secrets.randbits(2048) | 1) for _ in range(50))
