"""Pins: a value that a person holds against every source, with reason, owner and an end. Each is a decision of its own."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import msgspec
from sqlalchemy import Connection, delete, select

from collector.reconcile.validate import validate_value
from collector.store.ci import load_ci
from collector.store.content import decode, encode
from collector.store.edit import NO_VALUE, Context, Edit
from collector.store.identifier import new_id
from collector.store.schema import pin
from collector.store.settle import settle
from collector.store.statement import insert_or_replace
from collector.store.verdict import DecisionSubject, Made, save_decision
from muster.errors import InputError, NotFoundError, quote
from muster.model.identifier import IDENTIFIER_KINDS, NAME_KINDS

# Identifiers that prove what a thing is; names and places are attributes like others.
PROOFS = frozenset(IDENTIFIER_KINDS) - {*NAME_KINDS, "ip", "number", "url", "asset_tag"}


class PinWish(msgspec.Struct, frozen=True):
    """What to hold. `expires_at` None: until it is taken off. A pin says why and for whom."""

    attribute: str
    value: Any
    reason: str
    owner: str
    expires_at: int | None = None


def pin_value(connection: Connection, context: Context, ci_key: str, wish: PinWish, *, actor: str, now: int) -> str:
    """Hold a value; the decision's id. Raises NotFoundError, InputError for an attribute that is none or an end that has passed."""
    row = load_ci(connection, ci_key)
    attribute = (context.catalogue.get(row.ci_class) or context.catalogue["device"]).attributes.get(wish.attribute)
    if attribute is None or attribute.mode == "recorded_only":
        raise InputError(f"{quote(wish.attribute)} of a {row.ci_class} is not observed, so there is nothing to hold against", path="attribute")
    if wish.attribute in PROOFS:
        raise InputError(f"{wish.attribute} proves what a {row.ci_class} is, so it is never held; record it, or resolve the case", path="attribute")
    value, fault = validate_value(attribute, wish.value)
    if fault or value is None:
        raise InputError(fault or "a pin needs a value", path="value")
    if not wish.reason.strip() or not wish.owner.strip():
        raise InputError("a pin needs a reason and an owner", path="reason")
    if wish.expires_at is not None and wish.expires_at <= now:
        raise InputError("expires_at has passed already", path="expires_at")
    edit, made = _begin(connection, context, actor, wish.reason, now)
    values = {"value": encode(value), "reason": wish.reason, "owner": wish.owner, "expires_at": wish.expires_at}
    before = _load(connection, row.id, wish.attribute)
    insert_or_replace(connection, pin, [{"ci_id": row.id, "attribute": wish.attribute, **values, "decision_id": made.id}])
    edit.note(row.id, "recorded", f"pin.{wish.attribute}", NO_VALUE if before is None else decode(before["value"]), value)
    save_decision(edit, made, DecisionSubject(detail={"ci_id": row.id, "attribute": wish.attribute, "pin_before": before}))
    settle(edit, {row.id})
    return made.id


def unpin_value(connection: Connection, context: Context, ci_key: str, attribute: str, *, actor: str, now: int) -> str:
    """Take a pin off; the decision's id. Raises NotFoundError."""
    row = load_ci(connection, ci_key)
    before = _load(connection, row.id, attribute)
    if before is None:
        raise NotFoundError(f"{quote(attribute)} of {row.name} is not pinned")
    edit, made = _begin(connection, context, actor, "taken off", now)
    remove_pin(edit, row.id, attribute, decode(before["value"]))
    save_decision(edit, made, DecisionSubject(detail={"ci_id": row.id, "attribute": attribute, "pin_before": before}))
    settle(edit, {row.id})
    return made.id


def release_pins(connection: Connection, context: Context, pins: Collection[tuple[str, str]], *, actor: str, now: int, reason: str = "") -> str:
    """Take several pins (CI's id or number, attribute) off as one decision; its id. Raises NotFoundError where one is none: then all stay."""
    edit, made = _begin(connection, context, actor, reason or "taken off", now)
    before: list[dict[str, Any]] = []
    ids = {key: load_ci(connection, key).id for key in {key for key, _ in pins}}
    for ci_id, attribute in sorted({(ids[key], attribute) for key, attribute in pins}):
        held = _load(connection, ci_id, attribute)
        if held is None:
            raise NotFoundError(f"{quote(attribute)} of CI {quote(ci_id)} is not pinned")
        remove_pin(edit, ci_id, attribute, decode(held["value"]))
        before.append({"ci_id": ci_id, "attribute": attribute, **held})
    save_decision(edit, made, DecisionSubject(detail={"released": len(before), "pins_before": before}))
    settle(edit, {each["ci_id"] for each in before})
    return made.id


def remove_pin(edit: Edit, ci_id: str, attribute: str, value: Any) -> None:
    """A pin that ends."""
    edit.connection.execute(delete(pin).where(pin.c.ci_id == ci_id, pin.c.attribute == attribute))
    edit.note(ci_id, "recorded", f"pin.{attribute}", value, NO_VALUE)


def take_back_pin(edit: Edit, subject: DecisionSubject) -> set[str]:
    """What undoes a pin, or the taking off of one or several; the CIs touched."""
    for each in subject.detail.get("pins_before", ()):
        insert_or_replace(edit.connection, pin, [each])
        edit.note(each["ci_id"], "recorded", f"pin.{each['attribute']}", NO_VALUE, decode(each["value"]))
    if "pins_before" in subject.detail:
        return {each["ci_id"] for each in subject.detail["pins_before"]}
    if "pin_before" not in subject.detail:
        return set()
    ci_id, attribute, before = subject.detail["ci_id"], subject.detail["attribute"], subject.detail["pin_before"]
    now = _load(edit.connection, ci_id, attribute)
    if before is None:
        if now is not None:
            remove_pin(edit, ci_id, attribute, decode(now["value"]))
    else:
        insert_or_replace(edit.connection, pin, [{"ci_id": ci_id, "attribute": attribute, **before}])
        edit.note(ci_id, "recorded", f"pin.{attribute}", NO_VALUE if now is None else decode(now["value"]), decode(before["value"]))
    return {ci_id}


def _begin(connection: Connection, context: Context, actor: str, reason: str, now: int) -> tuple[Edit, Made]:
    made = Made(new_id(now), "pin", actor, reason)
    return Edit(connection, context, now, "decision", made.id), made


def _load(connection: Connection, ci_id: str, attribute: str) -> dict[str, Any] | None:
    row = connection.execute(select(pin).where(pin.c.ci_id == ci_id, pin.c.attribute == attribute)).first()
    if row is None:
        return None
    return {"value": bytes(row.value), "reason": row.reason, "owner": row.owner, "expires_at": row.expires_at, "decision_id": row.decision_id}
