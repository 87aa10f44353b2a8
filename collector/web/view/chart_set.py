"""Which charts a configuration item's page draws: series that belong together in one, the telling ones first."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from msgspec import Struct

from collector.web.view.chart import Chart, to_rates
from collector.web.view.moment import DAY_MS, HOUR_MS
from collector.web.view.wording import N_
from muster.ports import SeriesView

# span → (milliseconds, what it is called)
SPANS = {"1h": (HOUR_MS, N_("1 hour")), "6h": (6 * HOUR_MS, N_("6 hours")), "1d": (DAY_MS, N_("1 day")), "7d": (7 * DAY_MS, N_("7 days"))}
CHARTS_SHOWN = 24
PROCESSOR_SECONDS = "node_cpu_seconds_total"
# Metrics that are read together (node_exporter's names, as the agent reports them) → the chart's title.
TOGETHER: tuple[tuple[str, frozenset[str]], ...] = (
    (N_("Processor time"), frozenset({PROCESSOR_SECONDS})),
    (N_("Load"), frozenset({"node_load1", "node_load5", "node_load15"})),
    (
        N_("Memory"),
        frozenset({"node_memory_MemTotal_bytes", "node_memory_MemAvailable_bytes", "node_memory_MemFree_bytes", "node_memory_Cached_bytes"}),
    ),
    (N_("Swap"), frozenset({"node_memory_SwapTotal_bytes", "node_memory_SwapFree_bytes"})),
    (
        N_("Pressure"),
        frozenset(
            {"node_pressure_cpu_waiting_seconds_total", "node_pressure_io_waiting_seconds_total", "node_pressure_memory_waiting_seconds_total"}
        ),
    ),
    (N_("Free space of file systems"), frozenset({"node_filesystem_avail_bytes"})),
    (N_("Size of file systems"), frozenset({"node_filesystem_size_bytes"})),
    (N_("Disk reads"), frozenset({"node_disk_read_bytes_total"})),
    (N_("Disk writes"), frozenset({"node_disk_written_bytes_total"})),
    (N_("Network received"), frozenset({"node_network_receive_bytes_total"})),
    (N_("Network sent"), frozenset({"node_network_transmit_bytes_total"})),
    (N_("Network errors"), frozenset({"node_network_receive_errs_total", "node_network_transmit_errs_total"})),
    (N_("Processes"), frozenset({"node_procs_running", "node_procs_blocked", "node_processes_pids"})),
    (N_("Temperature"), frozenset({"node_hwmon_temp_celsius"})),
)


class ChartChoice(Struct, frozen=True):
    """A title (a message id, or a metric's name) and the series under it."""

    title: str
    series: list[SeriesView]


def choose_charts(series: Sequence[SeriesView]) -> list[ChartChoice]:
    """The known ones in the order of `TOGETHER`, then each other metric by its name; at most 24, all of one unit each."""
    by_name: dict[str, list[SeriesView]] = defaultdict(list)
    for each in series:
        by_name[each.name].append(each)
    if PROCESSOR_SECONDS in by_name:
        by_name[PROCESSOR_SECONDS] = average_processors(by_name[PROCESSOR_SECONDS])
    charts = []
    taken: set[str] = set()
    for title, names in TOGETHER:
        found = [each for name in sorted(names & set(by_name)) for each in by_name[name]]
        units = {each.unit for each in found}
        if found and len(units) == 1:
            charts.append(ChartChoice(title, found))
            taken |= names
    charts += [ChartChoice(name, by_name[name]) for name in sorted(by_name) if name not in taken]
    return charts[:CHARTS_SHOWN]


def average_processors(series: Sequence[SeriesView]) -> list[SeriesView]:
    """Seconds of each processor and mode as the share of all processors' time in each mode, without the idle one."""
    by_mode: dict[str, list[SeriesView]] = defaultdict(list)
    for each in series:
        if each.labels.get("mode") != "idle":
            by_mode[each.labels.get("mode", "")].append(to_rates(each))
    found = []
    for mode, rated in sorted(by_mode.items()):
        values: dict[int, list[float]] = defaultdict(list)
        for each in rated:
            for at, value in each.points:
                values[at] += [] if value is None else [value]
        points: list[tuple[int, float | None]] = [(at, sum(known) / len(known) if known else None) for at, known in sorted(values.items())]
        found.append(SeriesView(name=PROCESSOR_SECONDS, labels={"mode": mode}, unit="ratio", kind="gauge", points=points))
    return found


def to_numbers(chart: Chart) -> dict[str, Any]:
    """A chart as uPlot takes it: seconds, and for each series a value or null at each of them."""
    times = sorted({at for line in chart.lines for at, _ in line.points})
    place = {at: index for index, at in enumerate(times)}
    series = []
    for line in chart.lines:
        values: list[float | None] = [None] * len(times)
        for at, value in line.points:
            values[place[at]] = value
        series.append({"name": line.name, "values": values})
    return {"unit": chart.unit, "times": [at / 1000 for at in times], "series": series}
