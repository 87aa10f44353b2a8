"""Explanations over HTTP: one request gives the whole chain."""

from __future__ import annotations

import json

from collector.simulation.case_file import parse_case
from collector.simulation.course import run_case
from collector.store.scratch import open_scratch
from tests.api.served import Served, make_server

MANAGER = "configuration_manager"


def test_ci_and_its_difference_explain_themselves(engine: Served) -> None:
    assert engine.report(make_server("why-1", vendor="V")).status == 200
    (ci,) = engine.get("/v1/cis?query=why-1")["items"]
    explained = engine.get(f"/v1/cis/{ci['id']}/explanation", token="viewer")
    assert [(link["ref"], link["rule"]) for link in explained["links"]] == [("why-1", "first_seen")]
    assert "{" not in " ".join(step["text"] for step in explained["chain"])
    assert {"vendor"} <= {fact["attribute"] for fact in explained["facts"]}
    (difference,) = engine.get(f"/v1/differences?ci={ci['id']}")["items"]
    body = {"decision": "reject", "observed_token": difference["observed_token"], "reason": "not ours"}
    assert engine.ask("POST", f"/v1/differences/{difference['id']}/decision", body, token=MANAGER).status == 200
    told = engine.get(f"/v1/differences/{difference['id']}/explanation", token="viewer")
    decided = [step["decision"]["reason"] for step in told["chain"] if step["decision"]]
    assert "not ours" in decided


def test_a_link_names_the_version_of_its_rules_and_the_audit_trail_when_they_came_into_force(engine: Served) -> None:
    assert engine.report(make_server("why-4")).status == 200
    (ci,) = engine.get("/v1/cis?query=why-4")["items"]
    (link,) = engine.get(f"/v1/cis/{ci['id']}/explanation")["links"]
    noted = [each["detail"]["added"] for each in engine.get("/v1/audit?action=configuration_changed")["items"] if each["subject"] == "classes"]
    assert link["evidence"]["rules_version"].partition(".")[0] == noted[-1]["rules of all classes"]


def test_one_attribute_is_explained_alone_and_an_unknown_one_is_not_found(engine: Served) -> None:
    assert engine.report(make_server("why-2", vendor="V", model="M")).status == 200
    (ci,) = engine.get("/v1/cis?query=why-2")["items"]
    assert [fact["attribute"] for fact in engine.get(f"/v1/cis/{ci['id']}/explanation?attribute=model")["facts"]] == ["model"]
    assert engine.ask("GET", f"/v1/cis/{ci['id']}/explanation?attribute=colour").status == 404
    assert engine.ask("GET", "/v1/cases/none/explanation").status == 404


def test_case_file_of_a_ci_can_be_run(engine: Served) -> None:
    assert engine.report(make_server("secret-name", vendor="V")).status == 200
    (ci,) = engine.get("/v1/cis?query=secret-name")["items"]
    assert engine.ask("GET", f"/v1/cis/{ci['id']}/case-file", token="viewer").status == 403
    case = engine.get(f"/v1/cis/{ci['id']}/case-file", token=MANAGER)
    assert "secret-name" not in json.dumps(case)
    with open_scratch() as database:
        state = run_case(parse_case(json.dumps(case), "case.json"), database)
    assert len([each for each in state["cis"] if each["class"] == "server"]) >= 1


def test_an_instant_to_come_is_told_by_the_name_that_it_was_given_under(engine: Served) -> None:
    assert engine.report(make_server("why-3")).status == 200
    (ci,) = engine.get("/v1/cis?query=why-3")["items"]
    for path, name in (
        (f"/v1/cis/{ci['id']}/as-at?at=2999-01-01T00:00:00Z", "at"),
        (f"/v1/cis/{ci['id']}/comparison?from=2026-01-01T00:00:00Z&to=2999-01-01T00:00:00Z", "to"),
        ("/v1/comparison?from=2999-01-01T00:00:00Z", "from"),
        ("/v1/comparison?from=2026-01-01T00:00:00Z&known_to=2999-01-01T00:00:00Z", "known_to"),
    ):
        answered = engine.ask("GET", path)
        assert (answered.status, name + ":" in answered.value["detail"] or name == answered.value.get("path")) == (422, True), answered.value
