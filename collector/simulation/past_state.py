"""The state of a case as of an earlier instant, by what was known at another: for expectations under `as_of`. Format: docs/cases.md."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection

from collector.store.as_of import CiState
from collector.store.as_of_link import load_linked
from collector.store.ci_past import Moment
from collector.store.difference_as_of import list_differences_then
from collector.store.edit import Context
from collector.store.reading import MAXIMUM_LIMIT, Reading
from collector.store.relation_as_of import load_relations_then
from collector.store.scope import Scope, iterate_members

STATES = ("open", "accepted", "rejected", "ignored", "pinned", "superseded", "self_resolved", "held")


def render_past(connection: Connection, context: Context, moment: Moment, now: int) -> dict[str, Any]:
    """The lists that an expectation may name, as far as the past tells them; ids are the stored ones."""
    reading = Reading(connection, context.catalogue, context.settings, now)
    states = [each.state for members in iterate_members(reading, Scope(), moment) for each in members]
    linked = load_linked(reading, [each.id for each in states], moment.known_at)
    relations = load_relations_then(reading, [each.id for each in states], moment)
    return {
        "cis": [_render(each, linked.get(each.id, ())) for each in states],
        "relations": [
            {"type": each.type, "from": ci_id, "to": each.other_id, "qualifier": each.qualifier, "side": each.side}
            for ci_id, found in relations.items()
            for each in found
            if each.direction == "out"
        ],
        "differences": _differences(reading, moment),
    }


def _render(state: CiState, records: Any) -> dict[str, Any]:
    return {
        "id": state.id,
        "class": state.ci_class,
        "name": state.name,
        "zone": state.zone,
        "owner": state.owner_id,
        "lifecycle": state.lifecycle,
        "presence": state.presence,
        "is_recorded": state.is_recorded,
        "source_records": [{"source": f"{row.kind}/{row.name}/{row.instance}", "ref": row.ref} for row in records],
        "effective": state.effective,
        "recorded": state.recorded,
        "tags": state.tags,
    }


def _differences(reading: Reading, moment: Moment) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    cursor: str | None = None
    while True:
        page = list_differences_then(reading, "", STATES, moment, cursor=cursor, limit=MAXIMUM_LIMIT)
        found += [
            {
                "kind": each.kind,
                "subject": each.ci.id,
                "attribute": each.attribute,
                "recorded": each.recorded,
                "observed": each.observed,
                "state": each.state,
            }
            for each in page.items
        ]
        cursor = page.next_cursor
        if cursor is None:
            return found
