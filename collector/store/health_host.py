"""The independent CIs as the figures need them: who owns them, who answers for their record, and whether they are in a scope."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

from msgspec import Struct
from sqlalchemy import Connection, select

from collector.store.content import decode, load_contents
from collector.store.health_block import GONE
from collector.store.schema import ci
from collector.store.statement import parts
from muster.cmdb_health import HealthScope
from muster.model.ci_class import ClassCatalogue
from muster.ports import CiRef

MANAGER_TAG = "configuration_manager"


class Host(Struct, frozen=True):
    """One independent CI. `owner`: as recorded; `manager`: the tag `configuration_manager`, else the owner; empty: nobody."""

    ref: CiRef
    zone: str
    owner: str
    manager: str
    is_gone: bool


class Hosts:
    """All independent CIs by id, those that are gone among them, and which CIs a scope takes."""

    def __init__(self, hosts: dict[str, Host], scope: HealthScope, classes: Collection[str] | None) -> None:
        self.by_id = hosts
        self._scope = scope
        self.classes = classes  # None: any
        self.zone = scope.zone

    def takes(self, ci_class: str, zone: str, host_id: str | None) -> bool:
        """Whether a CI of this class and zone, that is or belongs to this host, is in the scope."""
        if self.classes is not None and ci_class not in self.classes:
            return False
        if self._scope.zone and zone != self._scope.zone:
            return False
        if not self._scope.owner:
            return True
        host = self.by_id.get(host_id or "")
        return host is not None and host.owner == self._scope.owner

    def in_scope(self) -> list[Host]:
        """The independent CIs of the scope that are not gone, by number."""
        chosen = [each for each in self.by_id.values() if not each.is_gone and self.takes(each.ref.ci_class, each.zone, each.ref.id)]
        return sorted(chosen, key=lambda each: each.ref.number)

    def gone_ids(self) -> frozenset[str]:
        """Those that are retired or disposed of; what they hold went with them."""
        return frozenset(each.ref.id for each in self.by_id.values() if each.is_gone)

    def owned_ids(self) -> list[str]:
        """Those of the scope's owner, whatever their class and zone: parts are counted with them."""
        return [each.ref.id for each in self.by_id.values() if not each.is_gone and each.owner == self._scope.owner]


def load_hosts(connection: Connection, catalogue: ClassCatalogue, scope: HealthScope) -> Hosts:
    """Every CI that no other holds; merged ones are left out."""
    columns = (ci.c.id, ci.c.number, ci.c.ci_class, ci.c.name, ci.c.zone, ci.c.lifecycle, ci.c.recorded_hash, ci.c.tags)
    rows = connection.execute(select(*columns).where(ci.c.owner_ci_id.is_(None), ci.c.redirect_to.is_(None))).all()
    contents = load_contents(connection, (bytes(row.recorded_hash) for row in rows if row.recorded_hash is not None))
    hosts = {row.id: _host(row, contents) for row in rows}
    return Hosts(hosts, scope, classes_below(catalogue, scope.ci_class) if scope.ci_class else None)


def classes_below(catalogue: ClassCatalogue, name: str) -> frozenset[str]:
    """A class with all its descendants."""
    chosen = {name}
    while below := {each.name for each in catalogue if each.parent in chosen} - chosen:
        chosen |= below
    return frozenset(chosen)


def load_host_ids(connection: Connection, ids: Iterable[str]) -> dict[str, str]:
    """The outermost owner of each of these CIs; of one that nobody holds, itself. Deeper than eight levels is not looked."""
    wanted = set(ids)
    owner_of: dict[str, str | None] = {}
    level = wanted
    for _ in range(8):
        found: dict[str, str | None] = {}
        for part in parts(sorted(level - owner_of.keys())):
            rows = connection.execute(select(ci.c.id, ci.c.owner_ci_id).where(ci.c.id.in_(part)))
            found.update((row[0], row[1]) for row in rows)
        owner_of |= found
        level = {each for each in found.values() if each is not None}
        if not level:
            break
    return {each: _outermost(each, owner_of) for each in wanted}


def _outermost(ci_id: str, owner_of: dict[str, str | None]) -> str:
    seen = {ci_id}
    while (above := owner_of.get(ci_id)) is not None and above not in seen:
        seen.add(above)
        ci_id = above
    return ci_id


def _host(row: Any, contents: dict[bytes, Any]) -> Host:
    recorded = contents.get(bytes(row.recorded_hash), {}) if row.recorded_hash is not None else {}
    owner = str(recorded.get("owner") or "")
    tags = decode(row.tags) or {}
    ref = CiRef(id=row.id, number=row.number, ci_class=row.ci_class, name=row.name)
    return Host(ref, row.zone, owner, str(tags.get(MANAGER_TAG) or owner), row.lifecycle in GONE)
