"""What sources said long ago is thinned; decisions, baselines and un-merging lose nothing by it; contents without a reference go."""

from __future__ import annotations

from typing import Any

import msgspec
from sqlalchemy import func, select

from collector.store.content_sweep import HOUR_MS, find_unused, remove_unused
from collector.store.decision import undo_decision
from collector.store.merge import merge_cis
from collector.store.observation_thinning import DAY_MS, thin_observations
from collector.store.schema import content, decision, observation_history
from tests.store.sender import MINUTE, Estate, section
from tests.store.test_as_of import host, reader_of, two_hosts
from tests.store.test_baseline import take
from tests.store.test_decision import at

DAY = 1_440  # minutes


def thin(estate: Estate, days: float, *, keep_days: float = 400) -> int:
    removed = 0
    now = at(0) + round(days * DAY_MS)
    while True:
        with estate.database.begin() as connection:
            thinned = thin_observations(connection, now, keep_days, limit=3)
        removed += thinned.removed
        if thinned.is_whole:
            return removed


def course(estate: Estate) -> None:
    """A kernel every third day for two months."""
    for day in range(0, 60, 3):
        estate.send("agent/web01/a1", {"host": section(host("web", "S1ABC", f"6.{day}", 1))}, at=day * DAY)


def observations(estate: Estate) -> int:
    return int(estate.rows(select(func.count()).select_from(observation_history))[0][0])


def test_only_one_a_month_is_left_of_what_is_past_its_time(estate: Estate) -> None:
    course(estate)
    assert (thin(estate, 200), observations(estate)) == (0, 20)
    removed = thin(estate, 600)
    assert (removed, observations(estate)) == (17, 3)  # the first, and the last of March and of April
    assert thin(estate, 602) == 0


def test_a_walk_rests_for_a_day(estate: Estate) -> None:
    course(estate)
    thin(estate, 600)
    estate.send("agent/web01/a1", {"host": section(host("web", "S1ABC", "6.1.1", 1))}, at=4 * DAY, now=601 * DAY)
    assert thin(estate, 600.5) == 0


def test_what_held_at_a_baseline_and_at_a_decision_stays(estate: Estate) -> None:
    course(estate)
    with_baseline, with_decision = 10.5, 22.5
    estate.accept_all(with_decision * DAY)
    take(estate, "march", 61 * DAY, when=with_baseline * DAY)
    thin(estate, 600)
    kept = [
        (row[0] - at(0)) // (DAY * MINUTE)
        for row in estate.rows(select(observation_history.c.observed_at).order_by(observation_history.c.observed_at))
    ]
    assert {9, 21} <= set(kept)


def test_a_baseline_is_whole_after_everything_that_may_go_is_gone(estate: Estate) -> None:
    course(estate)
    estate.accept_all(58 * DAY)
    take(estate, "march", 61 * DAY, when=10.5 * DAY)
    kept = list(reader_of(estate, 2_000_000).iterate_baseline("march"))
    thin(estate, 600)
    sweep_contents(estate, 600)
    reader = reader_of(estate, 2_000_000)
    assert list(reader.iterate_baseline("march")) == kept
    assert reader.check_baseline("march").is_intact
    assert kept[0].effective["os.kernel"] == "6.9"


def test_an_unmerge_after_thinning_gives_back_what_is_left(estate: Estate) -> None:
    web, db = two_hosts(estate)
    course(estate)
    merged = estate.decide(merge_cis, db, [web], now=at(61 * DAY))
    thin(estate, 600)
    sweep_contents(estate, 600)
    estate.decide(undo_decision, merged, now=at(601 * DAY))
    assert estate.effective_of(web)["os.kernel"] == "6.57"
    assert estate.effective_of(db)["os.kernel"] == "6.8"
    reader = reader_of(estate, 2_000_000)
    assert reader.ci_as_at(web, at(100 * DAY)).effective["os.kernel"] == "6.57"


# --- contents ---
def sweep_contents(estate: Estate, days: float) -> int:
    removed = 0
    for hours in (0, 2, 4):
        now = at(0) + round(days * DAY_MS) + hours * HOUR_MS
        with estate.database.begin() as connection:
            removed += remove_unused(connection, find_unused(connection, now, limit=1_000), now)
    return removed


def bodies(estate: Estate) -> list[Any]:
    return [msgspec.msgpack.decode(row[0]) for row in estate.rows(select(content.c.body))]


def test_contents_without_a_reference_go_and_all_others_stay(estate: Estate) -> None:
    course(estate)
    estate.accept_all(58 * DAY)
    before = bodies(estate)
    assert sweep_contents(estate, 61) == 19  # effective values that were: the observations are still kept
    thin(estate, 600)
    assert sweep_contents(estate, 600) == 17
    assert len(bodies(estate)) == len(before) - 36
    assert estate.effective("web")["os.kernel"] == "6.57"
    assert estate.recorded("web")["os.kernel"] == "6.57"


def test_what_is_in_use_again_before_it_is_removed_stays(estate: Estate) -> None:
    course(estate)
    now = at(0) + 61 * DAY_MS
    with estate.database.begin() as connection:
        remove_unused(connection, find_unused(connection, now), now)
    later = now + 2 * HOUR_MS
    with estate.database.connect() as connection:
        found = find_unused(connection, later)
    estate.send(
        "agent/web01/a1", {"host": section(host("web", "S1ABC", "6.3", 1))}, at=62 * DAY
    )  # as it was once: after the look, before the removal
    with estate.database.begin() as connection:
        assert remove_unused(connection, found, later) == len(found.removable) - 1
    assert estate.effective("web")["os.kernel"] == "6.3"


def test_contents_that_only_a_decision_refers_to_stay(estate: Estate) -> None:
    """An acceptance can be taken back for ever, so what was on record before stays."""
    estate.send("agent/web01/a1", {"host": section(host("web", "S1ABC", "6.1", 1))}, at=0)
    estate.accept_all(1)
    estate.send("agent/web01/a1", {"host": section(host("web", "S1ABC", "6.8", 1))}, at=10)
    estate.accept_all(11)
    sweep_contents(estate, 61)
    last = estate.rows(select(decision.c.id).order_by(decision.c.at.desc()))[0][0]
    estate.decide(undo_decision, last, now=at(62 * DAY))
    assert estate.recorded("web")["os.kernel"] == "6.1"


def test_ranges_are_looked_through_one_after_the_other(estate: Estate) -> None:
    course(estate)
    seen: list[bytes] = []
    now = at(0) + 61 * DAY_MS
    while True:
        with estate.database.begin() as connection:
            found = find_unused(connection, now, limit=7)
            remove_unused(connection, found, now)
        seen += found.unused
        if found.next_from is None:
            break
    assert len(seen) == len(set(seen)) == 19
