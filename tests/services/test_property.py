"""The engine beside the definitions read aloud, over cases that hypothesis makes up; and what must hold of every case."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from collector.services.availability import compute
from collector.services.interval import intersect, measure, subtract, unite
from tests.services import oracle
from tests.services.sample import DAY, HOUR, MINUTE, MONDAY_TO_FRIDAY, at

STATES = st.sampled_from(["up", "degraded", "down", "unknown"])
NAMES = ("a", "b", "c", "d")
POLICIES = st.fixed_dictionaries(
    {
        "unknown": st.sampled_from(["exclude", "down", "up"]),
        "degraded": st.sampled_from(["up", "down"]),
        "planned": st.sampled_from(["exclude", "good", "ignore"]),
    }
)
TARGETS = st.sampled_from([None, "0", "0.5", "0.999", "1"])


def combine(children: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    lists = st.lists(children, min_size=1, max_size=4)
    at_least = lists.flatmap(lambda of: st.integers(1, len(of)).map(lambda k: {"at_least": k, "of": of}))
    return st.one_of(lists.map(lambda members: {"all": members}), lists.map(lambda members: {"any": members}), at_least)


EXPRESSIONS = st.recursive(st.sampled_from(NAMES), combine, max_leaves=8)


def timelines(instants: st.SearchStrategy[int]) -> st.SearchStrategy[Any]:
    transition = st.fixed_dictionaries({"at": instants, "state": STATES})
    return st.fixed_dictionaries({name: st.lists(transition, max_size=6) for name in NAMES})


@st.composite
def short_cases(draw: st.DrawFn) -> dict[str, Any]:
    """Always agreed; instants are milliseconds 0 to 30, so that they often meet."""
    instants = st.integers(0, 30)
    since = draw(instants)
    windows = st.tuples(instants, instants).map(lambda pair: {"from": min(pair), "to": max(pair)})
    return {
        "time_zone": "UTC", "window": {"from": since, "to": draw(st.integers(since, 34))}, "service_hours": None,
        "planned_downtime": draw(st.lists(windows, max_size=3)), "components": draw(timelines(instants)), "expression": draw(EXPRESSIONS),
        "policies": draw(POLICIES), "target": draw(TARGETS),
    }  # fmt: skip


# Each with a change of the clock; Lord Howe changes by half an hour, Santiago and Beirut at midnight, Apia lost a whole day.
ZONES_AND_DAYS = [
    ("Europe/Berlin", "2026-03-29"), ("Europe/Berlin", "2026-10-25"), ("Australia/Lord_Howe", "2026-04-05"), ("Australia/Lord_Howe", "2026-10-04"),
    ("America/Santiago", "2026-04-05"), ("America/Santiago", "2026-09-06"), ("Pacific/Apia", "2011-12-30"), ("Asia/Kathmandu", "2026-01-01"),
]  # fmt: skip
CLOCK = st.tuples(st.integers(0, 23), st.sampled_from([0, 15, 30, 45])).map(lambda pair: f"{pair[0]:02d}:{pair[1]:02d}")


@st.composite
def shift_cases(draw: st.DrawFn) -> dict[str, Any]:
    """Three days around a change of the clock; all instants are whole quarters of an hour."""
    zone, day = draw(st.sampled_from(ZONES_AND_DAYS))
    middle = at(f"{day}T00:00:00Z")
    instants = st.integers(-8 * 12, 8 * 12).map(lambda number: middle + number * 15 * MINUTE)
    times = {"from": CLOCK, "to": st.one_of(CLOCK, st.just("24:00"))}
    days = st.lists(st.sampled_from(oracle.DAYS), min_size=1, max_size=7, unique=True)
    near = st.integers(-2, 2).map(lambda number: oracle.render(middle + number * DAY)[:10])
    hours = st.fixed_dictionaries(
        {
            "weekly": st.lists(st.fixed_dictionaries({"days": days, **times}), max_size=3),
            "closed_dates": st.lists(near, max_size=2),
            "extra": st.lists(st.fixed_dictionaries({"date": near, **times}), max_size=2),
        }
    )
    windows = st.tuples(instants, instants).map(lambda pair: {"from": min(pair), "to": max(pair)})
    return {
        "time_zone": zone, "window": draw(windows), "service_hours": draw(hours), "planned_downtime": draw(st.lists(windows, max_size=2)),
        "components": draw(timelines(instants)), "expression": draw(EXPRESSIONS), "policies": draw(POLICIES), "target": draw(TARGETS),
    }  # fmt: skip


@given(short_cases())
def test_engine_equals_the_definitions_millisecond_by_millisecond(case: dict[str, Any]) -> None:
    assert compute(case) == oracle.compute(case, 1)


@given(shift_cases())
def test_engine_equals_the_definitions_around_changes_of_the_clock(case: dict[str, Any]) -> None:
    assert compute(case) == oracle.compute(case, 15 * MINUTE)


@given(shift_cases())
def test_case_written_as_text_gives_the_same_figures(case: dict[str, Any]) -> None:
    text = json.loads(json.dumps(case))
    for each in (text["window"], *text["planned_downtime"]):
        each["from"], each["to"] = oracle.render(each["from"]), oracle.render(each["to"])
    for timeline in text["components"].values():
        for each in timeline:
            each["at"] = oracle.render(each["at"])
    assert compute(text) == compute(case)


SEVEN = tuple("gfbecad")


@st.composite
def trees(draw: st.DrawFn) -> Any:
    """Nested combinations in which each of seven components stands once."""
    parts: list[Any] = list(draw(st.permutations(SEVEN)))
    while len(parts) > 1:
        count = draw(st.integers(2, len(parts)))
        parts = [{"at_least": draw(st.integers(1, count)), "of": parts[:count]}, *parts[count:]]
    return parts[0]


@given(trees(), st.fixed_dictionaries(dict.fromkeys(SEVEN, STATES)), POLICIES)
def test_causes_are_the_smallest_set_and_the_first_of_its_size(tree: Any, states: dict[str, str], policies: dict[str, str]) -> None:
    case = {
        "time_zone": "UTC", "window": {"from": 0, "to": 2}, "service_hours": None, "planned_downtime": [],
        "components": {name: [{"at": 1, "state": state}] for name, state in states.items()}, "expression": tree,
        "policies": policies, "target": None,
    }  # fmt: skip
    assert compute(case)["outages"] == oracle.compute(case, 1)["outages"]


@given(short_cases(), st.randoms(use_true_random=False))
def test_order_of_transitions_of_different_instants_never_matters(case: dict[str, Any], random: Any) -> None:
    shuffled = json.loads(json.dumps(case))
    for name, timeline in shuffled["components"].items():
        latest = {each["at"]: each for each in timeline}
        entries = list(latest.values())
        random.shuffle(entries)
        shuffled["components"][name] = entries
    assert compute(shuffled) == compute(case)


@given(short_cases(), st.integers(0, 34))
def test_parts_of_a_window_add_up_to_the_whole(case: dict[str, Any], cut: int) -> None:
    since, until = case["window"]["from"], case["window"]["to"]
    middle = min(max(cut, since), until)
    whole, first, second = (
        compute({**case, "window": {"from": start, "to": end}}) for start, end in ((since, until), (since, middle), (middle, until))
    )
    for name in ("agreed_ms", "planned_ms", "up_ms", "degraded_ms", "down_ms", "unknown_ms", "uptime_ms", "downtime_ms", "excluded_ms"):
        assert first[name] + second[name] == whole[name]


@given(st.one_of(short_cases(), shift_cases()))
def test_outages_add_up_to_the_downtime_and_states_to_the_agreed_time(case: dict[str, Any]) -> None:
    result = compute(case)
    assert sum(each["counted_ms"] for each in result["outages"]) == result["downtime_ms"]
    assert sum(result[f"{state}_ms"] for state in ("up", "degraded", "down", "unknown")) == result["agreed_ms"]
    assert result["uptime_ms"] + result["downtime_ms"] + result["excluded_ms"] == result["agreed_ms"]


@given(short_cases())
def test_what_is_unknown_lies_within_the_bounds_whatever_it_was(case: dict[str, Any]) -> None:
    case["policies"] = {**case["policies"], "unknown": "exclude"}
    bounds = compute(case)["bounds"]
    for state in ("up", "down"):
        revealed = json.loads(json.dumps(case))
        for timeline in revealed["components"].values():
            timeline[:0] = [{"at": -1, "state": "unknown"}]
            for each in timeline:
                each["state"] = state if each["state"] == "unknown" else each["state"]
        figure = compute(revealed)["availability"]
        if figure is None:
            assert bounds is None
        else:
            assert bounds["lower"]["ratio"] <= figure["ratio"] <= bounds["upper"]["ratio"]


SETS = st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)), max_size=6).map(unite)


@given(SETS, SETS)
def test_interval_sets_are_sets(left: list[tuple[int, int]], right: list[tuple[int, int]]) -> None:
    one, other = ({each for since, until in intervals for each in range(since, until)} for intervals in (left, right))
    cases = [(unite([*left, *right]), one | other), (intersect(left, right), one & other), (subtract(left, right), one - other)]
    for found, expected in cases:
        assert {each for since, until in found for each in range(since, until)} == expected
        assert unite(found) == found
        assert measure(found) == len(expected)


def test_ten_years_with_shifts_and_a_change_each_half_hour_are_one_pass() -> None:
    since, until = at("2016-01-01T00:00:00Z"), at("2026-01-01T00:00:00Z")
    pulse = [{"at": since + number * 30 * MINUTE, "state": ("up", "down")[number % 2]} for number in range((until - since) // (30 * MINUTE))]
    case = {
        "time_zone": "Europe/Berlin",
        "window": {"from": since, "to": until},
        "components": {"web": pulse},
        "service_hours": {"weekly": [{"days": MONDAY_TO_FRIDAY, "from": "08:00", "to": "18:00"}]},
        "expression": "web",
    }
    result = compute(case)
    weekdays = sum(1 for day in range((until - since) // DAY) if (day + 3 + since // DAY) % 7 < 5)
    assert (result["agreed_ms"], result["downtime_ms"], len(result["outages"])) == (weekdays * 10 * HOUR, weekdays * 5 * HOUR, weekdays * 10)
