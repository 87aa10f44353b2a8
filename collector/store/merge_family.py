"""Which parts of two CIs are the same part, level by level: by portable key, else by local key; the others change their owner.

Two parts in one slot that are known to be different ones (their portable keys differ) both stay. Design: docs/merges.md.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

from sqlalchemy import select

from collector.store.ci import StoredCi, load_cis
from collector.store.edit import Edit
from collector.store.schema import ci, portable_key
from collector.store.statement import parts

_LEVELS = 16


@dataclass
class Family:
    """`redirects`: CI to what it becomes, the loser first. `moved`: part to (old owner, new owner). `rows`: all CIs concerned."""

    redirects: dict[str, str] = field(default_factory=dict)
    moved: dict[str, tuple[str, str]] = field(default_factory=dict)
    rows: dict[str, StoredCi] = field(default_factory=dict)


def pair_families(edit: Edit, loser: StoredCi, survivor: StoredCi) -> Family:
    """What becomes of a CI and its parts when another takes its place."""
    family = Family({loser.id: survivor.id}, {}, {loser.id: loser, survivor.id: survivor})
    level = {loser.id: survivor.id}
    for _ in range(_LEVELS):
        theirs, ours = _load_parts(edit, level), _load_parts(edit, set(level.values()))
        if not theirs:
            break
        family.rows |= {row.id: row for row in (*theirs, *ours)}
        keys = _load_portable_keys(edit, [row.id for row in (*theirs, *ours)])
        level = _pair(theirs, ours, level, keys)
        family.redirects |= level
        family.moved |= {
            row.id: (row.owner_ci_id, family.redirects[row.owner_ci_id]) for row in theirs if row.id not in level and row.owner_ci_id is not None
        }
    return family


def _load_parts(edit: Edit, owners: Collection[str]) -> list[StoredCi]:
    ids: list[str] = []
    for part in parts(sorted(owners)):
        query = select(ci.c.id).where(ci.c.owner_ci_id.in_(part), ci.c.redirect_to.is_(None))
        ids += edit.connection.execute(query).scalars()
    return sorted(load_cis(edit.connection, ids).values(), key=lambda row: row.number)


def _load_portable_keys(edit: Edit, ci_ids: Collection[str]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for part in parts(sorted(ci_ids)):
        for row in edit.connection.execute(select(portable_key.c.ci_id, portable_key.c.key).where(portable_key.c.ci_id.in_(part))):
            found.setdefault(row.ci_id, set()).add(row.key)
    return found


def _pair(theirs: list[StoredCi], ours: list[StoredCi], owners: dict[str, str], keys: dict[str, set[str]]) -> dict[str, str]:
    """Part to counterpart; each of ours at most once."""
    known: dict[tuple[str, str, str], StoredCi] = {}
    for row in ours:
        for key in (*(f"portable {each}" for each in sorted(keys.get(row.id, ()))), f"local {row.local_key}"):
            known.setdefault((row.owner_ci_id or "", row.ci_class, key), row)
    found: dict[str, str] = {}
    for row in theirs:
        owner = owners[row.owner_ci_id or ""]
        for key in (*(f"portable {each}" for each in sorted(keys.get(row.id, ()))), *([f"local {row.local_key}"] if row.local_key else [])):
            other = known.get((owner, row.ci_class, key))
            if other is not None and other.id not in found.values() and _may_be_one(keys.get(row.id, set()), keys.get(other.id, set())):
                found[row.id] = other.id
                break
    return found


def _may_be_one(left: set[str], right: set[str]) -> bool:
    return not left or not right or not left.isdisjoint(right)
