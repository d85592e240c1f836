"""Run the faults for longer than the suite does.

Usage: ``python -m tests.campaigns.faults [pytest options]``. ``FAULT_ROUNDS`` is the number of
random rounds, 5,000 by default.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

os.environ.setdefault("FAULT_ROUNDS", "5000")
sys.exit(pytest.main([str(Path(__file__).parent), "-n", "0", "-s", *sys.argv[1:]]))
