"""The review queue: differences, their groups, cases and decisions, as people see them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, case, func, or_, select

from collector.reconcile.compare import value_token
from collector.reconcile.relation import SEPARATOR
from collector.store.blast_radius import services_touched
from collector.store.content import decode
from collector.store.filter import Fields, compile_text
from collector.store.read_ci import find_row
from collector.store.reading import Reading, after, check_limit, choose_sort, load_refs, load_source_refs, make_cursor, ordered, read_cursor
from collector.store.schema import ci, decision, difference, review_case, waiting_decision
from muster.errors import NotFoundError, quote
from muster.model.relation_type import shipped_relations
from muster.model.state import DifferenceState
from muster.ports import CaseView, CiRef, DecisionView, DifferenceView, Page

_KINDS = {
    "new_ci": "{source} sees it, and it is not on record.",
    "absent_ci": "It is on record, and the source that saw it no longer does.",
    "changed_attribute": "{source} sees a value that differs from what is recorded.",
    "new_relation": "{source} sees a relation that is not on record.",
    "absent_relation": "The relation is on record and is no longer seen.",
    "class_changed": "{source} sees another kind of thing than is recorded.",
}
SORTS: dict[str, ColumnElement[Any]] = {"risk": difference.c.risk, "opened": difference.c.opened_at, "confirmed": difference.c.confirmed_at}
FIELDS = Fields(
    words={
        "kind": difference.c.kind,
        "attribute": difference.c.attribute,
        "state": difference.c.state,
        "change": difference.c.change_id,
        "unauthorised": case((difference.c.is_unauthorised.is_(True), "yes"), else_="no"),
    },
    numbers={"risk": difference.c.risk, "flaps": difference.c.flaps},
    ages={"opened": difference.c.opened_at},
)


@dataclass(frozen=True)
class Selection:
    """Which differences: a query over their CIs and themselves, states (none: all), one group, one CI with its contents."""

    query: str = ""
    states: tuple[DifferenceState | str, ...] = ("open",)
    group: str | None = None
    ci_key: str | None = None


def list_differences(reading: Reading, chosen: Selection, *, cursor: str | None, limit: int, sort: str) -> Page:
    """One page, the newest first among equals of the sort."""
    column, descends = choose_sort(sort, SORTS)
    columns: list[tuple[ColumnElement[Any], bool]] = [(column, descends), (difference.c.opened_at, True), (difference.c.id, True)]
    condition = condition_of(reading, chosen)
    joined = joined_of(chosen)
    total = reading.connection.execute(select(func.count()).select_from(joined).where(condition)).scalar_one()
    behind = after(columns, read_cursor(cursor, sort, 3))
    query = select(difference, column.label("sort_value")).select_from(joined).where(condition)
    query = query.order_by(*ordered(columns)).limit(check_limit(limit) + 1)
    rows = reading.connection.execute(query if behind is None else query.where(behind)).all()
    shown = rows[:limit]
    following = make_cursor(sort, shown[-1].sort_value, shown[-1].opened_at, shown[-1].id) if len(rows) > limit else None
    return Page(to_views(reading, shown), total, following)


def load_difference(reading: Reading, difference_id: str) -> DifferenceView:
    rows = reading.connection.execute(select(difference).where(difference.c.id == difference_id)).all()
    if not rows:
        raise NotFoundError(f"no difference {quote(difference_id)}; see `muster difference list`")
    return to_views(reading, rows)[0]


def list_cases(reading: Reading, states: Collection[str], *, cursor: str | None, limit: int) -> Page:
    """Newest first."""
    chosen = select(review_case).where(review_case.c.state.in_(sorted(states))) if states else select(review_case)
    rows, total, following = _newest(reading, chosen, review_case.c.opened_at, review_case.c.id, cursor=cursor, limit=limit)
    return Page(_cases(reading, rows), total, following)


def load_case(reading: Reading, case_id: str) -> CaseView:
    rows = reading.connection.execute(select(review_case).where(review_case.c.id == case_id)).all()
    if not rows:
        raise NotFoundError(f"no case {quote(case_id)}; see the review queue")
    return _cases(reading, rows)[0]


def list_decisions(reading: Reading, *, cursor: str | None, limit: int) -> Page:
    """Newest first."""
    rows, total, following = _newest(reading, select(decision), decision.c.at, decision.c.id, cursor=cursor, limit=limit)
    return Page(_decisions(reading, rows), total, following)


def load_decision(reading: Reading, decision_id: str) -> DecisionView:
    rows = reading.connection.execute(select(decision).where(decision.c.id == decision_id)).all()
    if not rows:
        raise NotFoundError(f"no decision {quote(decision_id)}")
    return _decisions(reading, rows)[0]


def condition_of(reading: Reading, chosen: Selection) -> ColumnElement[bool]:
    """What a choice means of `difference`, and of `ci` where it says something of CIs."""
    conditions: list[ColumnElement[bool]] = [compile_text(chosen.query, reading.catalogue, reading.now, FIELDS)]
    if chosen.states:
        conditions.append(difference.c.state.in_(chosen.states))
    if chosen.group is not None:
        conditions.append(difference.c.group_key == chosen.group)
    if chosen.ci_key is not None:
        row = find_row(reading, chosen.ci_key)
        conditions.append(or_(ci.c.id == row.id, ci.c.owner_ci_id == row.id))
    return and_(*conditions)


def joined_of(chosen: Selection) -> Any:
    """Where the choice says nothing of CIs the index of groups answers alone."""
    return difference if not chosen.query.strip() and chosen.ci_key is None else difference.join(ci, ci.c.id == difference.c.ci_id)


def to_views(reading: Reading, rows: Sequence[Any]) -> list[DifferenceView]:
    """Rows of `difference` with what people see of them."""
    around = _Surroundings(reading, rows)
    return [_view(reading, row, around) for row in rows]


class _Surroundings:
    """What is read once for all rows of a page: CIs, owners, sources, decisions, services."""

    def __init__(self, reading: Reading, rows: Sequence[Any]) -> None:
        connection = reading.connection
        self.values = {row.id: (decode(row.recorded), decode(row.observed)) for row in rows}
        ends = (end for pair in self.values.values() if (end := _other_end(pair)) is not None)
        self.refs = load_refs(connection, [*(row.ci_id for row in rows), *ends])
        owner_query = select(ci.c.id, ci.c.owner_ci_id).where(ci.c.id.in_(sorted({row.ci_id for row in rows})), ci.c.owner_ci_id.is_not(None))
        self.owner_of: dict[str, str] = {row.id: row.owner_ci_id for row in connection.execute(owner_query)} if rows else {}
        self.owners = load_refs(connection, self.owner_of.values())
        self.sources = load_source_refs(connection, (row.source_id for row in rows))
        decision_ids = sorted({row.decision_id for row in rows if row.decision_id is not None})
        query = select(decision.c.id, decision.c.made_by, decision.c.reason).where(decision.c.id.in_(decision_ids))
        self.decided = {row.id: row for row in connection.execute(query)} if decision_ids else {}
        waiting_ids = sorted({row.waiting_id for row in rows if row.waiting_id is not None})
        asked = select(waiting_decision.c.id, waiting_decision.c.made_by).where(waiting_decision.c.id.in_(waiting_ids))
        self.waiting: dict[str, str] = {row.id: row.made_by for row in connection.execute(asked)} if waiting_ids else {}
        self.services = services_touched(reading, {row.ci_id for row in rows})


def _view(reading: Reading, row: Any, around: _Surroundings) -> DifferenceView:
    subject, owner_id = around.refs[row.ci_id], around.owner_of.get(row.ci_id)
    source = None if row.source_id is None else around.sources.get(row.source_id)
    made = around.decided.get(row.decision_id)
    recorded, observed = around.values[row.id]
    return DifferenceView(
        id=row.id,
        kind=row.kind,
        state=row.state,
        ci=subject,
        owner=None if owner_id is None else around.owners.get(owner_id),
        attribute=row.attribute,
        label=_label_of(reading, subject.ci_class, row.kind, row.attribute),
        recorded=recorded,
        observed=observed,
        source=source,
        group_key=row.group_key,
        risk=row.risk,
        opened_at=row.opened_at,
        confirmed_at=row.confirmed_at,
        closed_at=row.closed_at,
        ignore_until=row.ignore_until,
        decision_id=row.decision_id,
        decided_by=None if made is None else made.made_by,
        reason="" if made is None else made.reason,
        trail=[(entry[0], entry[1]) for entry in decode(row.trail) or []],
        services=around.services.get(row.ci_id, []),
        explanation=_KINDS[row.kind].format(source="A source" if source is None else f"{source.kind}/{source.name}"),
        version=row.version,
        observed_token=value_token(observed),
        change_id=row.change_id,
        is_unauthorised=row.is_unauthorised,
        flaps=row.flaps,
        waiting_id=row.waiting_id,
        waiting_by=around.waiting.get(row.waiting_id or ""),
        other=around.refs.get(_other_end((recorded, observed)) or ""),
    )


def _label_of(reading: Reading, ci_class: str, kind: str, attribute: str) -> dict[str, str]:
    """What people call the attribute, or the type of relation."""
    if not kind.endswith("_relation"):
        return reading.label_of(ci_class, attribute)
    known = shipped_relations().get(attribute.partition(SEPARATOR)[0])
    return known.label if known is not None else {"en": attribute}


def _other_end(values: tuple[Any, Any]) -> str | None:
    """Of a relation's difference, the id of the CI at its other end."""
    value = values[1] if values[1] is not None else values[0]
    return value.get("to") if isinstance(value, dict) else None


def _cases(reading: Reading, rows: Sequence[Any]) -> list[CaseView]:
    members = {row.id: decode(row.members) or [] for row in rows}
    refs = load_refs(reading.connection, (each for ids in members.values() for each in ids))
    named: dict[str, list[CiRef]] = {case_id: [refs[each] for each in ids if each in refs] for case_id, ids in members.items()}
    return [CaseView(row.id, row.kind, row.state, named[row.id], decode(row.evidence) or {}, row.opened_at) for row in rows]


def _decisions(reading: Reading, rows: Sequence[Any]) -> list[DecisionView]:
    query = select(difference.c.id, difference.c.decision_id).where(difference.c.decision_id.in_([row.id for row in rows]))
    touched: dict[str, list[str]] = {}
    for row in reading.connection.execute(query.order_by(difference.c.id)):
        touched.setdefault(row.decision_id, []).append(row.id)
    return [DecisionView(row.id, row.kind, row.made_by, row.reason, row.at, row.undone_by, touched.get(row.id, [])) for row in rows]


def _newest(
    reading: Reading, chosen: Select[Any], at: ColumnElement[Any], key: ColumnElement[Any], *, cursor: str | None, limit: int
) -> tuple[Sequence[Any], int, str | None]:
    columns = [(at, True), (key, True)]
    total = reading.connection.execute(select(func.count()).select_from(chosen.subquery())).scalar_one()
    behind = after(columns, read_cursor(cursor, "newest", 2))
    query = chosen if behind is None else chosen.where(behind)
    rows = reading.connection.execute(query.add_columns(at.label("at_value")).order_by(*ordered(columns)).limit(check_limit(limit) + 1)).all()
    following = make_cursor("newest", rows[limit - 1].at_value, rows[limit - 1].id) if len(rows) > limit else None
    return rows[:limit], total, following
