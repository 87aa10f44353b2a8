"""OpenAPI 3.1 of the API, made from the route table and the msgspec types; nothing is written by hand."""

from __future__ import annotations

import http
import re
from collections.abc import Iterable
from typing import Any

import msgspec

from collector.api.route import JSON, Resource, Route
from muster.ports import Page
from muster.wire.problem import CONTENT_TYPE_PROBLEM, Problem

_PARAMETER = re.compile(r"\{([a-z_]+)\}")
_REF = "#/components/schemas/{name}"
_ALWAYS = (500, 503)


def describe_api(resources: Iterable[Resource], *, version: str, url: str) -> dict[str, Any]:
    """The document."""
    known = list(resources)
    routes = [route for each in known for route in each.routes]
    types = _types(routes)
    schemas, components = msgspec.json.schema_components(types, ref_template=_REF)
    by_type = {id(kind): schema for kind, schema in zip(types, schemas, strict=True)}
    paths: dict[str, dict[str, Any]] = {}
    for resource in known:
        for route in resource.routes:
            paths.setdefault(route.path, {})[route.method.lower()] = _operation(resource, route, by_type)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Muster", "version": version, "summary": "CMDB, availability and incidents", "license": {"name": "Apache-2.0"}},
        "servers": [{"url": url}],
        "tags": [{"name": each.name, "description": each.summary} for each in known],
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer"},
                "session": {"type": "apiKey", "in": "cookie", "name": "muster_session"},
            },
        },
    }


def _types(routes: Iterable[Route]) -> list[Any]:
    """Each type that a route names, once."""
    found: dict[int, Any] = {id(Problem): Problem, id(Page): Page}
    for route in routes:
        for kind in (route.body, route.answer, route.item, route.query):
            if kind is not None:
                found.setdefault(id(kind), kind)
    return list(found.values())


def _operation(resource: Resource, route: Route, schemas: dict[int, Any]) -> dict[str, Any]:
    made: dict[str, Any] = {
        "operationId": _operation_id(route),
        "summary": route.summary,
        "tags": [resource.name],
        "parameters": [*_path_parameters(route), *_query_parameters(route), *_headers(route)],
        "responses": _responses(route, schemas),
        "security": _security(route),
        "x-access": route.access,
    }
    if route.body is not None:
        made["requestBody"] = {"required": True, "content": {kind: {"schema": schemas[id(route.body)]} for kind in route.body_types}}
    return made


def _operation_id(route: Route) -> str:
    words = [part.strip("{}").replace(".", "_").replace("-", "_") for part in route.path.split("/") if part]
    return "_".join([route.method.lower(), *words])


def _path_parameters(route: Route) -> list[dict[str, Any]]:
    return [{"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in _PARAMETER.findall(route.path)]


def _query_parameters(route: Route) -> list[dict[str, Any]]:
    if route.query is None:
        return []
    schema = msgspec.json.schema(route.query)
    properties = schema["$defs"][route.query.__name__]
    required = set(properties.get("required", ()))
    return [
        {"name": name, "in": "query", "required": name in required, "schema": inner, **({"explode": True} if inner.get("type") == "array" else {})}
        for name, inner in properties["properties"].items()
    ]


def _headers(route: Route) -> list[dict[str, Any]]:
    return [{"name": "If-Match", "in": "header", "required": True, "schema": {"type": "string"}}] if route.needs_match else []


def _security(route: Route) -> list[dict[str, list[str]]]:
    if route.access == "open":
        return []
    return [{"token": []}] if route.access in {"source", "enrolment"} else [{"token": []}, {"session": []}]


def _responses(route: Route, schemas: dict[int, Any]) -> dict[str, Any]:
    done: dict[str, Any] = {"description": http.HTTPStatus(route.status).phrase}
    if route.answer is not None:
        done["content"] = {JSON: {"schema": _answer_schema(route, schemas)}}
    elif route.status != 204:
        done["content"] = {route.answer_type: {"schema": {"type": "string"}}}
    if route.has_etag:
        done["headers"] = {"ETag": {"schema": {"type": "string"}, "description": "send it back as If-Match"}}
    access = () if route.access == "open" else (401, 403)
    made: dict[str, Any] = {str(route.status): done}
    for status in sorted({*route.statuses, *access, *_ALWAYS, *((422,) if route.query or route.body else ())}):
        if str(status) not in made:
            made[str(status)] = {
                "description": http.HTTPStatus(status).phrase,
                "content": {CONTENT_TYPE_PROBLEM: {"schema": schemas[id(Problem)]}},
            }
    return made


def _answer_schema(route: Route, schemas: dict[int, Any]) -> Any:
    if route.item is None:
        return schemas[id(route.answer)]
    items = {"properties": {"items": {"type": "array", "items": schemas[id(route.item)]}}}
    return {"allOf": [schemas[id(route.answer)], items]}
