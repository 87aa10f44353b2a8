"""Services: the catalogue with its figures, documents planned and applied as files are, and availability over any window."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

import msgspec
from aiohttp import web
from msgspec import Meta, Struct

from collector.api.exchange import answer, ask_store, read_body, read_id, read_instant, read_query
from collector.api.keys import CATALOGUE, CLOCK, PARTS, READER, WRITER, actor_of
from collector.api.route import Resource, Route
from collector.service_figure import Case
from collector.store.catalogue import apply_documents, ids_of, plan_documents
from collector.store.service import PlannedService
from muster.errors import InputError
from muster.instant import render_instant
from muster.ports import ServiceView

YAML_TYPE = "application/yaml"
WINDOW_LIMIT_MS = 1_100 * 86_400_000
DOCUMENTS_LIMIT = 2_000


class ServiceList(Struct, frozen=True):
    """Every service in force, by id."""

    items: list[ServiceView]


class ServiceFile(Struct, frozen=True, forbid_unknown_fields=True):
    """One document: `file` is only named in faults."""

    file: Annotated[str, Meta(min_length=1, max_length=1024)]
    text: Annotated[str, Meta(max_length=1_048_576)]


class ServiceDocuments(Struct, frozen=True, forbid_unknown_fields=True):
    """`removes_absent`: these are all services of the API; others that it applied are retired. Those of a folder are never touched."""

    documents: Annotated[list[ServiceFile], Meta(max_length=DOCUMENTS_LIMIT)]
    removes_absent: bool = False


class ServicePlan(Struct, frozen=True):
    """What applying does to each service."""

    items: list[PlannedService]


class WindowQuery(Struct, frozen=True, forbid_unknown_fields=True, rename={"since": "from", "until": "to"}):
    """`[from, to)`: RFC 3339, or milliseconds UTC."""

    since: str
    until: str


class Availability(Struct, frozen=True, rename={"since": "from", "until": "to"}):
    """`result`: exact integers and fractions (docs/services.md)."""

    service: str
    since: str
    until: str
    result: dict[str, Any]


async def list_services(request: web.Request) -> web.Response:
    return answer(ServiceList(await asyncio.to_thread(request.app[READER].list_services)))


async def get_service(request: web.Request) -> web.Response:
    return answer(await asyncio.to_thread(request.app[READER].get_service, read_id(request)))


async def get_document(request: web.Request) -> web.Response:
    text = await asyncio.to_thread(request.app[READER].get_service_document, read_id(request))
    return web.Response(body=text.encode(), content_type=YAML_TYPE, charset="utf-8")


async def plan(request: web.Request) -> web.Response:
    """What applying would do; nothing is changed."""
    documents, removes_absent = await _read_documents(request)
    actor = actor_of(request)
    classes = request.app[CATALOGUE]
    planned = await ask_store(request, lambda connection: plan_documents(connection, documents, classes, owner=actor, removes_absent=removes_absent))
    return answer(await asyncio.to_thread(_tell, documents, planned))


async def apply(request: web.Request) -> web.Response:
    """All documents or none."""
    documents, removes_absent = await _read_documents(request)
    actor, now, classes = actor_of(request), request.app[CLOCK].now_ms(), request.app[CATALOGUE]
    applied = await request.app[WRITER].run(
        lambda connection: apply_documents(connection, documents, classes, now, owner=actor, removes_absent=removes_absent)
    )
    request.app[PARTS].poke()
    return answer(await asyncio.to_thread(_tell, documents, applied))


async def get_availability(request: web.Request) -> web.Response:
    """Computed now from the states as they are known now, over any window."""
    since, until = _read_window(request)
    service_id, parts = read_id(request), request.app[PARTS]

    def compute() -> tuple[Case, Any]:
        case = parts.read_case(service_id, since, until)
        return case, parts.engine.compute(case)

    case, result = await asyncio.to_thread(compute)
    window = case["window"]
    return answer(Availability(service_id, render_instant(window["from"]), render_instant(window["to"]), msgspec.to_builtins(dict(result))))


async def get_case(request: web.Request) -> web.Response:
    """All that the figure is computed from, for `muster availability compute` elsewhere."""
    since, until = _read_window(request)
    return answer(await asyncio.to_thread(request.app[PARTS].read_case, read_id(request), since, until))


def _read_window(request: web.Request) -> tuple[int, int]:
    query = read_query(request, WindowQuery)
    since, until = read_instant(query.since, "from"), read_instant(query.until, "to")
    now = request.app[CLOCK].now_ms()
    if not 0 <= since < min(until, now):
        raise InputError("the window must begin before it ends, and before now", path="from")
    if until - since > WINDOW_LIMIT_MS:
        raise InputError(f"the window may be {WINDOW_LIMIT_MS // 86_400_000} days long at most; ask for parts of it", path="to")
    return since, until


async def _read_documents(request: web.Request) -> tuple[dict[str, str], bool]:
    given = await read_body(request, ServiceDocuments, limit=16 * 1_048_576)
    documents: dict[str, str] = {}
    for place, each in enumerate(given.documents):
        if each.file in documents:
            raise InputError(f"file {each.file!r} is given twice", path=f"$.documents[{place}].file")
        documents[each.file] = each.text
    return documents, given.removes_absent


def _tell(documents: dict[str, str], planned: list[PlannedService]) -> ServicePlan:
    """What changes, and of what does not only that which was given."""
    named = set(ids_of(documents).values())
    return ServicePlan([each for each in planned if each.action != "unchanged" or each.service_id in named])


RESOURCE = Resource(
    name="service",
    summary="Services and availability",
    routes=(
        Route("GET", "/v1/services", list_services, "viewer", "Services with state and figures", answer=ServiceList),
        Route(
            "POST", "/v1/services/plan", plan, "viewer", "What applying these documents would do",
            body=ServiceDocuments, answer=ServicePlan, statuses=(409, 422),
        ),
        Route(
            "POST", "/v1/services/apply", apply, "configuration_manager", "Put documents in force, all or none",
            body=ServiceDocuments, answer=ServicePlan, statuses=(409, 422),
        ),
        Route("GET", "/v1/services/{id}", get_service, "viewer", "One service", answer=ServiceView, statuses=(404,)),
        Route("GET", "/v1/services/{id}/document", get_document, "viewer", "The YAML in force", answer_type=YAML_TYPE, statuses=(404,)),
        Route(
            "GET", "/v1/services/{id}/availability", get_availability, "viewer", "Availability over any window, exact",
            query=WindowQuery, answer=Availability, statuses=(404, 422),
        ),
        Route(
            "GET", "/v1/services/{id}/case", get_case, "viewer", "The availability case: all that a figure is computed from",
            query=WindowQuery, answer=dict[str, Any], statuses=(404, 422),
        ),
    ),
)  # fmt: skip
