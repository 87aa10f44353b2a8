"""CMDB health as its page shows it: figures with what they are of, bars, the trend, and what stands behind each figure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from typing import Any
from urllib.parse import urlencode

from msgspec import Struct

from collector.web.view.chart import Chart, to_chart
from collector.web.view.figure import say_percent
from collector.web.view.label import CiLink, attribute_label, class_label, to_link
from collector.web.view.moment import DAY_MS, Moment, maybe_moment, say_duration, say_minute, to_machine
from collector.web.view.value import say_plain
from collector.web.view.viewpoint import Viewpoint
from collector.web.view.wording import DIFFERENCE_KINDS, N_, PRESENCES, word
from muster.cmdb_health import SHARES, Backlog, CmdbHealth, HealthDay, HealthFigure, HealthItem, HealthLine
from muster.model.ci_class import ClassCatalogue
from muster.ports import SeriesView

FIGURE_NAMES = {
    "completeness": N_("Completeness"),
    "correctness": N_("Correctness"),
    "freshness": N_("Freshness"),
    "coverage": N_("Coverage"),
    "duplicates": N_("Duplicates"),
    "orphans": N_("Orphans"),
    "unreviewed": N_("Unreviewed"),
    "pins": N_("Pins"),
    "findings": N_("Relations to what is gone"),
}
FIGURE_MEANINGS = {
    "completeness": N_("required attributes that have a value"),
    "correctness": N_("recorded values that equal what is observed, where both are known"),
    "freshness": N_("CIs in operation that were seen within their limit"),
    "coverage": N_("addresses seen on the wire that a CI owns"),
    "duplicates": N_("CIs that may be recorded twice"),
    "orphans": N_("CIs with neither a relation nor an owner"),
    "unreviewed": N_("differences that wait for a decision"),
    "pins": N_("values that a person holds"),
    "findings": N_("relations that lead to a retired CI"),
}
KINDS = {
    **DIFFERENCE_KINDS,
    **PRESENCES,
    "missing": N_("no value"),
    "differs": N_("differs from the record"),
    "ip": N_("IP address"),
    "mac": N_("MAC address"),
    "clone": N_("clone"),
    "duplicate": N_("duplicate"),
    "ambiguity": N_("several CIs match"),
    "equal_identifier": N_("equal strong identifier"),
    "orphan": N_("no relation, no owner"),
    "no_relation": N_("no relation"),
    "no_owner": N_("no owner"),
    "part_without_host": N_("part without a host"),
    "relation_to_gone": N_("leads to a retired CI"),
    "held": N_("in force"),
    "ends_soon": N_("ends within 30 days"),
    "expired": N_("end has passed"),
    "without_end": N_("without an end"),
}
LOW = Fraction(9, 10)


class FigureCard(Struct, frozen=True):
    """One figure. `ratio` None: a plain count, or nothing to measure; `behind`: how many things stand behind it."""

    name: str
    title: str
    meaning: str
    text: str
    against: str
    ratio: float | None
    is_low: bool
    href: str
    behind: int
    lines: list[tuple[str, str]]


class ShareCell(Struct, frozen=True):
    """One share in a table."""

    text: str
    of: str
    ratio: float | None
    is_low: bool


class ClassRow(Struct, frozen=True):
    """The shares of one class; None where nothing can be measured."""

    label: str
    href: str
    cells: list[ShareCell | None]


class BacklogRow(Struct, frozen=True):
    """What waits, of one class or manager."""

    label: str
    count: int
    oldest: Moment | None
    median: str


class HealthPage(Struct, frozen=True):
    """The whole page."""

    ci_total: int
    measured: Moment | None
    shares: list[FigureCard]
    counts: list[FigureCard]
    classes: list[ClassRow]
    attributes: list[tuple[str, str, ShareCell]]
    by_class: list[BacklogRow]
    by_manager: list[BacklogRow]
    oldest: Moment | None
    median: str
    trend: Chart | None
    days: list[tuple[str, list[str]]]


class ItemRow(Struct, frozen=True):
    """One thing behind a figure."""

    subject: str
    link: CiLink | None
    owner: CiLink | None
    kind: str
    attribute: str
    detail: str


def to_page(health: CmdbHealth, days: Sequence[HealthDay], catalogue: ClassCatalogue, viewpoint: Viewpoint) -> HealthPage:
    """All figures of a scope with their tables. `days`: the trend of the whole estate; it is drawn for no other scope."""
    scope = {name: value for name, value in (("class", health.scope.ci_class), ("zone", health.scope.zone), ("owner", health.scope.owner)) if value}
    cards = [to_card(each, scope, catalogue, viewpoint) for each in health.figures]
    return HealthPage(
        ci_total=health.ci_total,
        measured=maybe_moment(health.measured_at, viewpoint),
        shares=[each for each in cards if each.name in SHARES],
        counts=[each for each in cards if each.name not in SHARES],
        classes=_class_rows(health, scope, catalogue, viewpoint),
        attributes=[
            (class_label(each.ci_class, catalogue, viewpoint), attribute_label(each.ci_class, each.attribute, catalogue, viewpoint), _cell(each))
            for each in sorted(health.figure("completeness").lines, key=lambda line: (line.ratio or 0, line.ci_class))
        ],
        by_class=[_backlog(each, class_label(each.key, catalogue, viewpoint), viewpoint) for each in health.unreviewed_by_class],
        by_manager=[_backlog(each, each.key or viewpoint.say("nobody"), viewpoint) for each in health.unreviewed_by_manager],
        oldest=maybe_moment(health.oldest_unreviewed_at, viewpoint),
        median=_say_seconds(health.median_unreviewed_seconds, viewpoint),
        trend=None if scope or len(days) < 2 else draw_trend(days, viewpoint),
        days=[] if scope else [_day_row(each, viewpoint) for each in reversed(days)],
    )


def to_card(figure: HealthFigure, scope: dict[str, str], catalogue: ClassCatalogue, viewpoint: Viewpoint) -> FigureCard:
    """One figure as a card."""
    ratio = None if not figure.of else Fraction(figure.count, figure.of)
    is_share = figure.name in SHARES
    query = f"?{urlencode(scope)}" if scope else ""
    return FigureCard(
        name=figure.name,
        title=viewpoint.say(FIGURE_NAMES[figure.name]),
        meaning=viewpoint.say(FIGURE_MEANINGS[figure.name]),
        text=say_percent(ratio, 2) if is_share else f"{figure.count:,}",
        against=viewpoint.say("%(count)s of %(of)s", count=f"{figure.count:,}", of=f"{figure.of:,}") if figure.of is not None else "",
        ratio=None if ratio is None else float(ratio),
        is_low=ratio is not None and ratio < LOW,
        href=f"/health/{figure.name}{query}",
        behind=figure.of - figure.count if is_share and figure.of is not None else sum(each.count for each in figure.lines),
        lines=[] if is_share else [(_line_label(each, catalogue, viewpoint), f"{each.count:,}") for each in figure.lines],
    )


def draw_trend(days: Sequence[HealthDay], viewpoint: Viewpoint) -> Chart:
    """The four shares day by day as one chart."""
    series = [
        SeriesView("share", {"figure": viewpoint.say(FIGURE_NAMES[name])}, "ratio", "gauge", [(each.day, each.ratio(name)) for each in days])
        for name in SHARES
    ]
    return to_chart(viewpoint.say("Trend"), series, days[0].day, days[-1].day + DAY_MS, viewpoint)


def to_item(item: HealthItem, catalogue: ClassCatalogue, viewpoint: Viewpoint) -> ItemRow:
    """One thing behind a figure."""
    ci_class = item.ci.ci_class if item.ci else ""
    return ItemRow(
        subject=item.subject,
        link=None if item.ci is None else to_link(item.ci, catalogue, viewpoint),
        owner=None if item.owner is None else to_link(item.owner, catalogue, viewpoint),
        kind=word(KINDS, item.kind, viewpoint),
        attribute=attribute_label(ci_class, item.attribute, catalogue, viewpoint) if item.attribute else "",
        detail=_say_detail(item.detail, viewpoint),
    )


def _say_detail(detail: dict[str, Any], viewpoint: Viewpoint) -> str:
    said = []
    for name, value in detail.items():
        if value in (None, "", []) or name in ("difference", "case", "age_seconds"):
            continue
        if name.endswith("_at") and isinstance(value, int):
            said.append(f"{word(DETAILS, name, viewpoint)} {say_minute(value, viewpoint)}")
        elif name == "to" and isinstance(value, dict):
            said.append(str(value.get("name")))
        else:
            said.append(f"{word(DETAILS, name, viewpoint)} {say_plain(value, viewpoint)}")
    return " · ".join(said)


DETAILS = {
    "recorded": N_("recorded"),
    "observed": N_("observed"),
    "seen_at": N_("seen"),
    "opened_at": N_("open since"),
    "expires_at": N_("until"),
    "owner": N_("for"),
    "reason": N_("because"),
    "seen_by": N_("seen by"),
    "zone": N_("zone"),
    "value": N_("value"),
    "scope": N_("within"),
    "others": N_("also of"),
    "relation": N_("relation"),
    "configuration_manager": N_("configuration manager"),
}


def _class_rows(health: CmdbHealth, scope: dict[str, str], catalogue: ClassCatalogue, viewpoint: Viewpoint) -> list[ClassRow]:
    shares = ("completeness", "correctness", "freshness")
    tables = [_sum_by_class(health.figure(name).lines) for name in shares]
    names = sorted({name for table in tables for name in table})
    rows = []
    for name in names:
        cells = [_share(*table[name]) if name in table else None for table in tables]
        rows.append(ClassRow(class_label(name, catalogue, viewpoint), f"/health?{urlencode({**scope, 'class': name})}", cells))
    return rows


def _sum_by_class(lines: Iterable[HealthLine]) -> dict[str, tuple[int, int]]:
    summed: dict[str, tuple[int, int]] = {}
    for each in lines:
        count, of = summed.get(each.ci_class, (0, 0))
        summed[each.ci_class] = (count + each.count, of + (each.of or 0))
    return summed


def _cell(line: HealthLine) -> ShareCell:
    return _share(line.count, line.of or 0)


def _share(count: int, of: int) -> ShareCell:
    ratio = Fraction(count, of) if of else None
    return ShareCell(say_percent(ratio, 2), f"{count:,} / {of:,}", None if ratio is None else float(ratio), ratio is not None and ratio < LOW)


def _line_label(line: HealthLine, catalogue: ClassCatalogue, viewpoint: Viewpoint) -> str:
    named = [class_label(line.ci_class, catalogue, viewpoint)] if line.ci_class else []
    return " · ".join([*named, *([word(KINDS, line.kind, viewpoint)] if line.kind else [])])


def _backlog(backlog: Backlog, label: str, viewpoint: Viewpoint) -> BacklogRow:
    return BacklogRow(label, backlog.count, maybe_moment(backlog.oldest_at, viewpoint), _say_seconds(backlog.median_seconds, viewpoint))


def _say_seconds(seconds: float | None, viewpoint: Viewpoint) -> str:
    return "—" if seconds is None else say_duration(round(seconds * 1000), viewpoint)


def _day_row(day: HealthDay, viewpoint: Viewpoint) -> tuple[str, list[str]]:
    cells = []
    for name in FIGURE_NAMES:
        count, of = day.counts.get(name, (0, None))
        cells.append(say_percent(Fraction(count, of), 2) if of else "—" if of == 0 else f"{count:,}")
    return to_machine(day.day)[:10], cells
