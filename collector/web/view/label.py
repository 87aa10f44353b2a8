"""What classes and attributes are called, and the small shapes that stand for a CI in lists and links."""

from __future__ import annotations

from urllib.parse import quote

from msgspec import Struct

from collector.web.view.viewpoint import Viewpoint
from collector.web.view.wording import SHAPES, STATES, word
from muster.model.ci_class import Attribute, ClassCatalogue
from muster.ports import CiRef, SourceRef


class CiLink(Struct, frozen=True):
    """A CI as a link: its page, name and class."""

    href: str
    name: str
    class_label: str


class StateMark(Struct, frozen=True):
    """A state by shape, word and (in the style sheet) colour."""

    key: str
    shape: str
    text: str


def to_state(state: str, viewpoint: Viewpoint) -> StateMark:
    """The mark of a state of operation."""
    return StateMark(state, SHAPES.get(state, "◌"), word(STATES, state, viewpoint))


def class_label(name: str, catalogue: ClassCatalogue, viewpoint: Viewpoint) -> str:
    """A class in the reader's language, else its name."""
    found = catalogue.get(name)
    return viewpoint.pick(found.label, name) if found else name


def find_attribute(class_name: str, attribute: str, catalogue: ClassCatalogue) -> Attribute | None:
    """How a class declares an attribute; None where it does not."""
    found = catalogue.get(class_name)
    return found.attributes.get(attribute) if found else None


def attribute_label(class_name: str, attribute: str, catalogue: ClassCatalogue, viewpoint: Viewpoint) -> str:
    """An attribute in the reader's language, else its name."""
    found = find_attribute(class_name, attribute, catalogue)
    return viewpoint.pick(found.label, attribute) if found else attribute


def to_link(ci: CiRef, catalogue: ClassCatalogue, viewpoint: Viewpoint) -> CiLink:
    """By number: short, permanent and easy to say on the telephone. One without a number (of a simulation) has no page."""
    return CiLink(ci_path(ci.number) if ci.number else "", ci.name or f"#{ci.number}", class_label(ci.ci_class, catalogue, viewpoint))


def ci_path(number: int) -> str:
    return f"/cis/{number}"


def review_query(number: int, ci_id: str) -> str:
    """What the queue is filtered by for a CI and its contents."""
    return f"number:{number} OR owner_id:{ci_id}"


def service_path(service_id: str) -> str:
    return f"/services/{quote(service_id, safe='')}"


def source_text(source: SourceRef | None) -> str:
    """`agent/web-01`; its instance is 32 random digits that tell people nothing and stand on the source's own page."""
    return f"{source.kind}/{source.name}" if source else ""
