"""The observed side of CIs written down: effective values, their provenance, name, presence and search values, with history.

It is a function of links, observations, pins and the instant; nothing here is the only copy. Design: docs/storage.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import delete, insert

from collector.reconcile.absence import judge_presence
from collector.reconcile.fact import Merged
from collector.reconcile.merge import merge
from collector.store.ci import StoredCi, update_cis
from collector.store.content import decode, encode, hash_body, load_contents, save_contents
from collector.store.edit import NO_VALUE, Edit
from collector.store.schema import search_value
from collector.store.statement import parts
from collector.store.witness import Testimony, load_testimonies
from muster.model.ci_class import CiClass, fill_naming, naming_attributes
from muster.model.state import Presence

SEARCH_LIMIT = 256  # characters of one value
_WRITTEN = ("name", "presence", "lifecycle", "effective_hash", "provenance", "seen_at", "changed_at")


class View(msgspec.Struct):
    """One CI as it is now: its row, what it was merged from and to, and what is recorded. `was`: its presence before."""

    ci: StoredCi
    told: Testimony
    merged: Merged
    recorded: dict[str, Any]
    was: Presence
    is_changed: bool = False


def refresh_views(edit: Edit, cis: Sequence[StoredCi], owners: Mapping[str, StoredCi]) -> list[View]:
    """Merge and judge these CIs anew and write what changed. `owners`: by id, already refreshed."""
    told = load_testimonies(edit, [each.id for each in cis])
    load_contents(edit.connection, (key for each in cis for key in (each.effective_hash, each.recorded_hash)), edit.contents)
    views = [_view(edit, each, told[each.id], owners.get(each.owner_ci_id or "")) for each in cis]
    bodies: dict[bytes, bytes] = {}
    searched: list[View] = []
    for view in views:
        _write(edit, view, bodies, searched)
    save_contents(edit.connection, bodies)
    update_cis(edit.connection, [view.ci for view in views if view.is_changed], _WRITTEN)
    save_search_values(edit, [(view.ci, view.merged.plain(), view.recorded) for view in searched])
    return views


def _view(edit: Edit, ci: StoredCi, told: Testimony, owner: StoredCi | None) -> View:
    merged = merge(edit.class_of(ci.ci_class), told.observations, told.pins, edit.context.settings, edit.now)
    presence = judge_presence(told.witnesses, is_dependent=ci.owner_ci_id is not None, owner=owner.presence if owner is not None else None)
    recorded = edit.contents[ci.recorded_hash] if ci.recorded_hash is not None else {}
    was, ci.presence = ci.presence, presence
    return View(ci, told, merged, recorded, was)


def _write(edit: Edit, view: View, bodies: dict[bytes, bytes], searched: list[View]) -> None:
    ci = view.ci
    is_new = ci.effective_hash is None and ci.id in edit.made_ids
    effective = view.merged.plain()
    old = edit.contents[ci.effective_hash] if ci.effective_hash is not None else {}
    body = encode(effective)
    key = hash_body(body)
    if view.was != ci.presence:
        view.is_changed = True
        # A part's silence is its owner's, told there once.
        if not is_new and (ci.owner_ci_id is None or "absent" in (view.was, ci.presence)):
            edit.note(ci.id, "presence", "", view.was, ci.presence, valid_from=_presence_from(edit, view))
    _follow_presence(edit, view)
    if key != ci.effective_hash and (effective or old):
        bodies[key] = body
        edit.contents[key] = effective
        if not is_new:
            _note_values(edit, edit.class_of(ci.ci_class), ci.id, old, effective)
        ci.effective_hash, ci.changed_at, view.is_changed = key, edit.now, True
        if is_new or _found_by(edit, view, old) != _found_by(edit, view, effective):
            searched.append(view)
    provenance = _provenance(edit, view, old)
    name = name_of(edit.class_of(ci.ci_class), effective, view.recorded) or min(view.told.refs, default=ci.name)
    if (provenance, name) != (ci.provenance, ci.name):
        ci.provenance, ci.name, view.is_changed = provenance, name, True
    if view.told.seen_at is not None and (view.is_changed or ci.seen_at is None):
        ci.seen_at, view.is_changed = view.told.seen_at, True


def _found_by(edit: Edit, view: View, effective: Mapping[str, Any]) -> list[tuple[str, str]]:
    return list(searched_values(edit.class_of(view.ci.ci_class), effective, view.recorded, {}))


def _follow_presence(edit: Edit, view: View) -> None:
    """A class may say that what is gone retires by itself, and is in use again when it is back."""
    ci = view.ci
    if not edit.class_of(ci.ci_class).retire_when_absent:
        return
    before = ci.lifecycle
    if ci.presence == "absent" and before == "live":
        ci.lifecycle = "retired"
    elif ci.presence == "seen" and before == "retired":
        ci.lifecycle = "live"
    if ci.lifecycle != before:
        edit.note(ci.id, "lifecycle", "", before, ci.lifecycle)
        view.is_changed = True


def _presence_from(edit: Edit, view: View) -> int:
    """From when on the presence holds: what is seen or gone since its report, what went silent since its last word."""
    if view.ci.presence in ("stale", "unknown") and view.told.seen_at is not None:
        return min(edit.now, view.told.seen_at)
    return edit.valid_from


def _note_values(edit: Edit, ci_class: CiClass, ci_id: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
    for name in sorted({*old, *new}):
        attribute = ci_class.attributes.get(name)
        if attribute is not None and attribute.volatile:
            continue
        before, after = old.get(name, NO_VALUE), new.get(name, NO_VALUE)
        if before is NO_VALUE or after is NO_VALUE or encode(before) != encode(after):
            edit.note(ci_id, "observed", name, before, after)


def _provenance(edit: Edit, view: View, old: Mapping[str, Any]) -> bytes | None:
    """Where each value comes from and since when, where the CI has several sources or a pin; None: all from one."""
    sources = {each.source_id: each.source.text for each in view.told.observations}
    if len(sources) < 2 and all(value.rule != "pin" for value in view.merged.values.values()):
        return None
    source_of = {each.record_id: each.source_id for each in view.told.observations}
    before = decode(view.ci.provenance) or {}
    found = {}
    handed: dict[tuple[int, int], list[str]] = {}
    for name, value in view.merged.values.items():
        source_id = source_of.get(value.record_id or 0)
        known = before.get(name)
        since = value.observed_at
        if known is not None and known[0] == source_id and name in old and encode(old[name]) == encode(value.value):
            since = known[2]
        elif known is not None and known[0] is not None and source_id is not None and known[0] != source_id:
            handed.setdefault((known[0], source_id), []).append(name)
        found[name] = [source_id, value.rule, since]
    for (one, other), names in sorted(handed.items()):
        # Which source speaks is another from now on, whether or not the value is.
        former, now = ({"source": sources.get(each, "")} for each in (one, other))
        edit.note(view.ci.id, "source", "", former, {**now, "attributes": sorted(names)})
    return encode(found)


def name_of(ci_class: CiClass, effective: Mapping[str, Any], recorded: Mapping[str, Any]) -> str:
    """What people call it: the first of the class's naming attributes or patterns that has all its values; empty: none has."""
    for naming in ci_class.name_from:
        values = [_first_value(name, effective, recorded) for name in naming_attributes(naming)]
        if all(values):
            return fill_naming(naming, values)[:SEARCH_LIMIT]
    return ""


def _first_value(name: str, *sides: Mapping[str, Any]) -> str:
    for side in sides:
        value = side.get(name)
        if value not in (None, "", []):
            return str(value[0] if isinstance(value, list) else value)
    return ""


def save_search_values(edit: Edit, subjects: Iterable[tuple[StoredCi, Mapping[str, Any], Mapping[str, Any]]]) -> None:
    """The indexed values of CIs, effective before recorded, and their tags, in lower case."""
    rows: dict[tuple[str, str, str], dict[str, str]] = {}
    known: list[str] = []
    for ci, effective, recorded in subjects:
        if ci.id not in edit.made_ids or ci.id in edit.searched_ids:
            known.append(ci.id)
        edit.searched_ids.add(ci.id)
        for name, text in searched_values(edit.class_of(ci.ci_class), effective, recorded, decode(ci.tags) or {}):
            rows[ci.id, name, text] = {"ci_id": ci.id, "attribute": name, "value": text}
    for part in parts(known):
        edit.connection.execute(delete(search_value).where(search_value.c.ci_id.in_(part)))
    if rows:
        edit.connection.execute(insert(search_value), list(rows.values()))


def searched_values(
    ci_class: CiClass, effective: Mapping[str, Any], recorded: Mapping[str, Any], tags: Mapping[str, str]
) -> Iterable[tuple[str, str]]:
    """(attribute, text) by which a CI is found, each once."""
    attributes = ci_class.attributes
    values = {**recorded, **effective}
    named = {name: value for name, value in values.items() if name in attributes and attributes[name].indexed and not attributes[name].sensitive}
    found: dict[tuple[str, str], None] = {}
    for name, value in (*named.items(), *((f"tag.{tag}", text) for tag, text in tags.items())):
        for each in value if isinstance(value, list) else [value]:
            text = _search_text(each)
            if text is not None:
                found[name, text] = None
    return found


def _search_text(value: Any) -> str | None:
    if value is None or value == "":
        return None
    return ("true" if value else "false") if isinstance(value, bool) else str(value).casefold()[:SEARCH_LIMIT]
