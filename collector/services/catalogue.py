"""The service catalogue: documents of `services.d` checked alone and together. Format: docs/services.md.

A document is refused with file, line and what to do; what its names and queries find is not known here (`collector/service_tree.py`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any, get_args

import msgspec
import yaml

from collector.services import service_document
from collector.services.case import parse_at, parse_target
from collector.services.holiday import check_calendar
from collector.services.service_document import ServiceDocument
from collector.services.service_hours import parse_service_hours, parse_zone
from muster.document import error_at, parse_document, parse_yaml, suggest
from muster.errors import ConfigurationError, DocumentError, InputError, quote
from muster.model.query import parse_query

MAXIMUM_DEPTH = 12  # below the limit at which service trees are followed
KINDS = ("ci", "query", "service", "all", "any", "at_least")
_WORDS = {
    "days": get_args(service_document.Weekday),
    "stage": get_args(service_document.Stage),
    "period": get_args(service_document.Period),
    "per": get_args(service_document.Period),
    "unknown": get_args(service_document.Unknown),
    "degraded": get_args(service_document.Degraded),
    "planned": get_args(service_document.Planned),
    "silent": get_args(service_document.Silent),
}
_CLOCK = 'no local time; write for example "08:00", in quotes'
_SPAN = "no duration; write a number with s, m, h, d, w, M (months) or y, for example 30m"
_FORMS = {
    "from": _CLOCK,
    "to": _CLOCK,
    "date": "no date; write for example 2026-03-07",
    "closed_dates": "no date; write for example 2026-03-07",
    "id": "no id; write lower-case letters, digits, '.', '_' and '-', at most 64",
    "service": "no id of a service; write lower-case letters, digits, '.', '_' and '-', at most 64",
    "currency": "no currency; write three letters, for example EUR",
    **dict.fromkeys(("mtrs", "planned_cap", "notice", "rto", "rpo", "drill_every"), _SPAN),
}
_ENUM = re.compile(r"Invalid enum value '(.*)'$", re.DOTALL)


def check_document(text: str, path: str) -> dict[str, Any]:
    """The plain value of one service's YAML. Raises DocumentError with file (`path`), line and a suggestion where it is wrong."""
    try:
        parse_document(text, ServiceDocument, file=path)
    except DocumentError as error:
        raise _name_words(error) from None
    node, value = parse_yaml(text, file=path)
    assert isinstance(value, dict), "a service's struct is never made of anything else"
    for at, fault in _find_faults(value):
        raise error_at(node, at, fault, file=path)
    return value


def check_catalogue(documents: Mapping[str, str], in_force: Mapping[str, Mapping[str, Any]] | None = None) -> dict[str, dict[str, Any]]:
    """All documents of a catalogue, by the service's id; `documents`: file → text, `in_force`: what else will be in force.

    Raises DocumentError for the first fault: of one document, an id that stands twice, a service that is not there, a circle of services.
    """
    checked = {file: check_document(text, file) for file, text in documents.items()}
    files: dict[str, str] = {}
    for file, value in checked.items():
        name = str(value["id"])
        if name in files:
            raise _error_in(documents, file, "$.id", f"service {name!r} is already in {files[name]}; ids are unique")
        files[name] = file
    services: dict[str, Mapping[str, Any]] = {**(in_force or {}), **{str(value["id"]): value for value in checked.values()}}
    for name, file in files.items():
        for at, other in named_services(services[name].get("components")):
            if other not in services:
                raise _error_in(documents, file, at, f"no service {quote(other)}{suggest(other, list(services))}")
        circle = find_circle(name, services)
        if circle:
            raise _error_in(documents, file, "$.components", f"services in a circle: {' → '.join(circle)}; a service cannot depend on itself")
    return {name: checked[file] for name, file in files.items()}


def find_circle(start: str, services: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """The way from a service back to itself along the services that it names; empty where there is none."""
    came_from: dict[str, str] = {}
    waiting = [start]
    while waiting:
        name = waiting.pop()
        for _, other in named_services(services.get(name, {}).get("components")):
            if other == start:
                way = [start, name] if name != start else [start]
                while way[-1] != start:
                    way.append(came_from[way[-1]])
                return way[::-1] if len(way) > 1 else [start, start]
            if other not in came_from:
                came_from[other] = name
                waiting.append(other)
    return []


def named_services(components: Any, path: str = "$.components") -> Iterator[tuple[str, str]]:
    """(path, id) of every service that an expression names."""
    if isinstance(components, Mapping):
        if "service" in components:
            yield f"{path}.service", str(components["service"])
        for kind in ("all", "any", "of"):
            for index, each in enumerate(components.get(kind) or []):
                yield from named_services(each, f"{path}.{kind}[{index}]")


def named_queries(components: Any, path: str = "$.components") -> Iterator[tuple[str, str]]:
    """(path, text) of every query of an expression."""
    if isinstance(components, Mapping):
        if "query" in components:
            yield f"{path}.query", str(components["query"])
        for kind in ("all", "any", "of"):
            for index, each in enumerate(components.get(kind) or []):
                yield from named_queries(each, f"{path}.{kind}[{index}]")


def to_json_schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of a service's file, for editors."""
    schema = msgspec.json.schema(ServiceDocument)
    single = [{"required": [kind]} for kind in KINDS if kind != "at_least"]
    schema["$defs"]["Components"]["oneOf"] = [*single, {"required": ["at_least", "of"]}]
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": "urn:muster:schema:service", **schema}


def _find_faults(value: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """(path, what is wrong and what to do): what the shape alone cannot say."""
    if isinstance(value["name"], dict) and "en" not in value["name"]:
        yield "$.name", "the name in English is missing; write {en: …}"
    yield from _of_hours(value)
    for index, target in enumerate(value.get("targets") or []):
        at = f"$.targets[{index}]"
        yield from _of(lambda target=target, at=at: parse_target(target.get("availability"), path=f"{at}.availability"))
        yield from _of_start(target.get("effective_from"), f"{at}.effective_from")
    yield from _of_equal_targets(value.get("targets") or [])
    for place, each in enumerate(value.get("suppliers") or []):
        yield from _of(lambda each=each, place=place: parse_target(each.get("availability"), path=f"$.suppliers[{place}].availability"))
        for index, part in enumerate(each.get("provides") or []):
            yield from _of_components(part, f"$.suppliers[{place}].provides[{index}]", value["id"])
    for index, each in enumerate(value.get("capacity") or []):
        yield from _of(lambda each=each, index=index: parse_target(each["headroom"], path=f"$.capacity[{index}].headroom"))
    yield from _of_components(value["components"], "$.components", value["id"])


def _of_hours(value: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    zone, hours = value.get("time_zone"), value.get("service_hours")
    if zone is not None:
        yield from _of(lambda: parse_zone(zone))
    if hours is None:
        return
    if zone is None:
        yield "$.service_hours", "service hours need a time zone; write for example time_zone: Europe/Berlin"
    if not hours.get("weekly") and not hours.get("extra"):
        yield "$.service_hours", "no shift at all, so that nothing is agreed; leave service_hours out for a service that is always agreed"
    yield from _of(lambda: parse_service_hours({key: each for key, each in hours.items() if key != "holidays"}))
    if hours.get("holidays") is not None:
        try:
            check_calendar(str(hours["holidays"]))
        except ConfigurationError as error:
            yield "$.service_hours.holidays", str(error)


def _of_start(value: Any, path: str) -> Iterator[tuple[str, str]]:
    if value is None:
        return
    try:
        date.fromisoformat(value)
    except ValueError:
        yield from _of(lambda: parse_at(value, path=path))


def _of_equal_targets(targets: list[dict[str, Any]]) -> Iterator[tuple[str, str]]:
    seen: set[tuple[Any, Any]] = set()
    for index, each in enumerate(targets):
        key = (each["sla"], each.get("effective_from"))
        if key in seen:
            yield f"$.targets[{index}]", f"a second target of {each['sla']!r} from the same time; give it an effective_from of its own"
        seen.add(key)


def _of_components(value: Mapping[str, Any], path: str, service: str, depth: int = 0) -> Iterator[tuple[str, str]]:
    kinds = [kind for kind in KINDS if kind in value]
    if len(kinds) != 1:
        named = " and ".join(kinds) or "nothing"
        yield path, f"{named} where one of ci, query, service, all, any or at_least with of must stand"
        return
    (kind,) = kinds
    if depth >= MAXIMUM_DEPTH:
        yield path, f"nested deeper than {MAXIMUM_DEPTH}; make a service of its own of a part"
        return
    if ("of" in value) is not (kind == "at_least"):
        yield path, "at_least needs of: […], and of needs at_least"
    elif "checks" in value and kind not in {"ci", "query"}:
        yield f"{path}.checks", f"checks are named of a ci or a query, not of {kind}"
    elif kind == "query":
        yield from _of(lambda: parse_query(str(value["query"])), path=f"{path}.query")
    elif kind == "service" and value["service"] == service:
        yield f"{path}.service", "a service cannot depend on itself"
    elif kind == "at_least" and value["at_least"] > len(value["of"]) and not any("query" in each for each in value["of"]):
        yield f"{path}.at_least", f"at least {value['at_least']} of {len(value['of'])} can never hold; write 1 to {len(value['of'])}"
    name = "of" if kind == "at_least" else kind
    for index, each in enumerate(value[name] if name in {"all", "any", "of"} else []):
        yield from _of_components(each, f"{path}.{name}[{index}]", service, depth + 1)


def _of(check: Any, *, path: str = "") -> Iterator[tuple[str, str]]:
    """The fault that a check raises, at its own path or the given one."""
    try:
        check()
    except InputError as error:
        yield path or error.path, error.message


def _name_words(error: DocumentError) -> DocumentError:
    """A wrong word gets the known ones beside it, a wrong form an example."""
    key = re.sub(r"\[\d+\]$", "", error.path).rpartition(".")[2]
    message = error.message
    found = _ENUM.match(message)
    if found and key in _WORDS:
        message = f"unknown word {quote(found.group(1))}{suggest(found.group(1), _WORDS[key])}"
    elif message.startswith("Expected `str") and key in _FORMS:
        message = f"{key}: {_FORMS[key]}"
    return DocumentError(message, file=error.file, line=error.line, path=error.path)


def _error_in(documents: Mapping[str, str], file: str, path: str, message: str) -> DocumentError:
    node: yaml.Node = parse_yaml(documents[file], file=file)[0]
    return error_at(node, path, message, file=file)
