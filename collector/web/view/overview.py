"""The overview: services, what needs a person, the estate, recent changes."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from collector.web.view.history import ChangeRow, to_changes
from collector.web.view.incident import IncidentRow, to_row
from collector.web.view.label import class_label
from collector.web.view.moment import Moment, maybe_moment
from collector.web.view.review import GroupRow, to_group
from collector.web.view.service import Tile, to_tile
from collector.web.view.viewpoint import Viewpoint
from collector.web.view.wording import CASE_KINDS, word
from muster.model.ci_class import ClassCatalogue
from muster.ports import DifferenceGroup, HistoryEntry, IncidentView, Overview, ServiceView

_WORST_FIRST = ("down", "degraded", "unknown", "up")


class ClassCount(Struct, frozen=True):
    """How many CIs of a class there are, by presence."""

    name: str
    label: str
    total: int
    seen: int
    stale: int
    absent: int
    seen_ratio: float


class SourceCount(Struct, frozen=True):
    reporting: int
    silent: int
    pending: int
    ratio: float


class CaseCount(Struct, frozen=True):
    label: str
    count: int


class OverviewPage(Struct, frozen=True):
    """`parts`: classes that are contained in hosts and devices, folded away by the page."""

    tiles: list[Tile]
    incidents: list[IncidentRow]
    incident_total: int
    groups: list[GroupRow]
    difference_total: int
    oldest: Moment | None
    cases: list[CaseCount]
    classes: list[ClassCount]
    parts: list[ClassCount]
    ci_total: int
    sources: SourceCount
    outbox_dead: int
    changes: list[ChangeRow]
    is_empty: bool


def to_overview(
    overview: Overview,
    services: Sequence[ServiceView],
    incidents: Sequence[IncidentView],
    groups: Sequence[DifferenceGroup],
    *,
    catalogue: ClassCatalogue,
    viewpoint: Viewpoint,
) -> OverviewPage:
    """The worst services first; incidents by priority."""
    counts = [to_class_count(name, presences, catalogue, viewpoint) for name, presences in overview.cis.items()]
    counts = sorted((each for each in counts if each.total), key=lambda each: (-each.total, each.label))
    parts = [each for each in counts if _is_part(each.name, catalogue)]
    classes = [each for each in counts if not _is_part(each.name, catalogue)]
    ordered = sorted(services, key=lambda each: (_WORST_FIRST.index(each.state), each.id))
    return OverviewPage(
        tiles=[to_tile(each, viewpoint) for each in ordered],
        incidents=[to_row(each, catalogue, viewpoint) for each in sorted(incidents, key=lambda each: (each.priority, each.started_at))],
        incident_total=sum(overview.incidents.values()),
        groups=[to_group(each, catalogue, viewpoint) for each in groups],
        difference_total=sum(overview.open_differences.values()),
        oldest=maybe_moment(overview.oldest_difference_at, viewpoint),
        cases=[CaseCount(word(CASE_KINDS, kind, viewpoint), count) for kind, count in overview.open_cases.items() if count],
        classes=classes,
        parts=parts,
        ci_total=sum(each.total for each in classes),
        sources=_sources(overview),
        outbox_dead=overview.outbox.get("dead", 0),
        changes=to_changes([each for each in overview.recent if not _is_link(each)], catalogue, viewpoint),
        is_empty=not counts,
    )


def to_class_count(name: str, presences: dict[str, int], catalogue: ClassCatalogue, viewpoint: Viewpoint) -> ClassCount:
    """Absent ones are counted beside the total, not in it."""
    absent = presences.get("absent", 0)
    total = sum(presences.values()) - absent
    seen = presences.get("seen", 0)
    return ClassCount(name, class_label(name, catalogue, viewpoint), total, seen, total - seen, absent, seen / total if total else 0.0)


def _is_part(name: str, catalogue: ClassCatalogue) -> bool:
    found = catalogue.get(name)
    return found is not None and found.is_dependent


def _is_link(entry: HistoryEntry) -> bool:
    """That a record was linked says nothing beside the line that tells what it brought."""
    return entry.layer == "identity" and entry.attribute == "link"


def _sources(overview: Overview) -> SourceCount:
    reporting, silent = overview.sources.get("reporting", 0), overview.sources.get("silent", 0)
    total = reporting + silent
    return SourceCount(reporting, silent, overview.sources.get("pending", 0), reporting / total if total else 0.0)
