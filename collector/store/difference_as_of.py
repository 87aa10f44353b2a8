"""Differences as they stood at an instant, by what was known at another: open, decided, resolved. Design: docs/time.md.

A state is told by `difference_state`, whose lines are only ever added; a decision that was taken back never was, as known since.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Text, cast, func, select

from collector.store import read_difference
from collector.store.as_of import CiState, load_states
from collector.store.ci_past import Moment
from collector.store.reading import Reading, check_limit, make_cursor, read_cursor
from collector.store.schema import ci, decision, difference, difference_state
from collector.store.scope import matches_then, parse_scope
from collector.store.statement import parts
from muster.errors import InputError
from muster.model.query import Everything
from muster.ports import CiRef, DifferenceView, Page

SCANNED = 500
_state = difference_state.c


def state_then(moment: Moment) -> ColumnElement[Any]:
    """The state of a row of `difference` at a moment, in SQL; NULL where it had not opened."""
    told = select(_state.new_state).where(
        _state.difference_id == difference.c.id, _state.valid_from <= moment.at, _state.known_from <= moment.known_at
    )
    first = select(_state.old_state).where(_state.difference_id == difference.c.id)
    last = told.order_by(_state.valid_from.desc(), _state.known_from.desc(), _state.id.desc()).limit(1).correlate(difference).scalar_subquery()
    opened = first.order_by(_state.known_from, _state.id).limit(1).correlate(difference).scalar_subquery()
    return cast(func.coalesce(last, opened, difference.c.state), Text)


def was_there(moment: Moment) -> ColumnElement[bool]:
    """Whether it had opened."""
    return difference.c.opened_at <= min(moment.at, moment.known_at)


def count_open_then(reading: Reading, ci_ids: Collection[str], moment: Moment) -> dict[str, int]:
    """Open differences of each CI."""
    found: dict[str, int] = {}
    for part in parts(sorted(ci_ids)):
        query = select(difference.c.ci_id, func.count()).where(difference.c.ci_id.in_(part), was_there(moment), state_then(moment) == "open")
        found |= {row[0]: row[1] for row in reading.connection.execute(query.group_by(difference.c.ci_id))}
    return found


def list_differences_then(
    reading: Reading, query: str, states: Collection[str], moment: Moment, *, ci_id: str | None = None, cursor: str | None = None, limit: int = 50
) -> Page:
    """DifferenceView rows in these states then, as they read then, oldest first. `query` is of their CIs as they were.

    `total` is -1 where a query is given and not all could be looked at for one page.
    """
    check_limit(limit)
    tree = parse_scope(query)
    key = f"as-of {moment.at} {moment.known_at}"
    chosen = select(difference, state_then(moment).label("state_then")).where(was_there(moment), state_then(moment).in_(sorted(states)))
    if ci_id is not None:
        chosen = chosen.where(difference.c.ci_id.in_(select(ci.c.id).where((ci.c.id == ci_id) | (ci.c.owner_ci_id == ci_id))))
    total = reading.connection.execute(select(func.count()).select_from(chosen.subquery())).scalar_one() if isinstance(tree, Everything) else -1
    found: list[DifferenceView] = []
    last = read_cursor(cursor, key, 2)
    while len(found) <= limit:
        rows = reading.connection.execute(_behind(chosen, last).order_by(difference.c.opened_at, difference.c.id).limit(SCANNED)).all()
        subjects = _subjects(reading, rows, moment)
        kept = [row for row in rows if row.ci_id in subjects and matches_then(reading, tree, subjects[row.ci_id], moment)]
        found += _views(reading, kept, subjects, moment)
        if len(rows) < SCANNED:
            break
        last = [rows[-1].opened_at, rows[-1].id]
    shown = found[:limit]
    following = make_cursor(key, shown[-1].opened_at, shown[-1].id) if len(found) > limit else None
    return Page(shown, len(shown) if total < 0 and cursor is None and following is None else total, following)


def _behind(chosen: Any, last: Sequence[Any] | None) -> Any:
    if last is None:
        return chosen
    at, difference_id = last
    if not isinstance(at, int) or not isinstance(difference_id, str):
        raise InputError("the cursor is not of this list; begin again without a cursor", path="cursor")
    return chosen.where((difference.c.opened_at > at) | ((difference.c.opened_at == at) & (difference.c.id > difference_id)))


def _subjects(reading: Reading, rows: Sequence[Any], moment: Moment) -> dict[str, CiState]:
    ids = sorted({row.ci_id for row in rows})
    found = [row for part in parts(ids) for row in reading.connection.execute(select(ci).where(ci.c.id.in_(part)))]
    return {state.id: state for state in load_states(reading, found, moment) if state.existed}


def _views(reading: Reading, rows: Sequence[Any], subjects: dict[str, CiState], moment: Moment) -> list[DifferenceView]:
    """As they read then: the value observed by then, the CI's name, and the decision that was in force."""
    decided = _decisions(reading, [row.id for row in rows], moment)
    views = []
    for row, view in zip(rows, read_difference.to_views(reading, rows), strict=True):
        subject = subjects[row.ci_id]
        trail = [(at, value) for at, value in view.trail if at <= moment.known_at]
        made = decided.get(row.id)
        views.append(
            msgspec.structs.replace(
                view,
                state=row.state_then,
                ci=CiRef(subject.id, subject.number, subject.ci_class, subject.name),
                recorded=subject.recorded.get(row.attribute, view.recorded) if row.kind == "changed_attribute" else view.recorded,
                observed=trail[-1][1] if trail else view.observed,
                trail=trail,
                confirmed_at=min(view.confirmed_at, moment.known_at),
                closed_at=None if row.state_then in ("open", "rejected", "ignored", "pinned", "held") else made[0] if made else view.closed_at,
                decision_id=made[1] if made else None,
                decided_by=made[2] if made else None,
                reason=made[3] if made else "",
                observed_token="",
            )
        )
    return views


def _decisions(reading: Reading, difference_ids: Sequence[str], moment: Moment) -> dict[str, tuple[int, str, str, str]]:
    """The decision that gave each its state then: when, its id, by whom and why; those that no person or policy changed are left out."""
    lines: defaultdict[str, list[Any]] = defaultdict(list)
    for part in parts(difference_ids):
        query = select(difference_state).where(_state.difference_id.in_(part), _state.valid_from <= moment.at, _state.known_from <= moment.known_at)
        for line in reading.connection.execute(query.order_by(_state.valid_from, _state.known_from, _state.id)):
            lines[line.difference_id].append(line)
    last = {key: told[-1] for key, told in lines.items() if told[-1].decision_id is not None}
    made: dict[str, Any] = {}
    for part in parts(sorted({line.decision_id for line in last.values()})):
        made |= {row.id: row for row in reading.connection.execute(select(decision).where(decision.c.id.in_(part)))}
    return {
        key: (line.known_from, line.decision_id, made[line.decision_id].made_by, made[line.decision_id].reason)
        for key, line in last.items()
        if line.decision_id in made
    }
