"""How often the tests that kill do so, and by which seed: MUSTER_KILLS (`make soak` raises it) and MUSTER_SEED."""

from __future__ import annotations

import os

SEED = int(os.environ.get("MUSTER_SEED", "20261124"))


def count_kills(usual: int) -> int:
    """MUSTER_KILLS, else the usual number of this test."""
    return int(os.environ.get("MUSTER_KILLS", usual))
