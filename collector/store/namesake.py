"""CIs of the same name in the same zone, which nothing proves to be the same thing: near misses of what is put on record."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from sqlalchemy import select

from collector.reconcile.record import Claim
from collector.store.ci import StoredCi, load_cis
from collector.store.claim import find_holders, load_claims, load_recorded_claims
from collector.store.edit import Edit
from collector.store.schema import identity_claim, recorded_claim, source_record
from collector.store.statement import parts
from muster.model.identifier import NAME_KINDS
from muster.model.normaliser import short_name

_PROOFS = frozenset({"serial", "dmi_uuid", "cloud_instance_id", "chassis_id"})
_HOLDERS_LIMIT = 10_000


def find_namesakes(edit: Edit, things: Mapping[int, tuple[str, tuple[Claim, ...]]]) -> dict[int, list[StoredCi]]:
    """For each thing (place: its class and claims) the CIs that may be it by name, by number; none of another family or other identifiers."""
    names = {at: _names(claims) for at, (_, claims) in things.items()}
    wanted = {(kind, name) for pairs in names.values() for _, name in pairs for kind in NAME_KINDS}
    if not wanted:
        return {}
    holders = _load_holders(edit, wanted)
    cis = {key: each for key, each in load_cis(edit.connection, {ci_id for ids in holders.values() for ci_id in ids}).items() if not each.redirect_to}
    claims = _load_proofs(edit, cis)
    found: dict[int, list[StoredCi]] = {}
    for at, (ci_class, own) in things.items():
        near = {ci_id for pair in names[at] for ci_id in holders.get(pair, ()) if ci_id in cis}
        fitting = [cis[each] for each in near if _may_be(edit, ci_class, own, cis[each], claims.get(each, frozenset()))]
        if fitting:
            found[at] = sorted(fitting, key=lambda each: each.number)
    return found


def _names(claims: Collection[Claim]) -> set[tuple[str, str]]:
    """(zone, name), with the short form of a full name."""
    full = {(each.scope, each.value) for each in claims if each.kind in NAME_KINDS and each.state == "active"}
    return full | {(zone, short_name(name)) for zone, name in full}


def _load_holders(edit: Edit, wanted: Collection[tuple[str, str]]) -> dict[tuple[str, str], set[str]]:
    found: dict[tuple[str, str], set[str]] = {}
    rows = [row for row in find_holders(edit.connection, identity_claim, wanted, limit=_HOLDERS_LIMIT) if row.state == "active"]
    ci_of: dict[int, str] = {}
    for part in parts(sorted({row.record_id for row in rows})):
        query = select(source_record.c.id, source_record.c.ci_id).where(source_record.c.id.in_(part), source_record.c.ci_id.is_not(None))
        ci_of.update({row.id: row.ci_id for row in edit.connection.execute(query)})
    for row in rows:
        if row.record_id in ci_of:
            found.setdefault((row.scope, row.value), set()).add(ci_of[row.record_id])
    for row in find_holders(edit.connection, recorded_claim, wanted, limit=_HOLDERS_LIMIT):
        found.setdefault((row.scope, row.value), set()).add(row.ci_id)
    return found


def _load_proofs(edit: Edit, ci_ids: Collection[str]) -> dict[str, frozenset[tuple[str, str]]]:
    """What identifies these CIs beyond doubt, recorded or observed."""
    found: dict[str, set[tuple[str, str]]] = {}
    for ci_id, claims in load_recorded_claims(edit.connection, ci_ids).items():
        found.setdefault(ci_id, set()).update((each.kind, each.value) for each in claims if each.kind in _PROOFS)
    record_of: dict[int, str] = {}
    for part in parts(sorted(ci_ids)):
        rows = edit.connection.execute(select(source_record.c.id, source_record.c.ci_id).where(source_record.c.ci_id.in_(part)))
        record_of.update({row.id: row.ci_id for row in rows})
    for record_id, claims in load_claims(edit.connection, record_of).items():
        proofs = {(each.kind, each.value) for each in claims if each.kind in _PROOFS and each.state == "active"}
        found.setdefault(record_of[record_id], set()).update(proofs)
    return {ci_id: frozenset(each) for ci_id, each in found.items()}


def _may_be(edit: Edit, ci_class: str, claims: Collection[Claim], candidate: StoredCi, proofs: frozenset[tuple[str, str]]) -> bool:
    families = {edit.class_of(ci_class).family, edit.class_of(candidate.recorded_class or candidate.ci_class).family} - {"any"}
    if len(families) > 1 or candidate.lifecycle == "disposed" or candidate.owner_ci_id is not None:
        return False
    own = {(each.kind, each.value) for each in claims if each.kind in _PROOFS and each.state == "active"}
    shared = {kind for kind, _ in own} & {kind for kind, _ in proofs}
    return not any({value for kind, value in own if kind == each}.isdisjoint({value for kind, value in proofs if kind == each}) for each in shared)
