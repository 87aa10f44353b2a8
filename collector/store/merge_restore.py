"""What a merge wrote on the survivor's recorded side, taken off again where no later decision has changed it. Design: docs/merges.md."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select

from collector.reconcile.decide import RECORDED
from collector.reconcile.fact import RecordedChange
from collector.store.ci import StoredCi, load_cis
from collector.store.content import decode, encode, load_contents
from collector.store.edit import NO_VALUE, Edit
from collector.store.merge_found import Merge
from collector.store.merge_side import load_pins
from collector.store.pin import remove_pin
from collector.store.recorded import set_tags
from collector.store.recorded_side import SideChange, apply_changes, changes_of, recorded_of
from collector.store.schema import ci, decision, history, merged_ci, pin
from collector.store.statement import insert_or_replace, parts, update_rows


def restore_recorded(edit: Edit, merge: Merge) -> list[SideChange]:
    """What the merge put on record goes again, where no later decision has changed it."""
    hashes = [key for each in merge.sides for key in (each.before.recorded_hash, each.after.recorded_hash)]
    load_contents(edit.connection, hashes, edit.contents)
    rows = load_cis(edit.connection, [each.ci_id for each in merge.sides])
    back: list[RecordedChange] = []
    for side in merge.sides:
        row = rows[side.ci_id]
        if row.redirect_to is None:
            back += _take_back(edit, row, side)
    return apply_changes(edit, back, {}) if back else []


def _take_back(edit: Edit, row: StoredCi, side: SideChange) -> list[RecordedChange]:
    current = recorded_of(edit, row)
    back: list[RecordedChange] = []
    for change in changes_of(edit, side):
        put = change.new_value if change.has_new else NO_VALUE
        now = current.get(change.attribute, NO_VALUE)
        is_as_put = now is put or (now is not NO_VALUE and put is not NO_VALUE and encode(now) == encode(put))
        if change.attribute and is_as_put:
            back.append(change.inverse())
    # A CI that only the merge put on record leaves it, unless a later decision recorded more of it.
    recorded_since = current.keys() - {each.attribute for each in back} - edit.contents.get(side.before.recorded_hash or b"", {}).keys()
    if row.is_recorded and not side.before.is_recorded and not recorded_since:
        back.insert(0, RecordedChange(row.id, RECORDED, old_value=True, new_value=False, had_old=True))
    return back


def restore_tags(edit: Edit, merge: Merge, holder: StoredCi, *, is_whole: bool) -> None:
    row = load_cis(edit.connection, [merge.survivor_id])[merge.survivor_id]
    tags: dict[str, str] = dict(decode(row.tags) or {})
    given = {name: words for name, words in merge.before.given_tags.items() if is_whole and tags.get(name) == words[1]}
    if not given or row.id != holder.id:
        return
    for name, (was, _) in given.items():
        if was is None:
            del tags[name]
        else:
            tags[name] = was
    set_tags(edit, row, tags)


def restore_pins(edit: Edit, merge: Merge) -> None:
    """Pins that the survivor got from others go back, unless they were changed since; their first owners never lost them."""
    pins = load_pins(edit.connection, [ci_id for ci_id, *_ in merge.before.lent_pins])
    for ci_id, attribute, decision_id, replaced in merge.before.lent_pins:
        held = pins.get(ci_id, {}).get(attribute)
        if held is None or held["decision_id"] != decision_id:
            continue
        if replaced is None:
            remove_pin(edit, ci_id, attribute, decode(held["value"]))
        else:
            insert_or_replace(edit.connection, pin, [{"ci_id": ci_id, "attribute": attribute, **replaced}])
            edit.note(ci_id, "recorded", f"pin.{attribute}", decode(held["value"]), decode(replaced["value"]))


def restore_decided(edit: Edit, merge: Merge) -> None:
    """Who people had decided on before; what they decided since, or merged besides, keeps its mark."""
    undecided = sorted(ci_id for ci_id, was in merge.before.decided.items() if not was)
    still = _decided_since(edit, undecided, merge)
    update_rows(edit.connection, ci, [{"id": each, "has_decisions": False} for each in undecided if each not in still])


def _decided_since(edit: Edit, ci_ids: Sequence[str], merge: Merge) -> set[str]:
    causes: dict[str, set[str]] = {}
    others = (merged_ci.c.undone_by.is_(None)) & (merged_ci.c.decision_id != merge.decision_id)
    found: set[str] = set()
    for part in parts(ci_ids):
        found.update(edit.connection.execute(select(merged_ci.c.survivor_id).where(merged_ci.c.survivor_id.in_(part), others)).scalars())
        is_it = history.c.ci_id.in_(part) & (history.c.known_from >= merge.at) & (history.c.cause_kind == "decision")
        for ci_id, cause in edit.connection.execute(select(history.c.ci_id, history.c.cause_id).where(is_it)):
            causes.setdefault(cause, set()).add(ci_id)
    for part in parts(sorted(causes)):
        is_by_person = decision.c.made_by.not_like("policy:%") & decision.c.kind.not_in(("merge", "unmerge", "undo"))
        for decision_id in edit.connection.execute(select(decision.c.id).where(decision.c.id.in_(part), is_by_person)).scalars():
            found |= causes[decision_id]
    return found
