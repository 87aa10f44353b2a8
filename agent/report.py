"""A report of the agent as plain values, and its bytes. The one definition is muster/wire/report.py, which a test decodes them with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from agent.collection import Collection
from agent.inventory_child import SectionResult
from agent.message_pack import Packed, encode
from muster.wire.compression import compress
from muster.wire.spool import DroppedRange

CONTENT_TYPE = "application/vnd.muster.report+msgpack"
CONTENT_ENCODING = "gzip"


class Identity(NamedTuple):
    """Who reports."""

    name: str
    instance: str
    zone: str
    version: str


def build_report(
    identity: Identity,
    sequence: int,
    at: int,
    *,
    collection: Collection | None = None,
    has_table: bool = False,
    sections: Mapping[str, Mapping[str, Any]] | None = None,
    states: Sequence[Mapping[str, Any]] = (),
    dropped: Sequence[DroppedRange] = (),
) -> dict[str, Any]:
    """`at` in milliseconds UTC; `has_table`: the series table goes in full."""
    report: dict[str, Any] = {
        "schema": 1,
        "source": {"kind": "agent", "name": identity.name, "instance": identity.instance, "zone": identity.zone},
        "sequence": sequence,
        "observed_at": at,
        "software_version": identity.version,
    }
    if sections:
        report["sections"] = sections
    if collection is not None and collection.values:
        if has_table:
            report["tables"] = {collection.table.digest: collection.table.rows}
        report["samples"] = [{"table": collection.table.digest, "times": [at], "values": [[value] for value in collection.values]}]
    if states:
        report["states"] = states
    if dropped:
        report["dropped"] = [{"from": each.from_sequence, "to": each.to_sequence, "reason": each.reason} for each in dropped]
    return report


def encode_report(report: Mapping[str, Any]) -> bytes:
    """MessagePack under gzip, as `CONTENT_TYPE` and `CONTENT_ENCODING` say."""
    return compress(encode(report), CONTENT_ENCODING)


def to_section(result: SectionResult, interval_seconds: int) -> dict[str, Any]:
    """A `Section`: its digest alone where its items are known; a section that could not be read says why and claims nothing."""
    section: dict[str, Any] = {"status": result.status, "complete": result.is_complete, "interval_seconds": interval_seconds}
    if result.digest:
        section["digest"] = result.digest
    if result.reason:
        section["reason"] = result.reason
    if result.items is not None:
        section["items"] = Packed(result.items)
    return section
