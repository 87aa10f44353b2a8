"""The agent's families against the real prometheus-node-exporter on this machine: names, types, labels, and steady values."""

from __future__ import annotations

import shutil
import urllib.request
from collections.abc import Iterator

import pytest
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from agent.collection import Gatherer
from agent.exposition import render_exposition
from agent.host import Host
from agent.process import load_collectors
from tests.conftest import missing
from tests.support.server import free_port, running

# What Debian's exporter shows only with flags, or a newer one: `--collector.processes`.
ONLY_OURS = {"node_processes_state", "node_processes_pids", "node_processes_threads", "node_processes_max_processes", "node_processes_max_threads"}
STEADY = (
    "node_boot_time_seconds", "node_uname_info", "node_memory_MemTotal_bytes", "node_memory_SwapTotal_bytes", "node_filesystem_size_bytes",
    "node_filesystem_files", "node_filesystem_readonly", "node_filesystem_device_error", "node_network_mtu_bytes", "node_network_up",
    "node_network_speed_bytes", "node_network_carrier_changes", "node_filefd_maximum", "node_network_carrier",
)  # fmt: skip


@pytest.fixture(scope="module")
def theirs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Metric]]:
    program = shutil.which("prometheus-node-exporter")
    if program is None:
        missing("prometheus-node-exporter (Debian package of that name)")
    port = free_port()
    log = tmp_path_factory.mktemp("node_exporter") / "log"
    command = [str(program), f"--web.listen-address=127.0.0.1:{port}", "--collector.netdev.device-exclude=^$"]
    with running(command, ready_url=f"http://127.0.0.1:{port}/metrics", log=log):
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
            text = answer.read().decode()
        yield {family.name: family for family in text_string_to_metric_families(text)}


@pytest.fixture(scope="module")
def ours() -> dict[str, Metric]:
    gatherer = Gatherer(Host(), load_collectors())
    text = render_exposition(gatherer.gather().samples, gatherer.families)
    return {family.name: family for family in text_string_to_metric_families(text)}


@pytest.mark.server("prometheus-node-exporter")
def test_every_family_has_the_exporters_name_and_type(theirs: dict[str, Metric], ours: dict[str, Metric]) -> None:
    types = {name: family.type for name, family in ours.items() if name not in ONLY_OURS}
    assert types == {name: theirs[name].type for name in types if name in theirs}
    assert len(types) > 90


@pytest.mark.server("prometheus-node-exporter")
def test_every_series_has_the_exporters_labels(theirs: dict[str, Metric], ours: dict[str, Metric]) -> None:
    def series(families: dict[str, Metric], name: str) -> set[tuple[str, tuple[tuple[str, str], ...]]]:
        return {(sample.name, tuple(sorted(sample.labels.items()))) for sample in families[name].samples}

    for name in ours:
        if name not in ONLY_OURS:
            assert series(ours, name) == series(theirs, name), name


@pytest.mark.server("prometheus-node-exporter")
@pytest.mark.parametrize("name", STEADY)
def test_steady_values_are_equal(theirs: dict[str, Metric], ours: dict[str, Metric], name: str) -> None:
    def values(families: dict[str, Metric]) -> dict[tuple[tuple[str, str], ...], float]:
        return {tuple(sorted(sample.labels.items())): sample.value for sample in families[name].samples}

    assert values(ours) == values(theirs)


@pytest.mark.server("prometheus-node-exporter")
def test_moving_counters_are_close(theirs: dict[str, Metric], ours: dict[str, Metric]) -> None:
    """Units are the same: both read within moments of each other, so a factor would show."""
    for name in (
        "node_cpu_seconds",
        "node_disk_read_bytes",
        "node_disk_io_time_seconds",
        "node_network_receive_bytes",
        "node_pressure_io_waiting_seconds",
    ):
        for mine in ours[name].samples:
            other = next(sample for sample in theirs[name].samples if sample.labels == mine.labels)
            assert mine.value == pytest.approx(other.value, rel=0.2, abs=30 if "bytes" not in name else 5e7)
