"""What a reviewer's form asks for, and doing it: one decision on one, some or all differences of a group, or on a case."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar, cast

from aiohttp import web

from collector.api.keys import CLOCK, PARTS, WRITER, actor_of
from collector.store.case_decision import MemberChoice
from collector.store.decision import (
    Choice,
    resolve_case,
    undo_decision,
)
from collector.store.review_decision import Reviewed, ReviewWish, confirm_decision, review_differences, withdraw_decision
from collector.web.view.moment import DAY_MS
from collector.web.visit import COUNTS, load_all
from muster.errors import InputError, quote

ACTIONS = ("accept", "reject", "ignore", "link")
REASON_LENGTH = 500
T = TypeVar("T")
AT_ONCE = 10_000
IGNORE_DAYS = 366


@dataclass(frozen=True)
class Wish:
    """`chosen`: id of a difference → the token of the value that the reviewer saw. With `is_whole_group` all of it that the filter shows."""

    action: str
    reason: str
    group: str
    chosen: Mapping[str, str | None]
    is_whole_group: bool = False
    query: str = ""
    state: str = "open"
    ignore_until: int | None = None
    change: str | None = None


def parse_wish(form: Any, now: int) -> Wish:
    """The form of the queue. Raises InputError."""
    action, _, days = str(form.get("action", "")).partition("-")
    if action not in ACTIONS or (action == "ignore" and not (days.isdecimal() and 1 <= int(days) <= IGNORE_DAYS)):
        raise InputError(f"unknown action {quote(form.get('action'))}; press one of the buttons", path="action")
    scope = form.get("scope", "one")
    chosen: dict[str, str | None] = {}
    if scope == "selected":
        for each in map(str, form.getall("selected", [])):
            name, _, token = each.partition(" ")
            chosen[name] = token
        if not chosen:
            raise InputError("nothing is selected; tick some, or decide on the group", path="selected")
    elif scope == "one":
        chosen = {str(form.get("difference", "")): str(form.get("token", ""))}
    return Wish(
        action=action,
        reason=str(form.get("reason", "")).strip()[:REASON_LENGTH],
        group=str(form.get("group", "")),
        chosen=chosen,
        is_whole_group=scope == "group",
        query=str(form.get("q", "")),
        state=str(form.get("state", "open")),
        ignore_until=now + int(days) * DAY_MS if action == "ignore" else None,
        change=str(form.get("change", "")).strip()[:64] if action == "link" else None,
    )


async def decide(request: web.Request, wish: Wish) -> Reviewed:
    """Does what is wished, all of it or nothing, or has it wait for a second person. Raises ConflictError where a value moved since it was seen."""
    chosen = wish.chosen
    if wish.is_whole_group:
        found = await load_all(request, "list_differences", AT_ONCE + 1, query=wish.query, states=(wish.state,), group=wish.group)
        chosen = {each.id: each.observed_token for each in found}
    context, actor, now = request.app[PARTS].context, actor_of(request), request.app[CLOCK].now_ms()
    kind = cast(Any, wish.action)  # one of ACTIONS
    asked = ReviewWish(kind=kind, choice=Choice(chosen), reason=wish.reason, until=wish.ignore_until, change_id=wish.change)
    return await carry_out(request, lambda connection: review_differences(connection, context, asked, actor=actor, now=now))


async def confirm(request: web.Request, waiting_id: str) -> str:
    """The second person's word; the decision's id. Raises NotFoundError, ConflictError."""
    context, actor, now = request.app[PARTS].context, actor_of(request), request.app[CLOCK].now_ms()
    return await carry_out(request, lambda connection: confirm_decision(connection, context, waiting_id, actor=actor, now=now))


async def withdraw(request: web.Request, waiting_id: str) -> None:
    """It is not decided after all. Raises NotFoundError, ConflictError."""
    actor, now = actor_of(request), request.app[CLOCK].now_ms()
    await carry_out(request, lambda connection: withdraw_decision(connection, waiting_id, actor=actor, now=now))


async def undo(request: web.Request, decision_id: str) -> str:
    """Takes a decision back; the id of the undoing one. Raises NotFoundError, ConflictError."""
    context, actor, now = request.app[PARTS].context, actor_of(request), request.app[CLOCK].now_ms()
    return await carry_out(request, lambda connection: undo_decision(connection, context, decision_id, actor=actor, now=now))


async def resolve(request: web.Request, case_id: str, action: str, reason: str, *, keep: str = "") -> str:
    """Decides a case; the decision's id. Raises NotFoundError, ConflictError, InputError for an action that its kind does not have."""
    context, actor, now = request.app[PARTS].context, actor_of(request), request.app[CLOCK].now_ms()
    word = cast(Any, action)  # checked where it is carried out
    reason = reason[:REASON_LENGTH]
    choice = MemberChoice(keep or None)

    def work(connection: Any) -> str:
        return resolve_case(connection, context, case_id, word, actor=actor, now=now, reason=reason, choice=choice)

    return await carry_out(request, work)


async def carry_out(request: web.Request, work: Callable[[Any], T]) -> T:
    """Write, evaluate anew, and count anew what waits for a person."""
    done = await request.app[WRITER].run(work)
    request.app[PARTS].poke()
    request.app[COUNTS].forget()
    return done
