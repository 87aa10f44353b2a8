"""Details of the engine that the scenarios do not show: faults with their place, policies, outages at the edges, causes of many."""

from __future__ import annotations

from typing import Any

import pytest

from collector.services.availability import compute
from muster.errors import InputError
from tests.services.sample import DAY, HOUR, MINUTE, SECOND, make_case

CASE: dict[str, Any] = {
    "window": {"from": "2026-03-01T00:00:00Z", "to": "2026-03-02T00:00:00Z"},
    "components": {"web-1": [{"at": "2026-03-01T00:00:00Z", "state": "up"}], "web-2": [], "db": []},
    "expression": {"all": ["db", {"at_least": 1, "of": ["web-1", "web-2"]}]},
}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"expression": {"all": ["web1"]}}, "$.expression.all[0]: unknown component 'web1'; did you mean 'web-1'?"),
        ({"expression": {"all": ["db", {"at_least": 0, "of": ["web-1"]}]}}, "$.expression.all[1].at_least: at_least is 0; of 1 it can be 1 to 1"),
        ({"expression": {"at_least": 3, "of": ["web-1", "web-2"]}}, "$.expression.at_least: at_least is 3; of 2 it can be 1 to 2"),
        ({"expression": {"at_least": True, "of": ["web-1"]}}, "$.expression.at_least: at_least is True; of 1 it can be 1 to 1"),
        ({"expression": {"at_least": 1, "of": []}}, "$.expression.of: nothing to combine: the list is empty"),
        ({"expression": {"all": []}}, "$.expression.all: nothing to combine: the list is empty"),
        ({"expression": {"any": "db"}}, "$.expression.any: 'db' is no list of components"),
        ({"expression": {"most": ["db"]}}, "$.expression: an expression has the key all, or any, or at_least with of; this one has 'most'"),
        (
            {"components": {"db": [{"at": "yesterday", "state": "up"}]}, "expression": "db"},
            "$.components.db[0].at: 'yesterday' is no RFC 3339 instant; write for example 2026-03-01T10:00:00Z",
        ),
        (
            {"components": {"db": [{"at": "2026-03-01T00:00:00", "state": "up"}]}, "expression": "db"},
            "$.components.db[0].at: '2026-03-01T00:00:00' has no time zone; write for example 2026-03-01T10:00:00Z",
        ),
        (
            {"components": {"db": [{"at": 0, "state": "upp"}]}, "expression": "db"},
            "$.components.db[0].state: unknown state 'upp'; did you mean 'up'?",
        ),
        (
            {"components": {"db": [{"at": 0, "status": "up"}]}, "expression": "db"},
            "$.components.db[0].status: unknown key 'status'; did you mean 'state'?",
        ),
        ({"components": {"db": [{"at": 0}]}, "expression": "db"}, "$.components.db[0]: the key 'state' is missing"),
        (
            {"components": {"db": [{"at": 1e30, "state": "up"}]}, "expression": "db"},
            "$.components.db[0].at: 1e+30 is no instant in milliseconds between the years 1 and 9999",
        ),
        (
            {"components": {"db": [{"at": float("inf"), "state": "up"}]}, "expression": "db"},
            "$.components.db[0].at: inf is no instant in milliseconds between the years 1 and 9999",
        ),
        (
            {"window": {"from": "2026-03-02T00:00:00Z", "to": "2026-03-01T00:00:00Z"}},
            "$.window: ends at '2026-03-01T00:00:00Z', before it begins at '2026-03-02T00:00:00Z'",
        ),
        ({"window": None}, "$.window: None is no mapping with the keys from, to"),
        ({"time_zone": "Europe/Berlim"}, "$.time_zone: unknown time zone 'Europe/Berlim'; did you mean 'Europe/Berlin'?"),
        (
            {"time_zone": "../etc/passwd"},
            "$.time_zone: unknown time zone '../etc/passwd'; write a name of the zone database, for example Europe/Berlin",
        ),
        (
            {"service_hours": {"weekly": [{"days": ["monday"], "from": "08:00", "to": "18:00"}]}},
            "$.service_hours.weekly[0].days[0]: unknown weekday 'monday'; did you mean 'mon'?",
        ),
        (
            {"service_hours": {"weekly": [{"days": ["mon"], "from": "24:00", "to": "18:00"}]}},
            "$.service_hours.weekly[0].from: '24:00' is no local time; write for example \"08:00\"",
        ),
        (
            {"service_hours": {"weekly": [{"days": ["mon"], "from": "08:00", "to": 1080}]}},
            '$.service_hours.weekly[0].to: 1080 is no local time; write for example "08:00"; put it in quotes, as YAML takes it for a number',
        ),
        (
            {"service_hours": {"closed_dates": ["2026-02-30"]}},
            "$.service_hours.closed_dates[0]: '2026-02-30' is no date; write for example 2026-03-07",
        ),
        ({"service_hours": {"extras": []}}, "$.service_hours.extras: unknown key 'extras'; did you mean 'extra'?"),
        ({"policies": {"unknown": "ignore"}}, "$.policies.unknown: unknown policy 'ignore'; known are down, exclude, up"),
        ({"target": "99.9"}, "$.target: '99.9' is no ratio between 0 and 1; write for example \"0.999\" for 99.9 %"),
        ({"target": "1e-9999999"}, "$.target: '1e-9999999' is no ratio between 0 and 1; write for example \"0.999\" for 99.9 %"),
        ({"planned_downtimes": []}, "$.planned_downtimes: unknown key 'planned_downtimes'; did you mean 'planned_downtime'?"),
    ],
)
def test_fault_in_a_case_is_named_with_its_place_and_what_to_do(change: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError) as caught:
        compute({**CASE, **change})
    assert str(caught.value) == message


def test_case_of_only_the_required_keys_is_agreed_always_and_has_no_target() -> None:
    result = compute(CASE)
    assert (result["agreed_ms"], result["unknown_ms"], result["verdict"], result["error_budget"]) == (DAY, DAY, None, None)


@pytest.mark.parametrize("missing", ["window", "components", "expression"])
def test_required_key_is_demanded(missing: str) -> None:
    with pytest.raises(InputError, match=f"the key '{missing}' is missing"):
        compute({key: value for key, value in CASE.items() if key != missing})


def test_nothing_agreed_has_no_figure_at_all() -> None:
    closed: dict[str, Any] = {"weekly": [], "closed_dates": [], "extra": []}
    result = compute(make_case(0, DAY, (HOUR, 2 * HOUR), service_hours=closed, target="0.999"))
    assert [result[name] for name in ("agreed_ms", "availability", "bounds", "coverage", "verdict", "outages")] == [0, None, None, None, None, []]


def test_outage_begins_before_the_window_and_lasts_at_its_end() -> None:
    case = make_case(10 * HOUR, 12 * HOUR, (9 * HOUR, 12 * HOUR))
    assert compute(case)["outages"] == [{"from": "1970-01-01T09:00:00.000Z", "to": None, "counted_ms": 2 * HOUR, "causes": ["web"]}]


def test_outage_out_of_unknown_beginnings_has_no_start() -> None:
    case = {**CASE, "policies": {"unknown": "down"}}
    assert compute(case)["outages"] == [{"from": None, "to": None, "counted_ms": DAY, "causes": ["db", "web-1"]}]
    assert (compute(case)["bounds"]["lower"], compute(case)["bounds"]["upper"]) == (compute(case)["availability"],) * 2


def test_outage_inside_planned_downtime_is_none_and_does_not_split_a_longer_one() -> None:
    planned = [{"from": 2 * HOUR, "to": 3 * HOUR}]
    for policy in ("exclude", "good"):
        inside = make_case(0, DAY, (2 * HOUR, 3 * HOUR), planned_downtime=planned, policies={"planned": policy})
        assert compute(inside)["outages"] == []
        around = make_case(0, DAY, (HOUR, 4 * HOUR), planned_downtime=planned, policies={"planned": policy})
        assert [(each["from"][11:19], each["to"][11:19], each["counted_ms"]) for each in compute(around)["outages"]] == [
            ("01:00:00", "04:00:00", 2 * HOUR)
        ]


def test_degraded_counts_by_policy() -> None:
    case = make_case(0, DAY)
    case["components"]["web"].append({"at": HOUR, "state": "degraded"})
    assert [compute({**case, "policies": {"degraded": word}})["downtime_ms"] for word in ("up", "down")] == [0, 23 * HOUR]


def test_closed_date_removes_the_shift_that_starts_on_it_whole_and_never_an_extra() -> None:
    nights = {"weekly": [{"days": ["thu", "fri"], "from": "22:00", "to": "06:00"}]}

    # 1970-01-01 was a Thursday: its shift ends on Friday morning.
    def agreed(**hours: Any) -> int:
        return int(compute(make_case(0, 3 * DAY, service_hours={**nights, **hours}))["agreed_ms"])

    assert agreed() == 16 * HOUR
    assert agreed(closed_dates=["1970-01-01"]) == 8 * HOUR
    assert agreed(closed_dates=["1970-01-01"], extra=[{"date": "1970-01-01", "from": "23:00", "to": "01:30"}]) == 10 * HOUR + 30 * MINUTE
    assert agreed(extra=[{"date": "1970-01-01", "from": "21:00", "to": "23:00"}]) == 17 * HOUR


def test_shift_from_a_time_to_the_same_time_is_a_whole_day() -> None:
    assert compute(make_case(0, 2 * DAY, service_hours={"weekly": [{"days": ["thu"], "from": "08:00", "to": "08:00"}]}))["agreed_ms"] == DAY


def test_last_of_several_states_of_one_instant_wins() -> None:
    case = make_case(0, DAY)
    case["components"]["web"] = [{"at": 0, "state": state} for state in ("up", "down", "degraded")]
    assert compute(case)["degraded_ms"] == DAY


@pytest.mark.parametrize("is_repeated", [False, True])
def test_causes_of_sixty_failed_components_are_found_at_once(is_repeated: bool) -> None:
    names = [f"node-{number:02d}" for number in range(60)]
    tree: Any = {"all": [{"at_least": 30, "of": names}, {"all": ["db", "cache"]}]}
    if is_repeated:
        tree = {"all": [tree, {"any": ["db", "cache"]}]}
    components = {name: [{"at": SECOND, "state": "down"}] for name in (*names, "db", "cache")}
    (outage,) = compute({"window": {"from": 0, "to": DAY}, "components": components, "expression": tree})["outages"]
    if is_repeated:
        assert {"db", "cache"} <= set(outage["causes"])
        assert len(outage["causes"]) == 32
    else:
        assert outage["causes"] == sorted(["cache", "db", *names[:30]])


def test_expression_nested_a_thousand_deep_is_followed() -> None:
    tree: Any = "web"
    for _ in range(1000):
        tree = {"all": [tree]}
    assert compute({**make_case(0, DAY, (HOUR, 2 * HOUR)), "expression": tree})["downtime_ms"] == HOUR


def test_window_of_centuries_with_shifts_is_refused_with_a_hint() -> None:
    with pytest.raises(InputError, match="longer than 200 years; compute shorter windows"):
        compute(make_case("1700-01-01T00:00:00Z", "2026-01-01T00:00:00Z", service_hours={"weekly": []}))
