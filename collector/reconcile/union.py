"""What several CIs would be as one: who stays, what forbids it, and what their recorded sides come to. Pure; the store carries it out.

Nothing here links records: a merge is a person's word, and what each source sees stays as it was told. Design: docs/merges.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

from msgspec import Struct

from collector.reconcile.claim import RECORDED_PREFIX
from collector.reconcile.compare import risk_of, value_token
from collector.reconcile.difference import DifferenceSeed
from muster.errors import InputError, quote
from muster.model.ci_class import CiClass, Family
from muster.model.state import Lifecycle

SURVIVOR, LOSER = "survivor", "loser"  # words of a choice where only two CIs are concerned
TAG, PIN = "tag.", "pin."  # a conflict's attribute is `tag.NAME` or `pin.ATTRIBUTE` where it is one of these
_IDENTIFYING = ("serial", "asset_tag", "fqdn", "mac")  # attributes that identify
RefusalCode = Literal["same-ci", "already-merged", "disposed", "class-family", "cannot-link", "part", "no-such-conflict", "deleted"]


class Side(Struct, frozen=True, kw_only=True):
    """One CI before a merge, as far as the decision depends on it. `references`: relations, services, incidents and decisions that name it.

    `pins`: attribute to the value that is held. `forbids`: CIs that a person said are another thing, with the decision that said so.
    """

    id: str
    number: int
    name: str
    ci_class: str
    family: Family
    created_at: int
    lifecycle: Lifecycle = "live"
    is_dependent: bool = False
    is_recorded: bool = False
    is_provisional: bool = False
    references: int = 0
    recorded: Mapping[str, Any] = {}
    tags: Mapping[str, str] = {}
    pins: Mapping[str, Any] = {}
    forbids: Mapping[str, str] = {}

    @property
    def label(self) -> str:
        """As messages name it."""
        return f"{self.name} (#{self.number})"


class Refusal(Struct, frozen=True):
    """Why CIs may not become one."""

    code: RefusalCode
    message: str


class Conflict(Struct, frozen=True):
    """Recorded values that differ: by CI, the survivor's first. `chosen`: whose value holds; None: the survivor's, undecided."""

    attribute: str
    values: tuple[tuple[str, Any], ...]
    chosen: str | None = None


class Union(Struct, frozen=True):
    """The recorded side of the survivor afterwards. `pins_from`: attribute to the CI whose pin it becomes."""

    recorded: Mapping[str, Any]
    tags: Mapping[str, str]
    pins_from: Mapping[str, str]
    conflicts: tuple[Conflict, ...]


def propose_survivor(sides: Iterable[Side]) -> str:
    """The id of the CI that should stay: one on record before one that is only observed or disputed, the oldest, the most referred to."""
    return min(sides, key=lambda side: (side.is_provisional, not side.is_recorded, side.created_at, -side.references, side.number)).id


def find_refusals(survivor: Side, losers: Sequence[Side]) -> list[Refusal]:
    """What forbids the merge, all of it; empty: nothing does."""
    found: list[Refusal] = []
    sides = (survivor, *losers)
    if len({side.id for side in sides}) < len(sides):
        found.append(Refusal("same-ci", "a CI cannot be merged into itself; choose two that differ"))
    for side in sides:
        if side.lifecycle == "disposed":
            found.append(Refusal("disposed", f"{side.label} is disposed; what became of it is settled, and its identifiers stay with it"))
        if side.is_dependent:
            found.append(Refusal("part", f"{side.label} is part of another CI and is found inside it; merge the CIs that hold the parts"))
    for at, one in enumerate(sides):
        for other in sides[at + 1 :]:
            found += _between(one, other)
    return found


def _between(one: Side, other: Side) -> list[Refusal]:
    found: list[Refusal] = []
    if one.family != other.family and "any" not in (one.family, other.family):
        found.append(
            Refusal(
                "class-family",
                f"{one.label} is a {one.ci_class} ({one.family}) and {other.label} a {other.ci_class} ({other.family}); "
                "things of two families are never one: correct the class first",
            )
        )
    word = one.forbids.get(other.id) or other.forbids.get(one.id)
    if word is not None:
        found.append(
            Refusal("cannot-link", f"decision {word} says that {one.label} and {other.label} are two; take it back if they are one after all")
        )
    return found


def unite(survivor: Side, losers: Sequence[Side], choices: Mapping[str, str]) -> Union:
    """The recorded side afterwards. `choices`: the attribute of a conflict to whose value holds: a CI's id or number, `survivor`, `loser`.

    Raises InputError for a choice that decides nothing or names none of the CIs.
    """
    sides = (survivor, *losers)
    chosen = {attribute: _named(attribute, word, sides) for attribute, word in choices.items()}
    told = {side.id: {name: value for name, value in side.recorded.items() if not name.startswith(RECORDED_PREFIX)} for side in sides}
    recorded, conflicts = _unite_values(told, chosen)
    recorded |= _unite_identifiers(sides, recorded)
    tags, tag_conflicts = _unite_values({side.id: {f"{TAG}{name}": text for name, text in side.tags.items()} for side in sides}, chosen)
    pins, pin_conflicts = _unite_values({side.id: {f"{PIN}{name}": held for name, held in side.pins.items()} for side in sides}, chosen)
    conflicts = [*conflicts, *tag_conflicts, *pin_conflicts]
    for attribute in sorted(chosen.keys() - {each.attribute for each in conflicts}):
        raise InputError(f"there is no conflict about {quote(attribute)}; the preview lists those that can be decided", path=f"choices.{attribute}")
    owners = {name.removeprefix(PIN): _owner(f"{PIN}", name.removeprefix(PIN), sides, chosen) for name in pins}
    return Union(recorded, {name.removeprefix(TAG): text for name, text in tags.items()}, owners, tuple(conflicts))


def _unite_values(by_side: Mapping[str, Mapping[str, Any]], chosen: Mapping[str, str]) -> tuple[dict[str, Any], list[Conflict]]:
    united: dict[str, Any] = {}
    conflicts: list[Conflict] = []
    for attribute in sorted({name for values in by_side.values() for name in values}):
        stated = [(ci_id, values[attribute]) for ci_id, values in by_side.items() if attribute in values]
        united[attribute] = stated[0][1]
        if len({value_token(value) for _, value in stated}) > 1:
            word = chosen.get(attribute)
            united[attribute] = dict(stated).get(word, stated[0][1]) if word is not None else stated[0][1]
            conflicts.append(Conflict(attribute, tuple(stated), word))
    return united, conflicts


def _unite_identifiers(sides: Sequence[Side], recorded: Mapping[str, Any]) -> dict[str, Any]:
    """What identified any of them on record identifies the one that they are; what it is not known by, it is found by."""
    found: dict[str, list[str]] = {}
    for side in sides:
        for name, value in side.recorded.items():
            if name.startswith(RECORDED_PREFIX):
                found.setdefault(name, []).extend(_texts(value))
            elif name in _IDENTIFYING and value_token(value) != value_token(recorded.get(name)):
                found.setdefault(f"{RECORDED_PREFIX}{name}", []).extend(_texts(value))
    return {name: _plain(sorted(dict.fromkeys(values))) for name, values in found.items()}


def _texts(value: Any) -> list[str]:
    return [str(each) for each in value] if isinstance(value, list) else [str(value)]


def _plain(values: list[str]) -> Any:
    return values[0] if len(values) == 1 else values


def _owner(prefix: str, attribute: str, sides: Sequence[Side], chosen: Mapping[str, str]) -> str:
    holding = [side.id for side in sides if attribute in side.pins]
    word = chosen.get(f"{prefix}{attribute}")
    return word if word in holding else holding[0]


def _named(attribute: str, word: str, sides: Sequence[Side]) -> str:
    if word == SURVIVOR:
        return sides[0].id
    if word == LOSER and len(sides) == 2:
        return sides[1].id
    for side in sides:
        if word in (side.id, str(side.number)):
            return side.id
    words = ", ".join([SURVIVOR, *([LOSER] if len(sides) == 2 else []), *(str(side.number) for side in sides)])
    raise InputError(f"{quote(word)} names none of the CIs; say one of {words}", path=f"choices.{attribute}")


def conflict_seed(ci_class: CiClass, ci_id: str, attribute: str, recorded: Any, value: Any) -> DifferenceSeed:
    """The question that a conflict leaves which nobody decided: what the CI that was merged away had on record stands against the record."""
    key = f"changed_attribute|{ci_class.name}|{attribute}|{value_token(value)[:16]}"
    return DifferenceSeed(
        ci_id=ci_id,
        kind="changed_attribute",
        attribute=attribute,
        recorded=recorded,
        observed=value,
        group_key=key,
        risk=risk_of(ci_class, "changed_attribute", attribute),
    )
