"""Addresses that were seen on the wire, and which of them no CI owns: the estate that nobody has recorded. Definitions: docs/health.md.

Seen are the ends that relations name by an address (LLDP, CDP, bridge and neighbour tables, connections: whatever a source reports so), and
what answered a sweep. A CI owns an address where another source than a sweep claims it for the CI, or the CI is on record.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping, Sequence

import msgspec
from sqlalchemy import Connection, select

from collector.store.health_block import GONE
from collector.store.schema import ci, identity_claim, recorded_claim, relation, source, source_record
from collector.store.statement import parts
from muster.cmdb_health import HealthItem, HealthScope
from muster.model.normaliser import normalise
from muster.wire.report import Endpoint, RelationClaim

RELATIONS_LIMIT = 500_000
SEEN_BY_SHOWN = 10
# Kinds of identifiers that are an address on a link, as the kind of address they are.
KINDS = {"mac": "mac", "permanent_mac": "mac", "chassis_id": "mac", "ip": "ip"}
SWEEP = "sweep"
Named = tuple[str, str, str, str, bool]  # kind of identifier, value, zone, who sees it, whether the end is a known CI
_claims = msgspec.msgpack.Decoder(RelationClaim)


class Sighting(msgspec.Struct):
    """One address: `value` normalised, `zone` where it is (empty for a MAC address, which is one everywhere)."""

    kind: str
    value: str
    zone: str
    is_owned: bool = False
    seen_by: dict[str, None] = {}  # source and how, in order


class Coverage(msgspec.Struct, frozen=True):
    """All sightings, by kind and value."""

    sightings: list[Sighting]

    def lines(self) -> dict[str, tuple[int, int]]:
        """Kind of address to (owned, seen)."""
        counts: dict[str, tuple[int, int]] = {}
        for each in self.sightings:
            owned, seen = counts.get(each.kind, (0, 0))
            counts[each.kind] = (owned + each.is_owned, seen + 1)
        return counts

    def items(self) -> list[HealthItem]:
        """Those that no CI owns."""
        return [
            HealthItem(each.value, each.kind, detail={"zone": each.zone, "seen_by": list(each.seen_by)[:SEEN_BY_SHOWN]})
            for each in self.sightings
            if not each.is_owned
        ]


def load_coverage(connection: Connection, scope: HealthScope, named: Sequence[Named]) -> Coverage:
    """Of a zone or of all; addresses have neither class nor owner, so a scope with one of these sees none. `named`: by `load_named`."""
    if scope.ci_class or scope.owner:
        return Coverage([])
    found: dict[tuple[str, str, str], Sighting] = {}
    for kind, value, zone, by, is_owned in named:
        _see(found, kind, value, zone, by, is_owned=is_owned)
    _see_sweeps(connection, found)
    chosen = {key: each for key, each in found.items() if not scope.zone or each.zone in ("", scope.zone)}
    _mark_owned(connection, chosen)
    return Coverage([chosen[key] for key in sorted(chosen)])


def _see(found: dict[tuple[str, str, str], Sighting], kind: str, value: str, zone: str, by: str, *, is_owned: bool) -> None:
    normal = normalise(kind, value)
    address = KINDS[kind]
    if normal is None or not _is_worth(address, normal):
        return
    place = zone if address == "ip" else ""
    sighting = found.setdefault((address, normal, place), Sighting(address, normal, place))
    sighting.seen_by[by] = None
    sighting.is_owned = sighting.is_owned or is_owned


def _is_worth(address: str, value: str) -> bool:
    """Not one that everybody or nobody has: loopback, link-local, multicast, broadcast."""
    if address == "mac":
        digits = value.replace(":", "")
        return len(digits) == 12 and not int(digits[:2], 16) & 1 and set(digits) != {"0"}
    try:
        parsed = ipaddress.ip_address(value)
    except ValueError:
        return False
    return not (parsed.is_loopback or parsed.is_link_local or parsed.is_multicast or parsed.is_unspecified)


def load_named(connection: Connection) -> list[Named]:
    """Every address that an end of a relation in force is named by."""
    columns = (relation.c.claim, relation.c.from_ci_id.is_not(None), relation.c.to_ci_id.is_not(None), source.c.kind, source.c.name, source.c.zone)
    query = select(*columns).join(source, source.c.id == relation.c.source_id)
    query = query.where(relation.c.valid_to.is_(None), relation.c.side == "observed").order_by(relation.c.id).limit(RELATIONS_LIMIT)
    found: list[Named] = []
    for body, is_from_known, is_to_known, kind, name, zone in connection.execute(query):
        claim = _claims.decode(body)
        for end, is_known in ((claim.from_end, is_from_known), (claim.to_end, is_to_known)):
            found += [(identifier, value, zone, f"{claim.type} of {kind}/{name}", bool(is_known)) for identifier, value in _addresses(end)]
    return found


def _addresses(end: str | Endpoint) -> Iterable[tuple[str, str]]:
    if isinstance(end, Endpoint):
        for kind in sorted(end.identifiers.keys() & KINDS.keys()):
            given = end.identifiers[kind]
            for value in given if isinstance(given, list) else [given]:
                yield kind, value


def _see_sweeps(connection: Connection, found: dict[tuple[str, str, str], Sighting]) -> None:
    claim, record = identity_claim.c, source_record.c
    joined = source_record.join(source, source.c.id == record.source_id).join(identity_claim, claim.record_id == record.id)
    query = select(claim.kind, claim.value, source.c.zone, source.c.name, record.ci_id).select_from(joined)
    query = query.where(source.c.kind == SWEEP, claim.kind.in_(sorted(KINDS)), claim.state == "active")
    rows = connection.execute(query.where(record.closed_at.is_(None), record.is_absent.is_(False))).all()
    known = _known_otherwise(connection, {row.ci_id for row in rows if row.ci_id is not None})
    for row in rows:
        _see(found, row.kind, row.value, row.zone, f"{SWEEP}/{row.name}", is_owned=row.ci_id in known)


def _known_otherwise(connection: Connection, ci_ids: set[str]) -> set[str]:
    """Those that are on record, or that another source than a sweep reports."""
    known: set[str] = set()
    for part in parts(sorted(ci_ids)):
        known.update(connection.execute(select(ci.c.id).where(ci.c.id.in_(part), ci.c.is_recorded)).scalars())
        query = select(source_record.c.ci_id).join(source, source.c.id == source_record.c.source_id)
        query = query.where(source_record.c.ci_id.in_(part), source_record.c.closed_at.is_(None), source.c.kind != SWEEP)
        known.update(connection.execute(query).scalars())
    return known


def _mark_owned(connection: Connection, found: Mapping[tuple[str, str, str], Sighting]) -> None:
    """What a CI that is still there claims, by another source than a sweep or on record."""
    open_values = sorted({each.value for each in found.values() if not each.is_owned})
    claim, record, said = identity_claim.c, source_record.c, recorded_claim.c
    joined = identity_claim.join(source_record, record.id == claim.record_id).join(source, source.c.id == record.source_id)
    joined = joined.join(ci, ci.c.id == record.ci_id)
    observed = select(claim.kind, claim.value, source.c.zone).select_from(joined)
    observed = observed.where(claim.state == "active", source.c.kind != SWEEP, record.closed_at.is_(None), ci.c.lifecycle.not_in(GONE))
    recorded = select(said.kind, said.value, ci.c.zone).join(ci, ci.c.id == said.ci_id).where(ci.c.lifecycle.not_in(GONE))
    kinds = sorted(KINDS)
    for part in parts(open_values):
        for query in (observed.where(claim.kind.in_(kinds), claim.value.in_(part)), recorded.where(said.kind.in_(kinds), said.value.in_(part))):
            for kind, value, zone in connection.execute(query):
                address = KINDS[kind]
                sighting = found.get((address, value, zone if address == "ip" else ""))
                if sighting is not None:
                    sighting.is_owned = True
