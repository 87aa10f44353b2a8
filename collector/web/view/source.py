"""Sources: how they report, how their clocks stand, what was refused of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from collector.web.view.moment import Moment, maybe_moment, say_duration, to_moment
from collector.web.view.viewpoint import Viewpoint
from collector.web.view.wording import SECTION_STATUSES, SECTIONS, SOURCE_STATES, word
from muster.ports import SourceView

OFFSET_LIMIT_MS = 5_000


class SectionRow(Struct, frozen=True):
    """One section of a source."""

    name: str
    status: str
    reason: str
    is_good: bool
    interval: str
    confirmed: Moment | None
    is_fresh: bool
    is_held: bool


class Rejection(Struct, frozen=True):
    """One item that was refused, with its place in the report."""

    path: str
    reason: str
    at: Moment | None


class SourceRow(Struct, frozen=True):
    """One source. `state_key`: active, silent, pending or revoked."""

    id: int
    href: str
    kind: str
    name: str
    instance: str
    zone: str
    state: str
    state_key: str
    version: str
    last_report: Moment | None
    sequence: str
    offset: str
    is_skewed: bool
    rejected: int
    records: int
    created: Moment
    sections: list[SectionRow]
    rejections: list[Rejection]


def to_source(source: SourceView, viewpoint: Viewpoint) -> SourceRow:
    """One source with its sections and last rejections, newest first."""
    key = "silent" if source.state == "active" and source.is_silent else source.state
    return SourceRow(
        id=source.source.id,
        href=f"/sources/{source.source.id}",
        kind=source.source.kind,
        name=source.source.name,
        instance=source.source.instance,
        zone=source.source.zone,
        state=word(SOURCE_STATES, key, viewpoint),
        state_key=key,
        version=source.software_version,
        last_report=maybe_moment(source.last_report_at, viewpoint),
        sequence="—" if source.last_sequence is None else f"{source.last_sequence:,}",
        offset=say_offset(-source.clock_offset_ms, viewpoint),  # the store counts the collector's clock minus the source's
        is_skewed=abs(source.clock_offset_ms) > OFFSET_LIMIT_MS,
        rejected=source.rejected_total,
        records=source.record_count,
        created=to_moment(source.created_at, viewpoint),
        sections=[to_section(each, viewpoint) for each in source.sections],
        rejections=[to_rejection(each, viewpoint) for each in source.last_rejections[:100]],
    )


def say_offset(offset_ms: int, viewpoint: Viewpoint) -> str:
    """How far the source's clock is ahead of (+) or behind (−) the collector's."""
    if offset_ms == 0:
        return "0"
    return f"{'+' if offset_ms > 0 else '−'}{say_duration(abs(offset_ms), viewpoint)}"


def to_section(section: Mapping[str, Any], viewpoint: Viewpoint) -> SectionRow:
    """One section; a failed one keeps its reason."""
    status = str(section.get("status", ""))
    said = "partial" if status == "ok" and not section.get("complete", True) else status
    return SectionRow(
        name=word(SECTIONS, section.get("name", ""), viewpoint),
        status=word(SECTION_STATUSES, said, viewpoint),
        reason=str(section.get("reason") or ""),
        is_good=status == "ok",
        interval=say_duration(int(section.get("interval_seconds") or 0) * 1000, viewpoint),
        confirmed=maybe_moment(section.get("confirmed_at"), viewpoint),
        is_fresh=bool(section.get("is_fresh", True)),
        is_held=bool(section.get("is_held") or section.get("held")),
    )


def to_rejection(rejection: Mapping[str, Any], viewpoint: Viewpoint) -> Rejection:
    """One refused item."""
    return Rejection(str(rejection.get("path", "")), str(rejection.get("reason", "")), maybe_moment(rejection.get("at"), viewpoint))
