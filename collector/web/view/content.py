"""What a host or device contains: the dependent CIs of one class as a table of their attributes."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from collector.web.view.label import attribute_label, ci_path, class_label, find_attribute
from collector.web.view.value import Value, to_value
from collector.web.view.viewpoint import Viewpoint
from collector.web.view.wording import PRESENCES, word
from muster.model.ci_class import ClassCatalogue
from muster.ports import CiSummary

COLUMNS_SHOWN = 9


class ContentRow(Struct, frozen=True):
    """One dependent CI."""

    href: str
    name: str
    presence: str
    presence_key: str
    is_recorded: bool
    values: list[Value]


class ContentTable(Struct, frozen=True):
    """`numeric`: which columns are numbers and stand to the right."""

    label: str
    headings: list[str]
    numeric: list[bool]
    rows: list[ContentRow]


def to_contents(items: Sequence[CiSummary], class_name: str, catalogue: ClassCatalogue, viewpoint: Viewpoint) -> ContentTable:
    """Columns in the order of the class, those that no row fills left out, at most nine."""
    declared = catalogue.get(class_name)
    order = list(declared.attributes) if declared else []
    filled = {name for each in items for name, value in each.columns.items() if value not in (None, "", [])}
    names = [name for name in [*order, *sorted(filled - set(order))] if name in filled and name != "name"]
    names = [name for name in names if any(each.columns.get(name) != each.name for each in items)][:COLUMNS_SHOWN]
    return ContentTable(
        label=class_label(class_name, catalogue, viewpoint),
        headings=[attribute_label(class_name, name, catalogue, viewpoint) for name in names],
        numeric=[_is_numeric(name, items, class_name, catalogue) for name in names],
        rows=[
            ContentRow(
                href=ci_path(each.number),
                name=each.name or f"#{each.number}",
                presence=word(PRESENCES, each.presence, viewpoint),
                presence_key=each.presence,
                is_recorded=each.is_recorded,
                values=[to_value(each.columns.get(name), viewpoint, attribute=find_attribute(each.ci_class, name, catalogue)) for name in names],
            )
            for each in items
        ],
    )


def _is_numeric(name: str, items: Sequence[CiSummary], class_name: str, catalogue: ClassCatalogue) -> bool:
    """Whether a column holds numbers that are compared: not instants."""
    attribute = find_attribute(class_name, name, catalogue)
    if attribute is not None and attribute.type == "timestamp":
        return False
    values = [each.columns.get(name) for each in items]
    return all(value is None or (isinstance(value, int | float) and not isinstance(value, bool)) for value in values)
