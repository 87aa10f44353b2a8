"""A case as its reader sees it: evidence in words, in the reader's language."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest

from collector.web.language import load_words
from collector.web.view.case import to_case
from collector.web.view.viewpoint import Viewpoint
from muster.model.ci_class import load_catalogue
from muster.ports import CaseView

EVIDENCE = {"source": "agent/vm/0123456789abcdef", "section": "listening_service", "lost": 16, "of": 20, "refs": ["sock:tcp:127.0.0.1:1"]}


@pytest.mark.parametrize(
    ("language", "said"),
    [
        (
            "en",
            {"section": "listening services", "gone of it": "16", "known of it": "20", "gone, by name": "sock:tcp:127.0.0.1:1", "source": "agent/vm"},
        ),
        ("zh-Hans", {"分区": "监听服务", "其中消失": "16", "其中已知": "20", "消失的对象": "sock:tcp:127.0.0.1:1", "来源": "agent/vm"}),
    ],
)
def test_evidence_of_a_mass_loss_is_said_in_the_readers_words(language: str, said: dict[str, str]) -> None:
    case = CaseView(id="c", kind="mass_loss", state="open", members=[], evidence=EVIDENCE, opened_at=0)
    row = to_case(case, load_catalogue(), Viewpoint(load_words(language), ZoneInfo("UTC"), 0))
    assert dict(row.facts) == said
