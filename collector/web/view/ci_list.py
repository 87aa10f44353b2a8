"""The list of CIs: the columns that a reader chose, rows, and the links that keep the rest of the query."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from urllib.parse import urlencode

from msgspec import Struct

from collector.web.view.label import StateMark, ci_path, class_label, find_attribute, review_query, to_state
from collector.web.view.moment import Moment, maybe_moment
from collector.web.view.value import to_value
from collector.web.view.viewpoint import Viewpoint
from collector.web.view.wording import LIFECYCLES, N_, PRESENCES, word
from muster.model.ci_class import ClassCatalogue
from muster.ports import CiSummary

# column → (heading, sort; empty: the store does not sort by it)
COLUMNS: dict[str, tuple[str, str]] = {
    "name": (N_("Name"), "name"),
    "class": (N_("Class"), "class"),
    "operation": (N_("State"), "operation"),
    "presence": (N_("Presence"), "presence"),
    "lifecycle": (N_("Lifecycle"), ""),
    "zone": (N_("Zone"), "zone"),
    "sources": (N_("Sources"), ""),
    "differences": (N_("Differences"), ""),
    "seen": (N_("Seen"), "seen"),
    "changed": (N_("Changed"), "changed"),
    "number": (N_("Number"), "number"),
}
DEFAULT_COLUMNS = ("name", "class", "operation", "presence", "ip", "os.name", "sources", "differences", "seen")
SORTS = tuple(sort for _, sort in COLUMNS.values() if sort)
MAXIMUM_COLUMNS = 16


class Heading(Struct, frozen=True):
    """A column's head. `href`: empty where it does not sort; `direction`: ascending, descending or empty."""

    name: str
    text: str
    href: str
    direction: str


class Cell(Struct, frozen=True):
    """One cell; only what its column needs is filled."""

    name: str
    text: str = ""
    state: StateMark | None = None
    at: Moment | None = None
    mark: str = ""


class CiRow(Struct, frozen=True):
    """One CI."""

    href: str
    name: str
    number: int
    review_query: str
    is_recorded: bool
    is_provisional: bool
    owner: tuple[str, str] | None
    cells: list[Cell]


class ColumnChoice(Struct, frozen=True):
    name: str
    text: str
    is_shown: bool


class CiListPage(Struct, frozen=True):
    """The list's page without its form."""

    headings: list[Heading]
    rows: list[CiRow]
    choices: list[ColumnChoice]


def choose_columns(wished: str | None, catalogue: ClassCatalogue) -> list[str]:
    """The columns of `a,b,c` that there are, the name always first; none wished: the usual ones."""
    known = {*COLUMNS, *indexed_attributes(catalogue)}
    names = [each.strip() for each in (wished or ",".join(DEFAULT_COLUMNS)).split(",")]
    found = list(dict.fromkeys(each for each in names if each in known and each != "name"))
    return ["name", *found[:MAXIMUM_COLUMNS]]


def indexed_attributes(catalogue: ClassCatalogue) -> dict[str, Mapping[str, str]]:
    """The attributes that lists can show and filter by, with their labels."""
    found = {name: each.label for ci_class in catalogue for name, each in ci_class.attributes.items() if each.indexed and name not in COLUMNS}
    return dict(sorted(found.items()))


def to_list(
    items: Sequence[CiSummary], columns: Sequence[str], sort: str, query: Mapping[str, str], *, catalogue: ClassCatalogue, viewpoint: Viewpoint
) -> CiListPage:
    """Rows in the order given; `query` is what a sorting link keeps."""
    labels = indexed_attributes(catalogue)
    texts = {name: viewpoint.say(COLUMNS[name][0]) if name in COLUMNS else viewpoint.pick(labels.get(name, {}), name) for name in [*COLUMNS, *labels]}
    return CiListPage(
        headings=[_heading(name, texts[name], sort, query) for name in columns],
        rows=[to_row(each, columns, catalogue, viewpoint) for each in items],
        choices=[ColumnChoice(name, texts[name], name in columns) for name in texts if name != "name"],
    )


def to_row(ci: CiSummary, columns: Sequence[str], catalogue: ClassCatalogue, viewpoint: Viewpoint) -> CiRow:
    """One CI with its chosen cells."""
    return CiRow(
        href=ci_path(ci.number),
        name=ci.name or f"#{ci.number}",
        number=ci.number,
        review_query=review_query(ci.number, ci.id),
        is_recorded=ci.is_recorded,
        is_provisional=ci.is_provisional,
        owner=None if ci.owner is None else (ci_path(ci.owner.number), ci.owner.name),
        cells=[to_cell(ci, name, catalogue, viewpoint) for name in columns if name != "name"],
    )


def to_cell(ci: CiSummary, column: str, catalogue: ClassCatalogue, viewpoint: Viewpoint) -> Cell:
    """One cell."""
    match column:
        case "class":
            return Cell(column, class_label(ci.ci_class, catalogue, viewpoint))
        case "operation":
            return Cell(column, state=to_state(ci.operation, viewpoint))
        case "presence":
            return Cell(column, word(PRESENCES, ci.presence, viewpoint), mark=ci.presence)
        case "lifecycle":
            return Cell(column, word(LIFECYCLES, ci.lifecycle, viewpoint))
        case "zone":
            return Cell(column, ci.zone)
        case "sources":
            return Cell(column, " · ".join(ci.source_kinds))
        case "differences":
            return Cell(column, f"{ci.open_differences:,}" if ci.open_differences else "")
        case "seen" | "changed":
            return Cell(column, at=maybe_moment(ci.seen_at if column == "seen" else ci.changed_at, viewpoint))
        case "number":
            return Cell(column, f"#{ci.number}")
        case _:
            value = ci.columns.get(column)
            return Cell(column, "" if value is None else to_value(value, viewpoint, attribute=find_attribute(ci.ci_class, column, catalogue)).text)


def _heading(name: str, text: str, sort: str, query: Mapping[str, str]) -> Heading:
    own = COLUMNS.get(name, ("", ""))[1]
    if not own:
        return Heading(name, text, "", "")
    is_sorted = sort.removeprefix("-") == own
    following = f"-{own}" if is_sorted and not sort.startswith("-") else own
    direction = ("descending" if sort.startswith("-") else "ascending") if is_sorted else ""
    return Heading(name, text, "?" + urlencode({**query, "sort": following}), direction)
