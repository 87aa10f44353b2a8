"""Enrolment: a token that a person handed out becomes a source's own token, and a source that may have to be approved first.

The source's row stands from then on under the instance `ENROLLED`; its first report, which tells the instance, takes the row over.
"""

from __future__ import annotations

from sqlalchemy import Connection, insert, select, update

from collector.store import audit_chain, token
from collector.store.schema import source
from collector.store.source import ENROLLED, Scope, parse_scope, revoke_source
from muster.errors import AuthorisationError, ConflictError, NotFoundError, quote
from muster.wire.enrolment import EnrolmentAnswer, EnrolmentRequest


def enrol_source(connection: Connection, secret: str, request: EnrolmentRequest, now: int, *, needs_approval: bool) -> EnrolmentAnswer:
    """Use the enrolment token up by one and give the source a token of its own.

    Raises AuthenticationError where the token no longer holds, AuthorisationError where the source is outside its scope.
    """
    enrolment = token.redeem_token(connection, secret, now, kinds=["enrolment"])
    scope = parse_scope(enrolment.scope)
    _check_scope(request, scope)
    state = "pending" if needs_approval else "active"
    source_id = _place(connection, request, state, now)
    own = {**enrolment.scope, "kinds": [request.kind], "names": [request.name], "zones": [request.zone]}
    made = token.create_token(connection, now, kind="source", name=f"{request.kind}/{request.name}", scope=own, source_id=source_id)
    connection.execute(update(source).where(source.c.id == source_id).values(token_id=made.id))
    detail = {"kind": request.kind, "name": request.name, "zone": request.zone, "state": state, "token": made.id}
    audit_chain.append(connection, now, actor=f"token:{enrolment.name}", action="source_enrolled", subject=str(source_id), detail=detail)
    return EnrolmentAnswer(made.secret, "pending" if state == "pending" else "active")


def approve_source(connection: Connection, source_id: int, now: int, *, actor: str) -> None:
    """Let a source that waits report. Raises NotFoundError, ConflictError where it does not wait."""
    state = _state_of(connection, source_id)
    if state != "pending":
        raise ConflictError(f"source {source_id} is {state}; only one that waits can be approved", code="not-pending", current=state)
    connection.execute(update(source).where(source.c.id == source_id).values(state="active"))
    audit_chain.append(connection, now, actor=actor, action="source_approved", subject=str(source_id))


def withdraw_source(connection: Connection, source_id: int, now: int, *, actor: str) -> None:
    """Refuse the source and its tokens from now on. Raises NotFoundError."""
    if _state_of(connection, source_id) == "revoked":
        return
    revoke_source(connection, source_id, now)
    audit_chain.append(connection, now, actor=actor, action="source_revoked", subject=str(source_id))


def _state_of(connection: Connection, source_id: int) -> str:
    state = connection.execute(select(source.c.state).where(source.c.id == source_id)).scalar()
    if state is None:
        raise NotFoundError(f"no source {source_id}; see `muster source list`")
    return str(state)


def _place(connection: Connection, request: EnrolmentRequest, state: str, now: int) -> int:
    """The row that waits for the first report; one that is left from an earlier enrolment is taken again."""
    is_it = (source.c.kind == request.kind) & (source.c.name == request.name) & (source.c.instance == ENROLLED)
    found = connection.execute(select(source.c.id).where(is_it)).scalar()
    if found is not None:
        connection.execute(update(source).where(source.c.id == found).values(state=state, zone=request.zone))
        return int(found)
    values = {"kind": request.kind, "name": request.name, "instance": ENROLLED, "zone": request.zone, "state": state, "created_at": now}
    return int(connection.execute(insert(source).values(**values).returning(source.c.id)).scalar_one())


def _check_scope(request: EnrolmentRequest, scope: Scope) -> None:
    for what, value, allowed in (("kind", request.kind, scope.kinds), ("name", request.name, scope.names), ("zone", request.zone, scope.zones)):
        if allowed and value not in allowed:
            raise AuthorisationError(f"this enrolment token is not for {what} {quote(value)}; it is for {', '.join(allowed)}")
