"""What a reviewer's form asks for, and doing it: one decision on one, some or all differences of a group."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from collector.web.view.moment import DAY_MS
from muster.errors import InputError, UnavailableError, quote

ACTIONS = ("accept", "reject", "ignore")
REASON_LENGTH = 500
AT_ONCE = 5_000
IGNORE_DAYS = 366


@dataclass(frozen=True)
class Wish:
    """`chosen`: id of a difference → the token of the value that the reviewer saw. Empty with `is_whole_group`: all open ones of it."""

    action: str
    reason: str
    group: str
    chosen: Mapping[str, str]
    is_whole_group: bool
    ignore_until: int | None = None


def parse_wish(form: Any, now: int) -> Wish:
    """The form of the queue. Raises InputError."""
    action, _, days = str(form.get("action", "")).partition("-")
    if action not in ACTIONS or (action == "ignore" and not (days.isdecimal() and 1 <= int(days) <= IGNORE_DAYS)):
        raise InputError(f"unknown action {quote(form.get('action'))}; press one of the buttons", path="action")
    scope = form.get("scope", "one")
    chosen: dict[str, str] = {}
    if scope == "selected":
        chosen = dict(str(each).split(" ", 1) for each in form.getall("selected", []) if " " in str(each))
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
        ignore_until=now + int(days) * DAY_MS if action == "ignore" else None,
    )


async def decide(request: web.Request, wish: Wish) -> str:
    """Does what is wished in one transaction; the decision's id. Raises ConflictError where a value moved meanwhile."""
    raise UnavailableError("decisions are not wired yet")


async def undo(request: web.Request, decision_id: str) -> str:
    """Takes a decision back; the id of the undoing one."""
    raise UnavailableError("decisions are not wired yet")
