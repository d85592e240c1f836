"""Password hashers of Django with the least work."""

from __future__ import annotations

from django.contrib.auth import hashers


class FastPBKDF2(hashers.PBKDF2PasswordHasher):
    iterations = 10


class FastBCryptSHA256(hashers.BCryptSHA256PasswordHasher):
    rounds = 4


class FastArgon2(hashers.Argon2PasswordHasher):
    time_cost, memory_cost, parallelism = 1, 8, 1


class FastScrypt(hashers.ScryptPasswordHasher):
    work_factor = 2
