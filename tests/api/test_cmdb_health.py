"""CMDB health over HTTP: figures, what stands behind them, scopes, and what is refused."""

from __future__ import annotations

from muster.cmdb_health import FIGURES
from tests.api.served import Served, make_server


def test_every_figure_names_a_list_that_is_there(engine: Served) -> None:
    assert engine.report(make_server("health-1")).status == 200
    health = engine.get("/v1/health/cmdb", token="viewer")
    assert [each["name"] for each in health["figures"]] == list(FIGURES)
    for figure in health["figures"]:
        page = engine.get(figure["drill_down"], token="viewer")
        assert page["total"] >= len(page["items"])


def test_a_scope_narrows_figures_and_lists(engine: Served) -> None:
    assert engine.report(make_server("health-2")).status == 200
    assert engine.get("/v1/health/cmdb?class=printer")["ci_total"] == 0
    servers = engine.get("/v1/health/cmdb?class=host&zone=berlin")
    assert servers["ci_total"] > 0
    assert servers["scope"] == {"class": "host", "zone": "berlin", "owner": ""}
    orphans = engine.get("/v1/health/cmdb/orphans?class=server&limit=500")["items"]
    assert "health-2" in {each["subject"] for each in orphans}
    assert engine.get("/v1/health/cmdb/orphans?class=printer")["items"] == []


def test_pages_of_a_list_join_without_a_gap(engine: Served) -> None:
    for name in ("health-3", "health-4", "health-5"):
        assert engine.report(make_server(name)).status == 200
    whole = engine.get("/v1/health/cmdb/unreviewed?limit=500")
    found, cursor = [], None
    while True:
        page = engine.get(f"/v1/health/cmdb/unreviewed?limit=2{f'&cursor={cursor}' if cursor else ''}")
        found += page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert [each["detail"]["difference"] for each in found] == [each["detail"]["difference"] for each in whole["items"]]


def test_the_trend_begins_with_today(engine: Served) -> None:
    days = engine.get("/v1/health/cmdb-trend")["items"]
    assert len(days) <= 1  # the first is measured in the background
    assert engine.get("/v1/health/cmdb-trend?from=2999-01-01T00:00:00Z")["items"] == []


def test_unknown_figure_class_or_parameter_is_refused_with_a_suggestion(engine: Served) -> None:
    unknown = engine.ask("GET", "/v1/health/cmdb/orphan")
    assert (unknown.status, "did you mean 'orphans'" in unknown.value["detail"]) == (404, True)
    assert engine.ask("GET", "/v1/health/cmdb?class=servr").status == 422
    assert engine.ask("GET", "/v1/health/cmdb?colour=red").status == 422
