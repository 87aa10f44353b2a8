"""The state of a store as a case prints it: ids and order canonical, so that two runs can be compared as text. Pure.

What came and went only because of the order of arrival (a CI that was absorbed into another, with its own differences) is left out.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from collector.store.whole_state import CaseRow, CiRow, DifferenceRow, RelationRow, WholeState
from muster.model.relation_type import shipped_relations

_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}")
_OF_IDENTITY = frozenset({"ambiguity", "clone", "duplicate", "replacement", "quarantine", "class_conflict", "contradiction"})


Told = Sequence[Mapping[str, Any]]


def render_state(
    whole: WholeState, *, near: Mapping[str, Sequence[tuple[str, str]]] | None = None, rejected: Told = (), refused: Told = (), raw_ids: bool = False
) -> dict[str, Any]:
    """All that a case prints: see docs/cases.md. `rejected`, `refused`: by step, as they came; `near`: of a CI those it may be, and by which rule."""
    survivors = _survivors(whole.cis)
    living = _ordered([each for each in whole.cis if each.redirect_to is None])
    names = {each.id: each.id if raw_ids else f"ci-{place}" for place, each in enumerate(living, 1)}
    names |= {gone: names[kept] for gone, kept in survivors.items() if kept in names}

    def name(value: Any) -> Any:
        return _rename(value, names)

    order = _Order(whole.cis, survivors)
    differences = [_difference(each, name) for each in whole.differences if each.ci_id in names and not order.made_difference(each)]
    cases = [_case(each, name, survivors) for each in whole.cases if not order.made_case(each)]
    return {
        "cis": [{**_ci(each, names, name), "suggestions": _suggestions((near or {}).get(each.id, ()), names)} for each in living],
        "differences": sorted(differences, key=lambda each: (_place(each["subject"]), _text(each))),
        "cases": sorted(cases, key=_text),
        "rejected": [name(each) for each in rejected],
        "refused": [each if raw_ids else _forget(name(each)) for each in refused],
        "relations": _relations(whole.relations, name),
        "redirects": sorted(
            (_redirect(each, names) for each in whole.cis if each.redirect_to not in (None, each.id) and each.is_recorded), key=_text
        ),
        "tombstones": sorted(({"class": each.ci_class, "name": each.name} for each in whole.cis if each.redirect_to == each.id), key=_text),
        "held": [{"source": source, "ref": ref} for source, ref in whole.held],
        "decisions": [
            {"kind": each.kind, "by": each.made_by, "reason": each.reason, "is_undone": each.undone_by is not None} for each in whole.decisions
        ],
    }


def _survivors(cis: tuple[CiRow, ...]) -> dict[str, str]:
    """Each redirected CI's survivor at the end of its chain."""
    following = {each.id: each.redirect_to for each in cis if each.redirect_to is not None}
    found = {}
    for gone in following:
        at, seen = gone, {gone}
        while at in following and following[at] not in seen:
            at = following[at]
            seen.add(at)
        found[gone] = at
    return found


def _ordered(cis: list[CiRow]) -> list[CiRow]:
    """By the smallest (source, ref) of their records; without records after them, by class and what is on record."""

    def key(each: CiRow) -> tuple[Any, ...]:
        if each.records:
            return (0, each.records[0][0], each.records[0][1], each.number)
        return (1, each.ci_class, _text(each.recorded), each.name + _text(each.effective), each.number)

    return sorted(cis, key=key)


def _ci(each: CiRow, names: Mapping[str, str], name: Callable[[Any], Any]) -> dict[str, Any]:
    return {
        "id": names[each.id],
        "class": each.ci_class,
        "name": each.name,
        "owner": names.get(each.owner_id) if each.owner_id is not None else None,
        "lifecycle": each.lifecycle,
        "presence": each.presence,
        "operation": each.operation,
        "control": each.control,
        "is_recorded": each.is_recorded,
        "is_provisional": each.is_provisional,
        "source_records": [{"source": source, "ref": ref} for source, ref, _ in each.records],
        "effective": name(_sorted(each.effective)),
        "recorded": name(_sorted(each.recorded)),
        "tags": _sorted(each.tags),
        "provenance": _sorted(each.provenance),
        **({"returned_from": list(each.returned_from)} if each.returned_from else {}),
    }


def _suggestions(near: Sequence[tuple[str, str]], names: Mapping[str, str]) -> list[dict[str, str]]:
    told = [{"ci": names[ci_id], "rule": rule} for ci_id, rule in near if ci_id in names]
    return sorted(told, key=lambda each: (_place(each["ci"]), each["rule"]))


def _difference(each: DifferenceRow, name: Callable[[Any], Any]) -> dict[str, Any]:
    return {
        "kind": each.kind,
        "subject": name(each.ci_id),
        "attribute": each.attribute.partition("|")[0] if each.kind.endswith("_relation") else name(each.attribute),
        "recorded": name(each.recorded),
        "observed": name(each.observed),
        "state": each.state,
        "change": each.change_id,
        "unauthorised": each.is_unauthorised,
        "flaps": each.flaps,
    }


class _Order:
    """What came and went only because reports came in this order: opened before a record had arrived, closed by its arrival."""

    def __init__(self, cis: tuple[CiRow, ...], survivors: Mapping[str, str]) -> None:
        self._survivors = survivors
        self._recorded = {each.id for each in cis if each.is_recorded}
        self._changed = {each.id for each in cis if each.has_changed}
        self._arrived = {at for each in cis for at in each.linked_at}
        self._linked: dict[str, set[int]] = {}
        for each in cis:
            self._linked.setdefault(survivors.get(each.id, each.id), set()).update(each.linked_at)

    def made_difference(self, each: DifferenceRow) -> bool:
        """Also what was asked of a CI that was absorbed into another before any person saw it."""
        if each.decision_id is not None:
            return False
        if each.ci_id in self._survivors and each.ci_id not in self._recorded:
            return True
        return each.state == "self_resolved" and each.ci_id not in self._changed and each.closed_at in self._linked.get(each.ci_id, ())

    def made_case(self, each: CaseRow) -> bool:
        """Also one whose CIs turned out to be one."""
        if each.state != "resolved" or each.decision_id is not None:
            return False
        members = {self._survivors.get(member, member) for member in each.member_ids}
        if len(members) < 2 <= len(set(each.member_ids)):
            return True
        return each.kind in _OF_IDENTITY and not each.has_changed and each.closed_at in self._arrived


def _case(each: CaseRow, name: Callable[[Any], Any], survivors: Mapping[str, str]) -> dict[str, Any]:
    members = {name(survivors.get(member, member)) for member in each.member_ids}
    return {"kind": each.kind, "members": sorted(members, key=_place), "state": each.state}


def _relations(rows: tuple[RelationRow, ...], name: Callable[[Any], Any]) -> list[dict[str, Any]]:
    """Equal ones of several witnesses joined."""
    found: dict[str, dict[str, Any]] = {}
    for row in rows:
        ends = [name(row.from_id), name(row.to_id)]
        kind = shipped_relations().get(row.type)
        if kind is not None and kind.undirected:  # ends stand in the order of their ids in the store, here of their names
            ends.sort(key=_place)
        told = {"type": row.type, "from": ends[0], "to": ends[1], "qualifier": row.qualifier, "side": row.side}
        joined = found.setdefault(_text(told), {**told, "sources": []})
        if row.source is not None and row.source not in joined["sources"]:
            joined["sources"] = sorted([*joined["sources"], row.source])
    return [found[key] for key in sorted(found)]


def _redirect(each: CiRow, names: Mapping[str, str]) -> dict[str, Any]:
    return {"class": each.ci_class, "name": each.name, "to": names.get(each.id)}


def _rename(value: Any, names: Mapping[str, str]) -> Any:
    """The value with each id of a CI in it replaced by its printed name."""
    if isinstance(value, str):
        return _ID.sub(lambda found: names.get(found.group(), found.group()), value)
    if isinstance(value, Mapping):
        return {_rename(key, names): _rename(each, names) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_rename(each, names) for each in value]
    return value


def _forget(value: Any) -> Any:
    """Ids of differences and decisions are others in each run."""
    if isinstance(value, str):
        return _ID.sub("(id)", value)
    return {key: _forget(each) for key, each in value.items()} if isinstance(value, Mapping) else value


def _sorted(value: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value[name] for name in sorted(value)}


def _place(name: Any) -> tuple[int, str]:
    """`ci-10` behind `ci-9`."""
    number = str(name).removeprefix("ci-")
    return (int(number), "") if number.isdecimal() else (0, str(name))


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False, default=repr)
