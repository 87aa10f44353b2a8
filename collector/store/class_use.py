"""What stands on the CI classes: which data a change of classes would leave without a definition, counted, and refused.

The classes in force are kept in the database, so that what is looked for is only what the new ones take away. Reference:
docs/reference/classes.md.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from typing import Any

from msgspec import Struct
from sqlalchemy import Connection, func, select

from collector.reconcile.validate import validate_value
from collector.store import setting
from collector.store.content import decode, load_contents
from collector.store.schema import ci, pin
from collector.store.statement import parts
from muster.errors import ConfigurationError
from muster.model.ci_class import CiClass, ClassCatalogue

KEPT = "classes_in_force"
_ROWS_AT_ONCE = 2_000
_TOLD = 20


class _Shape(Struct, frozen=True):
    """What of a class data stand on. `attributes`: name to type."""

    family: str
    is_dependent: bool
    local_key: tuple[str, ...]
    attributes: Mapping[str, str]


def keep_classes(connection: Connection, classes: ClassCatalogue) -> None:
    """Keep these classes as those in force. Raises ConfigurationError with counts and what to do where data would be orphaned."""
    before = {name: _from_plain(each) for name, each in (setting.load(connection, KEPT) or {}).items()}
    after = {each.name: _shape(each) for each in classes}
    if before == after:
        return
    faults = [*_lost_classes(connection, classes), *_moved_classes(connection, before, after), *_lost_attributes(connection, classes, before, after)]
    if faults:
        more = f"; and {len(faults) - _TOLD} more" if len(faults) > _TOLD else ""
        raise ConfigurationError("these class files would orphan data: " + "; ".join(faults[:_TOLD]) + more)
    setting.save(connection, KEPT, {name: _to_plain(each) for name, each in after.items()})


def _shape(ci_class: CiClass) -> _Shape:
    attributes = {name: each.type for name, each in sorted(ci_class.attributes.items())}
    return _Shape(ci_class.family, ci_class.is_dependent, tuple(ci_class.local_key), attributes)


def _to_plain(shape: _Shape) -> list[Any]:
    return [shape.family, shape.is_dependent, list(shape.local_key), dict(shape.attributes)]


def _from_plain(value: list[Any]) -> _Shape:
    return _Shape(value[0], value[1], tuple(value[2]), value[3])


def _standing() -> Any:
    """CIs that somebody may still look at as what they are."""
    return ci.c.redirect_to.is_(None) & (ci.c.lifecycle != "disposed")


def _lost_classes(connection: Connection, classes: ClassCatalogue) -> list[str]:
    """Classes of CIs that no file defines."""
    counts = connection.execute(select(ci.c.ci_class, func.count()).where(_standing()).group_by(ci.c.ci_class)).all()
    return [
        f"class {name!r} is gone and {count} CIs are of it: keep the class, or dispose of them first"
        for name, count in sorted((row[0], row[1]) for row in counts)
        if name not in classes
    ]


def _moved_classes(connection: Connection, before: Mapping[str, _Shape], after: Mapping[str, _Shape]) -> list[str]:
    """Classes whose CIs would be found by other rules than they were made by."""
    found: list[str] = []
    for name in sorted(before.keys() & after.keys()):
        old, new = before[name], after[name]
        said = ""
        if old.is_dependent != new.is_dependent:
            said = "part of others" if new.is_dependent else "a thing by itself"
        elif old.family != new.family:
            said = f"of family {new.family} in place of {old.family}"
        elif new.is_dependent and old.local_key != new.local_key:
            said = f"told apart by {', '.join(new.local_key)} in place of {', '.join(old.local_key)}"
        if said and (count := _count(connection, [name])):
            found.append(f"class {name!r} would be {said} and {count} CIs are of it: leave it as it was, or define a new class")
    return found


def _count(connection: Connection, names: Collection[str]) -> int:
    return int(connection.execute(select(func.count()).select_from(ci).where(ci.c.ci_class.in_(sorted(names)), _standing())).scalar_one())


def _lost_attributes(connection: Connection, classes: ClassCatalogue, before: Mapping[str, _Shape], after: Mapping[str, _Shape]) -> list[str]:
    """Attributes with values that no file defines, or whose type the values are not."""
    gone: dict[str, set[str]] = {}
    for name in before.keys() & after.keys():
        old, new = before[name].attributes, after[name].attributes
        lost = {attribute for attribute in old if new.get(attribute) != old[attribute]}
        if lost:
            gone[name] = lost
    found: list[str] = []
    for name in sorted(gone):
        used = _count_values(connection, classes[name], gone[name])
        for attribute in sorted(used):
            is_gone = attribute not in after[name].attributes
            said = "is gone" if is_gone else f"would be a {after[name].attributes[attribute]}"
            advice = "keep it, or take its values off first" if is_gone else "keep its type, or add another attribute"
            found.append(f"attribute {attribute!r} of class {name!r} {said} and {used[attribute]} CIs have a value of it: {advice}")
    return found


def _count_values(connection: Connection, ci_class: CiClass, names: Collection[str]) -> Counter[str]:
    """How many CIs of a class have a value that would have no place, recorded, observed or held, by attribute."""
    used: Counter[str] = Counter()
    last = ""
    while True:
        query = select(ci.c.id, ci.c.recorded_hash, ci.c.effective_hash).where(ci.c.ci_class == ci_class.name, _standing(), ci.c.id > last)
        rows = connection.execute(query.order_by(ci.c.id).limit(_ROWS_AT_ONCE)).all()
        if not rows:
            return used
        last = rows[-1].id
        contents = load_contents(connection, (None if key is None else bytes(key) for row in rows for key in (row.recorded_hash, row.effective_hash)))
        held = _load_held(connection, [row.id for row in rows])
        for row in rows:
            sides = [contents[bytes(key)] for key in (row.recorded_hash, row.effective_hash) if key is not None]
            sides.append(held.get(row.id, {}))
            used.update(name for name in names if any(name in side and not _fits(ci_class, name, side[name]) for side in sides))


def _load_held(connection: Connection, ids: Collection[str]) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for part in parts(sorted(ids)):
        for row in connection.execute(select(pin.c.ci_id, pin.c.attribute, pin.c.value).where(pin.c.ci_id.in_(part))):
            found.setdefault(row.ci_id, {})[row.attribute] = decode(row.value)
    return found


def _fits(ci_class: CiClass, name: str, value: Any) -> bool:
    attribute = ci_class.attributes.get(name)
    return attribute is not None and not validate_value(attribute, value)[1]
