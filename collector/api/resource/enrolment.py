"""Enrolment of sources, and the certificate authority that they compare before they trust it."""

from __future__ import annotations

import asyncio
from pathlib import Path

from aiohttp import web

from collector.api.authentication import bearer_of
from collector.api.exchange import answer, read_body
from collector.api.keys import CLOCK, SETTINGS, WRITER
from collector.api.route import Resource, Route
from collector.store.enrolment import enrol_source
from muster.errors import AuthenticationError, NotFoundError
from muster.wire.enrolment import EnrolmentAnswer, EnrolmentRequest

BODY_LIMIT = 65_536
PEM_TYPE = "application/x-pem-file"


async def enrol(request: web.Request) -> web.Response:
    """An enrolment token becomes a source token, which is told here and never again."""
    secret = bearer_of(request)
    if secret is None:
        raise AuthenticationError("enrolment needs an enrolment token, not a session")
    wanted = await read_body(request, EnrolmentRequest, limit=BODY_LIMIT)
    now, needs_approval = request.app[CLOCK].now_ms(), request.app[SETTINGS].enrolment_approval
    made = await request.app[WRITER].run(lambda connection: enrol_source(connection, secret, wanted, now, needs_approval=needs_approval))
    return answer(made, status=201)


async def get_authority(request: web.Request) -> web.Response:
    """The certificate, for who compares its fingerprint; it is no secret."""
    file = request.app[SETTINGS].tls_authority
    if not file:
        raise NotFoundError("this collector has no certificate authority of its own; leave --ca out")
    return web.Response(body=await asyncio.to_thread(Path(file).read_bytes), content_type=PEM_TYPE)


RESOURCE = Resource(
    name="enrolment",
    summary="Enrolment of sources",
    routes=(
        Route(
            "POST", "/v1/enrolments", enrol, "enrolment", "Exchange an enrolment token for a source token",
            body=EnrolmentRequest, answer=EnrolmentAnswer, status=201, statuses=(422,),
        ),
        Route("GET", "/v1/ca.pem", get_authority, "open", "The collector's own certificate authority", answer_type=PEM_TYPE, statuses=(404,)),
    ),
)  # fmt: skip
