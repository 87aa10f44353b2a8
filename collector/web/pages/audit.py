"""The audit trail: who did what, and whether the chain of it holds."""

from __future__ import annotations

from aiohttp import web

from collector.store.audit_chain import Head, Wanted, parse_anchor
from collector.web.page import PageModule, Route
from collector.web.rendering import respond
from collector.web.table_export import FORMATS, ROW_LIMIT, send_table
from collector.web.view.audit import to_entry, to_verdict
from collector.web.visit import load, load_all, visit_of
from muster.errors import InputError

EXAMPLES = ("person:kim", "decision.*")
_COLUMNS = ("entry", "at", "actor", "action", "subject", "detail", "hash")


async def show(request: web.Request) -> web.StreamResponse:
    """Entries, newest first; with `verify` in the address the chain is followed, too."""
    visit = visit_of(request)
    actor, action, subject = (visit.query.get(name, "").strip() for name in ("actor", "action", "subject"))
    wanted = Wanted(actor, action, subject)
    if (form := request.query.get("format")) in FORMATS:
        found = await load_all(request, "list_audit", ROW_LIMIT, wanted=wanted)
        rows = [(each.id, each.at, each.actor, each.action, each.subject, each.detail, each.hash) for each in found]
        return send_table("audit", str(form), _COLUMNS, rows)
    page = await load(request, "list_audit", wanted, cursor=request.query.get("cursor"))
    verdict, fault = None, ""
    if "verify" in visit.query:
        try:
            expected: Head | None = parse_anchor(visit.query["expect"]) if visit.query.get("expect", "").strip() else None
            verdict = to_verdict(await load(request, "verify_audit", expected))
        except InputError as error:
            fault = error.message
    return await respond(
        request,
        "audit.html",
        visit=visit,
        entries=[to_entry(each, visit.viewpoint) for each in page.items],
        total=page.total,
        next_cursor=page.next_cursor,
        wanted=wanted,
        verdict=verdict,
        fault=fault,
        expect=visit.query.get("expect", ""),
        examples=EXAMPLES,
    )


PAGE = PageModule("audit", "The audit trail, filtered and verified", (Route("GET", "/audit", show, "auditor"),))
