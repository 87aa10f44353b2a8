"""`muster health`: the figures in a table that never rounds up, and what stands behind one."""

from __future__ import annotations

import pytest

from muster.cli.health import say_ratio
from tests.cli.conftest import Office


@pytest.mark.parametrize(("ratio", "said"), [(1.0, "100.00 %"), (0.99999, "99.99 %"), (0.0, "0.00 %"), (None, None), (2 / 3, "66.66 %")])
def test_a_share_is_cut_and_never_rounded_up(ratio: float | None, said: str | None) -> None:
    assert say_ratio(ratio) == said


def test_figures_are_shown_for_people_and_programs(office: Office) -> None:
    office.report("health-a")
    table = office.run("health", "show", "--class", "server").out
    assert table.splitlines()[1].startswith("completeness")
    assert "CIs in scope" in table
    assert office.run("health", "--class", "server").out == table
    (whole,) = office.read("health", "show")
    assert whole["ci_total"] >= 1


def test_what_stands_behind_a_figure_is_listed(office: Office) -> None:
    office.report("health-b")
    assert "health-b" in {each["subject"] for each in office.read("health", "list", "orphans", "--limit", "0")}
    assert office.run("health", "list", "orphan").code == 3
    assert office.run("health", "trend", "--output", "csv").out.startswith("day,CIs,completeness")
