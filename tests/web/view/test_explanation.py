"""Why a record belongs to its CI, and why a value counts, in the reader's language."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import msgspec
import pytest

from collector.reconcile.explain import MESSAGES
from collector.reconcile.record import LinkEvidence, UsedIdentifier
from collector.web.language import load_words
from collector.web.view.explanation import say_link, say_veto, translate_sentence
from collector.web.view.viewpoint import Viewpoint
from muster.ports import LinkView, SourceRef

INSTANCE = "a91f33e0c1d24b8e9f01aabbccddeeff"
ENGLISH = Viewpoint(load_words("en"), ZoneInfo("Europe/Berlin"), 1_772_535_300_000)
CHINESE = Viewpoint(load_words("zh-Hans"), ZoneInfo("Europe/Berlin"), 1_772_535_300_000)


def link(evidence: dict[str, object]) -> LinkView:
    source = SourceRef(2, "snmp", "site-berlin", INSTANCE, "berlin")
    return LinkView(source, "10.20.1.1", "serial", "engine", evidence, "As the store said it.", 0, is_fresh=True, is_absent=False)


def matched_by_serial() -> dict[str, object]:
    used = (UsedIdentifier(kind="serial", scope="dell", value="9xk2g43"),)
    evidence = LinkEvidence(rule="serial", strength="strong", with_source=f"agent/web-01/{INSTANCE}", with_ref="host", identifiers_used=used)
    return dict(msgspec.to_builtins(evidence))


def test_match_is_told_with_its_rule_and_what_was_used() -> None:
    assert say_link(link(matched_by_serial()), ENGLISH) == [
        "Rule serial (strong) matched snmp/site-berlin 10.20.1.1 with agent/web-01 host.",
        "Both have serial number 9xk2g43 in dell.",
    ]
    assert say_link(link(matched_by_serial()), CHINESE) == [
        "规则 serial（强）将 snmp/site-berlin 10.20.1.1 与 agent/web-01 host 匹配。",
        "两者在 dell 中都有 序列号 9xk2g43。",
    ]


def test_evidence_of_another_version_keeps_the_stores_own_words() -> None:
    assert say_link(link({"rule": 7}), CHINESE) == ["As the store said it."]


def test_reason_names_the_source_without_its_instance_and_the_time_in_the_readers_zone() -> None:
    sentence = MESSAGES["value.precedence"].format(source=f"agent/web-01/{INSTANCE}", at="2026-03-03T10:54:44.190Z")
    assert translate_sentence(sentence, ENGLISH) == "agent/web-01 ranks highest among the fresh sources, at 2026-03-03 11:54:44 CET."
    assert translate_sentence(sentence, CHINESE) == "agent/web-01 在最新来源中优先级最高，时间为 2026-03-03 11:54:44 CET。"


@pytest.mark.parametrize("sentence", ["", "A sentence that nobody knows."])
def test_unknown_sentence_stays_as_it_is(sentence: str) -> None:
    assert translate_sentence(sentence, CHINESE) == sentence


def test_veto_names_both_sides() -> None:
    veto = {"code": "serial", "left": "9XK2G43", "right": "9XK7G43"}
    assert say_veto(veto, CHINESE) == "序列号不同（9XK2G43、9XK7G43）"
