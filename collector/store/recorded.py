"""What people write on the recorded side of a CI by hand: attributes, tags, lifecycle. New ones: `recording.py`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from sqlalchemy import Connection, update

from collector.reconcile.decide import RECORDED
from collector.reconcile.fact import RecordedChange
from collector.reconcile.recordable import check_values
from collector.store.ci import StoredCi, load_ci
from collector.store.content import decode, encode, load_contents
from collector.store.edit import NO_VALUE, Context, Edit
from collector.store.identifier import new_id
from collector.store.observed_view import save_search_values
from collector.store.recorded_side import apply_changes, load_family, recorded_of
from collector.store.schema import ci
from collector.store.settle import settle
from collector.store.verdict import DecisionSubject, Made, mark_decided, save_decision
from muster.errors import ConflictError, InputError, quote
from muster.model.state import Lifecycle

TAGS_LIMIT = 64
TAG_LENGTH = 256
NAME_LENGTH = 128


class Patch(msgspec.Struct, frozen=True):
    """What to write. `changes`: attribute to value, None takes it off the record; `tags` likewise; `lifecycle` None: as it is."""

    changes: Mapping[str, Any] = {}
    tags: Mapping[str, str | None] = {}
    lifecycle: Lifecycle | None = None


def patch_recorded(
    connection: Connection, context: Context, ci_key: str, patch: Patch, *, actor: str, now: int, if_version: int | None = None, reason: str = ""
) -> int:
    """Write recorded attributes, tags and lifecycle of a CI, which is on record from then on; its new version.

    Raises NotFoundError, InputError with the path, ConflictError (`version-moved`) where `if_version` is not the version now.
    """
    row = load_ci(connection, ci_key)
    if if_version is not None and if_version != row.version:
        raise ConflictError(f"{row.name} is at version {row.version} now; look at it and change it again", code="version-moved", current=row.version)
    ci_class = context.catalogue.get(row.ci_class) or context.catalogue["device"]
    values = check_values(ci_class, patch.changes)
    made = Made(new_id(now), "record", actor, reason)
    edit = Edit(connection, context, now, "decision", made.id)
    recorded = recorded_of(edit, row)
    changes = [_change(row.id, name, value, recorded) for name, value in values.items() if name in recorded or value is not None]
    if not row.is_recorded and changes:
        changes.insert(0, RecordedChange(row.id, RECORDED, old_value=False, new_value=True, had_old=True))
    lifecycles = {} if patch.lifecycle is None else {row.id: patch.lifecycle}
    tags_before = write_tags(edit, row, patch.tags)
    sides = apply_changes(edit, changes, lifecycles) if changes or lifecycles else []
    detail = {"ci": row.id, "attributes": sorted(values), "tags": dict(patch.tags), "tags_before": tags_before}
    save_decision(edit, made, DecisionSubject(sides=tuple(sides), detail=detail))
    mark_decided(edit, {row.id})
    settle(edit, {each.id for each in load_family(edit, row.id)} if not row.is_recorded else {row.id})
    return load_ci(connection, row.id).version


def _change(ci_id: str, name: str, value: Any, recorded: Mapping[str, Any]) -> RecordedChange:
    return RecordedChange(ci_id, name, recorded.get(name), value, had_old=name in recorded, has_new=value is not None)


def write_tags(edit: Edit, row: StoredCi, tags: Mapping[str, str | None]) -> dict[str, str]:
    """Put tags on and take them off; what they were. Raises InputError for one that is too long, or too many."""
    before: dict[str, str] = decode(row.tags) or {}
    if not tags:
        return before
    after = {name: value for name, value in {**before, **tags}.items() if value is not None}
    for name, value in after.items():
        if not name or len(name) > NAME_LENGTH or len(value) > TAG_LENGTH:
            raise InputError(f"tag {quote(name)}: a name of 1 to {NAME_LENGTH} and a value of at most {TAG_LENGTH} characters", path="tags")
    if len(after) > TAGS_LIMIT:
        raise InputError(f"{len(after)} tags; the limit is {TAGS_LIMIT}", path="tags")
    set_tags(edit, row, after)
    return before


def set_tags(edit: Edit, row: StoredCi, tags: Mapping[str, str]) -> None:
    """These tags and no others."""
    before: dict[str, str] = decode(row.tags) or {}
    for name in sorted({*before, *tags}):
        if before.get(name) != tags.get(name):
            edit.note(row.id, "recorded", f"tag.{name}", before.get(name, NO_VALUE), tags.get(name, NO_VALUE))
    row.tags, row.version = (encode(dict(tags)) if tags else None), row.version + 1
    edit.connection.execute(update(ci).where(ci.c.id == row.id).values(tags=row.tags, version=row.version, changed_at=edit.now))
    load_contents(edit.connection, [row.effective_hash], edit.contents)
    save_search_values(edit, [(row, edit.contents.get(row.effective_hash or b"", {}), recorded_of(edit, row))])


def take_back_tags(edit: Edit, subject: DecisionSubject) -> set[str]:
    """What undoes tags; the CI touched."""
    if "tags_before" not in subject.detail:
        return set()
    row = load_ci(edit.connection, subject.detail["ci"])
    set_tags(edit, row, subject.detail["tags_before"])
    return {row.id}
