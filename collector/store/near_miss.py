"""What a CI may be beside what it is: other CIs at which its links' weak evidence points, best first."""

from __future__ import annotations

import msgspec
from sqlalchemy import select

from collector.reconcile.record import LinkEvidence, Suggestion
from collector.store.ci import load_cis, resolve
from collector.store.reading import Reading
from collector.store.schema import source_record
from muster.merge_view import NearMiss
from muster.ports import CiRef

SHOWN = 20
_evidence = msgspec.msgpack.Decoder(LinkEvidence)


def load_near_misses(reading: Reading, ci_id: str) -> list[NearMiss]:
    """Those that nothing stands against, of CIs on record first, then by how many identifiers agree."""
    is_it = (source_record.c.ci_id == ci_id) & source_record.c.owner_record_id.is_(None) & source_record.c.closed_at.is_(None)
    bodies = reading.connection.execute(select(source_record.c.link_evidence).where(is_it, source_record.c.link_evidence.is_not(None))).scalars()
    found: dict[str, Suggestion] = {}
    for body in bodies:
        for each in _evidence.decode(body).suggestions:
            other = each.ci_id if each.ci_id is not None else _linked_to(reading, each.record_id)
            if other is None or each.vetoes:
                continue
            kept = resolve(reading.connection, other)
            if kept.id != ci_id and kept.redirect_to is None and len(each.identifiers) > len(found[kept.id].identifiers if kept.id in found else ()):
                found[kept.id] = each
    rows = load_cis(reading.connection, found)
    ranked = sorted(found, key=lambda key: (not rows[key].is_recorded, -len(found[key].identifiers), rows[key].number))
    return [
        NearMiss(
            ci=CiRef(id=key, number=rows[key].number, ci_class=rows[key].ci_class, name=rows[key].name),
            rule=found[key].rule,
            identifiers=[f"{used.kind} {used.value}" for used in found[key].identifiers],
            is_recorded=rows[key].is_recorded,
        )
        for key in ranked[:SHOWN]
    ]


def _linked_to(reading: Reading, record_id: int | None) -> str | None:
    found: str | None = reading.connection.execute(select(source_record.c.ci_id).where(source_record.c.id == record_id)).scalar()
    return found
