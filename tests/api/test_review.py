"""Reading the CMDB and deciding over HTTP: what moved is refused, what is repeated is done once, what was decided can be taken back."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.served import Served, make_server

MANAGER = "configuration_manager"


def of_its_own(item: dict[str, Any]) -> dict[str, Any]:
    """A section that no other test reports, for instants later than theirs."""
    return {"past": {"complete": False, "items": [item]}}


def find_ci(engine: Served, name: str) -> dict[str, Any]:
    (found,) = engine.get(f"/v1/cis?query={name}")["items"]
    return dict(found)


def open_difference(engine: Served, name: str, **attributes: Any) -> dict[str, Any]:
    """The difference of a server that is not on record yet."""
    assert engine.report(make_server(name, **attributes)).status == 200
    (found,) = engine.get(f"/v1/differences?ci={find_ci(engine, name)['id']}")["items"]
    return dict(found)


def test_new_server_is_accepted_and_the_decision_taken_back(engine: Served) -> None:
    difference = open_difference(engine, "accept-1")
    assert difference["kind"] == "new_ci"
    body = {"decision": "accept", "observed_token": difference["observed_token"], "reason": "bought"}
    decided = engine.ask("POST", f"/v1/differences/{difference['id']}/decision", body, token=MANAGER)
    assert (decided.status, decided.value["kind"], decided.value["made_by"], decided.value["reason"]) == (200, "accept", f"token:{MANAGER}", "bought")
    assert find_ci(engine, "accept-1")["is_recorded"] is True
    undone = engine.ask("POST", f"/v1/decisions/{decided.value['id']}/undo", {"reason": "mistake"}, token=MANAGER)
    assert undone.status == 200
    assert find_ci(engine, "accept-1")["is_recorded"] is False


def test_decision_on_a_value_that_moved_is_a_conflict(engine: Served) -> None:
    difference = open_difference(engine, "moved-1")
    answered = engine.ask("POST", f"/v1/differences/{difference['id']}/decision", {"decision": "accept", "observed_token": "old"}, token=MANAGER)
    assert (answered.status, answered.code) == (409, "observed-moved")


def test_several_are_decided_on_together_or_not_at_all(engine: Served) -> None:
    both = [open_difference(engine, name) for name in ("bulk-1", "bulk-2")]
    stale = {both[0]["id"]: None, both[1]["id"]: "old"}
    assert engine.ask("POST", "/v1/differences/decisions", {"decision": "reject", "differences": stale}, token=MANAGER).status == 409
    assert [engine.get(f"/v1/differences/{each['id']}")["state"] for each in both] == ["open", "open"]
    tokens = {each["id"]: each["observed_token"] for each in both}
    decided = engine.ask("POST", "/v1/differences/decisions", {"decision": "reject", "differences": tokens}, token=MANAGER)
    assert sorted(decided.value["difference_ids"]) == sorted(tokens)


def test_repeated_decision_with_the_same_key_is_done_once(engine: Served) -> None:
    difference = open_difference(engine, "repeat-1")
    path, body = f"/v1/differences/{difference['id']}/decision", {"decision": "accept"}
    first, again = (engine.ask("POST", path, body, token=MANAGER, Idempotency_Key="k-1") for _ in range(2))
    assert first.status == again.status == 200
    assert first.value == again.value
    assert engine.ask("POST", path, body, token=MANAGER).code == "already-decided"
    assert engine.ask("POST", path, {"decision": "reject"}, token=MANAGER, Idempotency_Key="k-1").status == 422


def test_failed_write_may_be_tried_again_under_its_key(engine: Served) -> None:
    difference = open_difference(engine, "retry-1")
    path = f"/v1/differences/{difference['id']}/decision"
    assert engine.ask("POST", path, {"decision": "never"}, token=MANAGER, Idempotency_Key="k-2").status == 422
    assert engine.ask("POST", path, {"decision": "accept"}, token=MANAGER, Idempotency_Key="k-2").status == 200


def test_recorded_side_is_written_only_over_the_version_that_was_read(engine: Served) -> None:
    engine.report(make_server("record-1"))
    found = engine.ask("GET", f"/v1/cis/{find_ci(engine, 'record-1')['id']}")
    etag, path = found.headers["ETag"], f"/v1/cis/{found.value['summary']['id']}/recorded"
    body = {"attributes": {"location": "Berlin"}, "tags": {"role": "web"}}
    assert engine.ask("PATCH", path, body, token=MANAGER).status == 428
    written = engine.ask("PATCH", path, body, token=MANAGER, If_Match=etag)
    assert written.status == 200, written.body
    assert written.value["tags"] == {"role": "web"}
    assert written.headers["ETag"] != etag
    lost = engine.ask("PATCH", path, body, token=MANAGER, If_Match=etag)
    assert (lost.status, lost.code, f'"{lost.value["current"]}"') == (412, "version-moved", written.headers["ETag"])
    assert [each["total"] for each in (engine.get("/v1/cis?query=tag.role:web"), engine.get("/v1/cis?query=tag.role:db"))] == [1, 0]


def test_pages_of_a_list_follow_each_other_without_gap_or_repetition(engine: Served) -> None:
    engine.report(*(make_server(f"paged-{place}") for place in range(5)))
    seen, cursor = [], ""
    while True:
        page = engine.get(f"/v1/cis?query=paged&limit=2{cursor}")
        seen += [each["name"] for each in page["items"]]
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert seen == [f"paged-{place}" for place in range(5)]
    assert page["total"] == 5


def test_history_and_the_ci_as_it_was(engine: Served) -> None:
    engine.report(observed_at="2026-03-01T10:00:00Z", sections=of_its_own(make_server("past-1", **{"os.kernel": "6.1.0-18"})))
    engine.report(observed_at="2026-03-02T10:00:00Z", sections=of_its_own(make_server("past-1", **{"os.kernel": "6.1.0-21"})))
    key = find_ci(engine, "past-1")["id"]
    changes = engine.get(f"/v1/cis/{key}/history?attribute=os.kernel&layer=observed")["items"]
    assert [(each["old_value"], each["new_value"]) for each in changes] == [("6.1.0-18", "6.1.0-21")]
    assert engine.get(f"/v1/cis/{key}/as-at?at=2026-03-01T12:00:00Z")["effective"]["os.kernel"] == "6.1.0-18"
    assert engine.get(f"/v1/cis/{key}/as-at?at=2026-02-01T12:00:00Z")["existed"] is False


@pytest.mark.parametrize(
    ("path", "parameter"),
    [
        ("/v1/cis?limit=0", "limit"),
        ("/v1/cis?limit=many", "limit"),
        ("/v1/cis?sort=colour", "sort"),
        ("/v1/cis?cursor=zzz", "cursor"),
        ("/v1/cis?querry=x", "querry"),
        ("/v1/cis?limit=1&limit=2", "limit"),
        ("/v1/differences?state=shut", "state"),
        ("/v1/cis/1/as-at?at=yesterday", "at"),
    ],
)  # fmt: skip
def test_wrong_parameter_is_422_and_named(served: Served, path: str, parameter: str) -> None:
    answered = served.ask("GET", path)
    assert (answered.status, answered.value["path"]) == (422, parameter)


def test_misspelt_parameter_gets_a_suggestion(served: Served) -> None:
    assert "did you mean 'query'?" in served.ask("GET", "/v1/cis?querry=x").value["detail"]


@pytest.mark.parametrize(
    "path",
    ["/v1/cis/none", "/v1/differences/none", "/v1/cases/none", "/v1/decisions/none", "/v1/incidents/none", "/v1/services/none", "/v1/sources/77"],
)
def test_what_is_not_there_is_404(served: Served, path: str) -> None:
    assert served.ask("GET", path).code == "not-found"
