"""When a job runs, by a clock that the test moves."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from discovery.rate_limit import RateLimit
from discovery.schedule import is_quiet, next_run_at, parse_every, parse_quiet, parse_rate
from muster.clock import FakeClock
from muster.errors import ConfigurationError

BERLIN = ZoneInfo("Europe/Berlin")


def at(text: str) -> int:
    return round(datetime.fromisoformat(text).timestamp() * 1000)


def test_a_quiet_window_holds_from_its_beginning_to_before_its_end() -> None:
    windows = parse_quiet(["Mon-Fri 08:00-10:00"])
    moments = [
        "2026-03-02T07:59:59+01:00",
        "2026-03-02T08:00:00+01:00",
        "2026-03-02T09:59:59+01:00",
        "2026-03-02T10:00:00+01:00",
        "2026-03-07T09:00:00+01:00",
    ]
    assert [is_quiet(windows, at(moment), BERLIN) for moment in moments] == [False, True, True, False, False]


def test_a_window_over_midnight_belongs_to_the_day_on_which_it_begins() -> None:
    windows = parse_quiet(["Fri 22:00-06:00"])
    moments = ["2026-03-06T23:00:00+00:00", "2026-03-07T05:59:00+00:00", "2026-03-07T06:00:00+00:00", "2026-03-06T05:00:00+00:00"]
    assert [is_quiet(windows, at(moment), UTC) for moment in moments] == [True, True, False, False]


def test_a_run_that_falls_into_a_quiet_window_begins_at_its_end() -> None:
    windows = parse_quiet(["Mon-Fri 08:00-10:00; Mon 10:00-10:30"])
    due = next_run_at(at("2026-03-02T03:00:00+01:00"), 6 * 3600, windows, at("2026-03-02T09:00:00+01:00"), BERLIN)
    assert due == at("2026-03-02T10:30:00+01:00")


def test_the_end_of_a_quiet_window_is_the_wall_clocks_on_the_day_the_clocks_change() -> None:
    windows = parse_quiet(["00:00-03:00"])
    due = next_run_at(None, 3600, windows, at("2026-03-29T00:30:00+01:00"), BERLIN)
    assert due == at("2026-03-29T03:00:00+02:00")


def test_a_job_that_never_ran_is_due_at_once_and_later_every_interval() -> None:
    now = at("2026-03-02T12:00:00+00:00")
    assert next_run_at(None, 3600, (), now, UTC) == now
    assert next_run_at(now - 600_000, 3600, (), now, UTC) == now + 3_000_000
    assert next_run_at(now - 9_000_000, 3600, (), now, UTC) == now


def test_windows_that_cover_every_minute_never_let_a_job_run() -> None:
    now = at("2026-03-02T12:00:00+00:00")
    assert next_run_at(None, 3600, parse_quiet(["00:00-24:00"]), now, UTC) == now + 8 * 86_400_000


@given(st.integers(0, 4_000_000_000_000), st.integers(60, 86_400), st.none() | st.integers(0, 4_000_000_000_000))
def test_a_run_is_never_in_a_quiet_window_nor_in_the_past(now: int, every: int, last: int | None) -> None:
    windows = parse_quiet(["Mon-Fri 08:00-10:00", "22:15-05:45"])
    due = next_run_at(last, every, windows, now, BERLIN)
    assert due >= now
    assert not is_quiet(windows, due, BERLIN)
    assert last is None or due >= last + every * 1000 or due == max(now, due)


@pytest.mark.parametrize("text", ["Mon-Fri", "08:00-08:00", "Mon-Xyz 08:00-09:00", "25:00-26:00", "08:60-09:00", "8-10"])
def test_what_is_no_window_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match="is no quiet window"):
        parse_quiet([text])


def test_durations_and_rates_are_read_in_seconds() -> None:
    assert (parse_every("6h"), parse_every("30s"), parse_rate("50/s"), parse_rate("120/m")) == (21_600, 30, 50.0, 2.0)
    for parse, text in ((parse_every, "6 hours"), (parse_every, "0s"), (parse_rate, "50"), (parse_rate, "0/s")):
        with pytest.raises(ConfigurationError):
            parse(text)


async def test_a_rate_spaces_begins_evenly_however_many_wait() -> None:
    clock = FakeClock()
    begun: list[float] = []

    async def sleep(seconds: float) -> None:
        clock.advance(seconds=seconds)

    limit = RateLimit(50, clock=clock, sleep=sleep)
    for _ in range(5):
        await limit.wait()
        begun.append(clock.monotonic_seconds())
    assert begun == [0.0, 0.02, 0.04, 0.06, 0.08]
    clock.advance(seconds=10)
    await limit.wait()
    assert clock.monotonic_seconds() == 10.08, "an idle time gives no burst and no wait"
