"""The description of the API covers every route, and what it says is sound."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from collector.api.application import load_routes
from tests.api.served import Served
from tests.conftest import ROOT

METHODS = {"get", "post", "put", "patch", "delete"}


def operations(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield f"{method.upper()} {path}", operation


def references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for each in value.values():
            yield from references(each)
    elif isinstance(value, list):
        for each in value:
            yield from references(each)


def test_description_holds_every_route_and_nothing_else(served: Served) -> None:
    described = {key for key, _ in operations(served.get("/v1/openapi.json"))}
    assert described == {route.key for route in load_routes()}


def test_description_is_openapi_3_1_with_what_the_standard_requires(served: Served) -> None:
    document = served.get("/v1/openapi.json")
    assert document["openapi"] == "3.1.0"
    assert {"title", "version"} <= document["info"].keys()
    for key, operation in operations(document):
        assert operation["responses"], key
        assert all(re.fullmatch(r"[1-5]\d\d", status) and answer["description"] for status, answer in operation["responses"].items()), key
        named = re.findall(r"\{([a-z_]+)\}", key)
        assert [each["name"] for each in operation["parameters"] if each["in"] == "path"] == named, key
        assert all({"name", "in", "schema"} <= each.keys() for each in operation["parameters"]), key
        assert all(scheme in document["components"]["securitySchemes"] for each in operation["security"] for scheme in each), key
    assert all(set(methods) <= METHODS for methods in document["paths"].values())


def test_every_reference_of_the_description_leads_somewhere(served: Served) -> None:
    document = served.get("/v1/openapi.json")
    schemas = document["components"]["schemas"]
    assert {each.removeprefix("#/components/schemas/") for each in references(document)} <= schemas.keys()


def test_operation_ids_are_unique(served: Served) -> None:
    ids = [operation["operationId"] for _, operation in operations(served.get("/v1/openapi.json"))]
    assert sorted(ids) == sorted(set(ids))


def test_report_is_described_as_the_wire_defines_it(served: Served) -> None:
    document = served.get("/v1/openapi.json")
    assert document["components"]["schemas"]["Report"]["required"] == ["source", "sequence", "observed_at"]
    assert set(document["paths"]["/v1/reports"]["post"]["requestBody"]["content"]) == {"application/json", "application/vnd.muster.report+msgpack"}


def test_guide_names_every_route_with_what_it_needs() -> None:
    text = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    described = dict(re.findall(r"^\| `([A-Z]+ [^`]+)` \| ([a-z ]+) \|", text, re.MULTILINE))
    assert described == {route.key: route.access.replace("_", " ") for route in load_routes()}
