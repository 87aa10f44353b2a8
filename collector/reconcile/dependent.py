"""What identifies a dependent item (interface, package, disk) inside its owner's CI, and outside it where it is portable.

Two sources' items with one key are one CI; a portable one keeps its CI when it is found in another owner: it moves.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from collector.reconcile.claim import vendor_of
from muster.model.ci_class import CiClass
from muster.model.junk import JunkFilter
from muster.model.normaliser import normalise
from muster.wire.report import Item

_PORTABLE_KINDS = ("wwn", "serial")
_ADDRESS_KEYS = frozenset({"address"})


class DependentKey(Struct, frozen=True, order=True):
    """One way to recognise a dependent item. `is_portable`: holds in every owner; else only inside its owner's CI.

    `text` never holds the owner: the store keys by (owner CI, class, text), portable ones by (class, text).
    """

    is_portable: bool
    text: str


def dependent_keys(ci_class: CiClass, item: Item, junk: JunkFilter) -> tuple[DependentKey, ...]:
    """The keys of an item, best first: world wide name, vendor and serial, then the class's local key.

    Empty where the item gives nothing to recognise it by (`validate_item` refuses such an item). An item is the CI of its
    first key that is known; all its keys then belong to that CI. Two items of one report are never one CI.
    """
    found: list[DependentKey] = []
    if ci_class.portable:
        vendor = vendor_of(item.attributes)
        for kind in _PORTABLE_KINDS:
            text = _text(item, kind)
            value = normalise("serial", text, vendor=vendor) if text else None
            if value is not None and not junk.judge("serial", value, text):
                found.append(DependentKey(True, f"{kind}|{vendor if kind == 'serial' else ''}|{value}"))
    local = local_key(ci_class, item)
    if local:
        found.append(DependentKey(False, "|".join(("local", *local))))
    return tuple(found)


def local_key(ci_class: CiClass, item: Item) -> tuple[str, ...]:
    """The values of the class's local key in order, an absent part as ""; empty where the item has none of them."""
    values = tuple(_local_value(name, _text(item, name)) for name in ci_class.local_key)
    return tuple(value.replace("|", "\\|") for value in values) if any(values) else ()


def _local_value(name: str, text: str) -> str:
    if name in _ADDRESS_KEYS and text:
        return normalise("ip", text) or text
    return text.strip()


def _text(item: Item, name: str) -> str:
    """An identifier, or the attribute of the same name where the source gives only that."""
    value = item.identifiers.get(name, item.attributes.get(name))
    if isinstance(value, list):
        value = value[0] if value else ""
    return str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""


def is_exchanged(old: Sequence[DependentKey], new: Sequence[DependentKey]) -> bool:
    """Whether another part answers under a known ref: both have a portable key and share none.

    The record is then closed (its part has left) and a new one opened, as for a host under a contradicted ref.
    """
    before, after = {key for key in old if key.is_portable}, {key for key in new if key.is_portable}
    kinds = {key.text.split("|", 1)[0] for key in before} & {key.text.split("|", 1)[0] for key in after}
    return bool(kinds) and not before & after


class OwnedKey(Struct, frozen=True):
    """A known dependent CI that holds a key: where it is now, and whether another item of the same report has it already."""

    ci_id: str
    owner_ci_id: str
    key: DependentKey
    is_taken: bool = False


class DependentMatch(Struct, frozen=True):
    """The CI of a dependent item (None: new); `moved_from`: the owner that it left."""

    ci_id: str | None
    key: DependentKey | None
    moved_from: str | None = None


def match_dependent(keys: Sequence[DependentKey], known: Sequence[OwnedKey], owner_ci_id: str) -> DependentMatch:
    """Which known CI an item is, by its best key. A portable key found in several owners' CIs is not unique and does not count.

    An item with a portable key is not the CI in its slot when that one is known by another portable key: the part was exchanged.
    """
    by_key: dict[DependentKey, list[OwnedKey]] = {}
    for each in known:
        by_key.setdefault(each.key, []).append(each)
    portable = {each.ci_id: each.key for each in known if each.key.is_portable}
    own_portable = {key for key in keys if key.is_portable}
    for key in keys:
        holders = [each for each in by_key.get(key, ()) if not each.is_taken and (key.is_portable or each.owner_ci_id == owner_ci_id)]
        if len({each.ci_id for each in holders}) != 1:
            continue
        holder = holders[0]
        if not key.is_portable and own_portable and holder.ci_id in portable and portable[holder.ci_id] not in own_portable:
            continue
        moved_from = holder.owner_ci_id if holder.owner_ci_id != owner_ci_id else None
        return DependentMatch(holder.ci_id, key, moved_from)
    return DependentMatch(None, keys[0] if keys else None)
