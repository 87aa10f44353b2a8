"""The evaluation edge over a store: definitions in force, timelines, figures, incidents."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from collector.service_figure import OUTAGE_LIMIT
from collector.store.service import load_definitions, load_service_views, plan_services
from muster.errors import NotFoundError
from tests.evaluation.conftest import MINUTE, T0, Estate, id_of
from tests.evaluation.oracle import compute

SECOND = 1000
SHOP = """\
id: shop
name: {en: Shop, zh-Hans: 商城}
owner: kim@example.org
components: {all: [{ci: db-1}, {at_least: 1, of: [{ci: web-1}, {ci: web-2}]}]}
targets: [{sla: gold, availability: "0.999"}]
"""


def estate_of_three(estate: Estate) -> None:
    for name in ("db-1", "web-1", "web-2"):
        estate.add_ci(name)
        estate.observe(name, "up")
    estate.apply(SHOP)


async def pass_time(estate: Estate, minutes: float, **down: str) -> None:
    """Observations every 30 s; names in `down` (with _ for -) keep answering so."""
    for _ in range(round(minutes * 2)):
        estate.clock.advance(seconds=30)
        for name in ("db-1", "web-1", "web-2"):
            estate.observe(name, down.get(name.replace("-", "_"), "up"))


async def test_component_down_is_one_incident_and_recovery_resolves_it(estate: Estate) -> None:
    estate_of_three(estate)
    evaluation = estate.evaluation()
    assert await evaluation.evaluate() == []
    await pass_time(estate, 5)
    estate.change_attribute("db-1", "os.kernel", "6.1.0-20", "6.1.0-21")
    await pass_time(estate, 1, db_1="down")
    changes = await evaluation.evaluate()
    assert estate.types(changes) == [("opened", "db-1")]
    incident = changes[0].incident
    assert (incident.severity, incident.number, incident.started_at) == ("critical", 1, T0 + 5 * MINUTE + 30 * SECOND)
    assert incident.labels == {"alertname": "service-component-down", "ci": "db-1", "service": "shop", "site": "berlin"}
    assert [(each["attribute"], each["old"], each["new"]) for each in incident.recent_changes] == [("os.kernel", "6.1.0-20", "6.1.0-21")]
    assert [(each["id"], each["state"]) for each in incident.services] == [("shop", "down")]
    assert estate.record().state == "down"
    await pass_time(estate, 1, db_1="down")
    assert await evaluation.evaluate() == []
    await pass_time(estate, 1.5)
    changes = await evaluation.evaluate()
    assert estate.types(changes) == [("resolved", "db-1")]
    assert estate.record().state == "up"
    assert estate.pokes == 2


async def test_redundant_member_down_is_minor_and_the_service_stays_up(estate: Estate) -> None:
    estate_of_three(estate)
    evaluation = estate.evaluation()
    await pass_time(estate, 2, web_1="down")
    (opened,) = await evaluation.evaluate()
    assert (opened.incident.severity, opened.incident.priority, estate.record().state) == ("minor", 4, "up")
    await pass_time(estate, 2, web_1="down", web_2="down")
    changes = await evaluation.evaluate()
    assert estate.types(changes) == [("updated", "web-1"), ("opened", "web-2")]
    assert [change.incident.severity for change in changes] == ["critical", "critical"]


async def test_figures_are_exact_and_counters_never_fall(estate: Estate) -> None:
    estate_of_three(estate)
    evaluation = estate.evaluation()
    await pass_time(estate, 10)
    await evaluation.evaluate()
    await pass_time(estate, 5, db_1="down")
    await evaluation.evaluate()
    await pass_time(estate, 5)
    await evaluation.evaluate()
    record = estate.record()
    month = record.figures["month_to_date"]
    # Down from 10:10:30 to 10:15:30; the store had its first state at 10:00.
    assert (month["downtime_ms"], month["uptime_ms"]) == (5 * MINUTE, 15 * MINUTE)
    assert (month["availability"]["numerator"], month["availability"]["denominator"]) == (3, 4)
    assert (month["verdict"], month["target"], month["sla"]) == ("breached", "0.999", "gold")
    assert month["burn_rates"]["1h"] is not None
    assert abs(month["burn_rates"]["1h"] - 250) < 1e-9
    assert (record.days[-1]["date"], record.days[-1]["down_ms"], len(record.days)) == ("2026-03-01", 5 * MINUTE, 30)
    assert (record.counters["failures"], record.counters["restores"], record.counters["restore_ms"]) == (1, 1, 5 * MINUTE)
    assert record.counters["down_ms"] == 5 * MINUTE
    assert record.figures["last_month"]["availability"] is None
    assert json.loads(msgspec.json.encode(record.figures)) is not None


async def test_silent_source_is_unknown_from_when_its_next_word_was_due_and_resolves_nothing(estate: Estate) -> None:
    estate_of_three(estate)
    evaluation = estate.evaluation()
    await pass_time(estate, 1, db_1="down")
    (opened,) = await evaluation.evaluate()
    assert opened.type == "incident.opened"
    for _ in range(20):
        estate.clock.advance(seconds=30)
        assert await evaluation.evaluate() == []
    assert estate.record().state == "unknown"
    assert estate.record().since_at == T0 + MINUTE + 30 * SECOND


async def test_late_backlog_replaces_unknown_by_what_was_observed(estate: Estate) -> None:
    estate_of_three(estate)
    evaluation = estate.evaluation()
    estate.clock.advance(seconds=1800)
    await evaluation.evaluate()
    assert estate.record().figures["month_to_date"]["unknown_ms"] > 29 * MINUTE
    for name in ("db-1", "web-1", "web-2"):
        estate.observe(name, "up")
    await evaluation.evaluate()
    month = estate.record().figures["month_to_date"]
    assert (month["uptime_ms"], month["downtime_ms"]) == (30 * MINUTE, 0)


async def test_one_proof_of_life_outweighs_a_silent_agent_and_a_failed_probe(estate: Estate) -> None:
    estate.add_ci("web-1")
    estate.apply("id: shop\nname: {en: Shop}\ncomponents: {all: [{ci: web-1}]}\n")
    evaluation = estate.evaluation()
    estate.observe("web-1", "up", check="agent_heartbeat", interval=15)
    estate.observe("web-1", "up", check="icmp")
    estate.clock.advance(seconds=300)
    estate.observe("web-1", "down", check="tcp:22")
    estate.observe("web-1", "up", check="icmp")
    await evaluation.evaluate()
    assert estate.record().state == "up"
    estate.clock.advance(seconds=30)
    estate.observe("web-1", "down", check="icmp")
    (opened,) = await evaluation.evaluate()
    assert opened.incident.started_at == T0 + 330 * SECOND


async def test_what_the_collector_combined_goes_before_what_sources_said(estate: Estate) -> None:
    estate.add_ci("web-1")
    estate.apply("id: shop\nname: {en: Shop}\ncomponents: {all: [{ci: web-1}]}\n")
    estate.observe("web-1", "up", check="icmp")
    estate.observe("web-1", "down", check="reachability", combined=True)
    await estate.evaluation().evaluate()
    assert estate.record().state == "down"


async def test_named_checks_must_all_hold_and_parts_have_a_check_of_their_own(estate: Estate) -> None:
    estate.add_ci("web-1")
    estate.add_ci("nginx.service", ci_class="systemd_unit", owner=id_of("web-1"))
    estate.apply(
        "id: shop\nname: {en: Shop}\ncomponents: {all: [{ci: web-1, checks: [http, icmp]}]}\n",
        "id: unit\nname: {en: Unit}\ncomponents: {all: [{ci: nginx.service}]}\n",
    )
    estate.observe("web-1", "up", check="icmp")
    estate.observe("nginx.service", "down", check="systemd_unit")
    evaluation = estate.evaluation()
    (opened,) = await evaluation.evaluate()
    assert (opened.incident.ci and opened.incident.ci.name, opened.incident.component) == ("nginx.service", "systemd_unit")
    assert (estate.record().state, estate.record("unit").state) == ("unknown", "down")
    estate.observe("web-1", "down", check="http")
    await evaluation.evaluate()
    assert estate.record().state == "down"
    assert estate.record().tree["children"][0]["node"] == "web-1/http+icmp"


async def test_service_before_its_first_definition_is_unknown(estate: Estate) -> None:
    estate.add_ci("web-1")
    estate.observe("web-1", "up")
    for _ in range(20):
        estate.clock.advance(seconds=30)
        estate.observe("web-1", "up")
    estate.apply("id: shop\nname: {en: Shop}\ncomponents: {all: [{ci: web-1}]}\n")
    estate.clock.advance(seconds=30)
    estate.observe("web-1", "up")
    await estate.evaluation().evaluate()
    assert estate.record().figures["month_to_date"]["uptime_ms"] == 30 * SECOND


async def test_past_is_evaluated_with_the_definition_of_its_time(estate: Estate) -> None:
    estate.add_ci("old-1")
    estate.add_ci("new-1")
    estate.observe("old-1", "up")
    estate.observe("new-1", "down")
    estate.apply("id: shop\nname: {en: Shop}\ncomponents: {all: [{ci: old-1}]}\n")
    for _ in range(4):
        estate.clock.advance(seconds=30)
        estate.observe("old-1", "up")
        estate.observe("new-1", "down")
    estate.apply("id: shop\nname: {en: Shop}\ncomponents: {all: [{ci: new-1}]}\n")
    estate.clock.advance(seconds=30)
    estate.observe("new-1", "down")
    await estate.evaluation().evaluate()
    month = estate.record().figures["month_to_date"]
    assert (month["uptime_ms"], month["downtime_ms"]) == (2 * MINUTE, 30 * SECOND)


async def test_nested_service_and_query_and_faults(estate: Estate) -> None:
    estate.add_ci("web-1")
    estate.add_ci("web-2")
    estate.observe("web-1", "up")
    estate.observe("web-2", "down")
    estate.apply(
        "id: inner\nname: {en: Inner}\ncomponents: {at_least: 1, of: [{query: 'class:server'}]}\n",
        "id: outer\nname: {en: Outer}\ncomponents: {all: [{service: inner}]}\n",
        "id: wrong\nname: {en: Wrong}\ncomponents: {all: [{ci: absent}, {service: outer}]}\n",
        "id: circle\nname: {en: Circle}\ncomponents: {all: [{service: circle}]}\n",
    )
    await estate.evaluation().evaluate()
    assert [(name, estate.record(name).state) for name in ("inner", "outer", "wrong", "circle")] == [
        ("inner", "up"), ("outer", "up"), ("wrong", "unknown"), ("circle", "unknown"),
    ]  # fmt: skip
    assert estate.record("wrong").tree["children"][0]["reason"] == "no such CI"
    assert "depends on itself" in estate.record("circle").tree["children"][0]["reason"]


async def test_maintenance_of_a_ci_is_told_by_the_service_alone(estate: Estate) -> None:
    estate_of_three(estate)
    evaluation = estate.evaluation()
    await pass_time(estate, 1)
    estate.set_lifecycle("web-1", "maintenance")
    await pass_time(estate, 1, web_1="down")
    assert estate.types(await evaluation.evaluate()) == [("pending", "web-1")]
    estate.set_lifecycle("web-2", "maintenance")
    await pass_time(estate, 1, web_1="down", web_2="down")
    assert estate.types(await evaluation.evaluate()) == [("pending", "web-2"), ("opened", "service:shop")]
    assert estate.record().state == "down"
    await pass_time(estate, 2)
    assert sorted(estate.types(await evaluation.evaluate())) == [("resolved", "service:shop")]


async def test_retired_and_removed_subjects_close_their_incidents_with_the_reason(estate: Estate) -> None:
    estate_of_three(estate)
    evaluation = estate.evaluation()
    await pass_time(estate, 1, web_1="down", web_2="down")
    await evaluation.evaluate()
    estate.apply(SHOP.replace("{ci: web-1}, ", ""))
    changes = await evaluation.evaluate()
    assert [(change.type, change.incident.resolution_reason) for change in changes if change.incident.ci and change.incident.ci.name == "web-1"] == [
        ("incident.resolved", "rule_removed"), ("incident.closed", "rule_removed"),
    ]  # fmt: skip
    estate.set_lifecycle("web-2", "retired")
    changes = await evaluation.evaluate()
    assert [(change.type, change.incident.resolution_reason) for change in changes] == [
        ("incident.resolved", "ci_retired"),
        ("incident.closed", "ci_retired"),
    ]


async def test_restart_with_an_open_incident_tells_nothing(estate: Estate) -> None:
    estate_of_three(estate)
    await pass_time(estate, 1, db_1="down")
    assert len(await estate.evaluation().evaluate()) == 1
    estate.clock.advance(seconds=20)
    restarted = estate.evaluation()
    assert await restarted.evaluate() == []
    await pass_time(estate, 1, db_1="down")
    assert await restarted.evaluate() == []


def test_versions_are_kept_and_planned_before_they_are_applied(estate: Estate) -> None:
    estate.apply(SHOP)
    changed = SHOP.replace("kim@", "lee@")
    with estate.engine.connect() as connection:
        (planned, other) = plan_services(connection, {"shop": changed, "bank": "id: bank\n"})
        assert (other.service_id, other.action, planned.action) == ("shop", "changed", "added")
        assert "-owner: kim@example.org" in other.difference
    first = estate.clock.now_ms()
    estate.clock.advance(seconds=60)
    estate.apply(changed)
    estate.clock.advance(seconds=60)
    estate.apply(removes_absent=True)
    with estate.engine.connect() as connection:
        assert load_definitions(connection) == []
        assert [each.document for each in load_definitions(connection, at=first)] == [SHOP]
        assert [each.document for each in load_definitions(connection, at=first + 60_000)] == [changed]
        assert load_definitions(connection, at=first - 1) == []


async def test_view_is_there_before_and_after_the_first_evaluation(estate: Estate) -> None:
    estate_of_three(estate)

    def view() -> Any:
        with estate.engine.connect() as connection:
            return load_service_views(connection)[0]

    assert (view().name, view().state, view().evaluated_at) == ({"en": "Shop", "zh-Hans": "商城"}, "unknown", None)
    await pass_time(estate, 1, db_1="down")
    await estate.evaluation().evaluate()
    seen = view()
    assert (seen.state, seen.target, seen.sla, seen.open_incidents, seen.tree["state"]) == ("down", "0.999", "gold", 1, "down")
    assert [child["state"] for child in seen.tree["children"]] == ["down", "up"]


async def test_case_of_any_window_recomputes_the_figure(estate: Estate) -> None:
    estate_of_three(estate)
    await pass_time(estate, 10, db_1="down")
    evaluation = estate.evaluation()
    await evaluation.evaluate()
    case = evaluation.read_case("shop", T0, T0 + 60 * MINUTE)
    assert (case["window"], case["target"], sorted(case["components"])) == (
        {"from": T0, "to": T0 + 10 * MINUTE}, "0.999", ["db-1", "nothing", "web-1", "web-2"],
    )  # fmt: skip
    assert case["expression"] == {"all": ["db-1", {"at_least": 1, "of": ["web-1", "web-2"]}]}
    assert compute(json.loads(json.dumps(case)))["down_ms"] == estate.record().figures["month_to_date"]["down_ms"]
    with pytest.raises(NotFoundError):
        evaluation.read_case("absent", T0, T0 + MINUTE)


async def test_case_begins_with_the_target_as_the_figure_does(estate: Estate) -> None:
    estate_of_three(estate)
    changes_at = "2026-03-01T10:04:00Z"
    targets = f'targets: [{{sla: silver, availability: "0.99"}}, {{sla: gold, availability: "0.999", effective_from: "{changes_at}"}}]'
    estate.apply(SHOP.replace('targets: [{sla: gold, availability: "0.999"}]', targets))
    await pass_time(estate, 10, db_1="down")
    evaluation = estate.evaluation()
    await evaluation.evaluate()
    case = evaluation.read_case("shop", T0, T0 + 60 * MINUTE)
    assert (case["window"], case["target"]) == ({"from": T0 + 4 * MINUTE, "to": T0 + 10 * MINUTE}, "0.999")
    assert compute(case)["agreed_ms"] == estate.record().figures["month_to_date"]["agreed_ms"] == 6 * MINUTE
    before = evaluation.read_case("shop", T0, T0 + 4 * MINUTE)
    assert (before["window"], before["target"]) == ({"from": T0, "to": T0 + 4 * MINUTE}, "0.99")


async def test_target_that_is_not_in_force_yet_measures_nothing(estate: Estate) -> None:
    estate_of_three(estate)
    estate.apply(SHOP.replace('availability: "0.999"', 'availability: "0.999", effective_from: "2026-03-01T10:30:00Z"'))
    await pass_time(estate, 10)
    case = estate.evaluation().read_case("shop", T0, T0 + 60 * MINUTE)
    assert (case["window"], case["target"]) == ({"from": T0, "to": T0 + 10 * MINUTE}, None)


async def test_outages_are_all_counted_though_only_the_newest_are_listed(estate: Estate) -> None:
    estate_of_three(estate)
    for _ in range(OUTAGE_LIMIT + 3):
        await pass_time(estate, 0.5, db_1="down")
        await pass_time(estate, 0.5)
    await estate.evaluation().evaluate()
    month = estate.record().figures["month_to_date"]
    assert (month["outage_count"], len(month["outages"])) == (OUTAGE_LIMIT + 3, OUTAGE_LIMIT)
    assert month["outages"][-1]["to"] == estate.clock.now_ms()


async def test_outage_that_is_confirmed_after_an_evaluation_is_counted_once(estate: Estate) -> None:
    estate_of_three(estate)
    evaluation = estate.evaluation()
    await pass_time(estate, 2)
    await evaluation.evaluate()
    first_failure = estate.clock.now_ms() + 10 * SECOND
    estate.clock.advance(seconds=30)
    await evaluation.evaluate()
    estate.observe("web-1", "up")
    estate.observe("db-1", "down", at=first_failure)
    estate.clock.advance(seconds=15)
    for _ in range(3):
        await evaluation.evaluate()
        estate.clock.advance(seconds=5)
    recovery = estate.clock.now_ms()
    estate.clock.advance(seconds=15)
    await evaluation.evaluate()
    estate.observe("db-1", "up", at=recovery)
    for _ in range(3):
        await evaluation.evaluate()
        estate.clock.advance(seconds=5)
    counters = estate.record().counters
    assert (counters["failures"], counters["restores"], counters["restore_ms"]) == (1, 1, recovery - first_failure)


async def test_late_evidence_corrects_the_figures_and_no_counter(estate: Estate) -> None:
    estate_of_three(estate)
    evaluation = estate.evaluation()
    await evaluation.evaluate()
    estate.clock.advance(seconds=1800)
    await evaluation.evaluate()
    counted = estate.record().counters
    assert counted["unknown_ms"] > 29 * MINUTE
    estate.observe("db-1", "down", at=T0 + 5 * MINUTE)
    estate.observe("db-1", "up", at=T0 + 10 * MINUTE)
    for name in ("db-1", "web-1", "web-2"):
        estate.observe(name, "up")
    await evaluation.evaluate()
    record = estate.record()
    month = record.figures["month_to_date"]
    assert (month["downtime_ms"], month["uptime_ms"], record.days[-1]["down_ms"]) == (5 * MINUTE, 25 * MINUTE, 5 * MINUTE)
    assert record.counters == counted
