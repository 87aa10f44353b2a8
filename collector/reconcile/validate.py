"""Whether an item of a report can be taken: its class, owner, local key, identifiers, attributes, types and sizes. Pure.

One bad item costs only itself; an unknown attribute or identifier costs only itself; each with its JSON path.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any

import msgspec
from msgspec import Struct

from collector.reconcile.dependent import local_key
from collector.reconcile.derive import derive_attributes
from muster.errors import InputError, quote
from muster.instant import parse_instant
from muster.model.ci_class import Attribute, CiClass, ClassCatalogue
from muster.model.identifier import IDENTIFIER_KINDS
from muster.model.normaliser import normalise_address, normalise_mac
from muster.wire.report import Item, Rejection

TEXT_LIMIT = 16_384  # characters of one attribute
IDENTIFIER_LIMIT = 1_024
LIST_LIMIT = 4_096
OWNER_DEPTH_LIMIT = 16
_PORTABLE_IDENTIFIERS = frozenset({"serial", "wwn", "permanent_mac"})

Suggestion = Callable[[str, Any], str]


class Validation(Struct, frozen=True):
    """The item as it is taken (None: refused), and what was refused of it."""

    item: Item | None
    rejections: tuple[Rejection, ...] = ()


def validate_item(catalogue: ClassCatalogue, item: Item, path: str, owners: Mapping[str, str | None], *, suggests: bool = True) -> Validation:
    """The judgement on one decoded item at `path` (`$.sections.host.items[3]`).

    `owners`: owner ref by ref of this source: all items of the report, and the stored ones. An owner that is not there yet is no
    fault: the item waits for it. `suggests` False leaves out what may have been meant, which takes far longer to find than a fault.
    """
    meant = _meant if suggests else _leave_out
    ci_class = catalogue.get(item.ci_class)
    reason = _refuse_class(catalogue, item, ci_class, meant) or refuse_owner(item, ci_class, owners)
    if reason or ci_class is None:
        return Validation(None, (Rejection(path, reason),))
    identifiers, refused = _identifiers(ci_class, item, path, meant)
    if refused and refused[-1].path == path:
        return Validation(None, (refused[-1],))
    attributes: dict[str, Any] = {}
    for name, value in item.attributes.items():
        attribute = ci_class.attributes.get(name)
        if attribute is None:
            refused.append(
                Rejection(f"{path}.attributes.{name}", f"class {ci_class.name} has no attribute {quote(name)}{meant(name, ci_class.attributes)}")
            )
            continue
        converted, fault = validate_value(attribute, value)
        if fault:
            return Validation(None, (Rejection(f"{path}.attributes.{name}", fault),))
        attributes[name] = converted
    for name, value in derive_attributes(ci_class, identifiers, item.attributes).items():
        converted, fault = validate_value(ci_class.attributes[name], value)
        if not fault:
            attributes[name] = converted
    taken = msgspec.structs.replace(item, identifiers=identifiers, attributes=attributes, owner=item.owner if ci_class.is_dependent else None)
    if ci_class.is_dependent and not local_key(ci_class, taken) and not (ci_class.portable and _PORTABLE_IDENTIFIERS & set(identifiers)):
        wanted = ", ".join(ci_class.local_key)
        return Validation(None, (Rejection(path, f"nothing tells this {ci_class.name} from others of its owner; give identifiers: {wanted}"),))
    return Validation(taken, tuple(refused))


def _refuse_class(catalogue: ClassCatalogue, item: Item, ci_class: CiClass | None, meant: Suggestion) -> str:
    if ci_class is None:
        return f"unknown class {quote(item.ci_class)}{meant(item.ci_class, catalogue.names())}"
    if ci_class.is_abstract:
        return f"class {ci_class.name} is abstract; report one of its kinds"
    if ci_class.is_recorded_only:
        return f"class {ci_class.name} is recorded by people only; no source may report it"
    return ""


def refuse_owner(item: Item, ci_class: CiClass | None, owners: Mapping[str, str | None]) -> str:
    """Why a dependent item cannot belong to the owner that it names, by the chain of owners' refs; empty: it can."""
    if ci_class is None or not ci_class.is_dependent:
        return ""
    if item.owner is None:
        return f"a {ci_class.name} needs its owner: the ref of the host or device that it is part of"
    chain = [item.ref]
    at: str | None = item.owner
    while at is not None:
        if at in chain:
            return f"cycle of owners: {quote(' > '.join([*chain, at]))}"
        chain.append(at)
        if len(chain) > OWNER_DEPTH_LIMIT:
            return f"owners nest deeper than {OWNER_DEPTH_LIMIT}"
        at = owners.get(at)
    return ""


def _identifiers(ci_class: CiClass, item: Item, path: str, meant: Suggestion) -> tuple[dict[str, str | list[str]], list[Rejection]]:
    """Known identifiers and what was refused; a last rejection at `path` itself refuses the item."""
    taken: dict[str, str | list[str]] = {}
    refused: list[Rejection] = []
    known = {*ci_class.local_key, *_PORTABLE_IDENTIFIERS, *IDENTIFIER_KINDS}
    for name, value in item.identifiers.items():
        values = value if isinstance(value, list) else [value]
        if len(values) > LIST_LIMIT or any(len(each) > IDENTIFIER_LIMIT for each in values):
            return {}, [Rejection(path, f"identifier {quote(name)} is longer than {IDENTIFIER_LIMIT} characters or {LIST_LIMIT} values")]
        if name not in known:
            refused.append(Rejection(f"{path}.identifiers.{name}", f"unknown identifier {quote(name)}{meant(name, sorted(known))}"))
        else:
            taken[name] = value
    return taken, refused


def _meant(name: str, known: Any) -> str:
    close = get_close_matches(name, list(known), n=1)
    return f"; did you mean {close[0]!r}?" if close else ""


def _leave_out(name: str, known: Any) -> str:
    return ""


def validate_value(attribute: Attribute, value: Any) -> tuple[Any, str]:
    """The value as it is kept, or why it cannot be."""
    if value is None:
        return None, ""
    if isinstance(value, str) and len(value) > TEXT_LIMIT:
        return None, f"text of {len(value)} characters; the limit is {TEXT_LIMIT}"
    if attribute.type == "list":
        return _convert_list(value)
    if isinstance(value, list):
        return None, f"a list where one {attribute.type} belongs"
    return _convert_scalar(attribute, value)


def _convert_list(value: Any) -> tuple[Any, str]:
    if not isinstance(value, list):
        return None, f"{quote(value)} is no list"
    if len(value) > LIST_LIMIT:
        return None, f"a list of {len(value)} values; the limit is {LIST_LIMIT}"
    if any(isinstance(each, str) and len(each) > TEXT_LIMIT for each in value):
        return None, f"a text of the list is longer than {TEXT_LIMIT} characters"
    return value, ""


def _convert_scalar(attribute: Attribute, value: Any) -> tuple[Any, str]:
    fault = f"{quote(value)} is no {attribute.type}" + (f" in {attribute.unit}" if attribute.unit else "")
    match attribute.type:
        case "boolean":
            return (value, "") if isinstance(value, bool) else (None, fault)
        case "integer":
            is_whole = isinstance(value, int | float) and not isinstance(value, bool) and value == value // 1 and abs(value) < 2**63
            return (int(value), "") if is_whole else (None, fault)
        case "number":
            is_number = isinstance(value, int | float) and not isinstance(value, bool) and value - value == 0
            return (value, "") if is_number else (None, fault)
        case "timestamp":
            return _convert_instant(value, fault)
        case "ip" | "mac":
            if value == "":
                return "", ""
            form = (normalise_address if attribute.type == "ip" else normalise_mac)(value) if isinstance(value, str) else None
            return (form, "") if form is not None else (None, fault)
        case _:
            return (value, "") if isinstance(value, str) else (None, fault)


def _convert_instant(value: Any, fault: str) -> tuple[Any, str]:
    if not isinstance(value, int | str) or isinstance(value, bool):
        return None, fault
    try:
        return parse_instant(value), ""
    except InputError as error:
        return None, error.message


def owners_of(items: Sequence[Item], stored: Mapping[str, str | None]) -> dict[str, str | None]:
    """Owner refs by ref, what the report says before what is stored."""
    return {**stored, **{item.ref: item.owner for item in items}}
