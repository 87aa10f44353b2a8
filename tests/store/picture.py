"""What people see of a store, independent of ids and of the order of arrival: links, values with their origin, open questions, the past."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from collector.store.content import decode
from collector.store.schema import ci, relation, source, source_record
from tests.store.sender import Estate


def records(estate: Estate) -> dict[str, list[str]]:
    """By CI the names of its records."""
    joined = source_record.join(source, source.c.id == source_record.c.source_id)
    columns = (source_record.c.ci_id, source.c.kind, source.c.name, source.c.instance, source_record.c.ref, source_record.c.closed_at)
    found: dict[str, list[str]] = {}
    for ci_id, kind, name, instance, ref, closed_at in estate.rows(select(*columns).select_from(joined)):
        found.setdefault(ci_id, []).append(f"{kind}/{name}/{instance} {ref}{'' if closed_at is None else ' closed'}")
    return {ci_id: sorted(each) for ci_id, each in found.items()}


def shape(estate: Estate) -> list[list[str]]:
    """CIs that are no parts, by what their records are."""
    tops = {row[0] for row in estate.rows(select(ci.c.id).where(ci.c.owner_ci_id.is_(None)))}
    return sorted(each for ci_id, each in records(estate).items() if ci_id in tops)


def picture(estate: Estate) -> list[Any]:
    """CIs with their owners, effective values and where these come from; undecided differences; relations."""
    known = {ci_id: tuple(each) for ci_id, each in records(estate).items()}
    sources = {row[0]: "/".join(row[1:]) for row in estate.rows(select(source.c.id, source.c.kind, source.c.name, source.c.instance))}
    columns = (ci.c.id, ci.c.ci_class, ci.c.name, ci.c.zone, ci.c.presence, ci.c.lifecycle, ci.c.is_recorded, ci.c.owner_ci_id, ci.c.provenance)
    cis = []
    for ci_id, *words, owner, provenance in estate.rows(select(*columns).where(ci.c.redirect_to.is_(None))):
        if ci_id not in known and not words[-1]:
            continue
        origin = {name: (sources.get(each[0]), each[1]) for name, each in (decode(provenance) or {}).items()}
        values = sorted(map(repr, estate.effective_of(ci_id).items()))
        cis.append((known.get(ci_id, ()), known.get(owner, ()), words, values, sorted(origin.items())))
    differences = sorted((known.get(each[0], ()), *map(repr, each[1:])) for each in estate.open_values())
    of_relation = (relation.c.type, relation.c.from_ci_id, relation.c.to_ci_id, relation.c.qualifier, relation.c.side)
    ends = select(*of_relation).where(relation.c.valid_to.is_(None))
    relations = sorted((kind, known.get(one, ()), known.get(other, ()), *rest) for kind, one, other, *rest in estate.rows(ends))
    return [sorted(cis), differences, relations]
