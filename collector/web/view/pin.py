"""Pins as rows of a list and as marks of a CI's facts."""

from __future__ import annotations

from msgspec import Struct

from collector.store.pin import PROOFS
from collector.web.view.label import CiLink, attribute_label, find_attribute, to_link
from collector.web.view.moment import Moment, maybe_moment, to_moment
from collector.web.view.value import Value, to_value
from collector.web.view.viewpoint import Viewpoint
from muster.model.ci_class import ClassCatalogue
from muster.ports import PinView


class PinRow(Struct, frozen=True):
    """One held value. `key`: what its form sends."""

    key: str
    ci: CiLink
    label: str
    value: Value
    owner: str
    reason: str
    until: Moment | None
    held: Moment
    held_by: str


def to_holdable(class_name: str, catalogue: ClassCatalogue, viewpoint: Viewpoint) -> list[tuple[str, str]]:
    """The attributes of a class of which a value can be held, by label; what proves its identity is none of them."""
    known = catalogue.get(class_name)
    names = [name for name, each in known.attributes.items() if each.mode != "recorded_only" and not each.volatile] if known is not None else []
    return sorted(((name, attribute_label(class_name, name, catalogue, viewpoint)) for name in names if name not in PROOFS), key=lambda pair: pair[1])


def to_pin_row(pin: PinView, catalogue: ClassCatalogue, viewpoint: Viewpoint) -> PinRow:
    """A row of the list of pins."""
    return PinRow(
        key=f"{pin.ci.id} {pin.attribute}",
        ci=to_link(pin.ci, catalogue, viewpoint),
        label=attribute_label(pin.ci.ci_class, pin.attribute, catalogue, viewpoint),
        value=to_value(pin.value, viewpoint, attribute=find_attribute(pin.ci.ci_class, pin.attribute, catalogue), unit=""),
        owner=pin.owner,
        reason=pin.reason,
        until=maybe_moment(pin.expires_at, viewpoint),
        held=to_moment(pin.held_at, viewpoint),
        held_by=pin.held_by,
    )
