"""Who has an address now: of several that claim it in one zone the one heard last. A silent CI loses it from what is last known of it.

An address is a locator: nothing of identity moves, and who claimed it when stays with the claims. Design: docs/reconciliation.md.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from sqlalchemy import func, or_, select

from collector.store.edit import Edit
from collector.store.schema import identity_claim, section, source_record
from collector.store.statement import parts
from muster.model.normaliser import normalise_address

ADDRESS = "ip"
_NOBODY = ("junk:local_address", "junk:malformed")  # what every machine has
_HOLDERS = 1_000  # rows that are looked at
_own, _other = identity_claim.alias("own"), identity_claim.alias("other")
_holder = source_record.alias("holder")
_heard_at = func.coalesce(section.c.confirmed_at, _holder.c.observed_at)
# Open claims of the same address in the same zone, of records of another CI.
_SHARED = (
    select(_own.c.record_id, _own.c.value, _holder.c.ci_id, _heard_at.label("heard_at"))
    .select_from(
        _own.join(source_record, source_record.c.id == _own.c.record_id)
        .join(_other, (_other.c.kind == ADDRESS) & (_other.c.scope == _own.c.scope) & (_other.c.value == _own.c.value))
        .join(_holder, (_holder.c.id == _other.c.record_id) & (_holder.c.ci_id != source_record.c.ci_id))
        .outerjoin(section, (section.c.source_id == _holder.c.source_id) & (section.c.name == _holder.c.section))
    )
    .where(_own.c.kind == ADDRESS, _other.c.state != "historic", or_(_own.c.why.is_(None), _own.c.why.not_in(_NOBODY)))
    .where(_holder.c.closed_at.is_(None), _holder.c.is_absent.is_(False))
    .limit(_HOLDERS)
)


def find_sharers(edit: Edit, record_ids: Collection[int]) -> set[str]:
    """The CIs that claim an address which these records claim too: what is known of a silent one may be another's now."""
    found: set[str] = set()
    for part in parts(sorted(record_ids)):
        found |= {row.ci_id for row in edit.connection.execute(_SHARED.where(_own.c.record_id.in_(part)))}
    return found


def find_lost_addresses(edit: Edit, silent: Mapping[int, int]) -> dict[int, frozenset[str]]:
    """Addresses of records, last heard at these instants, that a record of another CI has claimed later."""
    found: dict[int, set[str]] = {}
    for part in parts(sorted(silent)):
        for row in edit.connection.execute(_SHARED.where(_own.c.record_id.in_(part))):
            if row.heard_at > silent[row.record_id]:
                found.setdefault(row.record_id, set()).add(row.value)
    return {record_id: frozenset(values) for record_id, values in found.items()}


def without_addresses(attributes: Mapping[str, Any], lost: Iterable[str]) -> dict[str, Any]:
    """Attributes without addresses that are another's now; none left: without the attribute."""
    gone = set(lost)
    told = attributes.get(ADDRESS)
    kept = [each for each in told if normalise_address(str(each)) not in gone] if isinstance(told, list) else told
    left = {name: value for name, value in attributes.items() if name != ADDRESS}
    return {**left, ADDRESS: kept} if kept else left
