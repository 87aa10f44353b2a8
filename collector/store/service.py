"""Services in the store: every version of a definition that was ever in force, and the last evaluated state with its figures."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal

import msgspec
from msgspec import Struct
from sqlalchemy import Connection, delete, insert, or_, select, update

from collector.service_record import ServiceRecord, StoredDefinition
from collector.store.ci import resolve
from collector.store.incident import load_open_incidents
from collector.store.schema import ci, service_definition, service_state
from muster.document import parse_yaml
from muster.errors import NotFoundError
from muster.ports import CiRef, ServiceView

_NAMES_PER_QUERY = 500
_GONE = ("retired", "disposed")


class PlannedService(Struct, frozen=True):
    """What applying would do to one service; `difference` is a unified diff of the documents. `is_held`: the folder alone may apply it."""

    service_id: str
    action: Literal["added", "changed", "removed", "unchanged"]
    difference: str
    is_held: bool = False


_record_decoder = msgspec.msgpack.Decoder(ServiceRecord)


def plan_services(connection: Connection, documents: Mapping[str, str], *, removes_absent: bool = False) -> list[PlannedService]:
    """What `apply_services` would do: id → YAML text, already validated. `removes_absent`: the documents are the whole catalogue."""
    current = {each.service_id: each.document for each in load_definitions(connection)}
    planned = [_plan_one(name, current.get(name), text) for name, text in sorted(documents.items())]
    if removes_absent:
        planned += [PlannedService(name, "removed", _difference(name, text, "")) for name, text in sorted(current.items()) if name not in documents]
    return planned


def apply_services(
    connection: Connection, documents: Mapping[str, str], *, now: int, applied_by: str, removes_absent: bool = False
) -> list[PlannedService]:
    """Put documents in force from `now` on, all in the caller's transaction; what was in force before stays known for its time."""
    planned = plan_services(connection, documents, removes_absent=removes_absent)
    for each in planned:
        if each.action == "unchanged":
            continue
        in_force = (service_definition.c.service_id == each.service_id) & service_definition.c.in_force_to.is_(None)
        connection.execute(update(service_definition).where(in_force).values(in_force_to=now))
        if each.action == "removed":
            connection.execute(delete(service_state).where(service_state.c.service_id == each.service_id))
        else:
            connection.execute(
                insert(service_definition).values(
                    service_id=each.service_id, document=documents[each.service_id], in_force_from=now, applied_by=applied_by
                )
            )
    return planned


def load_definitions(connection: Connection, *, at: int | None = None) -> list[StoredDefinition]:
    """The definitions in force at an instant (None: now), by service."""
    table = service_definition.c
    query = select(service_definition).order_by(table.service_id, table.in_force_from, table.id)
    if at is None:
        query = query.where(table.in_force_to.is_(None))
    else:
        query = query.where(table.in_force_from <= at, or_(table.in_force_to.is_(None), table.in_force_to > at))
    return [_definition(row) for row in connection.execute(query)]


def load_versions(connection: Connection, *, since: int) -> list[StoredDefinition]:
    """All versions that were in force at some time since then, oldest first, of services that still are in force."""
    table = service_definition.c
    still = select(table.service_id).where(table.in_force_to.is_(None))
    query = select(service_definition).where(or_(table.in_force_to.is_(None), table.in_force_to > since), table.service_id.in_(still))
    rows = connection.execute(query.order_by(table.service_id, table.in_force_from, table.id))
    return [each for each in map(_definition, rows) if each.in_force_to is None or each.in_force_to > each.in_force_from]


def find_cis(connection: Connection, names: Iterable[str]) -> dict[str, list[CiRef]]:
    """The CIs that a service's document means by each name: by id, by number, else by name among those that still exist.

    By name a host or device goes before its parts; a part is meant where nothing else is named so. A CI that was merged into another
    means that one.
    """
    wanted = sorted(set(names))
    found = _find_standing(connection, wanted)
    missing = [name for name, cis in found.items() if not cis]
    return {**found, **_find_merged(connection, missing)} if missing else found


def _find_merged(connection: Connection, names: Sequence[str]) -> dict[str, list[CiRef]]:
    """The CIs that those of these names, which are no more, were merged into."""
    found: dict[str, list[CiRef]] = {}
    for start in range(0, len(names), _NAMES_PER_QUERY):
        part = names[start : start + _NAMES_PER_QUERY]
        numbers = [int(name) for name in part if name.isdecimal() and len(name) < 19]
        is_gone = ci.c.redirect_to.is_not(None) & (ci.c.redirect_to != ci.c.id) & ci.c.owner_ci_id.is_(None)
        query = select(ci.c.id, ci.c.number, ci.c.name).where(or_(ci.c.id.in_(part), ci.c.name.in_(part), ci.c.number.in_(numbers)), is_gone)
        for row in connection.execute(query.order_by(ci.c.number)).all():
            kept = resolve(connection, row.id)
            if kept.redirect_to is None and kept.lifecycle not in _GONE:
                for named in {row.id, str(row.number), row.name} & set(part):
                    found.setdefault(named, []).append(CiRef(id=kept.id, number=kept.number, ci_class=kept.ci_class, name=kept.name))
    return {name: list({each.id: each for each in cis}.values()) for name, cis in found.items()}


def _find_standing(connection: Connection, wanted: Sequence[str]) -> dict[str, list[CiRef]]:
    found: dict[str, list[CiRef]] = {name: [] for name in wanted}
    parts: dict[str, list[CiRef]] = {}
    columns = (ci.c.id, ci.c.number, ci.c.ci_class, ci.c.name, ci.c.lifecycle, ci.c.owner_ci_id)
    for start in range(0, len(wanted), _NAMES_PER_QUERY):
        part = wanted[start : start + _NAMES_PER_QUERY]
        numbers = [int(name) for name in part if name.isdecimal() and len(name) < 19]
        query = select(*columns).where(or_(ci.c.id.in_(part), ci.c.name.in_(part), ci.c.number.in_(numbers)), ci.c.redirect_to.is_(None))
        for row in connection.execute(query.order_by(ci.c.number)):
            reference = CiRef(id=row.id, number=row.number, ci_class=row.ci_class, name=row.name)
            if row.id in found or str(row.number) in found:
                found[row.id if row.id in found else str(row.number)] = [reference]
            elif row.lifecycle not in _GONE:
                (found if row.owner_ci_id is None else parts).setdefault(row.name, []).append(reference)
    return {name: cis or parts.get(name, []) for name, cis in found.items()}


def save_record(connection: Connection, record: ServiceRecord) -> None:
    """Keep the last evaluation of a service."""
    values = {
        "state": record.state,
        "since_at": record.since_at,
        "evaluated_at": record.evaluated_at,
        "figures": msgspec.msgpack.encode(record),
    }
    changed = connection.execute(update(service_state).where(service_state.c.service_id == record.id).values(**values))
    if changed.rowcount == 0:
        connection.execute(insert(service_state).values(service_id=record.id, **values))


def load_records(connection: Connection, service_id: str | None = None) -> dict[str, ServiceRecord]:
    """The last evaluation of each service, or of one."""
    query = select(service_state.c.service_id, service_state.c.figures).where(service_state.c.figures.is_not(None))
    if service_id is not None:
        query = query.where(service_state.c.service_id == service_id)
    return {row.service_id: _record_decoder.decode(row.figures) for row in connection.execute(query)}


def load_components(connection: Connection) -> dict[str, set[str]]:
    """The services that have a CI as a component, as last evaluated: id of the CI to ids of services."""
    found: dict[str, set[str]] = {}
    for service_id, record in load_records(connection).items():
        for ci_id in _leaves(record.tree):
            found.setdefault(ci_id, set()).add(service_id)
    return found


def _leaves(node: Mapping[str, Any]) -> Iterator[str]:
    if node.get("ci_id"):
        yield str(node["ci_id"])
    for child in node.get("children", ()):
        yield from _leaves(child)


def load_service_views(connection: Connection, service_id: str | None = None) -> list[ServiceView]:
    """The read model of every service in force, by id: the last evaluation, or what the document says before the first one."""
    records = load_records(connection, service_id)
    incidents: dict[str, int] = {}
    for incident in load_open_incidents(connection):
        for each in {str(service.get("id")) for service in incident.services}:
            incidents[each] = incidents.get(each, 0) + 1
    wanted = [each for each in load_definitions(connection) if service_id in {None, each.service_id}]
    if service_id is not None and not wanted:
        raise NotFoundError(f"no service {service_id!r} in force; see `muster service list`")
    return [_to_view(records.get(each.service_id) or describe(each), incidents.get(each.service_id, 0)) for each in wanted]


def describe(definition: StoredDefinition) -> ServiceRecord:
    """What a document says of its service, not yet evaluated."""
    _, document = parse_yaml(definition.document, file=f"service {definition.service_id}")
    name = document.get("name", definition.service_id)
    return ServiceRecord(
        id=definition.service_id,
        name=name if isinstance(name, dict) else {"en": str(name)},
        owner=str(document.get("owner") or ""),
        customer=str(document.get("customer") or ""),
        stage=str(document.get("stage") or "catalogue"),
        time_zone=str(document.get("time_zone") or "UTC"),
    )


def _to_view(record: ServiceRecord, open_incidents: int) -> ServiceView:
    values = msgspec.structs.asdict(record)
    since_at, evaluated_at = values.pop("since_at"), values.pop("evaluated_at")
    return ServiceView(**values, since=since_at if evaluated_at else None, evaluated_at=evaluated_at or None, open_incidents=open_incidents)


def _plan_one(name: str, current: str | None, text: str) -> PlannedService:
    if current is None:
        return PlannedService(name, "added", _difference(name, "", text))
    return PlannedService(name, "unchanged" if current == text else "changed", _difference(name, current, text))


def _difference(name: str, old: str, new: str) -> str:
    lines = difflib.unified_diff(old.splitlines(), new.splitlines(), f"{name} in force", f"{name} given", lineterm="")
    return "\n".join(lines)


def _definition(row: Any) -> StoredDefinition:
    return StoredDefinition(row.id, row.service_id, row.document, row.in_force_from, row.in_force_to, row.applied_by)
