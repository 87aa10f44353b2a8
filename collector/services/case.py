"""An availability case: everything that a figure is computed from, checked and in order. Format: docs/services.md."""

from __future__ import annotations

import re
from collections.abc import Mapping
from fractions import Fraction
from typing import Any, Literal, cast
from zoneinfo import ZoneInfo

from msgspec import Struct

from collector.services.expression import Expression, parse_expression
from collector.services.interval import Interval, unite
from collector.services.service_hours import ServiceHours, expect_list, expect_mapping, parse_service_hours, parse_zone
from collector.services.transition import Transition, order_transitions
from muster.document import suggest
from muster.errors import InputError, quote
from muster.instant import parse_instant
from muster.model.state import STATES, State

KEYS = ("time_zone", "window", "service_hours", "planned_downtime", "components", "expression", "policies", "target")
EARLIEST = -62_104_060_800_000  # 0002-01-01, so that local time exists everywhere
LATEST = 253_370_764_800_000  # 9999-01-01
_TARGET = re.compile(r"[0-9]{1,3}(?:\.[0-9]{1,30})?")


class Policies(Struct, frozen=True):
    """Terms of the service level agreement: what unknown and degraded time count as, and what planned downtime does."""

    unknown: Literal["exclude", "down", "up"] = "exclude"
    degraded: Literal["up", "down"] = "up"
    planned: Literal["exclude", "good", "ignore"] = "exclude"

    @property
    def down_states(self) -> frozenset[State]:
        """The states that count as down."""
        counted: dict[State, bool] = {"down": True, "degraded": self.degraded == "down", "unknown": self.unknown == "down"}
        return frozenset(state for state, counts in counted.items() if counts)


POLICY_WORDS: Mapping[str, tuple[str, ...]] = {
    "unknown": ("exclude", "down", "up"),
    "degraded": ("up", "down"),
    "planned": ("exclude", "good", "ignore"),
}


class Case(Struct, frozen=True):
    """A checked case. `timelines`: in order, before the window's end; `planned`: united; `target` None: there is none."""

    zone: ZoneInfo
    since: int
    until: int
    hours: ServiceHours | None
    planned: list[Interval]
    timelines: dict[str, list[Transition]]
    expression: Expression
    policies: Policies
    target: Fraction | None


def parse_case(value: Mapping[str, Any]) -> Case:
    """A case of plain values. Instants are RFC 3339 text or integer milliseconds UTC. Raises InputError with the path of the first fault."""
    given = expect_mapping(value, "$", KEYS, required=("window", "components", "expression"))
    since, until = _parse_window(given["window"], "$.window")
    if not isinstance(given["components"], Mapping):
        raise InputError(f"{quote(given['components'])} is no mapping of component names to transitions", path="$.components")
    timelines = {str(name): parse_timeline(each, until, f"$.components.{name}") for name, each in given["components"].items()}
    return Case(
        zone=parse_zone(given.get("time_zone") or "UTC"),
        since=since,
        until=until,
        hours=parse_service_hours(given.get("service_hours")),
        planned=unite(
            _parse_window(each, f"$.planned_downtime[{index}]")
            for index, each in enumerate(expect_list(given.get("planned_downtime"), "$.planned_downtime"))
        ),
        timelines=timelines,
        expression=parse_expression(given["expression"], timelines),
        policies=parse_policies(given.get("policies")),
        target=parse_target(given.get("target")),
    )


def parse_timeline(value: Any, until: int, path: str) -> list[Transition]:
    """A component's transitions `{at, state}`, in order. Those from `until` on do not matter, but must be right."""
    transitions: list[Transition] = []
    for index, each in enumerate(expect_list(value, path)):
        if not isinstance(each, Mapping) or set(each) != {"at", "state"}:
            expect_mapping(each, f"{path}[{index}]", ("at", "state"), required=("at", "state"))
        if each["state"] not in STATES:
            raise InputError(f"unknown state {quote(each['state'])}{suggest(str(each['state']), STATES)}", path=f"{path}[{index}].state")
        transitions.append((parse_at(each["at"], path=f"{path}[{index}].at"), each["state"]))
    return order_transitions(transitions, until=until)


def parse_policies(value: Any, *, path: str = "$.policies") -> Policies:
    """The policies; what is not named has its default."""
    given = {} if value is None else expect_mapping(value, path, tuple(POLICY_WORDS))
    for name, word in given.items():
        if word not in POLICY_WORDS[name]:
            raise InputError(f"unknown policy {quote(word)}{suggest(str(word), POLICY_WORDS[name])}", path=f"{path}.{name}")
    return Policies(**cast(dict[str, Any], dict(given)))


def parse_target(value: Any, *, path: str = "$.target") -> Fraction | None:
    """The exact target of a decimal such as "0.999"; None where there is none."""
    if value is None:
        return None
    text = str(value) if isinstance(value, int | float | str) and not isinstance(value, bool) else ""
    if not _TARGET.fullmatch(text) or Fraction(text) > 1:
        raise InputError(f'{quote(value)} is no ratio between 0 and 1; write for example "0.999" for 99.9 %', path=path)
    return Fraction(text)


def parse_at(value: Any, *, path: str) -> int:
    """An instant as milliseconds UTC, between the years 2 and 9998."""
    if not isinstance(value, int | float | str):
        raise InputError(f"{quote(value)} is no RFC 3339 instant; write for example 2026-03-01T10:00:00Z", path=path)
    try:
        at = parse_instant(value, path=path)
    except (OverflowError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        at = LATEST
    if not EARLIEST <= at < LATEST:
        raise InputError(f"{quote(value)} is outside the years 2 to 9998", path=path)
    return at


def _parse_window(value: Any, path: str) -> Interval:
    given = expect_mapping(value, path, ("from", "to"), required=("from", "to"))
    since, until = (parse_at(given[name], path=f"{path}.{name}") for name in ("from", "to"))
    if until < since:
        raise InputError(f"ends at {quote(given['to'])}, before it begins at {quote(given['from'])}", path=path)
    return since, until
