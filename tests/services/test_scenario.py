"""The worked answers of the design, one test each; the number is the scenario's. Percentages are cut after four decimals."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest

from collector.services.availability import compute
from collector.services.error_budget import compute_burn_rate
from tests.services.sample import DAY, HOUR, MINUTE, MONDAY_TO_FRIDAY, SECOND, at, make_case, percent

HOURS_720 = 720 * HOUR
OFFICE = {"weekly": [{"days": MONDAY_TO_FRIDAY, "from": "08:00", "to": "18:00"}]}
BERLIN_MARCH = ("2026-03-01T00:00:00+01:00", "2026-04-01T00:00:00+02:00")
BERLIN_OCTOBER = ("2026-10-01T00:00:00+02:00", "2026-11-01T00:00:00+01:00")


def windows(*pairs: tuple[Any, Any]) -> list[dict[str, Any]]:
    return [{"from": since, "to": until} for since, until in pairs]


def good(case: dict[str, Any]) -> dict[str, Any]:
    return {**case, "policies": {"planned": "good"}}


def test_01_no_history_has_no_figure_and_is_undetermined() -> None:
    result = compute({"window": {"from": 0, "to": 30 * DAY}, "components": {"web": []}, "expression": "web", "target": "0.999"})
    assert (result["availability"], result["verdict"]) == (None, "undetermined")
    assert [percent(result, "bounds", "lower"), percent(result, "bounds", "upper"), percent(result, "coverage")] == ["0.0000", "100.0000", "0.0000"]
    assert result["error_budget"] == {"allowed_ms": {"numerator": 0, "denominator": 1}, "remaining_ms": {"numerator": 0, "denominator": 1}}


def test_02_planned_downtime_is_not_agreed_time_or_is_taken_as_up_by_policy() -> None:
    case = make_case(
        1000 * SECOND, 2000 * SECOND, (1200 * SECOND, 1500 * SECOND),
        planned_downtime=windows((1100 * SECOND, 1300 * SECOND), (1400 * SECOND, 1600 * SECOND)),
    )  # fmt: skip
    result = compute(case)
    assert (percent(result), result["agreed_ms"], result["downtime_ms"], result["planned_ms"]) == ("83.3333", 600_000, 100_000, 400_000)
    assert percent(compute(good(case))) == "90.0000"
    assert percent(compute({**case, "policies": {"planned": "ignore"}})) == "70.0000"


def test_03_down_for_the_whole_remaining_time_is_zero() -> None:
    case = make_case(1000 * SECOND, 2000 * SECOND, (500 * SECOND, 3000 * SECOND), planned_downtime=windows((600 * SECOND, 1800 * SECOND)))
    result = compute(case)
    assert (percent(result), result["agreed_ms"], result["downtime_ms"]) == ("0.0000", 200_000, 200_000)
    assert percent(compute(good(case))) == "80.0000"


def test_04_outage_that_overruns_its_maintenance() -> None:
    day = "2026-03-02"
    case = make_case(
        f"{day}T00:00:00Z", "2026-03-03T00:00:00Z", (f"{day}T08:06:56Z", f"{day}T09:48:36Z"),
        planned_downtime=windows((f"{day}T08:00:00Z", f"{day}T08:15:00Z")),
    )  # fmt: skip
    result = compute(case)
    assert (result["agreed_ms"], result["downtime_ms"], percent(result)) == (85_500 * SECOND, 5_616 * SECOND, "93.4315")
    assert percent(compute(good(case))) == "93.5000"
    assert result["outages"] == [{"from": f"{day}T08:06:56.000Z", "to": f"{day}T09:48:36.000Z", "counted_ms": 5_616 * SECOND, "causes": ["web"]}]


@pytest.mark.parametrize(
    ("month", "hours", "downtime_ms", "verdict"),
    [
        (BERLIN_MARCH, 743, 2_674_000, "met"),
        (BERLIN_MARCH, 743, 2_675_000, "breached"),
        (BERLIN_OCTOBER, 745, 2_682_000, "met"),
        (BERLIN_OCTOBER, 745, 2_683_000, "breached"),
    ],
)
def test_05_06_month_with_a_change_of_the_clock(month: tuple[str, str], hours: int, downtime_ms: int, verdict: str) -> None:
    down = at(month[0]) + 20 * DAY
    result = compute(make_case(*month, (down, down + downtime_ms), time_zone="Europe/Berlin", target="0.999"))
    assert (result["agreed_ms"], result["verdict"]) == (hours * HOUR, verdict)
    assert Fraction(*result["error_budget"]["allowed_ms"].values()) == Fraction(hours * HOUR, 1000)


@pytest.mark.parametrize(
    ("date", "found"),
    [
        ("2026-03-29", [("01:00", "01:30")]),
        ("2026-10-25", [("00:30", "01:00"), ("01:30", "02:30")]),
        ("2026-07-01", [("00:30", "01:30")]),
    ],
)
def test_07_shift_in_the_hour_of_a_clock_change(date: str, found: list[tuple[str, str]]) -> None:
    """Each piece of the shift is agreed, and nothing beside it."""
    hours = {"weekly": [{"days": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"], "from": "02:30", "to": "03:30"}]}
    case = make_case(f"{date}T00:00:00Z", f"{date}T06:00:00Z", time_zone="Europe/Berlin", service_hours=hours)
    pieces = [{"window": {"from": f"{date}T{since}:00Z", "to": f"{date}T{until}:00Z"}} for since, until in found]
    lengths = [at(each["window"]["to"]) - at(each["window"]["from"]) for each in pieces]
    assert [compute({**case, **each})["agreed_ms"] for each in pieces] == lengths
    assert compute(case)["agreed_ms"] == sum(lengths)


@pytest.mark.parametrize(
    ("zone", "date", "hours"),
    [
        ("Australia/Lord_Howe", "2026-04-05", 24.5),
        ("Australia/Lord_Howe", "2026-10-04", 23.5),
        ("America/Santiago", "2026-04-04", 25),
        ("America/Santiago", "2026-09-06", 23),
    ],
)
def test_07_length_of_local_days(zone: str, date: str, hours: float) -> None:
    extra = {"extra": [{"date": date, "from": "00:00", "to": "24:00"}]}
    noon = at(f"{date}T12:00:00Z")
    assert compute(make_case(noon - 3 * DAY, noon + 3 * DAY, time_zone=zone, service_hours=extra))["agreed_ms"] == hours * HOUR


def test_08_weekend_between_two_shifts_does_not_count_and_does_not_split() -> None:
    result = compute(
        make_case(
            "2026-11-01T00:00:00+01:00", "2026-12-01T00:00:00+01:00", ("2026-11-13T17:30:00+01:00", "2026-11-16T08:45:00+01:00"),
            time_zone="Europe/Berlin", service_hours=OFFICE,
        )
    )  # fmt: skip
    assert (result["agreed_ms"], result["downtime_ms"], percent(result)) == (12_600 * MINUTE, 75 * MINUTE, "99.4047")
    assert result["outages"] == [{"from": "2026-11-13T16:30:00.000Z", "to": "2026-11-16T07:45:00.000Z", "counted_ms": 75 * MINUTE, "causes": ["web"]}]
    assert result["mtrs_ms"] == {"numerator": 75 * MINUTE, "denominator": 1}
    assert at(result["outages"][0]["to"]) - at(result["outages"][0]["from"]) == 63 * HOUR + 15 * MINUTE


def with_unknown(down_ms: int, unknown_ms: int) -> dict[str, Any]:
    case = make_case(0, HOURS_720, (HOUR, HOUR + down_ms), target="0.999")
    case["components"]["web"] += [{"at": 10 * HOUR, "state": "unknown"}, {"at": 10 * HOUR + unknown_ms, "state": "up"}]
    return case


def test_09_unknown_time_that_could_turn_the_verdict_leaves_it_undetermined() -> None:
    result = compute(with_unknown(20 * MINUTE, 40 * MINUTE))
    assert (percent(result), percent(result, "bounds", "lower"), percent(result, "bounds", "upper")) == ("99.9536", "99.8611", "99.9537")
    assert result["verdict"] == "undetermined"


def test_10_breached_whatever_the_unknown_time_was() -> None:
    result = compute(with_unknown(60 * MINUTE, 40 * MINUTE))
    assert (percent(result, "bounds", "upper"), result["verdict"]) == ("99.8611", "breached")


@pytest.mark.parametrize(("downtime_ms", "shown", "verdict"), [(2_592_000, "99.9000", "met"), (2_593_000, "99.8999", "breached")])
def test_11_one_second_beside_the_target(downtime_ms: int, shown: str, verdict: str) -> None:
    result = compute(make_case(0, HOURS_720, (HOUR, HOUR + downtime_ms), target="0.999"))
    assert (percent(result), result["verdict"]) == (shown, verdict)


def of_three(expression: Any) -> dict[str, Any]:
    def outage(since: int, until: int) -> list[dict[str, Any]]:
        return [{"at": 0, "state": "up"}, {"at": since, "state": "down"}, {"at": until, "state": "up"}]

    components = {
        "a": outage(10 * HOUR, 10 * HOUR + 30 * MINUTE),
        "b": outage(10 * HOUR + 20 * MINUTE, 10 * HOUR + 50 * MINUTE),
        "c": [{"at": 0, "state": "up"}],
    }
    return {"window": {"from": 0, "to": DAY}, "components": components, "expression": expression}


def test_12_redundant_components_are_down_only_together() -> None:
    two_of_three, all_of_three = ({"at_least": 2, "of": ["a", "b", "c"]}, {"all": ["a", "b", "c"]})
    result = compute(of_three(two_of_three))
    assert (result["downtime_ms"], percent(result)) == (10 * MINUTE, "99.3055")
    assert result["outages"][0]["causes"] == ["a", "b"]
    result = compute(of_three(all_of_three))
    assert (result["downtime_ms"], percent(result), result["outages"][0]["causes"]) == (50 * MINUTE, "96.5277", ["a"])


@pytest.mark.parametrize(("states", "expected"), [("up unknown down", "unknown"), ("down down unknown", "down"), ("up up unknown", "up")])
def test_13_unknown_member_decides_only_where_it_could(states: str, expected: str) -> None:
    components = {name: [{"at": 0, "state": state}] for name, state in zip("abc", states.split(), strict=True)}
    result = compute({"window": {"from": 0, "to": HOUR}, "components": components, "expression": {"at_least": 2, "of": ["a", "b", "c"]}})
    assert {state: result[f"{state}_ms"] for state in ("up", "degraded", "down", "unknown")} == {
        **dict.fromkeys(("up", "degraded", "down", "unknown"), 0), expected: HOUR,
    }  # fmt: skip


def test_14_works_that_overrun_their_window_count_from_its_end() -> None:
    result = compute(make_case(0, HOURS_720, (10 * HOUR, 14 * HOUR + 40 * MINUTE), planned_downtime=windows((10 * HOUR, 14 * HOUR))))
    assert (result["agreed_ms"], percent(result)) == (716 * HOUR, "99.9068")


def test_15_only_the_part_inside_the_allowance_is_planned() -> None:
    """The allowance cuts the second window before it gets here."""
    planned = windows((10 * HOUR, 15 * HOUR), (100 * HOUR, 103 * HOUR))
    result = compute(make_case(0, HOURS_720, (10 * HOUR, 15 * HOUR), (100 * HOUR, 105 * HOUR), planned_downtime=planned))
    assert (result["agreed_ms"], result["downtime_ms"], percent(result)) == (712 * HOUR, 2 * HOUR, "99.7191")


def test_16_reclassified_outage_is_shown_in_both_figures() -> None:
    case = make_case(0, HOURS_720, (10 * HOUR, 10 * HOUR + 45 * MINUTE))
    assert percent(compute(case)) == "99.8958"
    assert percent(compute({**case, "planned_downtime": windows((10 * HOUR, 11 * HOUR))})) == "100.0000"


def test_17_maintenance_of_one_node_exempts_no_service_time() -> None:
    components = {
        "a": [{"at": 0, "state": "down"}],
        "b": [{"at": 0, "state": "up"}, {"at": HOUR, "state": "down"}, {"at": HOUR + 15 * MINUTE, "state": "up"}],
    }
    result = compute({"window": {"from": 0, "to": DAY}, "components": components, "expression": {"any": ["a", "b"]}})
    assert (result["downtime_ms"], result["outages"][0]["causes"]) == (15 * MINUTE, ["a", "b"])


def test_18_agreement_that_begins_in_the_month() -> None:
    begins, ends = "2026-11-16T00:00:00Z", "2026-12-01T00:00:00Z"
    result = compute(make_case(begins, ends, ("2026-11-20T10:00:00Z", "2026-11-20T11:00:00Z")))
    assert (result["agreed_ms"], percent(result)) == (360 * HOUR, "99.7222")


def test_19_week_is_not_the_mean_of_its_days_and_its_days_add_up() -> None:
    hours = {"weekly": [{"days": MONDAY_TO_FRIDAY, "from": "08:00", "to": "18:00"}, {"days": ["sat"], "from": "10:00", "to": "14:00"}]}
    case = make_case("2026-03-02T00:00:00Z", "2026-03-09T00:00:00Z", ("2026-03-07T11:00:00Z", "2026-03-07T13:00:00Z"), service_hours=hours)
    result = compute(case)
    assert percent(result) == "96.2962"
    monday = at("2026-03-02T00:00:00Z")
    days = [compute({**case, "window": {"from": monday + day * DAY, "to": monday + (day + 1) * DAY}}) for day in range(7)]
    for name in ("agreed_ms", "uptime_ms", "downtime_ms"):
        assert sum(day[name] for day in days) == result[name]
    assert (days[6]["availability"], percent(days[5])) == (None, "50.0000")


def test_20_means_over_three_outages_and_none_without() -> None:
    downs = [(start * HOUR, start * HOUR + length * MINUTE) for start, length in ((10, 10), (100, 20), (200, 60))]
    result = compute(make_case(0, HOURS_720, *downs))
    assert [result[name]["numerator"] / result[name]["denominator"] / HOUR for name in ("mtrs_ms", "mtbf_ms", "mtbsi_ms")] == [0.5, 239.5, 240]
    result = compute(make_case(0, HOURS_720))
    assert [result[name] for name in ("mtrs_ms", "mtbf_ms", "mtbsi_ms")] == [None, None, None]


def test_21_changed_target_makes_two_verdicts() -> None:
    begins, changes, ends = (at(f"{day}T00:00:00Z") for day in ("2026-11-01", "2026-11-16", "2026-12-01"))
    downs = [(start, start + HOUR) for start in (begins + DAY, changes + DAY)]
    verdicts = [
        compute(make_case(since, until, *downs, target=target))["verdict"]
        for since, until, target in ((begins, changes, "0.999"), (changes, ends, "0.995"))
    ]
    assert verdicts == ["breached", "met"]


def test_22_fast_burn_is_reached_after_51_84_seconds_of_an_hour() -> None:
    target, hour, five_minutes = Fraction("0.999"), HOUR, 5 * MINUTE
    assert compute_burn_rate(target, counted_ms=hour, downtime_ms=51_840) == Fraction("14.4")
    assert compute_burn_rate(target, counted_ms=five_minutes, downtime_ms=4_320) == Fraction("14.4")
    assert compute_burn_rate(target, counted_ms=hour, downtime_ms=51_839) < Fraction("14.4")  # type: ignore[operator]  # a figure, not None
    assert compute_burn_rate(target, counted_ms=0, downtime_ms=0) is None


def test_23_backlog_that_comes_late_replaces_unknown_time() -> None:
    window = {"from": 0, "to": DAY}
    gap = [{"at": 0, "state": "up"}, {"at": 2 * HOUR, "state": "unknown"}, {"at": 2 * HOUR + 20 * MINUTE, "state": "up"}]
    assert compute({"window": window, "components": {"web": gap}, "expression": "web"})["unknown_ms"] == 20 * MINUTE
    assert compute({"window": window, "components": {"web": gap[:1]}, "expression": "web"})["unknown_ms"] == 0


def test_30_each_short_outage_counts() -> None:
    result = compute(make_case(0, HOUR, *((start * 5 * MINUTE, start * 5 * MINUTE + MINUTE) for start in range(1, 7))))
    assert (result["downtime_ms"], len(result["outages"])) == (6 * MINUTE, 6)
