"""The exposition and the discovery of targets, checked by promtool and by a real Prometheus."""

from __future__ import annotations

import json
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import msgspec
import pytest
from prometheus_client.parser import text_string_to_metric_families

from exporters.prometheus.exposition import CATALOGUE, render_exposition
from exporters.prometheus.target_discovery import choose_address, render_targets
from muster.cmdb_health import CmdbHealth, HealthLine, HealthScope, MeasuredAgreement, make_figure
from muster.errors import InputError, MusterError, UnavailableError
from muster.model.ci_class import load_catalogue
from muster.ports import CiSummary, CollectorFigures, Overview, ServiceView
from tests.conftest import ROOT
from tests.support.prometheus import check_metrics, running_prometheus
from tests.support.server import eventually

NOW = 1_772_359_200_000
FIGURES = CollectorFigures(
    version="0.1.0", last_evaluation_at=NOW - 5000, configuration_loaded_at=NOW - 60_000, clock_skew_ms=1500,
    deliveries_total={("desk", "delivered"): 4, ("desk", "retry"): 1}, stopped_targets=("pager",), evaluation_seconds=0.02,
)  # fmt: skip


def fraction(numerator: int, denominator: int) -> dict[str, Any]:
    return {"numerator": numerator, "denominator": denominator, "ratio": numerator / denominator}


def service(identifier: str = "shop", **values: Any) -> ServiceView:
    figure = {
        "availability": fraction(9995, 10_000), "bounds": {"lower": fraction(99, 100), "upper": fraction(1, 1)}, "coverage": fraction(9, 10),
        "verdict": "undetermined", "downtime_ms": 90_000, "error_budget": {"allowed_ms": fraction(200_000, 1), "remaining_ms": fraction(110_000, 1)},
        "burn_rates": {"1h": 2.5, "5m": None},
    }  # fmt: skip
    whole = ServiceView(
        id=identifier, name={"en": "Shop"}, owner="kim@example.org", customer="Retail", stage="catalogue", time_zone="Europe/Berlin", state="down",
        since=NOW, target="0.999", evaluated_at=NOW, figures={"month_to_date": figure, "last_month": {"availability": None}},
        tree={"node": "all", "children": [{"node": "web-1", "ci_id": "ci-web"}]}, days=[], open_incidents=1, sla="gold",
        counters={"accountable_ms": 3_600_000, "down_ms": 90_000, "failures": 2},
    )  # fmt: skip
    return msgspec.structs.replace(whole, **values)


def ci(identifier: str, **values: Any) -> CiSummary:
    whole = CiSummary(
        id=identifier, number=1, ci_class="server", name=identifier, zone="berlin", lifecycle="live", presence="seen", operation="up",
        is_recorded=True, is_provisional=False, owner=None, source_kinds=["agent", "snmp"], open_differences=0, created_at=0, changed_at=0,
        seen_at=0, columns={"ip": ["127.0.0.1", "fe80::1", "192.0.2.7", "2001:db8::7"], "environment": "production"},
    )  # fmt: skip
    return msgspec.structs.replace(whole, **values)


HEALTH = CmdbHealth(
    measured_at=NOW - 1_000,
    scope=HealthScope(),
    ci_total=4,
    figures=[
        make_figure("completeness", [HealthLine(3, 4, "server", "name"), HealthLine(4, 4, "server", "serial")]),
        make_figure("correctness", [HealthLine(9, 10, "server")]),
        make_figure("freshness", [HealthLine(0, 0, "printer"), HealthLine(3, 4, "server")]),
        make_figure("coverage", [HealthLine(6, 8, kind="ip")]),
        make_figure("duplicates", [HealthLine(2, kind="clone"), HealthLine(2, kind="equal_identifier")], count=3),
        make_figure("orphans", [HealthLine(1, ci_class="server", kind="orphan")]),
        make_figure("unreviewed", [HealthLine(2, kind="changed_attribute")]),
        make_figure("pins", [HealthLine(1, kind="expired")]),
        make_figure("findings", [HealthLine(1, kind="relation_to_gone")]),
    ],
    unreviewed_by_class=[],
    unreviewed_by_manager=[],
    oldest_unreviewed_at=None,
    median_unreviewed_seconds=None,
    agreement=MeasuredAgreement(7, NOW, 0.96, 0.9, 0.99, overdue_findings=1, open_findings=2),
)


class Reader:
    """The CMDB as an exporter sees it."""

    def __init__(self, *cis: CiSummary, services: list[ServiceView] | None = None, is_loaded: bool = True) -> None:
        self.cis = cis
        self.services = [service()] if services is None else services
        self.is_loaded = is_loaded

    def overview(self) -> Overview:
        return Overview(
            cis={"server": {"seen": 3, "absent": 1}}, open_differences={"changed_attribute": 2}, oldest_difference_at=NOW - 3_600_000,
            open_cases={"clone": 1},
            incidents={"1": 1}, sources={"reporting": 2, "silent": 1}, outbox={"pending": 2, "dead": 1}, outbox_oldest_at=NOW - 30_000,
            reports_received_total=17, reports_rejected_total={"digest": 1}, recent=[], is_loaded=self.is_loaded,
        )  # fmt: skip

    def cmdb_health(self) -> CmdbHealth:
        return HEALTH

    def iterate_cis(self, query: str) -> Iterator[CiSummary]:
        assert "class:server" in query
        yield from self.cis

    def list_services(self) -> list[ServiceView]:
        return self.services


def values(exposition: bytes) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(exposition.decode())
        for sample in family.samples
    }


def test_exposition_is_clean_for_promtool() -> None:
    assert check_metrics(render_exposition(Reader(), FIGURES, NOW)) == ""
    empty = Overview({}, {}, None, {}, {}, {}, {}, None, 0, {}, [])
    nothing = Reader(services=[])
    nothing.overview = lambda: empty  # type: ignore[method-assign]
    assert check_metrics(render_exposition(nothing, CollectorFigures(), NOW)) == ""


def test_service_shows_all_five_states_and_its_figures() -> None:
    found = values(render_exposition(Reader(), FIGURES, NOW, process=False))
    states = {labels[1][1]: value for (name, labels), value in found.items() if name == "muster_service_state"}
    assert states == {"up": 0, "degraded": 0, "down": 1, "unknown": 0, "maintenance": 0}
    window = (("service", "shop"), ("sla", "gold"), ("window", "month_to_date"))
    expected = {
        "muster_service_availability_ratio": 0.9995,
        "muster_service_availability_lower_ratio": 0.99,
        "muster_service_availability_upper_ratio": 1.0,
        "muster_service_coverage_ratio": 0.9,
        "muster_sla_error_budget_remaining_seconds": 110.0,
        "muster_sla_error_budget_remaining_ratio": 0.55,
    }
    assert {name: found[name, window] for name in expected} == expected
    assert found["muster_sla_burn_rate", (("service", "shop"), ("sla", "gold"), ("window", "1h"))] == 2.5
    assert found["muster_service_down_seconds_total", (("service", "shop"), ("sla", "gold"))] == 90.0
    assert found["muster_outbox_oldest_pending_seconds", ()] == 30.0
    assert found["muster_webhook_deliveries_total", (("outcome", "retry"), ("target", "desk"))] == 1


def test_cmdb_health_is_told_by_class_and_kind() -> None:
    found = values(render_exposition(Reader(), FIGURES, NOW, process=False))
    told = {(name, *(text for _, text in labels)): value for (name, labels), value in found.items() if name.startswith("muster_cmdb_")}
    expected = {
        ("muster_cmdb_completeness_ratio", "server"): 7 / 8,
        ("muster_cmdb_correctness_ratio", "server"): 0.9,
        ("muster_cmdb_freshness_ratio", "server"): 0.75,
        ("muster_cmdb_coverage_ratio", "ip"): 0.75,
        ("muster_cmdb_unowned_addresses", "ip"): 2,
        ("muster_cmdb_duplicates", "clone"): 2,
        ("muster_cmdb_orphans",): 1,
        ("muster_cmdb_pins", "expired"): 1,
        ("muster_cmdb_flaws", "relation_to_gone"): 1,
        ("muster_cmdb_agreement_ratio",): 0.96,
        ("muster_cmdb_agreement_bound_ratio", "lower"): 0.9,
        ("muster_cmdb_findings_overdue",): 1,
    }
    assert {key: told[key] for key in expected} == expected
    assert ("muster_cmdb_freshness_ratio", "printer") not in told
    assert ("muster_cmdb_unreviewed_median_seconds",) not in told


def test_no_figure_is_no_sample() -> None:
    found = values(render_exposition(Reader(services=[service(state="unknown", figures={}, target=None)]), CollectorFigures(), NOW, process=False))
    names = {name for name, _ in found}
    assert not {"muster_service_availability_ratio", "muster_sla_target_ratio"} & names
    assert "muster_collector_last_evaluation_timestamp_seconds" not in names


def test_two_thousand_services_stay_within_the_budget() -> None:
    figure = service().figures["month_to_date"] | {"burn_rates": dict.fromkeys(("5m", "30m", "1h", "6h", "3d"), 1.0)}
    figures = dict.fromkeys(("month_to_date", "last_month", "30d"), figure)
    reader = Reader(services=[service(f"service-{number}", figures=figures) for number in range(2000)])
    began = time.perf_counter()
    exposition = render_exposition(reader, FIGURES, NOW)
    assert time.perf_counter() - began < 5, "below 1 s on an idle machine; the limit here only guards against a change of order"
    assert sum(1 for line in exposition.splitlines() if not line.startswith(b"#")) <= 60_000


def test_catalogue_follows_the_naming_rules_and_the_page_lists_it() -> None:
    page = (ROOT / "docs" / "prometheus.md").read_text(encoding="utf-8")
    assert [family.name for family in CATALOGUE if f"`{family.name}`" not in page] == []
    assert len({family.name for family in CATALOGUE}) == len(CATALOGUE)
    assert [each.name for each in CATALOGUE if (each.type == "counter") is not each.name.endswith("_total")] == []
    assert [each.name for each in CATALOGUE if each.unit and each.unit not in each.name] == []


def discovered(*cis: CiSummary, job: str = "node", **options: Any) -> Any:
    return json.loads(render_targets(Reader(*cis), load_catalogue(), job, **options))


def test_node_job_lists_hosts_with_an_agent() -> None:
    assert discovered(ci("ci-web"), ci("switch", ci_class="network_device"), ci("ssh-only", source_kinds=["ssh"])) == [
        {
            "targets": ["192.0.2.7:9100"],
            "labels": {
                "__meta_muster_ci_id": "ci-web",
                "__meta_muster_class": "server",
                "__meta_muster_name": "ci-web",
                "__meta_muster_site": "berlin",
                "__meta_muster_service": "shop",
                "__meta_muster_environment": "production",
                "__meta_muster_criticality": "",
            },
        }
    ]


@pytest.mark.parametrize(("job", "expected"), [("node", ["192.0.2.7:9200"]), ("snmp", ["192.0.2.7:9200"]), ("blackbox", ["192.0.2.7:9200"])])
def test_port_can_be_chosen(job: str, expected: list[str]) -> None:
    assert discovered(ci("ci-web"), job=job, port=9200)[0]["targets"] == expected
    assert discovered(ci("ci-web"), job="snmp")[0]["targets"] == ["192.0.2.7"]


def test_retired_and_absent_items_leave_the_list_and_an_empty_one_is_an_answer() -> None:
    assert discovered(ci("a", lifecycle="retired"), ci("b", presence="absent")) == []


def test_unloaded_inventory_is_an_error_and_never_an_empty_list() -> None:
    with pytest.raises(UnavailableError):
        render_targets(Reader(is_loaded=False), load_catalogue(), "node")
    with pytest.raises(InputError, match="did you mean 'node'"):
        render_targets(Reader(), load_catalogue(), "nodes")


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ({"ip": ["10.0.0.9", "10.0.0.10"]}, "10.0.0.9"),
        ({"ip": ["2001:db8::7"]}, "[2001:db8::7]"),
        ({"ip": ["127.0.0.1", "junk"], "fqdn": "web-1.example.org"}, "web-1.example.org"),
        ({}, "web-1"),
    ],
)
def test_address_is_one_that_others_can_reach(columns: dict[str, Any], expected: str) -> None:
    assert choose_address(columns, "web-1") == expected


@contextmanager
def serving(reader: Reader) -> Iterator[str]:
    """A collector's two paths, with the token it demands: what the API mounts."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, body = 200, b""
            if self.headers.get("authorization") != "Bearer secret-token":
                status = 401
            elif self.path.startswith("/metrics"):
                body = render_exposition(reader, FIGURES, NOW)
            else:
                try:
                    body = render_targets(reader, load_catalogue(), "node", port=int(self.server.server_address[1]))  # type: ignore[call-overload]
                except MusterError:
                    status = 503
            self.send_response(status)
            self.send_header("content-type", "application/json" if "targets" in self.path else "text/plain; version=0.0.4")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: Any) -> None:
            """Quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def test_real_prometheus_scrapes_discovers_and_keeps_its_targets_on_503(tmp_path: Path) -> None:
    reader = Reader(ci("ci-web"))
    with serving(reader) as collector, running_prometheus(tmp_path, collector=collector, token="secret-token") as server:
        eventually(lambda: server.query('muster_service_state{state="down"} == 1'), what="the scraped state")
        (found,) = eventually(lambda: server.targets("discovered"), what="the discovered target")
        assert (found["labels"]["ci_id"], found["labels"]["service"]) == ("ci-web", "shop")
        reader.is_loaded = False
        failures = "prometheus_sd_http_failures_total"
        eventually(lambda: f"{failures} 0" not in scrape(server.url) and failures in scrape(server.url), what="a refused refresh")
        assert len(server.targets("discovered")) == 1


def scrape(url: str) -> str:
    with urllib.request.urlopen(f"{url}/metrics", timeout=5) as answer:
        return str(answer.read().decode())
