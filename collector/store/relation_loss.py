"""Relations that a section no longer claims: counted misses, the brake, and suggestions that end by themselves. Design: docs/reconciliation.md."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any

from sqlalchemy import select, update

from collector.reconcile.absence import is_absent, is_mass_loss
from collector.reconcile.record import CaseSeed
from collector.store.delivery import Delivery
from collector.store.edit import NO_VALUE, Edit
from collector.store.relation_row import DAY_MS, RelationRow, day_of
from collector.store.review_case import close_case_of, open_case_once
from collector.store.schema import relation, section
from collector.store.statement import parts, update_rows

# What these see of each other they infer; anything else that names a dependency declares it.
_INFERRING = frozenset({"agent", "ssh", "snmp", "sweep"})


def judge_relation_loss(
    edit: Edit, delivery: Delivery, known: Sequence[RelationRow], seen: Collection[tuple[str, bytes]], whole: Collection[str]
) -> set[str]:
    """Count what whole sections no longer claim, and end what is gone; what is claimed again is counted anew. The CIs at which it began."""
    touched: set[str] = set()
    for name in sorted({row.section for row in known}):
        own = [row for row in known if row.section == name]
        _reset(edit, [row for row in own if (name, row.claim_hash) in seen and row.misses])
        lasting = [row for row in own if suggestion_of(edit, row)[1] is None]
        missing = [row for row in lasting if (name, row.claim_hash) not in seen]
        if name in whole:
            touched |= _miss(edit, delivery, name, lasting, missing)
    return touched


def count_missed_relations(edit: Edit, delivery: Delivery, rows: Sequence[RelationRow]) -> set[str]:
    """Sections are confirmed as they were: what they did not claim then they do not claim now. The CIs at which what ends began."""
    missing = [row for row in rows if row.misses]
    touched: set[str] = set()
    for name in sorted({row.section for row in missing}):
        touched |= _count(edit, delivery, name, [row for row in missing if row.section == name])
    return touched


def _miss(edit: Edit, delivery: Delivery, name: str, lasting: Sequence[RelationRow], missing: Sequence[RelationRow]) -> set[str]:
    key = f"mass_loss|{delivery.source.key.text}|{name}|relations"
    lost = [row for row in missing if not row.misses]
    is_released = edit.connection.execute(select(section.c.is_released).where(_is_section(delivery, name))).scalar()
    if (
        not is_released
        and len(lost) >= edit.context.settings.mass_loss_min_items
        and is_mass_loss(len(lost), len(lasting), len(lasting) - len(missing), edit.context.settings)
    ):
        told = sorted({f"{row.type} {row.qualifier}".strip() for row in lost})
        evidence: dict[str, object] = {
            "source": delivery.source.key.text,
            "section": name,
            "lost": len(lost),
            "of": len(lasting),
            "relations": told[:50],
        }
        ends = sorted({row.from_ci_id for row in lost if row.from_ci_id is not None})
        open_case_once(edit, CaseSeed(kind="mass_loss", key=key, ci_ids=tuple(ends[:50]), evidence=evidence))
        return set()
    close_case_of(edit, key)
    return _count(edit, delivery, name, missing)


def _count(edit: Edit, delivery: Delivery, name: str, missing: Sequence[RelationRow]) -> set[str]:
    at = delivery.observed_at
    gone: list[RelationRow] = []
    waiting: list[RelationRow] = []
    for row in missing:
        row.misses, row.missed_since = row.misses + 1, row.missed_since if row.missed_since is not None else at
        (gone if is_absent(row.misses, row.missed_since, at, edit.context.settings) else waiting).append(row)
    update_rows(edit.connection, relation, [{"id": row.id, "misses": row.misses, "missed_since": row.missed_since} for row in waiting])
    if waiting:  # so that a confirmation counts on
        more = section.c.missing_count + len(waiting)
        edit.connection.execute(update(section).where(_is_section(delivery, name)).values(missing_count=more))
    for row in gone:
        end_relations(edit, [row], row.missed_since or at)
    return {row.from_ci_id for row in gone if row.from_ci_id is not None}


def _is_section(delivery: Delivery, name: str) -> Any:
    return (section.c.source_id == delivery.source.id) & (section.c.name == name)


def _reset(edit: Edit, rows: Sequence[RelationRow]) -> None:
    for row in rows:
        row.misses, row.missed_since = 0, None
    update_rows(edit.connection, relation, [{"id": row.id, "misses": 0, "missed_since": None} for row in rows])


def end_relations(edit: Edit, rows: Iterable[RelationRow], at: int) -> None:
    """They hold no more from an instant on."""
    ended = list(rows)
    for part in parts(sorted(row.id for row in ended)):
        edit.connection.execute(update(relation).where(relation.c.id.in_(part)).values(valid_to=at, end_known_from=edit.now, expires_at=None))
    for row in ended:
        if row.from_ci_id is not None and row.to_ci_id is not None and not _is_witnessed(edit, row):
            edit.note(row.from_ci_id, "relation", row.type, told(row, row.to_ci_id), NO_VALUE, valid_from=at)
            edit.note(row.to_ci_id, "relation", row.type, told(row, row.from_ci_id), NO_VALUE, valid_from=at)


def _is_witnessed(edit: Edit, row: RelationRow) -> bool:
    """Whether another source still claims the same."""
    same = (relation.c.from_ci_id == row.from_ci_id) & (relation.c.to_ci_id == row.to_ci_id) & (relation.c.type == row.type)
    in_force = same & (relation.c.qualifier == row.qualifier) & (relation.c.side == "observed") & relation.c.valid_to.is_(None)
    return edit.connection.execute(select(relation.c.id).where(in_force, relation.c.id != row.id).limit(1)).first() is not None


def note_ends(edit: Edit, row: RelationRow, *, before: tuple[str | None, str | None]) -> None:
    """A line on each end once both are known. What comes with a CI's first report is no change of it."""
    if row.from_ci_id is None or row.to_ci_id is None or before == (row.from_ci_id, row.to_ci_id):
        return
    for own, other in ((row.from_ci_id, row.to_ci_id), (row.to_ci_id, row.from_ci_id)):
        if own not in edit.made_ids:
            edit.note(own, "relation", row.type, NO_VALUE, told(row, other))


def told(row: RelationRow, other: str) -> dict[str, str]:
    """A relation as history tells it of one end."""
    return {"ci": other, **({"qualifier": row.qualifier} if row.qualifier else {})}


# --- suggestions ---


def suggestion_of(edit: Edit, row: RelationRow) -> tuple[int | None, int | None]:
    """Of a suggested type that its source infers: the day on which it was seen and when it ends; (None, None) of any other."""
    kind = edit.context.relations.get(row.type)
    if kind is None or kind.mode != "suggested" or (row.source is not None and row.source.kind not in _INFERRING):
        return None, None
    if row.id and row.seen_day is None:
        return None, None
    return day_of(row.valid_from), row.valid_from + kind.expires_after_days * DAY_MS


def confirm_suggestions(edit: Edit, rows: Iterable[RelationRow], at: int) -> None:
    """They were seen on one more day."""
    today = day_of(at)
    changed = [row for row in rows if row.seen_day is not None and row.seen_day < today]
    for row in changed:
        kind = edit.context.relations.get(row.type)
        if kind is not None:
            values = {"seen_days": relation.c.seen_days + 1, "seen_day": today, "expires_at": at + kind.expires_after_days * DAY_MS}
            edit.connection.execute(update(relation).where(relation.c.id == row.id).values(**values))


def expire_suggestions(edit: Edit, limit: int) -> int:
    """End those that were not seen for too long; how many."""
    due = select(relation).where(relation.c.expires_at <= edit.now, relation.c.valid_to.is_(None)).order_by(relation.c.expires_at).limit(limit)
    rows = edit.connection.execute(due).all()
    for part in parts([row.id for row in rows]):
        ended = update(relation).where(relation.c.id.in_(part))
        edit.connection.execute(ended.values(valid_to=relation.c.expires_at, end_known_from=edit.now, expires_at=None))
    for row in rows:
        for own, other in ((row.from_ci_id, row.to_ci_id), (row.to_ci_id, row.from_ci_id)):
            if own is not None and other is not None:
                edit.note(own, "relation", row.type, {"ci": other}, NO_VALUE, valid_from=row.expires_at)
    return len(rows)
