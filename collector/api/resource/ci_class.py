"""The CI classes in force, shipped ones and a site's own, with all that they inherit."""

from __future__ import annotations

from aiohttp import web
from msgspec import Struct

from collector.api.exchange import answer, read_id
from collector.api.keys import CATALOGUE
from collector.api.route import Resource, Route
from muster.document import suggest
from muster.errors import NotFoundError, quote
from muster.model.ci_class import CiClass


class ClassList(Struct, frozen=True):
    """By name."""

    items: list[CiClass]


async def list_classes(request: web.Request) -> web.Response:
    catalogue = request.app[CATALOGUE]
    return answer(ClassList([catalogue[name] for name in catalogue.names()]))


async def get_class(request: web.Request) -> web.Response:
    catalogue, name = request.app[CATALOGUE], read_id(request, "name")
    found = catalogue.get(name)
    if found is None:
        raise NotFoundError(f"no class {quote(name)}{suggest(name, catalogue.names())}")
    return answer(found)


RESOURCE = Resource(
    name="ci_class",
    summary="CI classes",
    routes=(
        Route("GET", "/v1/classes", list_classes, "viewer", "The classes in force", answer=ClassList),
        Route("GET", "/v1/classes/{name}", get_class, "viewer", "One class, with what it inherits", answer=CiClass, statuses=(404,)),
    ),
)
