"""What people decide is written exactly, told in the audit trail, and taken back whole."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from sqlalchemy import select

from collector.reconcile.authorise import Condition, Policy, PolicySet
from collector.store import audit_chain
from collector.store.content import decode
from collector.store.decision import Choice, accept_differences, ignore_differences, reject_differences, undo_decision
from collector.store.edit import Context
from collector.store.engine import Database
from collector.store.schema import ci, content, decision, difference
from muster.errors import ConflictError, NotFoundError
from tests.store.sender import CATALOGUE, PERSON, START, Estate, section
from tests.store.test_ingest import HOST, package


def at(minutes: int) -> int:
    return START + minutes * 60_000


def kernel(version: str) -> Any:
    return section(msgspec.structs.replace(HOST, attributes={**HOST.attributes, "os.kernel": version}))


def record(estate: Estate) -> None:
    """One host with its packages, accepted by a person."""
    estate.send("agent/web01/a1", {"host": section(HOST), "packages": section(package("nginx"), package("curl"))})
    estate.decide(accept_differences, Choice(estate.open_tokens()), now=at(1))


def test_accepting_a_new_host_records_it_with_its_contents(estate: Estate) -> None:
    record(estate)
    assert estate.differences() == []
    assert estate.recorded("web01")["os.kernel"] == "6.1.0-18"
    assert estate.recorded("nginx") == {"version": "1.0"}
    assert estate.rows(select(ci.c.is_recorded).distinct()) == [(True,)]


def test_an_upgraded_kernel_is_a_difference_until_it_is_accepted(estate: Estate) -> None:
    record(estate)
    estate.send("agent/web01/a1", {"host": kernel("6.1.0-21")}, at=10)
    assert estate.differences() == [("changed_attribute", "web01", "os.kernel", "open")]
    estate.decide(accept_differences, Choice(estate.open_tokens()), now=at(11), reason="RFC-1042")
    assert (estate.differences(), estate.recorded("web01")["os.kernel"]) == ([], "6.1.0-21")
    made = estate.rows(select(decision.c.kind, decision.c.made_by, decision.c.reason, decision.c.at).order_by(decision.c.at))
    assert made == [("accept", PERSON, "", at(1)), ("accept", PERSON, "RFC-1042", at(11))]


def test_a_value_that_moved_meanwhile_is_not_accepted(estate: Estate) -> None:
    record(estate)
    estate.send("agent/web01/a1", {"host": kernel("6.1.0-21")}, at=10)
    seen = estate.open_tokens()
    estate.send("agent/web01/a1", {"host": kernel("6.1.0-22")}, at=20)
    with pytest.raises(ConflictError, match=r"observed is now '6\.1\.0-22'") as caught:
        estate.decide(accept_differences, Choice(seen), now=at(21))
    assert (caught.value.code, caught.value.current) == ("observed-moved", "6.1.0-22")
    assert estate.recorded("web01")["os.kernel"] == "6.1.0-18"


def test_undoing_an_acceptance_gives_back_what_was_recorded_and_opens_the_same_difference(estate: Estate) -> None:
    record(estate)
    estate.send("agent/web01/a1", {"host": kernel("6.1.0-21")}, at=10)
    before = estate.open_tokens()
    made = estate.decide(accept_differences, Choice(before), now=at(11))
    estate.decide(undo_decision, made, now=at(12))
    assert estate.recorded("web01")["os.kernel"] == "6.1.0-18"
    assert estate.open_tokens() == before
    with pytest.raises(ConflictError, match="taken back already"):
        estate.decide(undo_decision, made, now=at(13))


def test_undoing_the_acceptance_of_a_host_takes_it_off_the_record_with_its_contents(estate: Estate) -> None:
    record(estate)
    made = estate.rows(select(decision.c.id))[0][0]
    estate.decide(undo_decision, made, now=at(2))
    assert estate.rows(select(ci.c.is_recorded, ci.c.recorded_hash, ci.c.recorded_class).distinct()) == [(False, None, None)]
    assert estate.differences() == [("new_ci", "web01", "", "open")]


def test_a_later_decision_on_the_value_must_be_undone_first(estate: Estate) -> None:
    record(estate)
    decisions = []
    for minutes, version in ((10, "6.1.0-21"), (20, "6.1.0-22")):
        estate.send("agent/web01/a1", {"host": kernel(version)}, at=minutes)
        decisions.append(estate.decide(accept_differences, Choice(estate.open_tokens()), now=at(minutes + 1)))
    with pytest.raises(ConflictError, match="changed by a later decision"):
        estate.decide(undo_decision, decisions[0], now=at(30))
    for made in reversed(decisions):
        estate.decide(undo_decision, made, now=at(31))
    assert estate.recorded("web01")["os.kernel"] == "6.1.0-18"


def test_a_rejected_value_does_not_ask_again_but_another_one_does(estate: Estate) -> None:
    record(estate)
    estate.send("agent/web01/a1", {"host": kernel("6.1.0-21")}, at=10)
    made = estate.decide(reject_differences, Choice(estate.open_tokens()), now=at(11))
    estate.send("agent/web01/a1", {"host": kernel("6.1.0-21")}, at=20)
    assert estate.differences() == [("changed_attribute", "web01", "os.kernel", "rejected")]
    estate.decide(undo_decision, made, now=at(21))
    assert estate.differences() == [("changed_attribute", "web01", "os.kernel", "open")]
    estate.decide(reject_differences, Choice(estate.open_tokens()), now=at(22))
    estate.send("agent/web01/a1", {"host": kernel("6.1.0-22")}, at=30)
    assert estate.differences() == [("changed_attribute", "web01", "os.kernel", "open")]
    estate.send("agent/web01/a1", {"host": kernel("6.1.0-18")}, at=40)
    assert estate.differences() == []


def test_one_decision_on_a_group_is_one_undo(estate: Estate) -> None:
    for number in range(3):
        host = msgspec.structs.replace(HOST, identifiers={"machine_id": f"{number:032x}1"}, attributes={"name": f"web{number}", "os.kernel": "1"})
        estate.send(f"agent/web{number}/a", {"host": section(host)})
    estate.decide(accept_differences, Choice(estate.open_tokens()), now=at(1))
    for number in range(3):
        host = msgspec.structs.replace(HOST, identifiers={"machine_id": f"{number:032x}1"}, attributes={"name": f"web{number}", "os.kernel": "2"})
        estate.send(f"agent/web{number}/a", {"host": section(host)}, at=10)
    group = {row[0] for row in estate.rows(select(difference.c.group_key).where(difference.c.state == "open"))}
    assert len(group) == 1
    made = estate.decide(accept_differences, Choice(group=group.pop()), now=at(11))
    assert [estate.recorded(f"web{number}")["os.kernel"] for number in range(3)] == ["2", "2", "2"]
    estate.decide(undo_decision, made, now=at(12))
    assert [estate.recorded(f"web{number}")["os.kernel"] for number in range(3)] == ["1", "1", "1"]


def test_ignoring_into_the_past_and_unknown_differences_are_refused(estate: Estate) -> None:
    estate.send("agent/web01/a1", {"host": section(HOST)})
    with pytest.raises(ConflictError, match="ends before it begins"):
        estate.decide(ignore_differences, Choice(estate.open_tokens()), now=at(5), until=at(4))
    with pytest.raises(NotFoundError, match="no difference 'gone'"):
        estate.decide(accept_differences, Choice({"gone": None}), now=at(5))


def test_every_decision_stands_in_the_audit_trail(estate: Estate) -> None:
    record(estate)
    made = estate.rows(select(decision.c.id))[0][0]
    undoing = estate.decide(undo_decision, made, now=at(2), reason="too early")
    with estate.database.connect() as connection:
        assert audit_chain.verify(connection).broken_id is None
        entries = [(each.actor, each.action, each.subject, each.detail["reason"]) for each in audit_chain.load_entries(connection)]
    assert entries == [(PERSON, "decision.undo", undoing, "too early"), (PERSON, "decision.accept", made, "")]


def test_a_baseline_is_kept_by_reference_to_content(estate: Estate) -> None:
    record(estate)
    subject = estate.rows(select(decision.c.subject))[0][0]
    hashes = {row[0] for row in estate.rows(select(content.c.hash))}
    assert {side[2][3] for side in decode(subject)["sides"]} <= hashes


def test_a_policys_decision_can_be_undone_and_stays_so(database: Database) -> None:
    estate = Estate(database, Context(CATALOGUE, initial_discovery="agent/web01"))
    estate.send("agent/web01/a1", {"host": section(HOST)})
    made = estate.rows(select(decision.c.id))[0][0]
    estate.decide(undo_decision, made, now=at(1))
    estate.send("agent/web01/a1", {"host": kernel("6.1.0-21")}, at=10)
    assert estate.differences() == [("new_ci", "web01", "", "open")]


def test_policies_decide_in_order_and_sign_what_they_decide(database: Database) -> None:
    volatile = Policy(
        id="kernels", action="ignore", ignore_for_seconds=600, reason="weekly", when=Condition(attributes=("os.kernel",), query="class:server")
    )
    packages = Policy(id="packages", action="accept", reason="unattended", when=Condition(classes=("software_package",)))
    estate = Estate(database, Context(CATALOGUE, policies=PolicySet((volatile, packages))))
    record(estate)
    estate.send("agent/web01/a1", {"host": kernel("6.1.0-21"), "packages": section(package("nginx", "2.0"), package("curl"))}, at=10)
    assert estate.differences() == [("changed_attribute", "web01", "os.kernel", "ignored")]
    assert estate.recorded("nginx") == {"version": "2.0"}
    made = estate.rows(
        select(decision.c.kind, decision.c.made_by, decision.c.reason).where(decision.c.made_by != PERSON).order_by(decision.c.made_by)
    )
    assert made == [("ignore", "policy:kernels", "weekly"), ("accept", "policy:packages", "unattended")]
    assert estate.sweep(20).reopened_differences == 1
