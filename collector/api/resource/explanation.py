"""Explanations: the whole chain from report to decision of a CI, a difference or a case in one request."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any

from aiohttp import web
from msgspec import Struct

from collector.api.exchange import answer, read_id, read_query
from collector.api.keys import PARTS, READER
from collector.api.route import Resource, Route
from collector.simulation.export import Site, build_case
from collector.store.case_material import Material, TakenReport
from muster.explanation import CaseExplanation, CiExplanation, DifferenceExplanation


class ExplanationQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """`attribute`: of this one alone."""

    attribute: str | None = None


async def explain_ci(request: web.Request) -> web.Response:
    query = read_query(request, ExplanationQuery)
    return answer(await asyncio.to_thread(request.app[READER].explain_ci, read_id(request), query.attribute))


async def explain_difference(request: web.Request) -> web.Response:
    return answer(await asyncio.to_thread(request.app[READER].explain_difference, read_id(request)))


async def explain_case(request: web.Request) -> web.Response:
    return answer(await asyncio.to_thread(request.app[READER].explain_case, read_id(request)))


async def export_case(request: web.Request) -> web.Response:
    """Names, serials and addresses are replaced before anything leaves."""
    context = request.app[PARTS].context
    site = Site(context.catalogue, context.junk, context.settings)

    def build(material: Material, sources: Mapping[int, tuple[str, str, str, str]], reports: Iterable[TakenReport]) -> dict[str, Any]:
        return build_case(material, sources, reports, site)

    return answer(await asyncio.to_thread(request.app[READER].export_case, read_id(request), build))


RESOURCE = Resource(
    name="explanation",
    summary="Explanations",
    routes=(
        Route(
            "GET", "/v1/cis/{id}/explanation", explain_ci, "viewer", "Why records belong to a CI and why its values are in force",
            query=ExplanationQuery, answer=CiExplanation, statuses=(404, 422),
        ),
        Route(
            "GET", "/v1/differences/{id}/explanation", explain_difference, "viewer", "Why there is a difference",
            answer=DifferenceExplanation, statuses=(404,),
        ),
        Route(
            "GET", "/v1/cis/{id}/case-file", export_case, "configuration_manager",
            "A case file of the reports and decisions about it, with everything private replaced", answer=dict[str, Any], statuses=(404, 422),
        ),
        Route("GET", "/v1/cases/{id}/explanation", explain_case, "viewer", "Why there is a case", answer=CaseExplanation, statuses=(404,)),
    ),
)  # fmt: skip
