"""A service as its tile, its row and its page show it: state, exact figures, calendar, tree, outages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from fractions import Fraction
from typing import Any

from msgspec import Struct

from collector.web.view.figure import say_percent, say_target, to_fraction
from collector.web.view.label import StateMark, ci_path, service_path, to_state
from collector.web.view.moment import Moment, maybe_moment, say_duration, say_minute, to_moment
from collector.web.view.viewpoint import Viewpoint
from collector.web.view.wording import CHECKS, VERDICTS, WINDOWS, word
from muster.instant import parse_instant
from muster.ports import ServiceView


class Day(Struct, frozen=True):
    """One local day: `level` (met, partly, breached, down, unknown, none) picks the filling, `text` says the same in words."""

    number: str
    level: str
    figure: str
    short: str
    text: str


class Budget(Struct, frozen=True):
    """What is left of the error budget; `left_ratio` in 0 to 1 for the bar, `is_spent` when nothing is."""

    text: str
    left_ratio: float
    is_spent: bool


class Figure(Struct, frozen=True):
    """One window's figure beside all that it must be read with."""

    window: str
    period: str
    availability: str
    bounds: str
    coverage: str
    verdict: str
    verdict_key: str
    target: str
    downtime: str
    agreed: str
    outages: str
    mtrs: str
    mtbf: str
    budget: Budget | None
    burn_rates: list[tuple[str, str]]


class Tile(Struct, frozen=True):
    """A service at a glance."""

    id: str
    href: str
    name: str
    owner: str
    customer: str
    stage: str
    state: StateMark
    since: Moment | None
    availability: str
    target: str
    verdict: str
    verdict_key: str
    budget: Budget | None
    days: list[Day]
    open_incidents: int
    is_in_maintenance: bool


class Branch(Struct, frozen=True):
    """A node of the tree, flattened: `depth` from 0."""

    depth: int
    text: str
    state: StateMark
    reason: str
    href: str
    checks: str
    kind: str


class OutageRow(Struct, frozen=True):
    """One outage that counted; `since` None: it reaches back to unknown beginnings."""

    since: Moment | None
    until: Moment | None
    counted: str
    causes: list[str]


class ServicePage(Struct, frozen=True):
    """A service's whole page. `weeks`: rows of seven days, Monday first, None outside the 30 days."""

    tile: Tile
    figures: list[Figure]
    weeks: list[list[Day | None]]
    weekdays: list[str]
    branches: list[Branch]
    outages: list[OutageRow]
    time_zone: str
    evaluated: Moment | None


def to_tile(service: ServiceView, viewpoint: Viewpoint) -> Tile:
    """The tile of the 30 days, or of whatever window was evaluated."""
    figure = service.figures.get("30d") or {}
    verdict = str(figure.get("verdict") or "")
    days = [to_day(each, viewpoint) for each in service.days[-30:]]
    return Tile(
        id=service.id,
        href=service_path(service.id),
        name=viewpoint.pick(service.name, service.id),
        owner=service.owner,
        customer=service.customer,
        stage=service.stage,
        state=to_state(service.state, viewpoint),
        since=maybe_moment(service.since, viewpoint),
        availability=say_percent(to_fraction(figure.get("availability"))),
        target=say_target(service.target) if service.target else "",
        verdict=word(VERDICTS, verdict, viewpoint) if verdict else "",
        verdict_key=verdict or "none",
        budget=to_budget(figure, viewpoint),
        days=days,
        open_incidents=service.open_incidents,
        is_in_maintenance=service.is_in_maintenance,
    )


def to_page(service: ServiceView, viewpoint: Viewpoint) -> ServicePage:
    """The whole page."""
    figures = [to_figure(name, service.figures[name], viewpoint) for name in WINDOWS if service.figures.get(name)]
    named = _names(service.tree)
    outages = [to_outage(each, named, viewpoint) for each in reversed((service.figures.get("30d") or {}).get("outages") or [])]
    return ServicePage(
        tile=to_tile(service, viewpoint),
        figures=figures,
        weeks=to_weeks(service.days[-30:], viewpoint),
        weekdays=[_weekday(number, viewpoint) for number in range(7)],
        branches=to_branches(service.tree, viewpoint),
        outages=outages,
        time_zone=service.time_zone,
        evaluated=maybe_moment(service.evaluated_at, viewpoint),
    )


def to_figure(window: str, figure: Mapping[str, Any], viewpoint: Viewpoint) -> Figure:
    """One window with bounds, coverage and verdict; nothing agreed gives no figure, never 100 %."""
    bounds = figure.get("bounds") or {}
    lower, upper = to_fraction(bounds.get("lower")), to_fraction(bounds.get("upper"))
    verdict = str(figure.get("verdict") or "")
    outages = int(figure.get("outage_count", len(figure.get("outages") or [])))
    target = figure.get("target")
    return Figure(
        window=word(WINDOWS, window, viewpoint),
        period=_period(figure, viewpoint),
        availability=say_percent(to_fraction(figure.get("availability"))),
        bounds="—" if lower is None else f"{say_percent(lower)} – {say_percent(upper)}",
        coverage=say_percent(to_fraction(figure.get("coverage"))),
        verdict=word(VERDICTS, verdict, viewpoint) if verdict else "—",
        verdict_key=verdict or "none",
        target=say_target(None if target is None else str(target)),
        downtime=say_duration(int(figure.get("downtime_ms") or 0), viewpoint),
        agreed=say_duration(int(figure.get("agreed_ms") or 0), viewpoint),
        outages=viewpoint.count("%(number)s outage", "%(number)s outages", outages),
        mtrs=_mean(figure.get("mtrs_ms"), viewpoint),
        mtbf=_mean(figure.get("mtbf_ms"), viewpoint),
        budget=to_budget(figure, viewpoint),
        burn_rates=[(name, f"{rate:.1f}") for name, rate in (figure.get("burn_rates") or {}).items() if rate is not None],
    )


def to_budget(figure: Mapping[str, Any], viewpoint: Viewpoint) -> Budget | None:
    """None without a target, and where no time counted that a budget could be part of."""
    budget = figure.get("error_budget") or {}
    allowed, remaining = to_fraction(budget.get("allowed_ms")), to_fraction(budget.get("remaining_ms"))
    if allowed is None or remaining is None or (allowed == 0 and remaining == 0):
        return None
    left = remaining / allowed if allowed > 0 else Fraction(0)
    shown = int(remaining) if remaining >= 0 else -int(-remaining)
    if remaining < 0:
        text = viewpoint.say("%(duration)s over budget", duration=say_duration(-shown, viewpoint))
    else:
        text = viewpoint.say("%(duration)s of budget left", duration=say_duration(shown, viewpoint))
    return Budget(text, float(min(max(left, Fraction(0)), Fraction(1))), remaining <= 0)


def to_day(day: Mapping[str, Any], viewpoint: Viewpoint) -> Day:
    """A day's box. A day without agreed time has no figure."""
    ratio = to_fraction(day.get("availability"))
    level = _level(day, ratio)
    figure = say_percent(ratio)
    texts = {
        "none": viewpoint.say("no agreed time"),
        "unknown": viewpoint.say("unknown"),
        "down": viewpoint.say("%(duration)s down", duration=say_duration(int(day.get("down_ms") or 0), viewpoint)),
    }
    said = texts.get("down" if day.get("down_ms") else level, "")
    shown = [str(day["date"]), figure if ratio is not None else "", said]
    short = "" if ratio is None else "100" if ratio == 1 else say_percent(ratio, 2).removesuffix(" %")
    return Day(str(day["date"])[-2:].lstrip("0"), level, figure, short, " · ".join(each for each in shown if each))


def to_weeks(days: Sequence[Mapping[str, Any]], viewpoint: Viewpoint) -> list[list[Day | None]]:
    """The days in rows of weeks, Monday first."""
    if not days:
        return []
    first = date.fromisoformat(str(days[0]["date"])).weekday()
    boxes: list[Day | None] = [None] * first + [to_day(each, viewpoint) for each in days]
    boxes += [None] * (-len(boxes) % 7)
    return [boxes[start : start + 7] for start in range(0, len(boxes), 7)]


def to_branches(tree: Mapping[str, Any], viewpoint: Viewpoint, depth: int = 0) -> list[Branch]:
    """The tree from the root, each node before its children; at most 12 levels."""
    if not tree or depth > 12:
        return []
    kind = str(tree.get("kind") or "leaf")
    children = tree.get("children") or []
    texts = {
        "all": viewpoint.say("all of these"),
        "any": viewpoint.say("any of these"),
        "at_least": viewpoint.say("at least %(number)s of %(total)s", number=str(tree.get("node", "")).rpartition(" ")[2], total=len(children)),
    }
    number = tree.get("ci_number")
    label = str(tree.get("node", ""))
    href = ci_path(int(number)) if number is not None else service_path(label) if kind == "service" else ""
    own = Branch(
        depth=depth,
        text=texts.get(kind, label) if kind != "all" or label == "all" else label,
        state=to_state(str(tree.get("state", "unknown")), viewpoint),
        reason=str(tree.get("reason") or ""),
        href=href,
        checks=", ".join(word(CHECKS, each, viewpoint) for each in tree.get("checks") or []),
        kind=kind,
    )
    return [own, *(branch for child in children for branch in to_branches(child, viewpoint, depth + 1))]


def to_outage(outage: Mapping[str, Any], named: Mapping[str, str], viewpoint: Viewpoint) -> OutageRow:
    """An outage of the engine's result; its instants are RFC 3339."""
    since, until = outage.get("from"), outage.get("to")
    return OutageRow(
        since=None if since is None else to_moment(parse_instant(since), viewpoint),
        until=None if until is None else to_moment(parse_instant(until), viewpoint),
        counted=say_duration(int(outage.get("counted_ms") or 0), viewpoint),
        causes=[named.get(each, str(each)) for each in outage.get("causes") or []],
    )


def _names(tree: Mapping[str, Any]) -> dict[str, str]:
    return {str(tree.get("node", "")): str(tree.get("node", "")), **{k: v for child in tree.get("children") or [] for k, v in _names(child).items()}}


def _level(day: Mapping[str, Any], ratio: Fraction | None) -> str:
    if not day.get("agreed_ms", 1):
        return "none"
    if ratio is None:
        return "unknown"
    if day.get("verdict") == "breached":
        return "breached"
    if day.get("down_ms"):
        return "down"
    return "partly" if day.get("unknown_ms") else "met"


def _period(figure: Mapping[str, Any], viewpoint: Viewpoint) -> str:
    since, until = figure.get("from"), figure.get("to")
    if since is None or until is None:
        return ""
    return f"{say_minute(int(since), viewpoint)} – {say_minute(int(until), viewpoint)}"


def _mean(value: Mapping[str, Any] | None, viewpoint: Viewpoint) -> str:
    mean = to_fraction(value)
    return "—" if mean is None else say_duration(int(mean), viewpoint)


def _weekday(number: int, viewpoint: Viewpoint) -> str:
    return str(viewpoint.words.locale.days["stand-alone"]["abbreviated"][number])
