"""What imports remember: which CI each row of a mapping is, and what undoing an import forgets."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from sqlalchemy import Connection, delete, func, select

from collector.store.ci import load_cis
from collector.store.edit import Edit
from collector.store.recorded import set_tags
from collector.store.schema import ci, imported_row
from collector.store.statement import insert_or_replace, parts
from collector.store.verdict import DecisionSubject

_KEYS_AT_ONCE = 5_000


def load_known(connection: Connection, mapping: str, keys: Collection[str]) -> dict[str, str]:
    """Key to CI, of the survivor where it was merged; those disposed of are forgotten."""
    found: dict[str, str] = {}
    for part in parts(sorted(keys)):
        query = select(imported_row.c.key, func.coalesce(ci.c.redirect_to, ci.c.id)).join(ci, ci.c.id == imported_row.c.ci_id)
        is_known = (imported_row.c.mapping == mapping) & imported_row.c.key.in_(part) & (ci.c.lifecycle != "disposed")
        found.update({row[0]: row[1] for row in connection.execute(query.where(is_known))})
    return found


def find_named(connection: Connection, keys: Collection[str]) -> dict[str, str]:
    """CIs by number or id, the survivor where one was merged."""
    found: dict[str, str] = {}
    survivor = func.coalesce(ci.c.redirect_to, ci.c.id)
    numbers = {int(each): each for each in keys if each.isdecimal() and len(each) < 19}
    for part in parts(sorted(numbers)):
        rows = connection.execute(select(ci.c.number, survivor).where(ci.c.number.in_(part)))
        found.update({numbers[row[0]]: row[1] for row in rows})
    for named in parts(sorted(set(keys) - set(numbers.values()))):
        found.update({row[0]: row[1] for row in connection.execute(select(ci.c.id, survivor).where(ci.c.id.in_(named)))})
    return found


def save_known(edit: Edit, mapping: str, rows: Mapping[str, str]) -> None:
    """Remember which CI these keys are."""
    written = [{"mapping": mapping, "key": key, "ci_id": ci_id, "decision_id": edit.cause_id} for key, ci_id in rows.items()]
    insert_or_replace(edit.connection, imported_row, written)


def iterate_known(connection: Connection, mapping: str) -> Iterator[tuple[str, str]]:
    """Every key of a mapping with its CI, by key, but for CIs that are retired or disposed of."""
    last = ""
    while True:
        query = select(imported_row.c.key, imported_row.c.ci_id).join(ci, ci.c.id == imported_row.c.ci_id)
        is_next = (imported_row.c.mapping == mapping) & (imported_row.c.key > last) & ci.c.lifecycle.not_in(("retired", "disposed"))
        rows = connection.execute(query.where(is_next).order_by(imported_row.c.key).limit(_KEYS_AT_ONCE)).all()
        if not rows:
            return
        yield from ((row[0], row[1]) for row in rows)
        last = rows[-1][0]


def take_back_import(edit: Edit, subject: DecisionSubject) -> set[str]:
    """What undoes an import beside values: its tags, and the rows that it brought first; the CIs touched."""
    if "import" not in subject.detail:
        return set()
    decision_id = subject.detail["decision"]
    edit.connection.execute(delete(imported_row).where(imported_row.c.mapping == subject.detail["import"], imported_row.c.decision_id == decision_id))
    before: Mapping[str, Mapping[str, str]] = subject.detail.get("tags_of_before", {})
    for row in load_cis(edit.connection, before).values():
        set_tags(edit, row, before[row.id])
    return set(before)
