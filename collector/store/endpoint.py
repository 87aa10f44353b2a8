"""The CI that an end of a relation, or the subject of a state, means by identifiers alone: exactly one, or none yet."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

import msgspec
from sqlalchemy import select

from collector.reconcile.claim import claims_from
from collector.reconcile.dependent import dependent_keys
from collector.reconcile.node import scopes_meet
from collector.reconcile.record import Claim, SourceKey
from collector.store.edit import Edit
from collector.store.schema import ci, identity_claim, recorded_claim, source_record
from collector.store.statement import parts
from muster.model.ci_class import CiClass
from muster.model.identifier import IDENTIFIER_KINDS
from muster.wire.report import Endpoint, Item

HOLDERS_LIMIT = 10_000
_ORDER = tuple(IDENTIFIER_KINDS)  # strong kinds first, names and addresses last


def find_endpoints(edit: Edit, source: SourceKey, ends: Iterable[Endpoint]) -> dict[bytes, str]:
    """The CI's id by the MessagePack of the endpoint; ends that mean none or several CIs are left out."""
    wanted = {msgspec.msgpack.encode(end): end for end in ends}
    if not wanted:
        return {}
    claims = {key: _claims(edit, source, end) for key, end in wanted.items()}
    holders = _find_holders(edit, {(claim.kind, claim.value) for each in claims.values() for claim in each})
    hosts = {key: host for key, each in claims.items() if (host := _host_of(each, holders)) is not None}
    return _find_parts(edit, wanted, hosts)


def _claims(edit: Edit, source: SourceKey, end: Endpoint) -> Sequence[Claim]:
    identifiers = {name: value for name, value in end.identifiers.items() if name not in _own_keys(edit, end)}
    found = claims_from(identifiers, vendor="", zone=source.zone, manager=f"{source.kind}/{source.name}", junk=edit.context.junk)
    return [claim for claim in found if claim.state == "active"]


def _own_keys(edit: Edit, end: Endpoint) -> Collection[str]:
    """The identifiers that tell a part from others of its host, and not the host."""
    ci_class = _class_of(edit, end)
    return ci_class.local_key if ci_class is not None and ci_class.is_dependent else ()


def _class_of(edit: Edit, end: Endpoint) -> CiClass | None:
    return edit.context.catalogue.get(end.ci_class) if end.ci_class is not None else None


def _find_holders(edit: Edit, values: Collection[tuple[str, str]]) -> dict[tuple[str, str], set[tuple[str, str]]]:
    """Who claims a (kind, value): pairs of scope and CI."""
    found: dict[tuple[str, str], set[tuple[str, str]]] = {}
    claim = identity_claim.c
    for part in parts(sorted({value for _, value in values})):
        joined = identity_claim.join(source_record, source_record.c.id == claim.record_id)
        there = source_record.c.closed_at.is_(None) & source_record.c.ci_id.is_not(None) & (claim.state == "active")
        columns = (claim.kind, claim.value, claim.scope, source_record.c.ci_id)
        query = select(*columns).select_from(joined).where(claim.kind.in_(sorted({kind for kind, _ in values})), claim.value.in_(part), there)
        rows = list(edit.connection.execute(query.limit(HOLDERS_LIMIT)))
        recorded = recorded_claim.c
        rows += edit.connection.execute(
            select(recorded.kind, recorded.value, recorded.scope, recorded.ci_id).where(recorded.value.in_(part)).limit(HOLDERS_LIMIT)
        )
        for kind, value, scope, ci_id in rows:
            if (kind, value) in values:
                found.setdefault((kind, value), set()).add((scope, ci_id))
    return found


def _host_of(claims: Sequence[Claim], holders: dict[tuple[str, str], set[tuple[str, str]]]) -> str | None:
    """The one CI that the strongest telling identifier names."""
    for kind in sorted({claim.kind for claim in claims}, key=_ORDER.index):
        named = {
            ci_id
            for claim in claims
            if claim.kind == kind
            for scope, ci_id in holders.get((kind, claim.value), ())
            if scopes_meet(kind, claim.scope, scope)
        }
        if len(named) == 1:
            return named.pop()
    return None


def _find_parts(edit: Edit, wanted: dict[bytes, Endpoint], hosts: dict[bytes, str]) -> dict[bytes, str]:
    """Hosts as they are; of an end of a dependent class, the host's part with that local key."""
    found: dict[bytes, str] = {}
    for key, host in hosts.items():
        end = wanted[key]
        ci_class = _class_of(edit, end)
        if ci_class is None or not ci_class.is_dependent:
            found[key] = host
            continue
        text = next((each.text for each in dependent_keys(ci_class, _as_item(end), edit.context.junk) if not each.is_portable), None)
        is_it = (ci.c.owner_ci_id == host) & (ci.c.ci_class == ci_class.name) & (ci.c.local_key == text) & ci.c.redirect_to.is_(None)
        part_id = edit.connection.execute(select(ci.c.id).where(is_it)).scalars().first()
        if part_id is not None:
            found[key] = part_id
    return found


def _as_item(end: Endpoint) -> Item:
    return Item(ref="end", ci_class=end.ci_class or "", identifiers=end.identifiers)
