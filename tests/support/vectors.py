"""Test vectors of Wycheproof and of the JOSE cookbook, in a folder outside the repository.

``TOKENAUTH_TEST_VECTORS`` names the folder; ``.github/workflows/tests.yml`` shows its contents.
Without the vectors their tests are skipped, or fail if ``CI`` is set.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from tests.support import skips

VECTORS = Path(
    os.environ.get("TOKENAUTH_TEST_VECTORS")
    or Path(__file__).parents[2].parent / "shared" / "vectors"
)


def require_vectors() -> None:
    """Skip the test if there are no vectors."""
    if not VECTORS.is_dir():
        if skips.in_ci():
            pytest.fail(f"The test vectors are not in {VECTORS}, and CI is set.")
        skips.note(note := f"the test vectors, which are not in {VECTORS}")
        pytest.skip(note)


def read(*path: str) -> Any:
    return json.loads(VECTORS.joinpath(*path).read_text(encoding="utf-8"))


def as_string(token: Any) -> str:
    """Return *token* as a string. Vectors of the JSON serialization have an object."""
    return token if isinstance(token, str) else json.dumps(token)


def public_half(jwk: dict[str, Any]) -> dict[str, Any]:
    private = ("d", "p", "q", "dp", "dq", "qi")
    return {name: value for name, value in jwk.items() if name not in private}
