"""Putting on record by hand: one CI that nobody may have seen yet, or a file of them, tried first."""

from __future__ import annotations

import asyncio
from typing import Any

from aiohttp import web
from aiohttp.web_request import FileField

from collector.api.keys import CATALOGUE, CLOCK, PARTS, WRITER, actor_of
from collector.imports.mapping import parse_mapping
from collector.imports.reading import read_rows
from collector.imports.table import FILE_LIMIT
from collector.store.imported import ImportJob, ImportReport, run_import
from collector.store.recorded import Patch
from collector.store.recording import record_ci
from collector.web.page import PageModule, Route
from collector.web.rendering import respond
from collector.web.view.label import class_label
from collector.web.view.record import parse_lines, to_import_summary
from collector.web.visit import COUNTS, visit_of
from muster.errors import ConfigurationError, ConflictError, InputError
from muster.model.identifier import IDENTIFIER_KINDS

REASON_LENGTH = 500
FAULTS_SHOWN = 100
FORM_LIMIT = FILE_LIMIT + 1_048_576
EXAMPLE = """id = "servers"
class = "server"

[identifiers]
serial = "Serial"

[attributes]
name = "Name"
"""


async def show(request: web.Request) -> web.Response:
    return await _render(request, {})


async def _render(request: web.Request, given: dict[str, str], *, status: int = 200, **told: Any) -> web.Response:
    """The page with what was filled in, and what came of it."""
    visit, catalogue = visit_of(request), request.app[CATALOGUE]
    classes = [each for each in catalogue if not each.is_dependent and not each.is_abstract]
    return await respond(
        request,
        "record.html",
        status=status,
        visit=visit,
        classes=sorted(((each.name, class_label(each.name, catalogue, visit.viewpoint)) for each in classes), key=lambda pair: pair[1]),
        identifiers=sorted(IDENTIFIER_KINDS),
        given={"class": "server", "mapping": EXAMPLE, "zone": "default", "identifiers": "", "attributes": "", "reason": "", **given},
        may_decide=visit.may("configuration_manager"),
        **{"fault": "", "import_fault": "", "told": None, **told},
    )


async def take_ci(request: web.Request) -> web.StreamResponse:
    """On record, and to its page; else the form again with why not."""
    form = await request.post()
    given = {name: str(form.get(name, "")) for name in ("class", "zone", "identifiers", "attributes", "reason")}
    context, now, actor = request.app[PARTS].context, request.app[CLOCK].now_ms(), actor_of(request)
    try:
        attributes = parse_lines(given["attributes"], context.catalogue.get(given["class"]))
        identifiers = parse_lines(given["identifiers"], None, joins=True)
        row = await request.app[WRITER].run(
            lambda connection: record_ci(
                connection,
                context,
                given["class"],
                Patch(attributes),
                identifiers=identifiers,
                zone=given["zone"].strip() or "default",
                actor=actor,
                now=now,
                reason=given["reason"][:REASON_LENGTH],
            )
        )
    except InputError as error:
        return await _render(request, given, status=422, fault=str(error))
    except ConflictError as error:
        return await _render(request, given, status=409, fault=str(error))
    request.app[PARTS].poke()
    request.app[COUNTS].forget()
    return web.Response(status=303, headers={"Location": f"/cis/{row.number}"})


async def take_file(request: web.Request) -> web.StreamResponse:
    """Tries a file, or puts it on record; the page says what came of it."""
    form = await request.post()
    given = {"mapping": str(form.get("mapping", "")), "reason": str(form.get("reason", ""))}
    file = form.get("file")
    if not isinstance(file, FileField) or not file.filename:
        return await _render(request, given, status=422, import_fault=visit_of(request).viewpoint.say("Choose a file."))
    name, content = file.filename, await asyncio.to_thread(file.file.read)
    context, now, actor = request.app[PARTS].context, request.app[CLOCK].now_ms(), actor_of(request)
    is_trial = form.get("action") != "import"
    try:
        mapping = parse_mapping(given["mapping"], "mapping.toml", context.catalogue)
        with await asyncio.to_thread(read_rows, content, mapping) as rows:

            def work(connection: Any) -> ImportReport:
                wishes = rows.wishes(mapping, context.catalogue)
                job = ImportJob(mapping, wishes, name, is_dry_run=is_trial, skips_bad=form.get("skip_bad") == "1")
                return run_import(connection, context, job, actor=actor, now=now, reason=given["reason"][:REASON_LENGTH])

            told = await request.app[WRITER].run(work)
    except (ConfigurationError, InputError) as error:
        return await _render(request, given, status=422, import_fault=str(error))
    if told.is_applied:
        request.app[PARTS].poke()
        request.app[COUNTS].forget()
    summary = to_import_summary(told, name, visit_of(request).viewpoint, limit=FAULTS_SHOWN)
    return await _render(request, given, status=422 if told.refused and not told.is_applied else 200, told=summary)


PAGE = PageModule(
    "record",
    "Putting CIs on record by hand, singly or from a file that is tried first",
    (
        Route("GET", "/record", show),
        Route("POST", "/record/ci", take_ci, "configuration_manager"),
        Route("POST", "/record/file", take_file, "configuration_manager", form_limit=FORM_LIMIT),
    ),
)
