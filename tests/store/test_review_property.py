"""The review queue after any course of reports and decisions is what its rules say: one difference for each subject, exact, and taken back whole."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from collector.store.apply_change import apply_changes
from collector.store.content import decode
from collector.store.decision import Choice, accept_differences, ignore_differences, reject_differences, undo_decision
from collector.store.engine import Database, open_database
from collector.store.schema import ci, content, difference, source
from tests.store.sender import MINUTE, START, Estate, item, section
from tests.store.test_identity import emptied

DAY = 25 * 60  # minutes: what happened a step ago is no flapping
ACTIVE = ("open", "rejected", "ignored", "pinned", "held")
FEW = settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
VALUES = st.sampled_from(["A", "B", "C", None])  # None: the key is left out
DECISIONS = st.sampled_from([accept_differences, reject_differences])


@pytest.fixture(scope="module")
def store(migrated_sqlite: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    path = tmp_path_factory.mktemp("reviewed") / "store.db"
    shutil.copyfile(migrated_sqlite, path)
    database = open_database(f"sqlite:///{path}")
    yield database
    database.close()


def instant(minutes: float) -> int:
    return START + round(minutes * MINUTE)


def host(number: int, value: str | None) -> Any:
    kernel = {} if value is None else {"os.kernel": value}
    return item(f"r{number}", "server", attributes={"name": f"web{number}", **kernel}, serial=f"S{number:03}X")


def tell(estate: Estate, *values: str | None, at: float) -> None:
    estate.send("snmp/d/p1", {"all": section(*(host(number, value) for number, value in enumerate(values)))}, at=at)


def kernels(estate: Estate) -> list[tuple[str, Any, Any, str]]:
    """Name, recorded and observed value and state of the active differences of the kernel."""
    columns = (ci.c.name, difference.c.recorded, difference.c.observed, difference.c.state)
    query = select(*columns).join(ci, ci.c.id == difference.c.ci_id).where(difference.c.state.in_(ACTIVE), difference.c.attribute == "os.kernel")
    return sorted((name, decode(old), decode(new), state) for name, old, new, state in estate.rows(query))


def on_record(estate: Estate) -> list[tuple[str, Any]]:
    joined = select(ci.c.name, content.c.body).join(content, content.c.hash == ci.c.recorded_hash, isouter=True)
    return sorted((name, None if body is None else decode(body)) for name, body in estate.rows(joined))


def tokens(estate: Estate, *states: str) -> dict[str, str | None]:
    query = select(difference.c.id).where(difference.c.state.in_(states), difference.c.attribute == "os.kernel")
    return dict.fromkeys((row[0] for row in estate.rows(query.order_by(difference.c.id))), None)


class Model(msgspec.Struct):
    """One attribute as the rules have it."""

    recorded: str = "A"
    observed: str = "A"
    state: str | None = None
    rejected: list[str] = []
    until: float = 0

    def tell(self, value: str | None, now: float) -> None:
        self.wake(now)
        value = self.observed if value is None else value
        moved, self.observed = value != self.observed, value
        if value == self.recorded:
            self.state, self.rejected = None, []
        elif self.state is None:
            self.state = "open"
        elif moved and self.state != "ignored":
            self.state = "rejected" if value in self.rejected else "open"

    def wake(self, now: float) -> None:
        if self.state == "ignored" and now >= self.until:
            self.state = "rejected" if self.observed in self.rejected else "open"

    def decide(self, decision: str, until: float) -> None:
        if self.state is None:
            return
        if decision == "accept":
            self.recorded, self.state, self.rejected = self.observed, None, []
        elif decision == "reject":
            self.state, self.rejected = "rejected", [*self.rejected, self.observed]
        else:
            self.state, self.until = "ignored", until

    def told(self) -> list[tuple[str, Any, Any, str]]:
        return [] if self.state is None else [("web0", self.recorded, self.observed, self.state)]


@FEW
@given(
    steps=st.lists(st.tuples(VALUES, st.sampled_from(["", "", "accept", "reject", "ignore"]), st.sampled_from([0.5, 1.5])), min_size=1, max_size=7)
)
def test_an_attribute_has_one_difference_and_its_state_follows_the_rules(store: Database, steps: list[tuple[str | None, str, float]]) -> None:
    estate, model = emptied(store), Model()
    tell(estate, "A", at=0)
    estate.accept_all(1)
    for number, (value, decision, days) in enumerate(steps, 1):
        at = number * DAY
        estate.sweep(at)
        tell(estate, value, at=at)
        model.tell(value, at)
        assert kernels(estate) == model.told()
        chosen = Choice(tokens(estate, "open"))
        if model.state == "open" and decision == "accept":
            estate.decide(accept_differences, chosen, now=instant(at + 1))
        elif model.state == "open" and decision == "reject":
            estate.decide(reject_differences, chosen, now=instant(at + 1))
        elif model.state == "open" and decision == "ignore":
            estate.decide(ignore_differences, chosen, now=instant(at + 1), until=instant(at + days * DAY))
        if model.state == "open" and decision:
            model.decide(decision, at + days * DAY)
        estate.sweep(at + 0.75 * DAY)
        model.wake(at + 0.75 * DAY)
        assert kernels(estate) == model.told()
        assert on_record(estate)[0][1]["os.kernel"] == model.recorded
        subjects = Counter(estate.rows(select(difference.c.ci_id, difference.c.kind, difference.c.attribute).where(difference.c.state.in_(ACTIVE))))
        assert set(subjects.values()) <= {1}


@FEW
@given(values=st.lists(VALUES, min_size=1, max_size=4), decision=DECISIONS)
def test_what_is_undone_is_as_if_it_had_never_been_decided(store: Database, values: list[str | None], decision: Any) -> None:
    estate = emptied(store)
    tell(estate, *("A" for _ in values), at=0)
    estate.accept_all(1)
    tell(estate, *values, at=10)
    before = (kernels(estate), on_record(estate), tokens(estate, "open"))
    if before[2]:
        made = estate.decide(decision, Choice(before[2]), now=instant(11))
        assert kernels(estate) != before[0]
        estate.decide(undo_decision, made, now=instant(12))
        assert (kernels(estate), on_record(estate), tokens(estate, "open")) == before
        tell(estate, *values, at=20)
        assert (kernels(estate), on_record(estate), tokens(estate, "open")) == before


@FEW
@given(values=st.lists(VALUES, min_size=2, max_size=5), decision=DECISIONS)
def test_one_decision_on_many_is_the_same_decision_on_each(store: Database, values: list[str | None], decision: Any) -> None:
    found = []
    for is_bulk in (True, False):
        estate = emptied(store)
        tell(estate, *("A" for _ in values), at=0)
        estate.accept_all(1)
        tell(estate, *values, at=10)
        waiting = tokens(estate, "open")
        for choice in [waiting] if is_bulk else [{each: None} for each in waiting]:
            if choice:
                estate.decide(decision, Choice(choice), now=instant(11))
        tell(estate, *values, at=20)
        found.append((kernels(estate), on_record(estate), estate.differences(*ACTIVE, "accepted", "superseded", "self_resolved")))
    assert found[0] == found[1]


@FEW
@given(values=st.lists(st.lists(VALUES, min_size=2, max_size=2), min_size=2, max_size=4), random=st.randoms(use_true_random=False))
def test_what_differs_does_not_depend_on_which_source_reports_first(store: Database, values: list[list[str | None]], random: Any) -> None:
    found = []
    for is_shuffled in (False, True):
        estate = emptied(store)
        tell(estate, "A", "A", at=0)
        estate.accept_all(1)
        reports = [(f"{kind}/s/1", host(number, value), 10 + round_) for round_, each in enumerate(values) for kind, (number, value) in
                   zip(("agent", "ssh"), enumerate(each), strict=True)]  # fmt: skip
        if is_shuffled:
            random.shuffle(reports)
        for text, told, at in reports:
            estate.send(text, {"host": section(told)}, at=at, now=100, sequence=at)
        found.append((kernels(estate), on_record(estate)))
    assert found[0] == found[1]


@FEW
@given(observed_at=st.integers(5, 65), value=st.sampled_from(["B", "C"]))
def test_a_change_accepts_what_it_expects_within_its_window_and_nothing_else(store: Database, observed_at: int, value: str) -> None:
    estate = emptied(store)
    tell(estate, "A", at=0)
    estate.accept_all(1)
    text = """id: RFC-1
window: {from: 2026-03-01T10:20:00Z, to: 2026-03-01T10:40:00Z}
approved: {by: board, at: 2026-03-01T09:00:00Z}
expects: [{query: "class:server", attribute: os.kernel, to: "B"}]
"""
    with estate.database.begin() as connection:
        apply_changes(connection, estate.context, {"rfc.yaml": text}, actor="person:ada", now=instant(2))
    tell(estate, value, at=observed_at)
    is_expected = value == "B" and 20 <= observed_at <= 40
    told = estate.rows(select(difference.c.state, difference.c.is_unauthorised, difference.c.change_id).where(difference.c.attribute == "os.kernel"))
    assert told == [("accepted", False, "RFC-1") if is_expected else ("open", True, None)]
    assert on_record(estate)[0][1]["os.kernel"] == ("B" if is_expected else "A")


TOLD = st.fixed_dictionaries(
    {},
    optional={"os.kernel": st.sampled_from(["A", "B", ""]), "contact": st.sampled_from(["x", "y"]), "location": st.sampled_from(["L", "M"])},
)


@FEW
@given(
    reports=st.lists(st.tuples(st.sampled_from(["agent/s/1", "ssh/s/1", "snmp/s/1", "snmp/t/1"]), TOLD), min_size=2, max_size=6),
    is_whole=st.booleans(),
    later=st.sampled_from([10, 4 * DAY]),
    random=st.randoms(use_true_random=False),
)
def test_what_counts_does_not_depend_on_the_order_of_arrival(
    store: Database, reports: list[tuple[str, dict[str, Any]]], is_whole: bool, later: float, random: Any
) -> None:
    """Also where keys are left out, sections are parts, and everything is stale."""
    told = [
        (text, item("h", "server", attributes={"name": "web", **values}, serial="S1AAA"), 10 + number)
        for number, (text, values) in enumerate(reports)
    ]
    found = []
    for is_shuffled in (False, True):
        estate = emptied(store)
        for text, seen, at in random.sample(told, len(told)) if is_shuffled else told:
            estate.send(text, {"host": section(seen, complete=is_whole)}, at=at, now=90, sequence=at)
        estate.sweep(90 + later)
        names = dict(estate.rows(select(source.c.id, source.c.name + source.c.kind)))
        (stored,) = (decode(row[0]) or {} for row in estate.rows(select(ci.c.provenance)))
        found.append((estate.effective("web"), {name: (names[source_id], rule) for name, (source_id, rule, _) in stored.items()}))
    assert found[0] == found[1]
