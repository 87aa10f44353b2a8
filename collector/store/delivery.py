"""One report on its way in: its instants corrected, its items decoded and judged one by one, so that a bad one costs only itself."""

from __future__ import annotations

import ipaddress
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
from sqlalchemy import Connection

from collector.reconcile.validate import owners_of, refuse_owner, validate_item
from collector.store.content import encode, hash_body
from collector.store.edit import Context
from collector.store.item_cache import KnownItem
from collector.store.section_state import StoredSection
from collector.store.source import Scope, StoredSource
from collector.store.source_record import load_records, load_refs
from collector.store.standing import NOTHING_STANDS, Standing
from muster.errors import InputError, quote
from muster.model.ci_class import ClassCatalogue
from muster.wire.codec import decode_item
from muster.wire.report import Item, ReceivedReport, Rejection, Scalar

OWNER_LEVELS = 16
ITEMS_LIMIT = 100_000  # of one report
REJECTIONS_TOLD = 1_000  # of one report; the others are counted


class TakenItem(msgspec.Struct):
    """An item that was found good, with the content that is kept of it."""

    section: str
    item: Item
    content: dict[str, Any]
    body: bytes
    content_hash: bytes
    known: KnownItem


class _Decoded(msgspec.Struct):
    """An item of a report; `known`: it was found good before, with these very bytes."""

    section: str
    at: int
    item: Item
    key: bytes
    known: KnownItem | None

    @property
    def path(self) -> str:
        return f"$.sections.{self.section}.items[{self.at}]"


@dataclass
class Delivery:
    """A report while it is taken. `rejections` (the first; `rejected_count`: all) and `wanted` gather for the answer.

    `listed`: refs that a section names, also those whose items were refused: they are there. `unreadable`: sections with an item of
    which not even the ref could be read; they cannot say that something is gone.
    """

    source: StoredSource
    scope: Scope
    report: ReceivedReport
    content_type: str
    observed_at: int
    received_at: int
    shift_ms: int = 0
    rejections: list[Rejection] = field(default_factory=list)
    rejected_count: int = 0
    wanted: list[str] = field(default_factory=list)
    listed: dict[str, set[str]] = field(default_factory=dict)
    unreadable: set[str] = field(default_factory=set)
    settings: dict[str, Scalar] = field(default_factory=dict)  # what the collector wants of the source
    heard: dict[str, StoredSection] = field(default_factory=dict)  # its sections as they were before this report

    def is_whole(self, name: str) -> bool:
        """Whether a section says all that it holds, so that what is empty or left out there is a statement."""
        word = self.report.sections[name]
        return word.complete and word.status == "ok" and name not in self.unreadable

    def correct(self, at: int) -> int:
        """An instant of the source's clock by the collector's: shifted where that clock is far off, never in the future."""
        return min(at + self.shift_ms, self.received_at)

    def reject(self, path: str, reason: str) -> None:
        self.rejected_count += 1
        if self.rejected_count <= REJECTIONS_TOLD:
            self.rejections.append(Rejection(path, reason))

    def told_rejections(self) -> list[Rejection]:
        """What the answer lists: the first of them, and at its end how many more there are."""
        more = self.rejected_count - len(self.rejections)
        return [*self.rejections, Rejection("$", f"{more} more were refused; mend these first, then send again")] if more else self.rejections


def read_items(
    connection: Connection, context: Context, delivery: Delivery, names: Collection[str], standing: Standing = NOTHING_STANDS
) -> list[TakenItem]:
    """The good items of these sections, in the order of the report, but for those that stand there exactly so already."""
    decoded: list[_Decoded] = []
    seen: set[str] = set()
    room = ITEMS_LIMIT
    for name in names:
        items = delivery.report.sections[name].items or []
        _read_section(context, delivery, (name, items[:room]), seen, decoded, standing=standing)
        if len(items) > room:
            reason = f"more than {ITEMS_LIMIT} items in one report; send the others in another"
            delivery.reject(f"$.sections.{name}.items[{room}]", reason)
            delivery.unreadable.add(name)
        room = max(0, room - len(items))
    told = [each.item for each in decoded]
    # The owner of a host's parts is at hand.
    at_hand: dict[str, str | None] = {each.ref: None for each in standing.owners.values() if each.owner_record_id is None and each.owner_ref is None}
    owners = owners_of(told, at_hand | _stored_owners(connection, delivery.source.id, told, at_hand))
    return _judge(context, delivery, decoded, owners)


def _read_section(
    context: Context, delivery: Delivery, told: tuple[str, Sequence[msgspec.Raw]], seen: set[str], decoded: list[_Decoded], *, standing: Standing
) -> None:
    """Decode the items of one section, or know them by their bytes; `seen`: refs of the report so far."""
    name, items = told
    listed = delivery.listed.setdefault(name, set())
    find, held = context.item_cache.find, standing.held.get(name, {})
    settled: list[str] = standing.settled.get(name, [])
    for at, raw in enumerate(items):
        key = bytes(raw)
        known = find(key)
        if known is not None and (ref := known.signature[0]) not in seen and held.pop(known.signature, None) is not None:
            settled.append(ref)
            seen.add(ref)
            continue
        path = f"$.sections.{name}.items[{at}]"
        try:
            item = known.item if known is not None else decode_item(raw, delivery.content_type, path=path)
        except InputError as error:
            delivery.reject(error.path, error.message)
            delivery.unreadable.add(name)
            continue
        if item.ref in seen:
            delivery.reject(f"{path}.ref", f"{quote(item.ref)} is there twice; each ref of a report names one thing")
            continue
        seen.add(item.ref)
        listed.add(item.ref)
        decoded.append(_Decoded(name, at, item, key, known))
    listed.update(settled)


def _judge(context: Context, delivery: Delivery, decoded: list[_Decoded], owners: Mapping[str, str | None]) -> list[TakenItem]:
    taken: list[TakenItem] = []
    own: str | None = None
    for each in decoded:
        known = each.known if each.known is not None and not _is_misplaced(context, each, owners) else _know(context, delivery, each, owners)
        if known is None:
            continue
        item = known.item
        if item.owner is None:  # as only an independent item is taken
            fault = _refuse_scope(context.catalogue, delivery, item)
            if not fault and delivery.source.key.kind == "agent":
                fault = (
                    "" if own in (None, item.ref) else f"an agent reports one host, and {quote(own)} is it; report others by a source of their own"
                )
                own = own or item.ref
            if fault:
                delivery.reject(each.path, fault)
                continue
        taken.append(TakenItem(each.section, item, known.content, known.body, known.content_hash, known))
    return taken


def _is_misplaced(context: Context, decoded: _Decoded, owners: Mapping[str, str | None]) -> bool:
    """Whether the owner of an item whose bytes are known is a fault in this report."""
    item = decoded.item
    if item.owner is None or (item.owner != item.ref and owners.get(item.owner) is None):
        return False
    return bool(refuse_owner(item, context.catalogue.get(item.ci_class), owners))


def _know(context: Context, delivery: Delivery, decoded: _Decoded, owners: Mapping[str, str | None]) -> KnownItem | None:
    """The item judged; None: it was refused."""
    path = decoded.path
    result = validate_item(context.catalogue, decoded.item, path, owners, suggests=delivery.rejected_count < REJECTIONS_TOLD)
    for each in result.rejections:
        delivery.reject(each.path, each.reason)
    item = result.item
    if item is None:
        return None
    content = {"class": item.ci_class, "identifiers": item.identifiers, "attributes": item.attributes}
    body = encode(content)
    key = hash_body(body)
    known = KnownItem(item, content, body, key, {}, (item.ref, key, item.owner))
    if not result.rejections:
        context.item_cache.keep(decoded.key, known)
    return known


def _stored_owners(connection: Connection, source_id: int, items: Iterable[Item], at_hand: Collection[str]) -> dict[str, str | None]:
    """Owner refs of what this source reported before, as far up as chains of owners go; not of those at hand."""
    inside = {item.ref for item in items}.union(at_hand)
    wanted = {item.owner for item in items if item.owner is not None} - inside
    found: dict[str, str | None] = {}
    for _ in range(OWNER_LEVELS if wanted else 0):
        rows = load_refs(connection, source_id, wanted)
        parents = {each.id: each.ref for each in load_records(connection, (row.owner_record_id for row in rows if row.owner_record_id))}
        found |= {row.ref: parents.get(row.owner_record_id or 0, row.owner_ref) for row in rows}
        wanted = {owner for owner in found.values() if owner is not None} - inside - found.keys()
        if not wanted:
            break
    return found


def _refuse_scope(catalogue: ClassCatalogue, delivery: Delivery, item: Item) -> str:
    """Why this source's token does not let it report an independent item; empty: it does."""
    scope = delivery.scope
    if scope.classes and not _ancestors(catalogue, item.ci_class) & set(scope.classes):
        return f"this source may not report a {item.ci_class}; it may report {', '.join(scope.classes)}"
    if scope.ranges and not _is_within(item.identifiers, scope.ranges):
        return f"no address of it is in this source's ranges {', '.join(scope.ranges)}"
    return ""


def _ancestors(catalogue: ClassCatalogue, name: str | None) -> set[str]:
    found: set[str] = set()
    while name is not None and name not in found:
        found.add(name)
        known = catalogue.get(name)
        name = known.parent if known is not None else None
    return found


def _is_within(identifiers: Mapping[str, str | list[str]], ranges: Iterable[str]) -> bool:
    given = identifiers.get("ip", ())
    networks = [ipaddress.ip_network(each, strict=False) for each in ranges]
    for text in [given] if isinstance(given, str) else given:
        try:
            address = ipaddress.ip_address(text)
        except ValueError:
            continue
        if any(address.version == network.version and address in network for network in networks):
            return True
    return False


def item_of(ref: str, content: Mapping[str, Any]) -> Item:
    """An item again from the content that was kept of it; its owner is not part of that."""
    return Item(ref=ref, ci_class=content["class"], identifiers=content["identifiers"], attributes=content["attributes"])
