"""The audit trail over HTTP: who may read it, what it finds, and that decisions, sign-ins and configuration are in it."""

from __future__ import annotations

from tests.api.served import Served, make_server


def test_a_decision_a_token_and_the_configuration_are_entries(engine: Served) -> None:
    assert engine.report(make_server("audited-1")).status == 200
    (ci,) = engine.get("/v1/cis?query=audited-1")["items"]
    (difference,) = engine.get(f"/v1/differences?ci={ci['id']}")["items"]
    body = {"decision": "accept", "observed_token": difference["observed_token"], "reason": "bought"}
    decided = engine.ask("POST", f"/v1/differences/{difference['id']}/decision", body).value
    (entry,) = engine.get(f"/v1/audit?subject={decided['id']}", token="auditor")["items"]
    assert (entry["actor"], entry["action"], entry["detail"]["reason"]) == ("token:muster up", "decision.accept", "bought")
    assert engine.get("/v1/audit?action=token_*", token="auditor")["total"] >= 5
    kinds = {each["subject"]: each["detail"] for each in engine.get("/v1/audit?action=configuration_changed", token="auditor")["items"]}
    assert kinds["settings"]["added"]["report_retention_days"] == "30.0"


def test_pages_of_entries_join_to_the_whole_newest_first(engine: Served) -> None:
    first = engine.get("/v1/audit?limit=2", token="auditor")
    second = engine.get(f"/v1/audit?limit=2&cursor={first['next_cursor']}", token="auditor")
    numbers = [each["id"] for each in (*first["items"], *second["items"])]
    assert numbers == list(range(first["total"], first["total"] - 4, -1))


def test_verification_says_the_head_and_holds_it_against_one_written_down(engine: Served) -> None:
    found = engine.get("/v1/audit/verification", token="auditor")
    number, _, digest = found["head"].partition(":")
    assert (found["is_whole"], found["entries"], int(number)) == (True, int(number), int(number))
    assert engine.get(f"/v1/audit/verification?expect={digest}", token="auditor")["is_whole"] is True
    other = engine.get(f"/v1/audit/verification?expect={int(number) + 5}:{digest}", token="auditor")
    assert (other["is_whole"], other["broken_id"]) == (False, int(number) + 1)
    assert engine.ask("GET", "/v1/audit/verification?expect=xyz", token="auditor").status == 422


def test_only_auditors_and_administrators_read_it(engine: Served) -> None:
    for role, status in {"viewer": 403, "configuration_manager": 403, "operator": 403, "auditor": 200, "administrator": 200}.items():
        assert engine.ask("GET", "/v1/audit", token=role).status == status
