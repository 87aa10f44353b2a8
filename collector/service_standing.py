"""From definitions and timelines to where each service and component stands now. Pure: look-ups are arguments.

Definitions are parsed once per version; names and queries are resolved anew each time, since CIs come and go.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from msgspec.structs import replace

from collector.check_timeline import REACHABILITY, ComponentTimeline
from collector.incidents.signal import ComponentStanding, ServiceStanding
from collector.service_figure import FigureCache, ServiceEngine, Subject, Version, add_counters, build_subject, compute_days, compute_figures
from collector.service_record import ServiceRecord, StoredDefinition
from collector.service_tree import LeafKey, Node, Resolver, follow, leaves, render_tree, resolve_tree
from muster.errors import DocumentError
from muster.model.ci_class import ClassCatalogue
from muster.model.state import State
from muster.ports import CiRef

RECENT_MS = 30 * 60_000


@dataclass(frozen=True)
class ResolvedService:
    """A service in force: its document and the trees of its versions, oldest first."""

    id: str
    document: Mapping[str, Any]
    versions: tuple[Version, ...]

    @property
    def tree(self) -> Node:
        """The tree in force now."""
        return self.versions[-1].tree

    @property
    def silent(self) -> str:
        """What silence counts as that nothing can probe: unknown or down."""
        return str((self.document.get("policies") or {}).get("silent", "unknown"))

    def hear(self, timelines: Mapping[LeafKey, ComponentTimeline]) -> dict[LeafKey, ComponentTimeline]:
        """Those of its own components, under its own policy."""
        return {key: timelines[key].under(self.silent) for key in self.component_keys() if key in timelines}

    def component_keys(self) -> set[LeafKey]:
        """The components of all its versions."""
        return {leaf.key for each in self.versions for leaf in leaves(each.tree)}


@dataclass
class Catalogue:
    """All services in force. `documents`: parsed once, by the id of the version. `faults`: (service, what cannot be resolved)."""

    services: dict[str, ResolvedService] = field(default_factory=dict)
    documents: dict[int, Mapping[str, Any]] = field(default_factory=dict)
    faults: list[tuple[str, str]] = field(default_factory=list)


@dataclass(frozen=True)
class Standing:
    """One service now: what incidents look at, and what is kept of it where anything changed."""

    service: ServiceStanding
    record: ServiceRecord
    is_changed: bool = False


class FindCis(Protocol):
    """Names → the CIs that each means."""

    def __call__(self, names: Iterable[str], /) -> Mapping[str, Sequence[CiRef]]: ...


def resolve_catalogue(
    versions: Mapping[str, Sequence[StoredDefinition]],
    *,
    known: Catalogue,
    find_cis: FindCis,
    find_query: Callable[[str], Sequence[CiRef]],
    classes: ClassCatalogue,
    check_document: Callable[[str, str], dict[str, Any]],
) -> Catalogue:
    """Every service with its trees. A stored document that is refused (after an upgrade, say) is a fault, not an exception."""
    catalogue = Catalogue()
    for name, each in ((name, each) for name, own in versions.items() for each in own):
        parsed = known.documents.get(each.id)
        if parsed is None:
            try:
                parsed = check_document(each.document, f"service {name}")
            except DocumentError as error:
                catalogue.faults.append((name, str(error)))
                parsed = {"id": name, "components": {}}
        catalogue.documents[each.id] = parsed
    newest = {name: catalogue.documents[own[-1].id] for name, own in versions.items() if own}
    found = find_cis({name for document in catalogue.documents.values() for name in _names(document.get("components"))})
    queries: dict[str, Sequence[CiRef]] = {}

    def query(text: str) -> Sequence[CiRef]:
        if text not in queries:
            queries[text] = sorted(find_query(text), key=lambda ci: ci.number)
        return queries[text]

    resolver = Resolver(lambda name: found.get(name, ()), query, lambda ci: default_checks(ci, classes), newest.get)
    for name, own in versions.items():
        trees = [resolve_tree(catalogue.documents[each.id].get("components"), resolver, path=(name,)) for each in own]
        stages = tuple(Version(each.in_force_from, each.in_force_to, tree) for each, tree in zip(own, trees, strict=True))
        catalogue.services[name] = ResolvedService(name, newest[name], stages)
        catalogue.faults += [(name, leaf.fault) for leaf in leaves(trees[-1]) if leaf.fault]
    return catalogue


def default_checks(ci: CiRef, classes: ClassCatalogue) -> tuple[str, ...]:
    """The checks that count where a document names none: reachability of a host or device, the check of its own of a part."""
    ci_class = classes.get(ci.ci_class)
    if ci_class is None:
        return ()
    if ci_class.reachability:
        return (REACHABILITY,)
    return (ci_class.own_check,) if ci_class.own_check else ()


def assess_components(catalogue: Catalogue, timelines: Mapping[LeafKey, ComponentTimeline], now: int) -> list[ComponentStanding]:
    """Each component of the services in force, once; one without any record is unknown. The strictest policy of its services holds."""
    found: dict[LeafKey, ComponentStanding] = {}
    for service in sorted(catalogue.services.values(), key=lambda each: each.silent != "down"):
        heard = service.hear(timelines)
        for leaf in leaves(service.tree):
            if leaf.ci is None or leaf.fault or leaf.key in found:
                continue
            timeline = heard.get(leaf.key)
            found[leaf.key] = ComponentStanding(
                ci=leaf.ci,
                checks=leaf.checks,
                state="unknown" if timeline is None else timeline.state_at(now),
                since_at=now if timeline is None else timeline.since(now),
                evidence_at=0 if timeline is None else timeline.evidence_at,
                reason="" if timeline is None else timeline.reason,
                transitions_at=() if timeline is None else _recent(timeline.timeline, now),
            )
    return list(found.values())


def assess_service(
    service: ResolvedService,
    timelines: Mapping[LeafKey, ComponentTimeline],
    before: ServiceRecord | None,
    now: int,
    *,
    engine: ServiceEngine,
    cache: FigureCache,
    is_due: bool,
) -> Standing:
    """Where a service stands. Figures are computed when due or when anything of it changed, else the record of before stays."""
    own = service.hear(timelines)
    past = {key: each.timeline for key, each in own.items()}
    states = {key: each.state_at(now) for key, each in own.items()}
    tree = render_tree(service.tree, states, {key: each.reason for key, each in own.items()})
    subject = build_subject(service.document, service.versions, past, engine)
    timeline = [(at, each) for at, each in follow(service.tree, past) if at <= now]
    record = _describe(service, subject, now)
    record = replace(record, state=tree["state"], since_at=_since(timeline, tree["state"], before, now), evaluated_at=now, tree=tree)
    if before is not None and not is_due and _is_unchanged(before, record):
        return Standing(_standing(service, subject, before, own, now, transitions_at=_recent(timeline, now)), before)
    record = replace(
        record,
        figures=compute_figures(subject, now, cache),
        days=compute_days(subject, now, cache),
        counters={} if before is None else add_counters(before.counters, subject, min(before.evaluated_at, now), now, timeline, was=before.state),
    )
    return Standing(_standing(service, subject, record, own, now, transitions_at=_recent(timeline, now)), record, is_changed=True)


def _since(timeline: Sequence[tuple[int, State]], state: State, before: ServiceRecord | None, now: int) -> int:
    if timeline and timeline[-1][1] == state:
        return timeline[-1][0]
    return before.since_at if before is not None and before.state == state else now


def _is_unchanged(before: ServiceRecord, record: ServiceRecord) -> bool:
    """Whether only time has passed."""
    return record == replace(before, evaluated_at=record.evaluated_at, figures={}, days=[], counters={})


def _describe(service: ResolvedService, subject: Subject, now: int) -> ServiceRecord:
    """What the document says."""
    document, target = service.document, subject.target_at(now)
    name = document.get("name", service.id)
    return ServiceRecord(
        id=service.id,
        name=name if isinstance(name, dict) else {"en": str(name)},
        owner=str(document.get("owner") or ""),
        customer=str(document.get("customer") or ""),
        stage=str(document.get("stage") or "catalogue"),
        time_zone=subject.zone.key,
        target=None if target is None or target.get("availability") is None else str(target["availability"]),
        sla="" if target is None else str(target.get("sla", "")),
    )


def _standing(
    service: ResolvedService,
    subject: Subject,
    record: ServiceRecord,
    timelines: Mapping[LeafKey, ComponentTimeline],
    now: int,
    *,
    transitions_at: tuple[int, ...],
) -> ServiceStanding:
    month = record.figures.get("month_to_date", {})
    budget = month.get("error_budget") or {}
    allowed, remaining = _number(budget.get("allowed_ms")), _number(budget.get("remaining_ms"))
    evidence = [timelines[leaf.key].evidence_at for leaf in leaves(service.tree) if leaf.key in timelines]
    return ServiceStanding(
        id=service.id,
        name=record.name,
        state=record.state,
        since_at=record.since_at,
        evidence_at=max(evidence, default=0),
        components=frozenset(leaf.key for leaf in leaves(service.tree) if leaf.ci is not None and not leaf.fault),
        is_in_service_hours=subject.compute(now, now + 1).get("agreed_ms", 0) > 0,
        sla_target=record.target,
        period_availability=_number(month.get("availability")),
        budget_remaining_seconds=None if remaining is None else remaining / 1000,
        budget_remaining_ratio=remaining / allowed if allowed and remaining is not None else None,
        transitions_at=transitions_at,
    )


def _number(fraction: Any) -> float | None:
    if not isinstance(fraction, Mapping):
        return None
    return float(fraction["numerator"]) / float(fraction["denominator"])


def _recent(timeline: Iterable[tuple[int, State]], now: int) -> tuple[int, ...]:
    """Changes between bad and good of the last half hour; what is unknown between two ups is no change."""
    changes: list[int] = []
    was_down = False
    for at, state in timeline:
        if state != "unknown" and (state == "down") is not was_down:
            was_down = not was_down
            changes.append(at)
    return tuple(at for at in changes if now - RECENT_MS < at <= now)


def _names(components: Any) -> Iterable[str]:
    """All names of CIs in an expression."""
    if isinstance(components, Mapping):
        if "ci" in components:
            yield str(components["ci"])
        for each in components.values():
            yield from _names(each)
    elif isinstance(components, list):
        for each in components:
            yield from _names(each)
