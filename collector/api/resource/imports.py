"""Lists of recorded CIs from files, and all that is on record for lists elsewhere."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from aiohttp import web
from msgspec import Meta, Struct

from collector.api.exchange import answer, read_body, read_query
from collector.api.keys import CATALOGUE, CLOCK, PARTS, READER, WRITER, actor_of
from collector.api.route import Resource, Route
from collector.imports.mapping import parse_mapping
from collector.imports.reading import read_rows
from collector.imports.table import FILE_LIMIT
from collector.store.imported import ImportJob, ImportReport, run_import
from muster.ports import Page, RecordView

BODY_LIMIT = FILE_LIMIT // 3 * 4 + 1_048_576


class ImportRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """`content`: the file (CSV, JSON or XLSX) in base64. `mapping`: the text of the mapping file; TOML where its name ends in .toml."""

    content: bytes
    mapping: Annotated[str, Meta(max_length=1_048_576)]
    mapping_name: Annotated[str, Meta(min_length=1, max_length=256)] = "mapping.toml"
    file_name: Annotated[str, Meta(min_length=1, max_length=256)] = "file"
    dry_run: bool = False
    skip_bad: bool = False
    reason: Annotated[str, Meta(max_length=4_000)] = ""


class RecordQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """`query`: of CIs; those that are part of others, and those that are not on record, are left out."""

    query: Annotated[str, Meta(max_length=2_000)] = ""
    cursor: str | None = None
    limit: Annotated[int, Meta(ge=1, le=500)] = 200


async def create(request: web.Request) -> web.Response:
    """One decision for the whole file, all or none (`skip_bad`: all but refused rows). 200 also where rows were refused: the answer says which."""
    wanted = await read_body(request, ImportRequest, limit=BODY_LIMIT)
    catalogue, context = request.app[CATALOGUE], request.app[PARTS].context
    mapping = await asyncio.to_thread(parse_mapping, wanted.mapping, wanted.mapping_name, catalogue)
    now, actor = request.app[CLOCK].now_ms(), actor_of(request)

    with await asyncio.to_thread(read_rows, wanted.content, mapping) as rows:

        def work(connection: Any) -> ImportReport:
            job = ImportJob(mapping, rows.wishes(mapping, catalogue), wanted.file_name, is_dry_run=wanted.dry_run, skips_bad=wanted.skip_bad)
            return run_import(connection, context, job, actor=actor, now=now, reason=wanted.reason)

        told = await request.app[WRITER].run(work)
    if told.is_applied:
        request.app[PARTS].poke()
    return answer(told)


async def list_records(request: web.Request) -> web.Response:
    """What is on record of hosts and devices, by number; sensitive values are left out."""
    query = read_query(request, RecordQuery)
    return answer(await asyncio.to_thread(request.app[READER].list_records, query.query, cursor=query.cursor, limit=query.limit))


RESOURCE = Resource(
    name="imports",
    summary="Imports and exports of what is on record",
    routes=(
        Route(
            "POST", "/v1/imports", create, "configuration_manager", "Put a file on record, or try it",
            body=ImportRequest, answer=ImportReport, statuses=(413, 422), body_limit=BODY_LIMIT,
        ),
        Route(
            "GET", "/v1/records", list_records, "viewer", "All that is on record, for exports",
            query=RecordQuery, answer=Page, item=RecordView, statuses=(422,),
        ),
    ),
)  # fmt: skip
