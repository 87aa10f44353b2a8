"""docs/agent.md names every setting, collector and section as the code does."""

from __future__ import annotations

from agent.configuration import AgentSettings
from agent.inventory_process import load_sections
from agent.process import load_collectors
from muster.config import list_settings
from tests.conftest import ROOT

LINES = (ROOT / "docs" / "agent.md").read_text(encoding="utf-8").splitlines()


def test_every_setting_stands_in_the_page_with_its_default_and_meaning() -> None:
    wanted = [f"| `{each.name}` | {f'`{each.default}` ' if each.default != '' else ''}| {each.help} |" for each in list_settings(AgentSettings)]
    assert [row for row in wanted if row not in LINES] == []


def test_every_collector_and_section_stands_in_the_page() -> None:
    wanted = [f"| `{each.name}` | {each.summary} | {len(each.families)} |" for each in load_collectors().values()]
    wanted += [f"| `{each.name}` | {each.summary} |" for each in load_sections().values()]
    assert [row for row in wanted if row not in LINES] == []
