"""The fixture of all campaigns with random rounds."""

from __future__ import annotations

from tests.campaigns.long_form import progress

__all__ = ["progress"]
