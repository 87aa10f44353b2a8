"""A file of `changes.d`: its shape, from which the published JSON Schema is generated, and what it comes to. Format: docs/policies.md."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from collector.reconcile.change import ApprovedChange, Expectation
from muster.document import error_at, parse_document, parse_yaml, suggest
from muster.errors import DocumentError, InputError
from muster.instant import parse_instant
from muster.model.ci_class import ClassCatalogue
from muster.model.query import parse_query
from muster.model.state import DifferenceKind

ChangeId = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$", description="Letters, digits, '.', '_' and '-'.")]
Text = Annotated[str, Meta(min_length=1, max_length=500)]
Instant = Annotated[str, Meta(max_length=40, description="RFC 3339 with an offset, for example 2026-03-07T20:00:00+01:00.")] | int


class Window(Struct, frozen=True, forbid_unknown_fields=True, rename={"start": "from", "end": "to"}):
    """From when until when the change is carried out."""

    start: Instant
    end: Instant


class Approval(Struct, frozen=True, forbid_unknown_fields=True):
    """Who approved it, and when."""

    by: Text
    at: Instant


class AffectedService(Struct, frozen=True, forbid_unknown_fields=True):
    """A service that the change touches."""

    id: Text
    impact: Text = "none"


class ExpectedValue(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What will be observed: `ci` or `query` say of which CIs; `part`: of parts of this class in them. Without `attribute` any of them,
    without `to` any value.
    """

    ci: Text | int | None = None
    query: Text | None = None
    part: Text | None = None
    kind: DifferenceKind | None = None
    attribute: Text | None = None
    to: Any | UnsetType = UNSET


class ChangeDocument(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A change: without `approved` it is planned and accepts nothing."""

    id: ChangeId
    window: Window
    title: Text | None = None
    approved: Approval | None = None
    services: list[AffectedService] = []
    expects: Annotated[list[ExpectedValue], Meta(max_length=1_000)] = []


class CheckedChange(Struct, frozen=True, kw_only=True):
    """A document's content: `approved` None: not approved yet."""

    id: str
    title: str
    from_at: int
    to_at: int
    approved_by: str = ""
    approved_at: int | None = None
    services: tuple[AffectedService, ...] = ()
    expects: tuple[Expectation, ...] = ()

    def to_approved(self) -> ApprovedChange | None:
        """As differences are held against it; None while it is not approved."""
        if self.approved_at is None:
            return None
        return ApprovedChange(
            id=self.id, from_at=self.from_at, to_at=self.to_at, approved_by=self.approved_by, approved_at=self.approved_at, expects=self.expects
        )


def check_change(text: str, file: str, catalogue: ClassCatalogue) -> CheckedChange:
    """The change that a YAML text holds. Raises DocumentError with file, line and what to do."""
    document = parse_document(text, ChangeDocument, file=file)
    node, _ = parse_yaml(text, file=file)
    for path, fault in _find_faults(document, catalogue):
        raise error_at(node, path, fault, file=file)
    start, end = _instant(document.window.start), _instant(document.window.end)
    approved = document.approved
    return CheckedChange(
        id=document.id,
        title=document.title or "",
        from_at=start,
        to_at=end,
        approved_by=approved.by if approved is not None else "",
        approved_at=_instant(approved.at) if approved is not None else None,
        services=tuple(document.services),
        expects=tuple(_expectation(each) for each in document.expects),
    )


def check_changes(documents: Mapping[str, str], catalogue: ClassCatalogue) -> dict[str, CheckedChange]:
    """All changes of several files (file → text) by file. Raises DocumentError for the first fault, or an id that stands twice."""
    checked = {file: check_change(text, file, catalogue) for file, text in documents.items()}
    files: dict[str, str] = {}
    for file, each in checked.items():
        if each.id in files:
            node, _ = parse_yaml(documents[file], file=file)
            raise error_at(node, "$.id", f"change {each.id!r} is already in {files[each.id]}; ids are unique", file=file)
        files[each.id] = file
    return checked


def change_schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of a change's file, for editors."""
    schema = msgspec.json.schema(ChangeDocument)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": "urn:muster:schema:change", **schema}


def _find_faults(document: ChangeDocument, catalogue: ClassCatalogue) -> Iterator[tuple[str, str]]:
    """(path, what is wrong and what to do): what the shape alone cannot say."""
    places = {"$.window.from": document.window.start, "$.window.to": document.window.end}
    if document.approved is not None:
        places["$.approved.at"] = document.approved.at
    faults = [(path, fault) for path, value in places.items() if (fault := _fault_of(value)) is not None]
    if faults:
        yield from faults
        return
    if _instant(document.window.end) <= _instant(document.window.start):
        yield "$.window.to", "the window ends before it begins; give a later end"
    for index, each in enumerate(document.expects):
        yield from _faults_of_expectation(each, f"$.expects[{index}]", catalogue)


def _faults_of_expectation(each: ExpectedValue, path: str, catalogue: ClassCatalogue) -> Iterator[tuple[str, str]]:
    if (each.ci is None) == (each.query is None):
        yield path, "say of which CIs: ci or query, one of them"
    if each.query is not None:
        try:
            parse_query(each.query)
        except InputError as error:
            yield f"{path}.query", error.message
    if each.part is not None and each.part not in catalogue:
        yield f"{path}.part", f"unknown class {each.part!r}{suggest(each.part, catalogue.names())}"
    if each.to is not UNSET and each.attribute is None:
        yield f"{path}.to", "a value needs its attribute; name it"
    if each.attribute is None and each.kind is None:
        yield path, "say what will be seen: an attribute, or a kind such as new_ci"
    known = {name for ci_class in catalogue for name in ci_class.attributes}
    if each.attribute is not None and each.attribute not in known:
        yield f"{path}.attribute", f"no class has an attribute {each.attribute!r}{suggest(each.attribute, sorted(known))}"


def _fault_of(value: int | str) -> str | None:
    try:
        _instant(value)
    except InputError as error:
        return error.message
    return None


def _instant(value: int | str) -> int:
    return parse_instant(value, path="")


def _expectation(each: ExpectedValue) -> Expectation:
    return Expectation(
        ci="" if each.ci is None else str(each.ci),
        query=each.query or "",
        part=each.part or "",
        kind=each.kind,
        attribute=each.attribute or "",
        to=None if each.to is UNSET else each.to,
        has_to=each.to is not UNSET,
    )


__all__ = ["ChangeDocument", "CheckedChange", "DocumentError", "change_schema", "check_change", "check_changes"]
