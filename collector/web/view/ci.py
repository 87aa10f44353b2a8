"""A CI's page: head with the three axes, facts with every source's word, relations, contents, and why it is this CI."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from collector.web.view.explanation import say_link, translate_sentence
from collector.web.view.label import CiLink, StateMark, class_label, find_attribute, review_query, service_path, source_text, to_link, to_state
from collector.web.view.moment import Moment, maybe_moment, to_moment
from collector.web.view.pin import PinRow, to_pin_row
from collector.web.view.value import Value, to_value
from collector.web.view.viewpoint import Viewpoint
from collector.web.view.wording import CHECKS, CLAIM_STATES, IDENTIFIER_WORDS, LIFECYCLES, MODES, PRESENCES, STRENGTHS, word
from muster.model.ci_class import ClassCatalogue
from muster.ports import Candidate, CheckView, CiDetail, CiSummary, Fact, IdentifierView, LinkView

# Kinds that never identify alone are shown after those that may.
_STRENGTH_ORDER = ("strong", "medium", "weak", "locator", "")


class CandidateRow(Struct, frozen=True):
    """What one source says."""

    source: str
    source_id: int
    value: Value
    observed: Moment
    confirmed: Moment
    is_fresh: bool
    is_winner: bool
    why: str


class FactRow(Struct, frozen=True):
    """One attribute. `kind`: different, agreed, observed or recorded, as the row is marked."""

    attribute: str
    label: str
    mode: str
    effective: Value
    recorded: Value | None
    source: str
    since: Moment | None
    kind: str
    candidates: list[CandidateRow]
    pin: PinRow | None = None


class IdentifierRow(Struct, frozen=True):
    """A claim of identity and how strong it is."""

    kind: str
    value: str
    raw: str
    scope: str
    strength: str
    strength_key: str
    state: str
    state_key: str
    why: str
    sources: str


class LinkRow(Struct, frozen=True):
    """Why one source's record is this CI."""

    source: str
    source_id: int
    ref: str
    made_by: str
    linked: Moment | None
    is_fresh: bool
    is_absent: bool
    sentences: list[str]


class ContentCount(Struct, frozen=True):
    name: str
    label: str
    count: int


class CheckRow(Struct, frozen=True):
    """One check's state."""

    name: str
    state: StateMark
    since: Moment
    last: Moment
    reason: str
    source: str


class CiHead(Struct, frozen=True):
    """What stands above every tab."""

    number: int
    href: str
    id: str
    name: str
    class_name: str
    class_label: str
    operation: StateMark
    presence: str
    presence_key: str
    lifecycle: str
    zone: str
    owner: CiLink | None
    services: list[tuple[str, str]]
    identifiers: list[IdentifierRow]
    sources: list[str]
    tags: list[tuple[str, str]]
    seen: Moment | None
    created: Moment
    is_recorded: bool
    is_provisional: bool
    open_differences: int
    review_query: str
    contents: list[ContentCount]
    redirected_from: list[str]
    deleted: tuple[Moment, str, str] | None  # when, by whom, why


def to_head(detail: CiDetail, catalogue: ClassCatalogue, viewpoint: Viewpoint) -> CiHead:
    """The head; identifiers in use, strongest first."""
    summary = detail.summary
    ref_class = summary.ci_class
    shown = [to_identifier(each, ref_class, catalogue, viewpoint) for each in detail.identifiers if each.state == "active"]
    contents = [ContentCount(name, class_label(name, catalogue, viewpoint), count) for name, count in detail.contents.items() if count]
    return CiHead(
        number=summary.number,
        href=f"/cis/{summary.number}",
        id=summary.id,
        name=summary.name or f"#{summary.number}",
        class_name=ref_class,
        class_label=class_label(ref_class, catalogue, viewpoint),
        operation=to_state(summary.operation, viewpoint),
        presence=word(PRESENCES, summary.presence, viewpoint),
        presence_key=summary.presence,
        lifecycle=word(LIFECYCLES, summary.lifecycle, viewpoint),
        zone=summary.zone,
        owner=None if summary.owner is None else to_link(summary.owner, catalogue, viewpoint),
        services=[(each, service_path(each)) for each in detail.services],
        identifiers=sorted(shown, key=lambda each: (_STRENGTH_ORDER.index(each.strength_key), each.kind, each.value)),
        sources=summary.source_kinds,
        tags=sorted(detail.tags.items()),
        seen=maybe_moment(summary.seen_at, viewpoint),
        created=to_moment(summary.created_at, viewpoint),
        is_recorded=summary.is_recorded,
        is_provisional=summary.is_provisional,
        open_differences=summary.open_differences,
        review_query=review_query(summary.number, summary.id),
        contents=sorted(contents, key=lambda each: (-each.count, each.label)),
        redirected_from=detail.redirected_from,
        deleted=None if detail.deleted is None else (to_moment(detail.deleted.at, viewpoint), detail.deleted.by, detail.deleted.reason),
    )


def to_facts(detail: CiDetail, catalogue: ClassCatalogue, viewpoint: Viewpoint) -> list[FactRow]:
    """All facts, those that differ first, otherwise in the order of the class."""
    rows = [to_fact(each, detail.summary, catalogue, viewpoint) for each in detail.facts]
    return sorted(rows, key=lambda each: each.kind != "different")


def to_fact(fact: Fact, ci: CiSummary, catalogue: ClassCatalogue, viewpoint: Viewpoint) -> FactRow:
    """One fact; the recorded value is given where it says something of its own."""
    attribute = find_attribute(ci.ci_class, fact.attribute, catalogue)
    recorded = to_value(fact.recorded, viewpoint, attribute=attribute, unit=fact.unit) if fact.has_recorded else None
    if fact.is_different:
        kind = "different"
    elif fact.has_recorded:
        kind = "agreed" if fact.has_effective else "recorded"
    else:
        kind = "observed"
    return FactRow(
        attribute=fact.attribute,
        label=viewpoint.pick(fact.label, fact.attribute),
        mode=word(MODES, fact.mode, viewpoint),
        effective=to_value(fact.effective if fact.has_effective else None, viewpoint, attribute=attribute, unit=fact.unit),
        recorded=recorded,
        source=source_text(fact.source),
        since=maybe_moment(fact.since, viewpoint),
        kind=kind,
        candidates=[_candidate(each, fact, ci, catalogue, viewpoint) for each in fact.candidates],
        pin=None if fact.pin is None else to_pin_row(fact.pin, catalogue, viewpoint),
    )


def _candidate(candidate: Candidate, fact: Fact, ci: CiSummary, catalogue: ClassCatalogue, viewpoint: Viewpoint) -> CandidateRow:
    attribute = find_attribute(ci.ci_class, fact.attribute, catalogue)
    return CandidateRow(
        source=source_text(candidate.source),
        source_id=candidate.source.id,
        value=to_value(candidate.value, viewpoint, attribute=attribute, unit=fact.unit),
        observed=to_moment(candidate.observed_at, viewpoint),
        confirmed=to_moment(candidate.confirmed_at, viewpoint),
        is_fresh=candidate.is_fresh,
        is_winner=candidate.is_winner,
        why=translate_sentence(candidate.why, viewpoint),
    )


def to_identifier(identifier: IdentifierView, class_name: str, catalogue: ClassCatalogue, viewpoint: Viewpoint) -> IdentifierRow:
    """One claim; its strength is that of the strongest rung that asks for it alone or with others."""
    strength = strength_of(identifier.kind, class_name, catalogue)
    return IdentifierRow(
        kind=word(IDENTIFIER_WORDS, identifier.kind, viewpoint),
        value=identifier.value,
        raw=identifier.raw if identifier.raw.casefold() != identifier.value.casefold() else "",
        scope=identifier.scope,
        strength=word(STRENGTHS, strength, viewpoint) if strength else "",
        strength_key=strength,
        state=word(CLAIM_STATES, identifier.state, viewpoint),
        state_key=identifier.state,
        why=translate_sentence(identifier.why, viewpoint),
        sources=", ".join(source_text(each) for each in identifier.sources),
    )


def strength_of(kind: str, class_name: str, catalogue: ClassCatalogue) -> str:
    """The strength of the first rung of the class that uses a kind of identifier; an address is a locator, another empty."""
    if kind == "ip":
        return "locator"
    found = catalogue.get(class_name)
    for rule in found.identification if found else []:
        if kind in {*rule.all, *rule.shared, *rule.common, *rule.equal_sets} or (rule.one_name and kind in {"fqdn", "hostname", "sysname"}):
            return rule.strength
    return ""


def to_why(detail: CiDetail, viewpoint: Viewpoint) -> list[LinkRow]:
    """Each source's record with the chain of its link."""
    return [_link(each, viewpoint) for each in detail.links]


def _link(link: LinkView, viewpoint: Viewpoint) -> LinkRow:
    return LinkRow(
        source=source_text(link.source),
        source_id=link.source.id,
        ref=link.ref,
        made_by=link.made_by.removeprefix("person:"),
        linked=maybe_moment(link.linked_at, viewpoint),
        is_fresh=link.is_fresh,
        is_absent=link.is_absent,
        sentences=say_link(link, viewpoint),
    )


def to_all_identifiers(detail: CiDetail, catalogue: ClassCatalogue, viewpoint: Viewpoint) -> list[IdentifierRow]:
    """Also those that may not identify, with the reason."""
    return [to_identifier(each, detail.summary.ci_class, catalogue, viewpoint) for each in detail.identifiers]


def to_checks(checks: Sequence[CheckView], viewpoint: Viewpoint) -> list[CheckRow]:
    """Checks with their state."""
    return [
        CheckRow(
            name=word(CHECKS, each.check, viewpoint),
            state=to_state(each.state, viewpoint),
            since=to_moment(each.since, viewpoint),
            last=to_moment(each.last_at, viewpoint),
            reason=each.reason,
            source=source_text(each.source),
        )
        for each in checks
    ]
