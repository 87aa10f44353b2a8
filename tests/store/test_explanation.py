"""Every link, value, difference and case answers why, from the report to the decision, in one reading."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from collector.store.decision import Choice, accept_differences, reject_differences
from collector.store.reader import Reader
from collector.store.schema import difference, review_case
from muster.errors import NotFoundError
from tests.store.sender import CATALOGUE, MINUTE, START, Estate, item, section


def reader_of(estate: Estate) -> Reader:
    return Reader(estate.database, CATALOGUE, clock=estate.clock, settings=estate.context.settings)


def report(estate: Estate, minute: int, model: str) -> None:
    host = item("h", "server", serial="S1", fqdn="web01.a.example", attributes={"vendor": "V", "model": model})
    estate.send("agent/web01/a1", {"host": section(host)}, at=minute)


def test_chain_leads_from_the_report_to_the_decision(estate: Estate) -> None:
    report(estate, 0, "M1")
    estate.decide(accept_differences, Choice(estate.open_tokens()), now=START + MINUTE, reason="bought")
    report(estate, 2, "M2")
    estate.decide(reject_differences, Choice(estate.open_tokens()), now=START + 3 * MINUTE, reason="no change was planned")
    explained = reader_of(estate).explain_ci(estate.id_of("web01"), "model")
    (fact,) = explained.facts
    assert (fact.effective, fact.recorded, [each.is_winner for each in fact.candidates]) == ("M2", "M1", [True])
    steps = [(step.kind, step.attribute, step.old, step.new) for step in explained.chain if step.attribute == "model"]
    assert steps == [("observed", "model", "M1", "M2"), ("difference", "model", "M1", "M2")]
    observed = next(step for step in explained.chain if step.kind == "observed")
    assert observed.report is not None
    assert (observed.report.sequence, observed.source.name if observed.source else "") == (2, "web01")
    differing = next(step for step in explained.chain if step.kind == "difference")
    assert differing.decision is not None
    assert (differing.decision.made_by, differing.decision.reason) == ("person:ada", "no change was planned")
    assert "became a CI of its own" in next(step.text for step in explained.chain if step.kind == "link")


def test_difference_is_explained_with_who_says_so(estate: Estate) -> None:
    report(estate, 0, "M1")
    estate.accept_all(1)
    report(estate, 2, "M2")
    (found,) = estate.rows(select(difference.c.id).where(difference.c.state == "open"))
    explained = reader_of(estate).explain_difference(found[0])
    assert (explained.difference.attribute, explained.fact.effective if explained.fact else None) == ("model", "M2")
    assert [link.source.name for link in explained.links] == ["web01"]


def test_case_is_explained_by_its_members(estate: Estate) -> None:
    for name, uuid in (("a", "1"), ("b", "2")):
        host = item(
            "h", "server", serial="SN-0000-X", dmi_uuid=f"4c4c4544-0042-4a10-8051-b3c04f4b313{uuid}", attributes={"vendor": "V", "name": name}
        )
        estate.send(f"agent/{name}/{name}", {"host": section(host)}, at=0)
    rows = estate.rows(select(review_case.c.id))
    assert rows, "two live hosts with one serial are a case"
    explained = reader_of(estate).explain_case(rows[0][0])
    assert {member.ci.name for member in explained.members} == {"a", "b"}
    assert all(member.links for member in explained.members)


def test_attribute_without_any_value_is_not_found(estate: Estate) -> None:
    report(estate, 0, "M1")
    with pytest.raises(NotFoundError, match="it has: model"):
        reader_of(estate).explain_ci(estate.id_of("web01"), "colour")
