"""What applying documents would do is asked beside whoever writes."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.api.served import serving


@pytest.mark.parametrize("kind", ["policies", "changes", "services"])
def test_a_plan_needs_no_turn_at_the_writer(tmp_path: Path, kind: str) -> None:
    with serving(tmp_path) as served, closing(sqlite3.connect(tmp_path / "muster.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")  # nobody else can write until it is over
        planned = served.ask("POST", f"/v1/{kind}/plan", {"documents": []}, token="viewer")
        other.execute("ROLLBACK")
    assert (planned.status, planned.value) == (200, {"items": []})
