"""Samples are kept by table, come back as points of the CI that they measure, and never refuse a report."""

from __future__ import annotations

from itertools import pairwise

import pytest
from sqlalchemy import func, select, update

from collector.store import series as metrics
from collector.store.engine import Database
from collector.store.read_series import SAMPLES_AT_ONCE, SAMPLES_LIMIT, Window, slice_window
from collector.store.schema import chunk, series, series_table, source
from muster.errors import InputError, NotFoundError
from muster.ports import SeriesView
from muster.wire.codec import decode_report
from muster.wire.report import SeriesDefinition
from tests.conftest import ROOT
from tests.store.metric import ETH0, NOW, STEP, TABLE, WEB1, WEB2, block, make_estate, reader_of

END = NOW + 1000 * STEP
LOAD = [0.5, 0.25, None, 1.0]
IDLE = [10.5, 25.25, 40, 55]
BYTES = [2**63, 2**63 + 1, 2**63 + 2, 7]


def save(database: Database, name: str = "web1", **changes: object) -> list[str]:
    with database.begin() as connection:
        number = connection.execute(select(source.c.id).where(source.c.name == name)).scalar() or make_estate(connection)[name]
        values: dict[str, object] = {"tables": {"t1": TABLE}, "samples": [block([LOAD, IDLE, BYTES])], "received_at": END, **changes}
        return metrics.save_samples(connection, number, **values)  # type: ignore[arg-type]


def count(database: Database, column: object) -> int:
    with database.connect() as connection:
        return int(connection.execute(select(func.count(column))).scalar_one())  # type: ignore[call-overload]


def dropped(database: Database) -> int:
    with database.connect() as connection:
        return int(connection.execute(select(func.sum(source.c.samples_dropped_total))).scalar_one())


def points(database: Database, key: str, name: str, **changes: int) -> list[list[tuple[int, float | None]]]:
    window = {"since": NOW, "until": END, **changes}
    return [each.points for each in reader_of(database).series_points(key, [name], **window)]


def test_samples_come_back_as_points_of_their_ci(database: Database) -> None:
    assert save(database) == []
    assert reader_of(database).series_points(WEB1, ["node_load1", "node_cpu_seconds_total"], since=NOW, until=END) == [
        SeriesView(
            "node_cpu_seconds_total", {"cpu": "0", "mode": "idle"}, "seconds", "counter", [(NOW + STEP * at, float(IDLE[at])) for at in range(4)]
        ),
        SeriesView("node_load1", {}, "", "gauge", [(NOW, 0.5), (NOW + STEP, 0.25), (NOW + 2 * STEP, None), (NOW + 3 * STEP, 1.0)]),
    ]


def test_a_counter_keeps_its_reset(database: Database) -> None:
    save(database)
    assert points(database, WEB1, "node_network_receive_bytes_total") == [[(NOW + STEP * at, float(BYTES[at])) for at in range(4)]]


def test_an_interface_has_its_own_series_and_its_host_shows_them_too(database: Database) -> None:
    save(database)
    reader = reader_of(database)
    assert [each.name for each in reader.list_series(ETH0)] == ["node_network_receive_bytes_total"]
    assert [each.name for each in reader.list_series(WEB1)] == ["node_cpu_seconds_total", "node_load1", "node_network_receive_bytes_total"]
    assert [each.name for each in reader.list_series("1", name="node_load1")] == ["node_load1"]
    assert reader.list_series(WEB2) == []


def test_a_series_of_another_host_is_not_shown(database: Database) -> None:
    save(database)
    save(database, "web2", samples=[block([[9], [9], [9]])])
    assert points(database, WEB2, "node_load1") == [[(NOW, 9.0)]]
    assert points(database, WEB1, "node_load1", until=NOW + 1) == [[(NOW, 0.5)]]


def test_what_two_sources_measure_comes_twice(database: Database) -> None:
    save(database)
    save(database, "campus", tables={"c": [SeriesDefinition("node_load1", subject="dev:7")]}, samples=[block([[3]], digest="c")])
    assert points(database, WEB1, "node_load1", until=NOW + 1) == [[(NOW, 0.5)], [(NOW, 3.0)]]


def test_labels_choose_series(database: Database) -> None:
    table = [SeriesDefinition("disk", {"device": name, "kind": "ssd"}) for name in ("sda", "sdb")]
    save(database, tables={"d": table}, samples=[block([[1], [2]], digest="d")])
    found = reader_of(database).series_points(WEB1, ["disk"], since=NOW, until=END, labels={"device": "sdb"})
    assert [(each.labels["device"], each.points) for each in found] == [("sdb", [(NOW, 2.0)])]


def test_a_table_is_kept_once_and_then_named_by_its_digest(database: Database) -> None:
    save(database)
    assert save(database, tables={}, samples=[block([[7], [8], [9]], at=NOW + 4 * STEP)]) == []
    assert save(database, tables={"t1": TABLE}, samples=[]) == []
    assert (count(database, series.c.id), count(database, series_table.c.digest), count(database, chunk.c.id)) == (3, 1, 2)
    assert points(database, WEB1, "node_load1")[0][-1] == (NOW + 4 * STEP, 7.0)


def test_a_new_table_goes_on_with_the_series_it_shares(database: Database) -> None:
    save(database)
    save(database, tables={"t2": [*TABLE[:1], SeriesDefinition("node_load5")]}, samples=[block([[4], [5]], at=NOW + 4 * STEP, digest="t2")])
    assert points(database, WEB1, "node_load1")[0][-1] == (NOW + 4 * STEP, 4.0)
    assert count(database, series.c.id) == 4


def test_samples_of_an_unknown_table_ask_for_it_and_are_counted(database: Database) -> None:
    assert save(database, tables={}, samples=[block([[1, 2], [3, 4]], digest="x"), block([[1]], digest="y")]) == ["x", "y"]
    assert (dropped(database), count(database, chunk.c.id)) == (5, 0)
    assert save(database, "web2", samples=[block([[1]], digest="x")]) == ["x"]


def test_samples_that_do_not_fit_their_table_are_counted_and_the_rest_is_kept(database: Database) -> None:
    assert save(database, samples=[block([[1], [2]]), block([[1], [2], [3]])]) == []
    assert (dropped(database), points(database, WEB1, "node_load1")) == (2, [[(NOW, 1.0)]])


def test_a_series_named_twice_in_a_table_is_kept_once_and_the_rest_counted(database: Database) -> None:
    save(database, tables={"t": [TABLE[0], TABLE[0]]}, samples=[block([[1], [2]], digest="t")])
    assert (dropped(database), points(database, WEB1, "node_load1")) == (1, [[(NOW, 1.0)]])


def test_a_sample_of_the_future_is_of_now_and_one_before_time_is_counted(database: Database) -> None:
    future = block([[1, 2], [0, 0], [0, 0]], at=NOW)
    before = block([[8, 9], [0, 0], [0, 0]], at=-STEP)
    save(database, samples=[future, before], received_at=NOW + 5)
    assert dropped(database) == 3
    assert points(database, WEB1, "node_load1", since=0, until=NOW) == [[(0, 9.0)]]
    assert points(database, WEB1, "node_load1") == [[(NOW, 1.0), (NOW + 5, 2.0)]]


def test_a_wrong_clock_is_corrected(database: Database) -> None:
    save(database, samples=[block([[1], [2], [3]], at=NOW)], shift_ms=-600_000)
    assert points(database, WEB1, "node_load1", since=0) == [[(NOW - 600_000, 1.0)]]


def test_a_number_that_no_computer_word_holds_is_a_float_or_missing(database: Database) -> None:
    save(database, samples=[block([[10**30, 10**400], [-(10**25), 2**64], [1, 2]])])
    assert dropped(database) == 0
    assert points(database, WEB1, "node_load1") == [[(NOW, 1e30), (NOW + STEP, None)]]
    assert points(database, WEB1, "node_cpu_seconds_total") == [[(NOW, -1e25), (NOW + STEP, float(2**64))]]


def test_a_source_can_make_only_so_many_series(database: Database) -> None:
    definitions = [SeriesDefinition(f"m{number}") for number in range(metrics.SERIES_PER_TABLE + 5)]
    save(database, tables={"t": definitions}, samples=[block([[1]] * len(definitions), digest="t")])
    assert (count(database, series.c.id), dropped(database)) == (metrics.SERIES_PER_TABLE, 5)


def test_many_points_are_thinned(database: Database) -> None:
    save(database, samples=[block([list(range(400))] * 3)])
    assert [len(each) for each in points(database, WEB1, "node_load1", points=40, until=NOW + 400 * STEP)] == [40]


def test_a_long_window_is_read_in_slices_of_whole_spans() -> None:
    window = Window(NOW, NOW + 90 * 86_400_000 + 17, 500)
    for samples in (0, 1, 3_000_000, 20_000_000):
        slices = list(slice_window(window, samples))
        assert (slices[0].since, slices[-1].until) == (window.since, window.until)
        assert all(before.until == after.since for before, after in pairwise(slices))
        assert len(slices) >= samples / SAMPLES_AT_ONCE
        width = -(-(window.until - window.since) // 500)
        assert all((each.since - window.since) % width == 0 for each in slices)
        assert all(each.until - each.since == width * each.points for each in slices[:-1])


def test_a_window_of_too_many_samples_is_refused_before_any_is_read(database: Database) -> None:
    save(database)
    with database.begin() as connection:
        connection.execute(update(chunk).values(count=SAMPLES_LIMIT + 1, body=b"not read"))
    with pytest.raises(InputError, match="the window holds 20,000,001 samples of 1 series; ask for a shorter one"):
        points(database, WEB1, "node_load1")


def test_a_window_or_ci_that_is_none_says_so(database: Database) -> None:
    save(database)
    with pytest.raises(InputError, match="0 points are not between 1 and"):
        points(database, WEB1, "node_load1", points=0)
    with pytest.raises(InputError, match="the end of the window is not after its beginning"):
        points(database, WEB1, "node_load1", until=NOW)
    with pytest.raises(NotFoundError, match="no CI 'web9'"):
        points(database, "web9", "node_load1")


def test_the_example_of_the_documentation_is_kept_whole(database: Database) -> None:
    page = (ROOT / "docs" / "metrics.md").read_text(encoding="utf-8")
    report = decode_report(page.partition("```json\n")[2].partition("```")[0].encode(), "application/json")
    assert save(database, tables=report.tables, samples=report.samples) == []
    assert dropped(database) == 0
    since = 1_772_359_230_000
    assert points(database, WEB1, "node_load1", since=since) == [[(since, 0.5), (since + 15_000, None)]]
    assert points(database, ETH0, "node_network_receive_bytes_total", since=since) == [[(since, 81_234.0), (since + 15_000, 90_210.0)]]
