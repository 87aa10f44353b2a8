"""The figures of one service: windows, days, burn rates, counters. Pure; the arithmetic is the engine's, given as an argument.

A case is what docs call an availability case: plain values that `muster availability compute` recomputes outside the system.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

from collector.service_tree import NOTHING, LeafKey, Node, follow, name_leaves, to_expression
from collector.services.case import parse_target
from collector.services.error_budget import compute_burn_rate
from muster.instant import parse_instant
from muster.model.state import State

DAYS = 30
DAY_MS = 86_400_000
BURN_WINDOWS_MS = {"5m": 300_000, "30m": 1_800_000, "1h": 3_600_000, "6h": 21_600_000, "3d": 259_200_000}
OUTAGE_LIMIT = 50  # the newest are kept with a figure; `outage_count` counts all
Timeline = Sequence[tuple[int, State]]
Case = dict[str, Any]
Result = Mapping[str, Any]


@dataclass(frozen=True)
class ServiceEngine:
    """What the collector needs of the availability engine.

    `compute`: case → result (docs/services.md). `check_document`: raises DocumentError where a services.d document is wrong, else
    gives its plain value. `closed_dates`: holiday calendar, first and last date → ISO dates.
    """

    compute: Callable[[Case], Result]
    check_document: Callable[[str, str], dict[str, Any]]
    closed_dates: Callable[[str, date, date], list[str]]


@dataclass(frozen=True)
class Version:
    """A resolved definition for the time it was in force; `until` None: still."""

    since: int
    until: int | None
    tree: Node


@dataclass
class FigureCache:
    """Results of closed windows: (from, to) → (what they were computed from, result)."""

    results: dict[tuple[int, int], tuple[int, Result]] = field(default_factory=dict)


@dataclass(frozen=True)
class Subject:
    """A service ready for arithmetic: its document, and its components' timelines with the expression over them."""

    document: Mapping[str, Any]
    components: Mapping[str, Timeline]
    expression: Any
    engine: ServiceEngine

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(str(self.document.get("time_zone") or "UTC"))

    def target_at(self, at: int) -> Mapping[str, Any] | None:
        """The target in force at an instant: the one with the newest `effective_from`."""
        begun = [each for each in self.document.get("targets") or [] if self._effective_from(each) <= at]
        return max(begun, key=self._effective_from, default=None)

    def begin_of(self, since: int, target: Mapping[str, Any] | None) -> int:
        """Where a window that begins at `since` begins for a target: what lies before the target was in force is not measured by it."""
        return since if target is None else max(since, self._effective_from(target))

    def compute(self, since: int, until: int, *, target: Mapping[str, Any] | None = None) -> Result:
        """The engine's result for one window."""
        return self.engine.compute(self.to_case(since, until, target=target))

    def to_case(self, since: int, until: int, *, target: Mapping[str, Any] | None = None) -> Case:
        """The availability case of one window; instants are milliseconds UTC."""
        policies = self.document.get("policies") or {}
        return {
            "time_zone": self.zone.key,
            "window": {"from": since, "to": until},
            "service_hours": self._hours(since, until),
            "planned_downtime": [],
            "components": {name: [{"at": at, "state": state} for at, state in timeline if at < until] for name, timeline in self.components.items()},
            "expression": self.expression,
            "policies": {name: policies[name] for name in ("unknown", "degraded", "planned") if name in policies},
            "target": None if target is None or target.get("availability") is None else str(target["availability"]),
        }

    def _hours(self, since: int, until: int) -> dict[str, Any] | None:
        hours = self.document.get("service_hours")
        if not hours:
            return None
        first, last = (datetime.fromtimestamp(at / 1000, self.zone).date() for at in (since, until))
        closed = [str(each) for each in hours.get("closed_dates") or []]
        if hours.get("holidays"):
            closed += self.engine.closed_dates(str(hours["holidays"]), first - timedelta(days=1), last + timedelta(days=1))
        return {"weekly": hours.get("weekly") or [], "closed_dates": sorted(set(closed)), "extra": hours.get("extra") or []}

    def _effective_from(self, target: Mapping[str, Any]) -> int:
        value = target.get("effective_from")
        if value is None:
            return -(2**62)
        try:
            return _start_of(date.fromisoformat(str(value)), self.zone)
        except ValueError:
            return parse_instant(str(value))


def build_subject(document: Mapping[str, Any], versions: Sequence[Version], timelines: Mapping[LeafKey, Timeline], engine: ServiceEngine) -> Subject:
    """The past is evaluated with the definition of its time; before the first one the service is unknown.

    Where all versions have the same components the engine gets these; else it gets the service's own timeline as one component.
    """
    groups = _group(versions)
    if len(groups) == 1:
        tree = groups[0].tree
        names = name_leaves(tree)
        components = {name: _clip(timelines.get(key, ()), groups[0].since, None) for key, name in names.items() if key != NOTHING}
        return Subject(document, {**components, names[NOTHING]: ()}, to_expression(tree, names), engine)
    joined = [entry for each in groups for entry in _clip(follow(each.tree, timelines), each.since, each.until)]
    return Subject(document, {"service": joined}, {"all": ["service"]}, engine)


def compute_figures(subject: Subject, now: int, cache: FigureCache) -> dict[str, dict[str, Any]]:
    """By window: the engine's result with its bounds in time, its target, and burn rates beside the month to date."""
    local = datetime.fromtimestamp(now / 1000, subject.zone).date()
    month = _start_of(local.replace(day=1), subject.zone)
    last_month = _start_of((local.replace(day=1) - timedelta(days=1)).replace(day=1), subject.zone)
    figures = {
        "month_to_date": _figure(subject, month, now, cache, is_closed=False),
        "last_month": _figure(subject, last_month, month, cache, is_closed=True),
        "30d": _figure(subject, now - DAYS * DAY_MS, now, cache, is_closed=False),
    }
    figures["month_to_date"]["burn_rates"] = compute_burn_rates(subject, now)
    return figures


def compute_burn_rates(subject: Subject, now: int) -> dict[str, float | None]:
    """Error ratio by allowed error ratio over windows that end now; None without a target or agreed time."""
    target = subject.target_at(now)
    promised = None if target is None else parse_target(target.get("availability"))
    rates: dict[str, float | None] = {}
    for name, length in BURN_WINDOWS_MS.items():
        rate = None
        if promised is not None:
            result = subject.compute(now - length, now)
            rate = compute_burn_rate(promised, counted_ms=result["agreed_ms"] - result["excluded_ms"], downtime_ms=result["downtime_ms"])
        rates[name] = None if rate is None else float(rate)
    return rates


def compute_days(subject: Subject, now: int, cache: FigureCache) -> list[dict[str, Any]]:
    """The last 30 local days, today last: {date, availability, verdict, down_ms}."""
    today = datetime.fromtimestamp(now / 1000, subject.zone).date()
    days = []
    for back in reversed(range(DAYS)):
        day = today - timedelta(days=back)
        since, until = _start_of(day, subject.zone), _start_of(day + timedelta(days=1), subject.zone)
        result = _compute(subject, since, min(until, now), cache, is_closed=until <= now)
        days.append(
            {
                "date": day.isoformat(),
                "availability": result.get("availability"),
                "verdict": result.get("verdict"),
                "down_ms": result.get("downtime_ms", 0),
                "unknown_ms": result.get("unknown_ms", 0),
                "agreed_ms": result.get("agreed_ms", 0),
            }
        )
    return days


def add_counters(counters: Mapping[str, int], subject: Subject, since: int, now: int, timeline: Timeline, *, was: State) -> dict[str, int]:
    """The counters after the time from the last evaluation to now, as it is seen now: they only rise, and late evidence lowers nothing.

    `was`: the state that the last evaluation saw. An outage counts when it is first seen, though it began before that: down is confirmed
    later than it begins. One that was over before anybody saw it is in the figures alone.
    """
    result = subject.compute(since, now) if since < now else {}
    added = {
        "accountable_ms": result.get("agreed_ms", 0),
        "down_ms": result.get("downtime_ms", 0),
        "degraded_ms": result.get("degraded_ms", 0),
        "unknown_ms": result.get("unknown_ms", 0),
        "maintenance_excluded_ms": result.get("planned_ms", 0),
        "failures": 0,
        "restores": 0,
        "restore_ms": 0,
    }
    down_since: int | None = None
    for (at, state), (end, _) in pairwise([*timeline, (now + 1, "unknown")]):
        is_seen_late = at < since < end
        if state == "down":
            down_since = at if down_since is None else down_since
            added["failures"] += since <= at < now or (is_seen_late and was != "down")
        elif state != "unknown" and down_since is not None:
            if since <= at < now or (is_seen_late and was == "down"):
                added["restores"] += 1
                added["restore_ms"] += at - down_since
            down_since = None
    return {name: counters.get(name, 0) + value for name, value in added.items()}


def _figure(subject: Subject, since: int, until: int, cache: FigureCache, *, is_closed: bool) -> dict[str, Any]:
    target = subject.target_at(until - 1)
    begun = subject.begin_of(since, target)
    result = dict(_compute(subject, begun, until, cache, is_closed=is_closed, target=target))
    outages = list(result.get("outages", []))
    result |= {"outages": outages[-OUTAGE_LIMIT:], "outage_count": len(outages)}
    named = {"target": None if target is None else target.get("availability"), "sla": "" if target is None else str(target.get("sla", ""))}
    return {**result, **named, "from": begun, "to": until}


def _compute(subject: Subject, since: int, until: int, cache: FigureCache, *, is_closed: bool, target: Mapping[str, Any] | None = None) -> Result:
    target = target or subject.target_at(until - 1)
    if since >= until:
        return {}
    if not is_closed:
        return subject.compute(since, until, target=target)
    case = subject.to_case(since, until, target=target)
    mark = hash(repr(case))  # late evidence, another definition or another target make another case
    known = cache.results.get((since, until))
    if known is None or known[0] != mark:
        known = (mark, subject.engine.compute(case))
        cache.results[since, until] = known
    return known[1]


def _group(versions: Sequence[Version]) -> list[Version]:
    """Successive versions with the same components as one."""
    groups: list[Version] = []
    for each in versions:
        if groups and groups[-1].tree == each.tree and groups[-1].until == each.since:
            groups[-1] = Version(groups[-1].since, each.until, each.tree)
        else:
            groups.append(each)
    return groups


def _clip(timeline: Timeline, since: int, until: int | None) -> list[tuple[int, State]]:
    """The timeline inside `[since, until)` with the state carried into it, unknown outside."""
    carried: State = "unknown"
    inside: list[tuple[int, State]] = []
    for at, state in timeline:
        if at <= since:
            carried = state
        elif until is None or at < until:
            inside.append((at, state))
    clipped: list[tuple[int, State]] = [(since, carried), *inside]
    return clipped if until is None else [*clipped, (until, "unknown")]


def _start_of(day: date, zone: ZoneInfo) -> int:
    """The first instant of a local date; where midnight does not exist, the first instant that does."""
    local = datetime.combine(day, time(), tzinfo=zone)
    return round(local.astimezone(UTC).timestamp()) * 1000
