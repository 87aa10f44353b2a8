"""A report tried over HTTP: what it would do is told, nothing of it stays."""

from __future__ import annotations

from typing import Any

from tests.api.served import Served, make_server

MANAGER = "configuration_manager"


def payload(name: str, **attributes: Any) -> dict[str, Any]:
    item = {"ref": "h", "class": "server", "identifiers": {"serial": f"SER-{name}", "fqdn": f"{name}.a.example"}, "attributes": attributes}
    return {"source": {"kind": "api", "name": "try", "instance": "t1", "zone": "z1"}, "sections": {"host": {"complete": True, "items": [item]}}}


def test_new_host_is_told_and_not_made(engine: Served) -> None:
    before = engine.get("/v1/cis")["total"], engine.get("/v1/differences")["total"], engine.get("/v1/sources")["total"]
    tried = engine.ask("POST", "/v1/simulations", payload("tried-1", vendor="V"), token=MANAGER)
    assert tried.status == 200, tried.body
    assert [each["name"] for each in tried.value["made"]] == ["tried-1"]
    assert [(each["kind"], each["state"]) for each in tried.value["differences"]] == [("new_ci", "open")]
    assert before == (engine.get("/v1/cis")["total"], engine.get("/v1/differences")["total"], engine.get("/v1/sources")["total"])


def test_tried_report_may_be_sent_for_real_afterwards(engine: Served) -> None:
    told = make_server("tried-2")
    assert engine.ask("POST", "/v1/simulations", payload("tried-2"), token=MANAGER).status == 200
    assert engine.report(told).status == 200


def test_what_is_no_report_is_refused_with_its_path(engine: Served) -> None:
    wrong = {**payload("tried-3"), "sections": {"host": {"items": "none"}}}
    answered = engine.ask("POST", "/v1/simulations", wrong, token=MANAGER)
    assert (answered.status, answered.value["path"]) == (422, "$.sections.host.items")
    assert engine.ask("POST", "/v1/simulations", b"[1", token=MANAGER).status == 422


def test_viewer_may_not_try(engine: Served) -> None:
    assert engine.ask("POST", "/v1/simulations", payload("tried-4"), token="viewer").status == 403


def test_last_days_are_replayed_under_other_rules(engine: Served) -> None:
    assert engine.report(make_server("replayed-1")).status == 200
    before = engine.get("/v1/cis")["total"]
    assert engine.ask("POST", "/v1/simulations/replays", {"settings": {"fresh_for_day": 1}}, token=MANAGER).status == 422
    started = engine.ask("POST", "/v1/simulations/replays", {"days": 365, "settings": {"absent_after_misses": 5}}, token=MANAGER)
    assert started.status == 202, started.body
    for _ in range(200_000):
        view = engine.get(f"/v1/simulations/replays/{started.value['id']}", token="viewer")
        if view["state"] != "running":
            break
    assert (view["state"], view["fault"]) == ("done", "")
    found = view["result"]["comparison"]  # other tests merged and deleted here; these rules touch none of this host
    named = {ref["name"] for each in found["merges"] for ref in each["cis"]} | {each["ci"]["name"] for each in found["splits"]}
    assert "replayed-1" not in named
    assert view["result"]["reports"] >= 1
    assert engine.get("/v1/cis")["total"] == before
