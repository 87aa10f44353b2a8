"""What a CI may be beside what it is: other CIs at which its links' weak evidence points, best first."""

from __future__ import annotations

from typing import Any

import msgspec
from sqlalchemy import Connection, select

from collector.reconcile.record import LinkEvidence, Suggestion
from collector.store.ci import load_cis, resolve
from collector.store.reading import Reading
from collector.store.schema import ci, source_record
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


def load_all_near_misses(connection: Connection) -> dict[str, list[tuple[str, str]]]:
    """Of each CI that is not on record the others that it may be, as (CI, rule), best first. Reads all: for a small store, as a case's.

    Which of two was there first does not matter: what the one's evidence points at is a near miss of both.
    """
    columns = (source_record.c.id, source_record.c.ci_id, source_record.c.link_evidence)
    open_ones = source_record.c.owner_record_id.is_(None) & source_record.c.closed_at.is_(None) & source_record.c.ci_id.is_not(None)
    records = connection.execute(select(*columns).where(open_ones)).all()
    owners = {row.id: row.ci_id for row in records}
    rows = {row.id: row for row in connection.execute(select(ci.c.id, ci.c.is_recorded, ci.c.redirect_to, ci.c.number))}
    found: dict[tuple[Any, Any], tuple[int, str]] = {}
    for row in records:
        for each in _evidence.decode(row.link_evidence).suggestions if row.link_evidence is not None else ():
            other = each.ci_id if each.ci_id is not None else owners.get(each.record_id or 0)
            if each.vetoes or other not in rows or other == row.ci_id or rows[other].redirect_to is not None:
                continue
            for pair in ((row.ci_id, other), (other, row.ci_id)):
                if not rows[pair[0]].is_recorded:
                    found[pair] = min(found.get(pair, (0, "")), (-len(each.identifiers), each.rule))
    near: dict[str, list[tuple[str, str]]] = {}
    for (own, other), (_, rule) in sorted(found.items(), key=lambda each: (not rows[each[0][1]].is_recorded, each[1], rows[each[0][1]].number)):
        near.setdefault(own, []).append((other, rule))
    return near


def _linked_to(reading: Reading, record_id: int | None) -> str | None:
    found: str | None = reading.connection.execute(select(source_record.c.ci_id).where(source_record.c.id == record_id)).scalar()
    return found
