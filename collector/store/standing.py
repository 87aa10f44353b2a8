"""What sections of a source hold, told just closely enough to find the few items of a long list that are not as before."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

from sqlalchemy import and_, bindparam, select, type_coerce
from sqlalchemy.types import NullType

from collector.store.edit import Edit
from collector.store.schema import source_record
from collector.store.source_record import StoredRecord, load_records

Signature = tuple[str, bytes, str | None]
_t = source_record.c
# As the driver gives them: a conversion for each of a host's thousand parts is what would take the time here.
_is_calm = type_coerce(and_(_t.misses == 0, _t.is_absent.is_(False), _t.ci_id.is_not(None)), NullType())
_HELD = select(_t.section, _t.id, _t.ref, type_coerce(_t.content_hash, NullType()), _t.owner_record_id, _is_calm).where(
    _t.source_id == bindparam("source"), _t.section.in_(bindparam("names", expanding=True)), _t.closed_at.is_(None)
)


@dataclass
class Standing:
    """`held`: parts that are there, placed and not missed, by section: (ref, content, owner's ref) to record.

    `others`: records that are looked at in any case. `settled`: refs that a report names again exactly as they were held; reading its
    items moves them there from `held`.
    """

    held: dict[str, dict[Signature, int]] = field(default_factory=dict)
    others: dict[str, list[int]] = field(default_factory=dict)
    settled: dict[str, list[str]] = field(default_factory=dict)
    owners: dict[str, StoredRecord] = field(default_factory=dict)

    def left(self, section: str) -> list[int]:
        """The records of a section that must be looked at."""
        return [*self.held[section].values(), *self.others[section]]


def load_standing(edit: Edit, source_id: int, sections: Collection[str]) -> Standing:
    """What these sections hold."""
    rows = edit.connection.execute(_HELD, {"source": source_id, "names": sorted(sections)}).cursor.fetchall()
    owners = [each for each in load_records(edit.connection, {row[4] for row in rows if row[4] is not None}) if each.closed_at is None]
    ref_of = {each.id: each.ref for each in owners}
    found = Standing({name: {} for name in sections}, {name: [] for name in sections}, {name: [] for name in sections})
    found.owners = {each.ref: each for each in owners}
    held = found.held
    for section, record_id, ref, content_hash, owner_id, is_calm in rows:
        if is_calm and owner_id in ref_of:
            held[section][ref, content_hash, ref_of[owner_id]] = record_id
        else:
            found.others[section].append(record_id)
    return found


NOTHING_STANDS = Standing()
