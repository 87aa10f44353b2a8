"""Documents of the service catalogue: what is refused, with its place and what to do, and the schema that editors get."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from collector.service_figure import ServiceEngine, Subject
from collector.services.availability import compute
from collector.services.catalogue import check_catalogue, check_document, to_json_schema
from collector.services.holiday import closed_dates
from muster.errors import ConfigurationError, DocumentError
from muster.instant import parse_instant
from tests.services.sample import HOUR

SHOP = """\
id: shop
name: {en: Shop, zh-Hans: 商城}
owner: kim@example.org
customer: Retail
stage: catalogue                      # pipeline | catalogue | retired
time_zone: Europe/Berlin
service_hours: {weekly: [{days: [mon, tue, wed, thu, fri], from: "08:00", to: "18:00"}], holidays: DE-BE, extra: []}
components: {all: [{ci: db-1}, {at_least: 1, of: [{query: "class:server tag.role:web", checks: [http]}]}, {service: payments}]}
policies: {unknown: exclude, degraded: up, planned: exclude, silent: unknown}
targets: [{sla: gold, effective_from: 2026-01-01, availability: "0.999", period: month, max_outages: 2, mtrs: 30m, planned_cap: 8h, notice: 48h}]
capacity: [{resource: filesystem, headroom: "0.2"}]
suppliers: [{contract: uc-hosting-7, provides: [{ci: db-1}], availability: "0.9995"}]
continuity: {rto: 4h, rpo: 15m, plan: doc-112, drill_every: 6M}
cost: [{item: hosting, amount: 1200, currency: EUR, per: month}]
"""


def small(name: str, components: str) -> str:
    return f"id: {name}\nname: {{en: {name}}}\ncomponents: {components}\n"


def test_documented_example_is_accepted_as_it_stands() -> None:
    value = check_document(SHOP, "services.d/shop.yaml")
    assert (value["id"], value["name"]["zh-Hans"], value["targets"][0]["availability"]) == ("shop", "商城", "0.999")
    assert value["components"]["all"][1] == {"at_least": 1, "of": [{"query": "class:server tag.role:web", "checks": ["http"]}]}


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("availability: \"0.999\"", "avalability: \"0.999\"", "10: unknown key 'avalability'; did you mean 'availability'?"),
        ("customer: Retail", "owner: Retail", "4: key 'owner' stands twice"),
        ("owner:", "ower:", "3: unknown key 'ower'; did you mean 'owner'?"),
        ("id: shop", "id: My Shop", "1: id: no id; write lower-case letters, digits, '.', '_' and '-', at most 64"),
        ("{en: Shop, zh-Hans: 商城}", "{zh-Hans: 商城}", "2: the name in English is missing; write {en: …}"),
        ("stage: catalogue ", "stage: catalog ", "5: unknown word 'catalog'; did you mean 'catalogue'?"),
        ("Europe/Berlin", "Europe/Berlim", "6: unknown time zone 'Europe/Berlim'; did you mean 'Europe/Berlin'?"),
        ("time_zone: Europe/Berlin\n", "", "6: service hours need a time zone; write for example time_zone: Europe/Berlin"),
        ("mon, tue", "monday, tue", "7: unknown word 'monday'; did you mean 'mon'?"),
        ('"18:00"', "18:00", '7: to: no local time; write for example "08:00", in quotes'),
        ('from: "08:00"', 'from: "24:00"', "7: '24:00' is no local time; write for example \"08:00\""),
        ("extra: []", "extra: [{date: 2026-02-30, from: \"08:00\", to: \"09:00\"}]", "7: '2026-02-30' is no date; write for example 2026-03-07"),
        ("{weekly: [{days: [mon, tue, wed, thu, fri], from: \"08:00\", to: \"18:00\"}], holidays", "{holidays",
         "7: no shift at all, so that nothing is agreed; leave service_hours out for a service that is always agreed"),
        ("DE-BE", "DE-XX", "7: DE has no holiday calendar 'DE-XX'; did you mean 'DE-TH'?"),
        ("DE-BE", "Germany",
         "7: unknown holiday calendar 'Germany'; write a country such as DE, with a subdivision such as DE-BE, or a market such as XECB"),
        ("{query: \"class:server tag.role:web\", checks: [http]}", "{ci: web-1}, {at_least: 2, of: [{ci: web-2}]}",
         "8: at least 2 of 1 can never hold; write 1 to 1"),
        ("at_least: 1", "at_least: 0", "8: Expected `int` >= 1"),
        ("at_least: 1, ", "", "8: nothing where one of ci, query, service, all, any or at_least with of must stand"),
        ("class:server tag", "class:(server tag", "8: query 'class:(server tag.role:web', position 7: a parenthesis is not closed"),
        ("{ci: db-1}, {at", "{ci: db-1, any: [{ci: a}]}, {at",
         "8: ci and any where one of ci, query, service, all, any or at_least with of must stand"),
        ("{service: payments}", "{service: payments, checks: [http]}", "8: checks are named of a ci or a query, not of service"),
        ("{service: payments}", "{service: shop}", "8: a service cannot depend on itself"),
        ("unknown: exclude", "unknown: ignore", "9: unknown word 'ignore'; known are down, exclude, up"),
        ("2026-01-01", "January", "10: 'January' is no RFC 3339 instant; write for example 2026-03-01T10:00:00Z"),
        ('availability: "0.999"', "availability: 99.9", "10: 99.9 is no ratio between 0 and 1; write for example \"0.999\" for 99.9 %"),
        ("mtrs: 30m", "mtrs: 30 minutes", "10: mtrs: no duration; write a number with s, m, h, d, w, M (months) or y, for example 30m"),
        ("notice: 48h}", "notice: 48h}, {sla: gold, effective_from: 2026-01-01}",
         "10: a second target of 'gold' from the same time; give it an effective_from of its own"),
        ('headroom: "0.2"', "headroom: 20", "11: 20 is no ratio between 0 and 1; write for example \"0.999\" for 99.9 %"),
        ("provides: [{ci: db-1}]", "provides: [{}]", "12: nothing where one of ci, query, service, all, any or at_least with of must stand"),
        ("currency: EUR", "currency: euro", "14: currency: no currency; write three letters, for example EUR"),
    ],
)  # fmt: skip
def test_fault_in_a_document_is_named_with_file_line_and_what_to_do(old: str, new: str, message: str) -> None:
    assert old in SHOP
    with pytest.raises(DocumentError) as caught:
        check_document(SHOP.replace(old, new, 1), "services.d/shop.yaml")
    assert str(caught.value) == f"services.d/shop.yaml:{message}"


def test_expression_nested_too_deeply_is_refused() -> None:
    with pytest.raises(DocumentError, match="nested deeper than 12"):
        check_document(small("deep", "{all: [" * 12 + "{ci: a}" + "]}" * 12), "deep.yaml")


def test_at_least_of_a_query_may_ask_for_more_than_it_lists() -> None:
    assert check_document(small("web", "{at_least: 3, of: [{query: 'class:server'}]}"), "web.yaml")["components"]["at_least"] == 3


def test_catalogue_of_services_that_use_each_other_is_accepted() -> None:
    documents = {"a.yaml": small("a", "{all: [{service: b}, {service: old}]}"), "b.yaml": small("b", "{ci: db-1}")}
    assert list(check_catalogue(documents, {"old": {"id": "old", "components": {"ci": "x"}}})) == ["a", "b"]


@pytest.mark.parametrize(
    ("documents", "message"),
    [
        ({"a.yaml": small("a", "{service: b}"), "b.yaml": small("b", "{all: [{ci: x}, {service: c}]}"), "c.yaml": small("c", "{service: a}")},
         "a.yaml:3: services in a circle: a → b → c → a; a service cannot depend on itself"),
        ({"a.yaml": small("a", "{any: [{ci: x}, {service: payment}]}"), "b.yaml": small("payments", "{ci: y}")},
         "a.yaml:3: no service 'payment'; did you mean 'payments'?"),
        ({"a.yaml": small("a", "{ci: x}"), "b.yaml": small("a", "{ci: y}")}, "b.yaml:1: service 'a' is already in a.yaml; ids are unique"),
    ],
)  # fmt: skip
def test_fault_between_documents_is_named_in_one_of_them(documents: dict[str, str], message: str) -> None:
    with pytest.raises(DocumentError) as caught:
        check_catalogue(documents)
    assert str(caught.value) == message


def test_schema_describes_every_key_and_one_kind_of_component() -> None:
    schema = to_json_schema()
    assert schema["$defs"]["ServiceDocument"]["required"] == ["id", "name", "components"]
    assert {"required": ["at_least", "of"]} in schema["$defs"]["Components"]["oneOf"]
    assert set(schema["$defs"]["Components"]["properties"]) == {"ci", "query", "service", "all", "any", "at_least", "of", "checks"}
    closed = [name for name, each in schema["$defs"].items() if each["additionalProperties"] is False]
    assert closed == list(schema["$defs"])


def test_holidays_of_a_country_a_subdivision_and_a_market() -> None:
    first, last = date(2025, 12, 24), date(2026, 5, 1)
    berlin = closed_dates("DE-BE", first, last)
    assert berlin == ["2025-12-25", "2025-12-26", "2026-01-01", "2026-03-08", "2026-04-03", "2026-04-06", "2026-05-01"]
    assert "2026-03-08" not in closed_dates("DE", first, last)
    assert "2026-04-03" in closed_dates("XECB", first, last)
    assert closed_dates("DE-BE", date(2026, 1, 2), date(2026, 1, 31)) == []


@pytest.mark.parametrize("calendar", ["", "XX", "DE-", "de", "DE-BE-1", "Atlantis"])
def test_unknown_holiday_calendar_is_refused(calendar: str) -> None:
    with pytest.raises(ConfigurationError):
        closed_dates(calendar, date(2026, 1, 1), date(2026, 1, 2))


def test_document_with_holidays_becomes_a_figure() -> None:
    """The seam to the evaluation: Good Friday and Easter Monday 2026 are closed, so that week has three working days and the next four."""
    engine = ServiceEngine(compute=compute, check_document=check_document, closed_dates=closed_dates)
    document = engine.check_document(SHOP, "shop.yaml")
    since, until = parse_instant("2026-03-30T00:00:00+02:00"), parse_instant("2026-04-13T00:00:00+02:00")
    subject = Subject(document, {"web": [(since, "up"), (since + 33 * HOUR, "down"), (since + 34 * HOUR, "up")]}, {"all": ["web"]}, engine)
    result: Any = subject.compute(since, until, target=subject.target_at(since))
    assert (result["agreed_ms"], result["downtime_ms"], result["verdict"]) == (8 * 10 * HOUR, HOUR, "breached")
