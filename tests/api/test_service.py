"""Services over HTTP: planned and applied all or none, computed exactly over any window, never over what a file holds."""

from __future__ import annotations

from pathlib import Path

import pytest

from collector.services.availability import compute
from muster.clock import FakeClock
from tests.api.served import Served, make_report, make_server, serving
from tests.support.server import eventually

SHOP = "id: shop\nname: {{en: Shop}}\nowner: kim@example.org\nstage: catalogue\ntime_zone: UTC\ncomponents: {{all: [{{ci: {ci}}}]}}\n"


def shop(ci: str = "db-1", name: str = "shop") -> str:
    return SHOP.format(ci=ci).replace("id: shop", f"id: {name}")


def documents(*texts: str, **more: object) -> dict[str, object]:
    return {"documents": [{"file": f"{place}.yaml", "text": text} for place, text in enumerate(texts)], **more}


def test_plan_changes_nothing_and_apply_does_what_it_said(engine: Served) -> None:
    planned = engine.ask("POST", "/v1/services/plan", documents(shop(name="planned")))
    assert [(each["service_id"], each["action"]) for each in planned.value["items"]] == [("planned", "added")]
    assert engine.ask("GET", "/v1/services/planned").status == 404
    applied = engine.ask("POST", "/v1/services/apply", documents(shop(name="planned")))
    assert applied.value == planned.value
    assert engine.ask("GET", "/v1/services/planned/document").body.decode() == shop(name="planned")


def test_a_plan_tells_of_what_does_not_change_only_where_it_was_given(engine: Served) -> None:
    both = documents(shop(name="same"), shop(name="same-again"))
    assert engine.ask("POST", "/v1/services/apply", both).status == 200
    planned = engine.ask("POST", "/v1/services/plan", documents(shop(name="same-again")))
    assert [(each["service_id"], each["action"]) for each in planned.value["items"]] == [("same-again", "unchanged")]


def test_one_faulty_document_refuses_all_with_file_line_and_suggestion(engine: Served) -> None:
    faulty = shop(name="faulty").replace("owner:", "ownr:")
    answered = engine.ask("POST", "/v1/services/apply", documents(shop(name="right"), faulty))
    assert answered.status == 422
    assert (answered.value["file"], answered.value["line"]) == ("1.yaml", 3)
    assert "did you mean 'owner'?" in answered.value["detail"]
    assert engine.ask("GET", "/v1/services/right").status == 404


@pytest.mark.parametrize(
    ("query", "said"), [("class:servr", "unknown class 'servr'; did you mean 'server'?"), ("os.nme:debian", "did you mean 'os.name'?")]
)
def test_query_that_can_never_find_anything_is_refused_with_its_line(engine: Served, query: str, said: str) -> None:
    faulty = shop(name="blind").replace("components: {all: [{ci: db-1}]}", f"components:\n  all:\n  - {{query: '{query}'}}")
    for way in ("plan", "apply"):
        answered = engine.ask("POST", f"/v1/services/{way}", documents(faulty))
        assert (answered.status, answered.value["file"]) == (422, "0.yaml")
        assert (faulty.splitlines()[answered.value["line"] - 1].strip()[:7], said in answered.value["detail"]) == ("- {quer", True)


def test_removing_what_is_absent_takes_only_what_the_api_applied(tmp_path: Path) -> None:
    folder = tmp_path / "services.d"
    folder.mkdir()
    (folder / "held.yaml").write_text(shop(name="held"), encoding="utf-8")
    with serving(tmp_path / "both", services_directory=str(folder)) as served:
        served.ask("POST", "/v1/services/apply", documents(shop(name="one"), shop(name="two")))
        assert served.ask("POST", "/v1/services/apply", documents(shop(name="one"), removes_absent=True)).status == 200
        assert [each["id"] for each in served.get("/v1/services")["items"]] == ["held", "one"]
        answered = served.ask("POST", "/v1/services/apply", documents(shop(name="held")))
        assert (answered.status, answered.code) == (409, "held-by-directory")
        (told,) = [
            each for each in served.ask("POST", "/v1/services/plan", documents(shop(name="held"))).value["items"] if each["service_id"] == "held"
        ]
        assert (told["action"], told["is_held"]) == ("unchanged", True)


def test_availability_over_a_window_is_exactly_what_the_exported_case_computes(tmp_path: Path) -> None:
    clock = FakeClock()
    start = clock.now_ms()
    with serving(tmp_path / "exact", clock=clock) as served:
        source = {"kind": "sweep", "name": "probe", "instance": "e1", "zone": "berlin"}
        _, secret = served.make_token(kind="source", name="probe")
        served.ask("POST", "/v1/services/apply", documents(shop()))
        for sequence, (after_ms, state) in enumerate(
            [(0, "up"), *((1_200_000 + 10_000 * place, "down") for place in range(3)), (1_800_000, "up"), (3_000_000, "up")], 1
        ):
            clock.advance(milliseconds=start + after_ms - clock.now_ms())
            states = [{"subject": "db-1", "check": "icmp", "state": state, "at": clock.now_ms(), "interval_seconds": 86_400}]
            sections = {"host": {"items": [make_server("db-1")], "interval_seconds": 86_400}} if sequence == 1 else {}
            report = make_report(sequence, source=source, observed_at=clock.now_ms(), sections=sections, states=states)
            assert served.ask("POST", "/v1/reports", report, token=secret).status == 200
        window = f"from={start}&to={start + 3_000_000}"
        answered = served.get(f"/v1/services/shop/availability?{window}")
        case = served.get(f"/v1/services/shop/case?{window}")
        eventually(lambda: served.get("/v1/services/shop")["state"] == "up", what="the service evaluated")
    result = answered["result"]
    assert (result["agreed_ms"], result["down_ms"], result["up_ms"]) == (3_000_000, 600_000, 2_400_000)
    assert (result["availability"]["numerator"], result["availability"]["denominator"]) == (4, 5)
    assert compute(case) == result


@pytest.mark.parametrize("window", ["from=5&to=5", "from=9&to=5", "from=soon&to=5", "from=1", "from=1&to=2&fro=1", "from=0&to=999999999999999"])
def test_window_that_makes_no_sense_is_422(served: Served, window: str) -> None:
    assert served.ask("GET", f"/v1/services/shop/availability?{window}").status == 422


def test_case_of_an_unknown_service_is_404(served: Served) -> None:
    assert served.ask("GET", "/v1/services/none/case?from=1&to=2").status == 404
