"""The audit trail: who did what when, and whether the chain of it holds."""

from __future__ import annotations

import asyncio
from typing import Annotated

from aiohttp import web
from msgspec import Meta, Struct

from collector.api.exchange import answer, read_instant, read_query
from collector.api.keys import READER
from collector.api.route import Resource, Route
from collector.store.audit_chain import AuditEntry, Wanted, parse_anchor
from muster.ports import Page

Word = Annotated[str, Meta(max_length=256)]
Instant = Annotated[str, Meta(max_length=40)]


class AuditQuery(Struct, frozen=True, forbid_unknown_fields=True, rename={"since": "from", "until": "to"}):
    """`actor`, `action`, `subject`: whole, or a beginning with `*` at its end. `from` ≤ at < `to`: RFC 3339 or milliseconds."""

    actor: Word = ""
    action: Word = ""
    subject: Word = ""
    since: Instant | None = None
    until: Instant | None = None
    cursor: str | None = None
    limit: Annotated[int, Meta(ge=1, le=500)] = 50


class VerificationQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """`expect`: a head that was written down earlier, `NUMBER:HASH` or the hash alone."""

    expect: Annotated[str, Meta(max_length=100)] | None = None


class AuditVerification(Struct, frozen=True):
    """`entries`, `head`: of the part that holds; write `head` down elsewhere. `broken_id`: the first entry that does not hold, and why."""

    is_whole: bool
    entries: int
    head: str
    broken_id: int | None
    reason: str


async def list_entries(request: web.Request) -> web.Response:
    query = read_query(request, AuditQuery)
    since = None if query.since is None else read_instant(query.since, "from")
    until = None if query.until is None else read_instant(query.until, "to")
    wanted = Wanted(query.actor, query.action, query.subject, since, until)
    return answer(await asyncio.to_thread(request.app[READER].list_audit, wanted, cursor=query.cursor, limit=query.limit))


async def verify(request: web.Request) -> web.Response:
    """Follows the whole chain each time it is asked."""
    query = read_query(request, VerificationQuery)
    expected = None if query.expect is None else parse_anchor(query.expect)
    found = await asyncio.to_thread(request.app[READER].verify_audit, expected)
    return answer(AuditVerification(found.broken_id is None, found.entries, str(found.head), found.broken_id, found.reason))


RESOURCE = Resource(
    name="audit",
    summary="The audit trail",
    routes=(
        Route(
            "GET", "/v1/audit", list_entries, "auditor", "List entries, newest first",
            query=AuditQuery, answer=Page, item=AuditEntry, statuses=(422,),
        ),
        Route(
            "GET", "/v1/audit/verification", verify, "auditor", "Whether the chain holds, and where it breaks",
            query=VerificationQuery, answer=AuditVerification, statuses=(422,),
        ),
    ),
)  # fmt: skip
