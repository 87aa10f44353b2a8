"""A verification over HTTP from plan to signature, and its findings until they are closed; who may do what."""

from __future__ import annotations

from typing import Any

from tests.api.served import Served, make_server

MANAGER = "configuration_manager"


def put_on_record(engine: Served, *names: str) -> None:
    for name in names:
        assert engine.report(make_server(name, model="R650")).status == 200
        (ci,) = engine.get(f"/v1/cis?query=name={name}")["items"]
        (difference,) = engine.get(f"/v1/differences?ci={ci['id']}")["items"]
        body = {"decision": "accept", "observed_token": difference["observed_token"]}
        assert engine.ask("POST", f"/v1/differences/{difference['id']}/decision", body, token=MANAGER).status == 200


def plan(engine: Served, query: str, **changed: Any) -> dict[str, Any]:
    wanted = {"title": "Half-yearly", "query": query, "responsible": "kim", "planned_at": "2099-06-30T10:00:00Z", **changed}
    made = engine.ask("POST", "/v1/verifications", wanted, token=MANAGER)
    assert made.status == 201, made.body
    return dict(made.value)


def test_an_automatic_run_from_plan_to_signature(engine: Served) -> None:
    put_on_record(engine, "ver-1", "ver-2")
    assert engine.report(make_server("ver-2", model="R750")).status == 200
    planned = plan(engine, "name:ver-*")
    assert (planned["state"], len(planned["seed"]), planned["is_overdue"]) == ("planned", 32, False)
    path = f"/v1/verifications/{planned['number']}"
    measured = engine.ask("POST", f"{path}/run", {}, token=MANAGER)
    assert measured.status == 200, measured.body
    assert (measured.value["state"], measured.value["result"]["examined"]) == ("measured", 2)
    refused = engine.ask("POST", f"{path}/sign-off", {}, token=MANAGER)
    assert (refused.status, refused.code) == (409, "four-eyes")
    signed = engine.ask("POST", f"{path}/sign-off", {"note": "seen"}, token="auditor")
    assert (signed.status, signed.value["state"], signed.value["is_intact"]) == (200, "signed", True)
    record = engine.get(f"{path}/record", token="auditor")
    assert record["population"] == {"server": [each["ci"]["number"] for each in record["items"]]}
    health = engine.get("/v1/health/cmdb")["agreement"]
    assert health["number"] == planned["number"]
    assert health["ratio"] == signed.value["result"]["ratio"]


def test_a_manual_run_is_answered_ci_by_ci(engine: Served) -> None:
    put_on_record(engine, "man-1")
    planned = plan(engine, "name:man-1", method="manual")
    path = f"/v1/verifications/{planned['number']}"
    assert engine.ask("POST", f"{path}/run", {}, token=MANAGER).value["state"] == "running"
    (item,) = engine.get(f"{path}/items?answer=open")["items"]
    attributes = [each[0] for each in item["values"]]
    body = {
        "ci": item["ci"]["number"],
        "answers": {name: "differs" if name == "model" else "equal" for name in attributes},
        "found": {"model": "R740"},
    }
    done = engine.ask("POST", f"{path}/answers", body, token=MANAGER)
    assert (done.status, done.value["state"], done.value["result"]["ratio"]) == (200, "measured", 0.0)
    (finding,) = [each for each in engine.get("/v1/findings?limit=500")["items"] if each["verification"] == planned["number"]]
    assert (finding["attribute"], finding["recorded"], finding["observed"]) == ("model", "R650", "R740")
    where = f"/v1/findings/{finding['number']}"
    assert engine.ask("PATCH", where, {"owner": "ada"}, token=MANAGER).status == 428
    changed = engine.ask("PATCH", where, {"owner": "ada", "due_at": "2026-01-01T00:00:00Z"}, token=MANAGER, If_Match='"1"')
    assert (changed.status, changed.value["owner"], changed.value["is_overdue"]) == (200, "ada", True)
    assert engine.ask("PATCH", where, {"owner": "sam"}, token=MANAGER, If_Match='"1"').status == 412
    assert finding["number"] in {each["number"] for each in engine.get("/v1/findings?owner=ada&overdue=true")["items"]}
    assert engine.ask("POST", f"{where}/close", {}, token=MANAGER).status == 422
    closed = engine.ask("POST", f"{where}/close", {"action": "record corrected"}, token=MANAGER)
    assert (closed.status, closed.value["state"], closed.value["closed_by"]) == (200, "closed", f"token:{MANAGER}")


def test_a_viewer_reads_and_does_nothing_else(engine: Served) -> None:
    planned = plan(engine, "class:server")
    path = f"/v1/verifications/{planned['number']}"
    assert engine.get(path, token="viewer")["title"] == "Half-yearly"
    for method, where in (("POST", "/v1/verifications"), ("POST", f"{path}/run"), ("POST", f"{path}/sign-off"), ("POST", f"{path}/cancel")):
        assert engine.ask(method, where, {}, token="viewer").status == 403
    assert engine.ask("POST", f"{path}/cancel", {"reason": "a test"}, token=MANAGER).value["state"] == "cancelled"


def test_what_is_not_there_or_not_right_is_said(engine: Served) -> None:
    assert engine.ask("GET", "/v1/verifications/99999").status == 404
    assert engine.ask("GET", "/v1/findings/99999").status == 404
    wrong = {"title": "t", "query": "colour:red", "responsible": "kim", "planned_at": "2099-06-30T10:00:00Z"}
    assert engine.ask("POST", "/v1/verifications", wrong, token=MANAGER).status == 422
    assert engine.ask("POST", "/v1/verifications", {**wrong, "query": "", "planned_at": "soon"}, token=MANAGER).status == 422
