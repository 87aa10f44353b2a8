"""Verification runs: drawn so that an auditor can draw them again, measured, answered, signed by a second person, unchangeable afterwards."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select, update

from collector.reconcile.settings import Settings
from collector.store import audit_chain
from collector.store.finding import FindingChange, change_finding, close_finding
from collector.store.read_verification import digest_run, find_run, list_findings, list_items, list_verifications, load_record, load_verification
from collector.store.reading import Reading
from collector.store.recorded import Patch, patch_recorded
from collector.store.schema import finding, verification, verification_item
from collector.store.verification import (
    GivenAnswer,
    Plan,
    add_months,
    answer_item,
    cancel_verification,
    plan_verification,
    sign_off,
    start_verification,
)
from collector.store.verification_sample import draw_sample
from collector.verification.sample import draw
from muster.errors import ConflictError, InputError, NotFoundError
from muster.instant import parse_instant
from muster.verification import Verification, VerificationRecord
from tests.store.sender import CATALOGUE, MINUTE, START, Estate, item, section

KIM, LIN = "person:kim", "person:lin"
DAY = 86_400_000
PLAN = Plan(title="Half-yearly", query="class:server", method="automatic", responsible="kim", planned_at=START + DAY, seed="s")


class Desk:
    """People who plan, measure and sign in a store."""

    def __init__(self, estate: Estate) -> None:
        self.estate = estate
        self.now = START + 60 * MINUTE

    def reading(self, connection: Any) -> Reading:
        return Reading(connection, CATALOGUE, Settings(), self.now)

    def plan(self, **changed: Any) -> str:
        with self.estate.database.begin() as connection:
            return str(plan_verification(connection, CATALOGUE, msgspec.structs.replace(PLAN, **changed), actor=KIM, now=self.now))

    def start(self, key: str, actor: str = KIM) -> Verification:
        with self.estate.database.connect() as connection:
            drawn = draw_sample(self.reading(connection), key)
        with self.estate.database.begin() as connection:
            start_verification(connection, key, drawn, actor=actor, now=self.now, next_seed="t")
        return self.show(key)

    def answer(self, key: str, ci: int, actor: str = KIM, **given: Any) -> Verification:
        with self.estate.database.begin() as connection:
            answer_item(connection, key, ci, GivenAnswer(**given), actor=actor, now=self.now)
        return self.show(key)

    def sign(self, key: str, actor: str = LIN) -> Verification:
        with self.estate.database.begin() as connection:
            sign_off(connection, key, note="checked", actor=actor, now=self.now)
        return self.show(key)

    def show(self, key: str) -> Verification:
        with self.estate.database.connect() as connection:
            return load_verification(connection, key, self.now)

    def record(self, key: str) -> VerificationRecord:
        with self.estate.database.connect() as connection:
            return load_record(connection, key, self.now)

    def findings(self, **wanted: Any) -> list[tuple[str, str, str]]:
        with self.estate.database.connect() as connection:
            page = list_findings(connection, self.now, **{"states": ("open",), "cursor": None, "limit": 100, **wanted})
        return [(each.ci.name, each.attribute, each.owner) for each in page.items]

    def actions(self) -> list[str]:
        with self.estate.database.connect() as connection:
            return [each.action for each in audit_chain.load_entries(connection, limit=100)][::-1]


@pytest.fixture
def desk(estate: Estate) -> Desk:
    """Six servers on record; afterwards one reports another model, and one is silent."""
    names = "abcdef"
    first = {f"host-{name}": section(server(name)) for name in names}
    estate.send("api/x/1", first)
    estate.accept_all(at=1)
    with estate.database.begin() as connection:
        patch_recorded(connection, estate.context, estate.id_of("b"), Patch({"owner": "ada"}), actor=KIM, now=START + 2 * MINUTE)
    seen = {f"host-{name}": section(server(name, "R750" if name == "b" else "R650")) for name in names[:5]}
    estate.send("api/x/1", seen, at=50)
    estate.sweep(at=51)
    return Desk(estate)


def server(name: str, model: str = "R650") -> Any:
    return item(name, "server", serial=f"SN-{name}", attributes={"name": name, "model": model})


def test_an_automatic_run_of_all_in_scope_is_measured_at_once(desk: Desk) -> None:
    run = desk.start(desk.plan())
    assert run.result is not None
    assert (run.state, run.population, run.sampled, run.answered) == ("measured", 6, 6, 6)
    result = run.result
    assert (result.examined, result.equal, result.differs, result.not_found) == (6, 4, 1, 1)
    assert (result.ratio, result.lower, result.upper) == (4 / 6, 4 / 6, 4 / 6)  # all were examined: nothing is uncertain
    assert sorted(desk.findings()) == [("b", "model", "ada"), ("f", "", "kim")]
    assert run.open_findings == 2


def test_a_sample_is_drawn_again_from_what_was_written_down(desk: Desk) -> None:
    key = desk.plan(sample_size=3, seed="0f3a")
    run = desk.start(key)
    record = desk.record(key)
    assert run.result is not None
    assert (run.result.examined, run.result.population) == (3, 6)
    assert run.result.lower is not None
    assert run.result.lower < (run.result.ratio or 0) or run.result.ratio == 0
    assert [each.ci.number for each in record.items] == draw(record.population, run.sample_size, run.seed, is_stratified=run.is_stratified)
    assert sum(map(len, record.population.values())) == 6


def test_what_is_not_on_record_or_gone_is_not_in_the_population(desk: Desk) -> None:
    desk.estate.send("api/y/1", {"host": section(server("unrecorded"))}, at=52)
    with desk.estate.database.begin() as connection:
        patch_recorded(connection, desk.estate.context, desk.estate.id_of("a"), Patch(lifecycle="retired"), actor=KIM, now=START + 53 * MINUTE)
    assert desk.start(desk.plan()).population == 5


def test_a_manual_run_waits_for_every_answer(desk: Desk) -> None:
    key = desk.plan(method="manual", query="class:server (name:a OR name:b OR name:c)")
    run = desk.start(key)
    assert (run.state, run.answered, run.result) == ("running", 0, None)
    numbers = {each.ci.name: each.ci.number for each in desk.record(key).items}
    attributes = [each.attribute for each in desk.record(key).items[0].values]
    desk.answer(key, numbers["a"], answers=dict.fromkeys(attributes, "equal"))
    half = desk.answer(key, numbers["b"], answers={"model": "differs"}, found={"model": "R740"}, note="label on the front")
    assert (half.state, half.answered) == ("running", 1)  # of b other values are open
    desk.answer(key, numbers["b"], answers={name: "equal" for name in [*attributes, "owner"] if name != "model"})
    done = desk.answer(key, numbers["c"], is_found=False, actor=LIN)
    assert done.result is not None
    assert (done.state, done.result.equal, done.result.differs, done.result.not_found) == ("measured", 1, 1, 1)
    assert done.measured_by == [KIM, LIN]
    (model,) = [each for each in desk.record(key).findings if each.attribute == "model"]
    assert (model.recorded, model.observed, model.owner) == ("R650", "R740", "ada")
    with pytest.raises(ConflictError, match="is measured"):
        desk.answer(key, numbers["a"], is_found=False)


def test_an_answer_to_what_is_not_asked_is_refused(desk: Desk) -> None:
    key = desk.plan(method="manual", sample_size=1)
    desk.start(key)
    number = desk.record(key).items[0].ci.number
    with pytest.raises(NotFoundError):
        desk.answer(key, 10_000, is_found=False)
    for answers in ({"colour": "equal"}, {"name": "maybe"}):
        with pytest.raises(InputError):
            desk.answer(key, number, answers=answers)
    with desk.estate.database.connect() as connection:
        assert list_items(connection, key, ("open",), cursor=None, limit=10).total == 1


def test_who_measured_does_not_sign_and_who_signs_ends_it(desk: Desk) -> None:
    key = desk.plan()
    desk.start(key)
    with pytest.raises(ConflictError, match="somebody else") as refused:
        desk.sign(key, actor=KIM)
    assert refused.value.code == "four-eyes"
    signed = desk.sign(key)
    assert (signed.state, signed.signed_by, signed.is_intact, len(signed.digest or "")) == ("signed", LIN, True, 64)
    for act in (lambda: desk.sign(key), lambda: desk.start(key), lambda: cancel(desk, key)):
        with pytest.raises(ConflictError):
            act()
    with desk.estate.database.connect() as connection:
        entry = audit_chain.load_entries(connection)[0]
    assert (entry.action, entry.actor, entry.detail["digest"]) == ("verification_signed", LIN, signed.digest)


def cancel(desk: Desk, key: str) -> None:
    with desk.estate.database.begin() as connection:
        cancel_verification(connection, key, reason="wrong scope", actor=KIM, now=desk.now)


EDITS = [
    (verification, {"title": "another"}),
    (verification, {"seed": "x"}),
    (verification, {"signed_by": "person:eve"}),
    (verification, {"result": b"\x80"}),
    (verification, {"population": b""}),
    (verification_item, {"answer": "equal"}),
    (verification_item, {"checked": b"\x90"}),
    (verification_item, {"answered_by": "person:eve"}),
    (finding, {"recorded": b"\xc0"}),
    (finding, {"attribute": "vendor"}),
]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30, deadline=None)
@given(st.sampled_from(EDITS))
def test_any_edit_of_what_was_signed_shows(desk: Desk, edit: Any) -> None:
    table, values = edit
    with desk.estate.database.connect() as connection:
        signed = list_verifications(connection, desk.now, ("signed",), cursor=None, limit=1).items
    key = str(signed[0].number) if signed else desk.plan()
    if not signed:
        desk.start(key)
        desk.sign(key)
    with desk.estate.database.begin() as connection:
        row = connection.execute(select(table).order_by(*table.primary_key).limit(1)).one()
        is_it = [column == getattr(row, column.name) for column in table.primary_key]
        before = {name: getattr(row, name) for name in values}
        connection.execute(update(table).where(*is_it).values(**values))
        run = find_run(connection, key)
        assert (digest_run(connection, run) == bytes(run.digest)) is (before == values)
    with desk.estate.database.begin() as connection:
        connection.execute(update(table).where(*is_it).values(**before))
    assert desk.show(key).is_intact is True


def test_what_is_done_about_a_finding_afterwards_leaves_the_signature_whole(desk: Desk) -> None:
    key = desk.plan(due_days=10)
    desk.start(key)
    desk.sign(key)
    first, second = (str(each.number) for each in desk.record(key).findings)
    with desk.estate.database.begin() as connection:
        change_finding(connection, first, FindingChange(owner="sam", action="order the right one"), actor=KIM, now=desk.now, if_version=1)
        close_finding(connection, first, action="", actor=KIM, now=desk.now)
        with pytest.raises(InputError, match="what was done"):
            close_finding(connection, second, action=" ", actor=KIM, now=desk.now)
        with pytest.raises(ConflictError):
            change_finding(connection, second, FindingChange(owner="sam"), actor=KIM, now=desk.now, if_version=7)
        with pytest.raises(ConflictError, match="is closed"):
            change_finding(connection, first, FindingChange(owner="kim"), actor=KIM, now=desk.now)
    assert desk.show(key).is_intact is True
    assert desk.show(key).open_findings == 1
    assert [each.action for each in desk.record(key).findings] == ["order the right one", ""]
    desk.now += 11 * DAY
    assert len(desk.findings(is_overdue=True)) == 1
    assert desk.show(key).overdue_findings == 1
    assert desk.actions()[-2:] == ["finding_changed", "finding_closed"]


def test_a_recurring_run_plans_the_next_one_when_it_begins(desk: Desk) -> None:
    key = desk.plan(every_months=6, sample_size=2)
    desk.start(key)
    with desk.estate.database.connect() as connection:
        planned = list_verifications(connection, desk.now, ("planned",), cursor=None, limit=10).items
    (following,) = planned
    assert (following.planned_at, following.seed, following.title) == (add_months(PLAN.planned_at, 6), "t", "Half-yearly")
    assert (following.is_overdue, following.is_due_soon) == (False, False)
    desk.now = following.planned_at - 3 * DAY
    assert desk.show(str(following.number)).is_due_soon
    desk.now = following.planned_at + 1
    late = desk.show(str(following.number))
    assert (late.is_overdue, late.is_due_soon) == (True, False)


def test_months_end_where_the_month_does() -> None:
    of = {"2026-08-31": ("2027-02-28", 6), "2026-01-15": ("2026-07-15", 6), "2027-08-31": ("2028-02-29", 6), "2026-12-01": ("2027-01-01", 1)}
    for begin, (end, months) in of.items():
        assert add_months(parse_instant(f"{begin}T10:00:00Z"), months) == parse_instant(f"{end}T10:00:00Z")


def test_a_run_that_counts_for_nothing_stays_in_sight_with_its_reason(desk: Desk) -> None:
    key = desk.plan()
    cancel(desk, key)
    run = desk.show(key)
    assert (run.state, run.note, run.is_overdue) == ("cancelled", "wrong scope", False)


def test_a_sample_drawn_for_a_plan_that_changed_since_is_not_taken(desk: Desk) -> None:
    key = desk.plan()
    with desk.estate.database.connect() as connection:
        drawn = draw_sample(desk.reading(connection), key)
    desk.start(key)
    with desk.estate.database.begin() as connection, pytest.raises(ConflictError):
        start_verification(connection, key, drawn, actor=KIM, now=desk.now, next_seed="t")


UNFIT: tuple[dict[str, Any], ...] = (
    {"title": " "}, {"responsible": ""}, {"query": "colour:red"}, {"sample_size": 0}, {"sample_size": 10**6}, {"every_months": 0},
    {"due_days": -1}, {"is_stratified": True}, {"seed": ""}, {"planned_at": -1}, {"planned_at": 10**19},
)  # fmt: skip


def test_a_plan_that_cannot_be_carried_out_is_refused(estate: Estate) -> None:
    desk = Desk(estate)
    for changed in UNFIT:
        with pytest.raises(InputError):
            desk.plan(**changed)


def test_nothing_in_scope_is_said_and_not_measured_as_agreement(desk: Desk) -> None:
    key = desk.plan(query="class:printer")
    with pytest.raises(InputError, match="no CI on record"):
        desk.start(key)
    assert desk.show(key).state == "planned"
