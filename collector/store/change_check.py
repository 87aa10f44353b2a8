"""What of an approved change was observed by the end of its window: verified, in part, or not. Design: docs/policies.md."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import func, or_, select, update

from collector.reconcile.change import Expectation
from collector.reconcile.comparator import same
from collector.store import audit_chain
from collector.store.content import load_contents
from collector.store.edit import Edit
from collector.store.filter import compile_text
from collector.store.schema import change as changes
from collector.store.schema import ci, difference
from collector.store.statement import parts
from collector.store.stored_change import decode_change
from muster.errors import InputError

CIS_LIMIT = 100_000  # looked at for one expectation
MISSING_SHOWN = 50


class Check(msgspec.Struct, frozen=True):
    """One expectation: seen on so many of so many CIs. `missing`: ids and names of the first ones without it."""

    observed: int
    of: int
    missing: list[tuple[str, str]] = []
    fault: str = ""


def judge_due_changes(edit: Edit, limit: int) -> int:
    """Look at the changes whose windows have ended; how many."""
    due = select(changes.c.id, changes.c.body).where(changes.c.due_at <= edit.now).order_by(changes.c.due_at).limit(limit)
    rows = edit.connection.execute(due).all()
    for row in rows:
        checked = decode_change(row.body)
        found = [_check(edit, row.id, each) for each in checked.expects]
        seen = sum(each.observed for each in found)
        is_whole = all(each.observed >= max(1, each.of) for each in found)
        state = "verified" if is_whole else "partly_verified" if seen else "not_verified"
        values = {"state": state, "evidence": msgspec.msgpack.encode(found), "due_at": None, "version": changes.c.version + 1}
        edit.connection.execute(update(changes).where(changes.c.id == row.id).values(**values))
        detail = {"state": state, "observed": [each.observed for each in found], "of": [each.of for each in found]}
        audit_chain.append(edit.connection, edit.now, actor="collector", action="change_judged", subject=row.id, detail=detail)
    return len(rows)


def _check(edit: Edit, change_id: str, wanted: Expectation) -> Check:
    """A value is looked for on the CIs themselves; anything else in what was held against the change."""
    try:
        condition = compile_text(wanted.query, edit.context.catalogue, edit.now)
    except InputError as error:
        return Check(0, 0, fault=error.message)
    if not wanted.has_to:
        return _check_differences(edit, change_id, wanted)
    in_use = ci.c.redirect_to.is_(None) & ci.c.lifecycle.not_in(("retired", "disposed"))
    named = condition & in_use & _is_named(wanted)
    chosen = select(ci.c.id).where(named)
    if wanted.part:
        chosen = select(ci.c.id).where(ci.c.owner_ci_id.in_(chosen), ci.c.ci_class == wanted.part, in_use, ci.c.presence != "absent")
    ids = list(edit.connection.execute(chosen.order_by(ci.c.number).limit(CIS_LIMIT)).scalars())
    observed = 0
    missing: list[tuple[str, str]] = []
    for part in parts(ids):
        rows = edit.connection.execute(select(ci.c.id, ci.c.name, ci.c.ci_class, ci.c.effective_hash).where(ci.c.id.in_(part)).order_by(ci.c.number))
        for row, effective in _with_values(edit, rows.all()):
            attribute = edit.class_of(row.ci_class).attributes.get(wanted.attribute)
            if attribute is not None and wanted.attribute in effective and same(attribute, wanted.to, effective[wanted.attribute]):
                observed += 1
            elif len(missing) < MISSING_SHOWN:
                missing.append((row.id, row.name))
    return Check(observed, len(ids), missing)


def _with_values(edit: Edit, rows: Sequence[Any]) -> list[tuple[Any, dict[str, Any]]]:
    contents = load_contents(edit.connection, {row.effective_hash for row in rows})
    return [(row, contents.get(row.effective_hash or b"", {})) for row in rows]


def _is_named(wanted: Expectation) -> Any:
    if not wanted.ci:
        return ci.c.id.is_not(None)
    is_number = wanted.ci.isdecimal() and len(wanted.ci) < 19
    return or_(func.lower(ci.c.name) == wanted.ci.casefold(), ci.c.id == wanted.ci, *([ci.c.number == int(wanted.ci)] if is_number else []))


def _check_differences(edit: Edit, change_id: str, wanted: Expectation) -> Check:
    of_it = difference.c.change_id == change_id
    if wanted.kind is not None:
        of_it &= difference.c.kind == wanted.kind
    if wanted.attribute:
        of_it &= difference.c.attribute == wanted.attribute
    count = edit.connection.execute(select(func.count()).select_from(difference).where(of_it)).scalar_one()
    return Check(count, max(1, count))
