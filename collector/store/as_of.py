"""Configuration items as they were at an instant, by what was known at another: rows of `ci` turned back by their history, many at once.

A value that never changed has no line and stands as it is; one that did is told by its lines (`collector/reconcile/timeline.py`). Where
records were joined or parted after the instant, the effective values are merged anew from what each source had said by then
(`as_of_link.py`). What no history is kept of (volatile attributes, the operational state) is left out. Design: docs/time.md.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from msgspec import Struct
from sqlalchemy import select

from collector.store.as_of_link import load_corrected
from collector.store.ci_past import Moment, Past, load_pasts, redirect_of
from collector.store.content import decode, encode, load_contents
from collector.store.observed_view import name_of
from collector.store.reading import Reading
from collector.store.schema import ci
from collector.store.statement import parts
from muster.model.ci_class import CiClass, naming_attributes

# What stands on the recorded layer beside attributes: being on record, its class, tags and pins.
_NO_ATTRIBUTE = ("tag.", "pin.")


_BEFORE = Moment(-1, -1)  # before anything was known


class CiState(Struct, frozen=True, kw_only=True):
    """One CI at a moment. `existed`: it was there and known; `merged_into`: it was believed to be that other CI.

    `effective` and `recorded` without sensitive and volatile attributes.
    """

    id: str
    number: int
    ci_class: str
    name: str
    zone: str
    owner_id: str | None
    lifecycle: str
    presence: str
    control: str
    is_recorded: bool
    recorded_class: str | None
    effective: dict[str, Any]
    recorded: dict[str, Any]
    tags: dict[str, str]
    merged_into: str | None
    existed: bool
    created_at: int
    begins_at: int
    changed_at: int

    @property
    def is_there(self) -> bool:
        """Whether it counts as a CI of its own then."""
        return self.existed and self.merged_into is None


def load_states(reading: Reading, rows: Sequence[Any], moment: Moment) -> list[CiState]:
    """The states of rows of `ci`, in their order; a fixed number of statements for each 500."""
    pasts = load_pasts(reading, rows)
    owners = _load_owners(reading, pasts, moment)
    hashes = [each for row in rows for each in (row.effective_hash, row.recorded_hash) if each is not None]
    contents = load_contents(reading.connection, (bytes(each) for each in hashes))
    corrected = load_corrected(reading, [row.id for row in rows], moment.at, moment.known_at)
    scene = _Scene(reading, moment, owners, contents, corrected)
    return [_state(scene, past) for past in pasts]


class _Scene(Struct, frozen=True):
    """What the states of many CIs are told from. `owners`: by id, with those of these and what they were merged into."""

    reading: Reading
    moment: Moment
    owners: Mapping[str, Past]
    contents: Mapping[bytes, Any]
    corrected: Mapping[str, Mapping[str, Any]]


def _load_owners(reading: Reading, pasts: Sequence[Past], moment: Moment) -> dict[str, Past]:
    """The owners that parts had at first and then, theirs, and the CIs that these were merged into."""
    found = {past.row.id: past for past in pasts}
    pending = {each for past in pasts for each in _relatives(past, moment)} - found.keys()
    while pending:
        rows = [row for part in parts(sorted(pending)) for row in reading.connection.execute(select(ci).where(ci.c.id.in_(part)))]
        level = load_pasts(reading, rows)
        found |= {past.row.id: past for past in level}
        pending = {each for past in level for each in _relatives(past, moment)} - found.keys()
    return found


def _relatives(past: Past, moment: Moment) -> set[str]:
    return {each for each in (_owner(past, moment), _first_owner(past), redirect_of(past, moment.known_at)) if each is not None}


def _owner(past: Past, moment: Moment) -> str | None:
    found: str | None = past.word("identity", "owner", moment, past.row.owner_ci_id)
    return found


def _owner_then(scene: _Scene, past: Past) -> Past | None:
    """The owner that it had, or what that was believed to be."""
    owner = scene.owners.get(_owner(past, scene.moment) or "")
    seen = {past.row.id}
    while owner is not None and owner.row.id not in seen:
        seen.add(owner.row.id)
        survivor = redirect_of(owner, scene.moment.known_at)
        if survivor is None:
            return owner
        owner = scene.owners.get(survivor)
    return None


def _first_owner(past: Past) -> str | None:
    """Whose part it was when it was made."""
    first = min(past.lines.get(("identity", "owner"), ()), key=lambda line: (line.known_from, line.id), default=None)
    found: str | None = past.row.owner_ci_id if first is None else decode(first.old)
    return found


def _made_at(past: Past, owners: Mapping[str, Past]) -> int:
    """From when on it was there, as its first report said. What came with its owner's first report has no line of its own."""
    made = past.lines.get(("identity", ""), ())
    if made:
        return min(line.valid_from for line in made)
    owner = owners.get(_first_owner(past) or "")
    return int(past.row.created_at) if owner is None or owner is past else _made_at(owner, owners)


def _begins_at(past: Past, owners: Mapping[str, Past], known_at: int) -> int:
    """The same, as known then: later reports may have told of earlier."""
    earlier = [line.valid_from for line in past.lines.get(("identity", "begin"), ()) if line.known_from <= known_at]
    return min([_made_at(past, owners), *earlier])


def _presence(scene: _Scene, past: Past) -> str:
    """A part's silence is its owner's, told there once."""
    told: str = past.word("presence", "", scene.moment, past.row.presence)
    owner = _owner_then(scene, past)
    if owner is None or told == "absent":
        return told
    above = _presence(scene, owner)
    return above if above in ("seen", "absent") else "unknown"


def _state(scene: _Scene, past: Past) -> CiState:
    row, reading, moment = past.row, scene.reading, scene.moment
    class_name: str = past.word("identity", "class", moment, row.ci_class)
    attributes = reading.class_of(class_name).attributes
    hidden = {name for name, attribute in attributes.items() if attribute.volatile or attribute.sensitive}
    effective, is_recorded = _effective(scene, past, hidden), is_on_record(past, moment)
    current = scene.contents[bytes(row.recorded_hash)] if row.recorded_hash is not None else {}
    recorded = _turned_back(past, "recorded", current, moment, hidden) if is_recorded else {}
    owner, begins_at = _owner_then(scene, past), _begins_at(past, scene.owners, moment.known_at)
    return CiState(
        id=row.id,
        number=row.number,
        ci_class=class_name,
        name=_name(scene, past, reading.class_of(class_name), effective, recorded),
        zone=row.zone,
        owner_id=None if owner is None else owner.row.id,
        lifecycle=past.word("lifecycle", "", moment, row.lifecycle),
        presence=_presence(scene, past),
        control=row.control_level,
        is_recorded=is_recorded,
        recorded_class=past.word("recorded", "class", moment, row.recorded_class or row.ci_class) if is_recorded else None,
        effective=effective,
        recorded=recorded,
        tags=_tags(past, moment),
        merged_into=redirect_of(past, moment.known_at),
        existed=row.created_at <= moment.known_at and begins_at <= moment.at and past.word("identity", "deleted", moment, None) is None,
        created_at=row.created_at,
        begins_at=begins_at,
        changed_at=max(
            (line.known_from for told in past.lines.values() for line in told if line.known_from <= moment.known_at), default=row.created_at
        ),
    )


def _effective(scene: _Scene, past: Past, hidden: Collection[str]) -> dict[str, Any]:
    if past.row.id in scene.corrected:
        return _without(scene.corrected[past.row.id], hidden)
    current = scene.contents[bytes(past.row.effective_hash)] if past.row.effective_hash is not None else {}
    return _turned_back(past, "observed", current, scene.moment, hidden)


def is_on_record(past: Past, moment: Moment) -> bool:
    """Whether it was on record. What went on record with its owner has no line of its own: the row tells since when."""
    since = past.row.recorded_from
    if since is None or since > min(moment.at, moment.known_at):
        return False
    return bool(past.word("recorded", "", moment, past.row.is_recorded))


def _turned_back(past: Past, layer: str, current: Mapping[str, Any], moment: Moment, hidden: Collection[str]) -> dict[str, Any]:
    """The attributes of one layer as they are, but for those that lines tell of."""
    values = _without(current, hidden)
    for name in past.names(layer):
        if not name or name in hidden or name == "class" or name.startswith(_NO_ATTRIBUTE):
            continue
        told = past.at(layer, name, moment, encode(current[name]) if name in current else None)
        if told is None:
            values.pop(name, None)
        else:
            values[name] = decode(told)
    return values


def _without(values: Mapping[str, Any], hidden: Collection[str]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if name not in hidden}


def _tags(past: Past, moment: Moment) -> dict[str, str]:
    tags: dict[str, str] = dict(decode(past.row.tags) or {})
    for name in past.names("recorded"):
        if name.startswith("tag."):
            tag = name.removeprefix("tag.")
            told = past.at("recorded", name, moment, encode(tags[tag]) if tag in tags else None)
            if told is None:
                tags.pop(tag, None)
            else:
                tags[tag] = decode(told)
    return tags


def _name(scene: _Scene, past: Past, ci_class: CiClass, effective: Mapping[str, Any], recorded: Mapping[str, Any]) -> str:
    """As its values named it then, else as those did with which it became known; else what its source called it."""
    named = name_of(ci_class, effective, recorded)
    if named:
        return named
    wanted = {name for naming in ci_class.name_from for name in naming_attributes(naming)}
    first: list[dict[str, Any]] = []
    for layer, key in (("observed", past.row.effective_hash), ("recorded", past.row.recorded_hash)):
        current = scene.contents[bytes(key)] if key is not None else {}
        first.append({name: past.word(layer, name, _BEFORE, current.get(name)) for name in wanted})
    return name_of(ci_class, first[0], first[1]) or str(past.first.get("ref") or past.row.name)
