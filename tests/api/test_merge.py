"""Merges over HTTP: shown before they are done, refused with a reason, taken back, and what was deleted answers by its old number."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.served import Served, make_server

MANAGER = "configuration_manager"


def find_ci(engine: Served, name: str) -> dict[str, Any]:
    (found,) = engine.get(f"/v1/cis?query=name:{name}")["items"]
    return dict(found)


def report(engine: Served, *names: str) -> None:
    """Servers in a section of their own, which no other test has made newer."""
    told = engine.report(sections={"merges": {"complete": False, "items": [make_server(name) for name in names]}})
    assert (told.status, told.value["rejected"]) == (200, [])


def two(engine: Served, name: str) -> tuple[str, str]:
    """Numbers of two servers."""
    report(engine, f"{name}-a", f"{name}-b")
    return str(find_ci(engine, f"{name}-a")["number"]), str(find_ci(engine, f"{name}-b")["number"])


def test_a_merge_is_shown_done_and_taken_back(engine: Served) -> None:
    left, right = two(engine, "merge-1")
    shown = engine.get(f"/v1/merges/preview?ci={left}&ci={right}&keep={right}")
    assert (shown["survivor"]["number"], shown["proposal"]["number"], shown["refusals"]) == (int(right), int(left), [])
    assert {each["kind"]: each["word"] for each in shown["evidence"]}["serial"] == "differs"
    dry = engine.ask("POST", "/v1/merges/rehearsal", {"cis": [left, right]}, token=MANAGER)
    assert [each["merged_into"] for each in dry.value["cis"]] == [None, int(left)]
    assert find_ci(engine, "merge-1-b")["number"] == int(right)
    made = engine.ask("POST", "/v1/merges", {"cis": [left, right], "reason": "one box"}, token=MANAGER)
    assert (made.status, made.value["kind"], made.value["reason"]) == (200, "merge", "one box")
    assert engine.get(f"/v1/cis/{right}")["summary"]["number"] == int(left)
    again = engine.ask("POST", "/v1/merges", {"cis": [left, right]}, token=MANAGER)
    assert (again.status, again.code) == (409, "already-merged")
    parted = engine.ask("POST", "/v1/unmerges", {"merge": right}, token=MANAGER)
    assert (parted.status, parted.value["kind"]) == (200, "unmerge")
    assert engine.get(f"/v1/cis/{right}")["summary"]["number"] == int(right)
    (merge,) = engine.get(f"/v1/cis/{right}/merges")["merges"]
    assert (merge["loser"]["number"], merge["undone_by"]) == (int(right), parted.value["id"])
    assert engine.ask("POST", "/v1/merges", {"cis": [left, right]}, token=MANAGER).code == "cannot-link"


def test_records_that_were_linked_wrongly_are_split_off(engine: Served) -> None:
    left, right = two(engine, "split-1")
    assert engine.ask("POST", "/v1/merges", {"cis": [left, right]}, token=MANAGER).status == 200
    (record,) = [each for each in engine.get(f"/v1/cis/{left}")["links"] if each["ref"] == "split-1-b"]
    name = "/".join(record["source"][each] for each in ("kind", "name", "instance"))
    unknown = engine.ask("POST", "/v1/splits", {"ci": left, "records": ["agent/nobody/1"]}, token=MANAGER)
    assert unknown.status == 404
    made = engine.ask("POST", "/v1/splits", {"ci": left, "records": [f"{name} split-1-b"]}, token=MANAGER)
    assert (made.status, made.value["kind"]) == (200, "split")
    assert [each["ref"] for each in engine.get(f"/v1/cis/{left}")["links"]] == ["split-1-a"]
    assert find_ci(engine, "split-1-b")["number"] not in (int(left), int(right))


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/merges", {"cis": ["1"]}),
        ("/v1/merges", {"cis": ["1", "2"], "keep": "3"}),
        ("/v1/unmerges", {}),
        ("/v1/splits", {"ci": "1", "records": []}),
        ("/v1/made-later/x/assignment", {"ci": "1"}),
    ],
)
def test_what_is_no_merge_is_refused_before_anything_is_done(engine: Served, path: str, body: dict[str, Any]) -> None:
    assert engine.ask("POST", path, body, token=MANAGER).status == 422


def test_only_an_administrator_deletes_and_the_tombstone_answers(engine: Served) -> None:
    report(engine, "gone-1")
    number = find_ci(engine, "gone-1")["number"]
    assert engine.ask("DELETE", f"/v1/cis/{number}", token=MANAGER).status == 403
    deleted = engine.ask("DELETE", f"/v1/cis/{number}?reason=sold", token="administrator")
    assert (deleted.status, deleted.value["kind"], deleted.value["reason"]) == (200, "delete", "sold")
    assert engine.get("/v1/cis?query=name:gone-1")["items"] == []
    told = engine.get(f"/v1/cis/{number}")["deleted"]
    assert (told["by"], told["reason"], told["decision_id"]) == ("token:muster up", "sold", deleted.value["id"])
    (stone,) = engine.get(f"/v1/cis/{number}/merges")["tombstones"]
    assert (stone["number"], stone["name"], stone["decision_id"]) == (number, "gone-1", deleted.value["id"])
    undone = engine.ask("POST", f"/v1/decisions/{deleted.value['id']}/undo", {}, token=MANAGER)
    assert undone.status == 200
    assert find_ci(engine, "gone-1")["number"] == number
    assert engine.get(f"/v1/cis/{number}")["deleted"] is None
