"""A file of `policies.d`: its shape, from which the published JSON Schema is generated, and the policies that it comes to.

Design and examples: docs/policies.md.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import PurePath
from typing import Annotated, Any, get_args

import msgspec
from msgspec import Meta, Struct

from collector.reconcile.authorise import APPROVED_CHANGE, Action, Condition, Policy, PolicySet, Requirement
from muster.document import error_at, parse_document, parse_yaml, suggest
from muster.errors import ConfigurationError, DocumentError, InputError
from muster.instant import parse_instant
from muster.model.ci_class import ClassCatalogue
from muster.model.query import parse_duration, parse_query
from muster.model.state import DifferenceKind, SourceKind

RuleId = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$", description="Lower-case letters, digits, '.', '_' and '-'.")]
Text = Annotated[str, Meta(min_length=1, max_length=500)]
Texts = Text | Annotated[list[Text], Meta(min_length=1, max_length=200)]
Kinds = DifferenceKind | Annotated[list[DifferenceKind], Meta(min_length=1)]
Instant = Annotated[str, Meta(max_length=40, description="RFC 3339 with an offset.")] | int
Ratio = Annotated[float, Meta(ge=0, le=1)] | Annotated[str, Meta(pattern=r"^[0-9]{1,3}(\.[0-9]{1,3})?%$", description="For example 5%.")]
_BUILT_IN = (APPROVED_CHANGE, "initial_discovery")
_SOURCE_KINDS: tuple[str, ...] = get_args(SourceKind)


class When(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, rename={"ci_class": "class", "start": "from", "end": "until"}):
    """Every condition given must hold; one with several values holds for any of them."""

    kind: Kinds | None = None
    ci_class: Texts | None = None
    zone: Texts | None = None
    attribute: Texts | None = None
    source: Texts | None = None
    query: Annotated[str, Meta(max_length=4_096)] | None = None
    change_at_most: Ratio | None = None
    start: Instant | None = None
    end: Instant | None = None


class PolicyEntry(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, rename={"lasts": "for"}):
    """What is decided by itself. `for` or `until`: of an ignore."""

    id: RuleId
    action: Action
    when: When = When()
    reason: Text | None = None
    lasts: Annotated[str, Meta(pattern=r"^[1-9][0-9]{0,5}[smhdwy]$", description="For example 30d.")] | None = None
    until: Instant | None = None


class RequirementEntry(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What a person's decision needs."""

    id: RuleId
    when: When = When()
    reason: bool = False
    second_person: bool = False


class PolicyDocument(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One file. `policies` are asked in this order, files in the order of their names."""

    policies: Annotated[list[PolicyEntry], Meta(max_length=1_000)] = []
    requirements: Annotated[list[RequirementEntry], Meta(max_length=1_000)] = []


def check_policies(documents: Mapping[str, str], catalogue: ClassCatalogue) -> PolicySet:
    """The policies of all files (file → text) together. Raises DocumentError with file, line and what to do for the first fault."""
    policies: list[Policy] = []
    requirements: list[Requirement] = []
    places: dict[str, str] = {}
    for file in sorted(documents, key=lambda each: (PurePath(each).name, each)):
        document = parse_document(documents[file], PolicyDocument, file=file)
        node, _ = parse_yaml(documents[file], file=file)
        for path, fault in _find_faults(document, catalogue, places, file):
            raise error_at(node, path, fault, file=file)
        policies += [_policy(each) for each in document.policies]
        requirements += [_requirement(each) for each in document.requirements]
    try:
        return PolicySet(policies, requirements)
    except ConfigurationError as error:
        raise DocumentError(str(error), file=min(documents, default="policies"), line=1) from None


def to_policies(values: Any, *, file: str, catalogue: ClassCatalogue) -> PolicySet:
    """Policies of a list that stands in another document, such as a case file. Raises DocumentError."""
    value = values if isinstance(values, dict) else {"policies": values}
    return check_policies({file: msgspec.json.encode(value).decode()}, catalogue)


def policy_schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of a file of policies, for editors."""
    schema = msgspec.json.schema(PolicyDocument)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": "urn:muster:schema:policies", **schema}


def _find_faults(document: PolicyDocument, catalogue: ClassCatalogue, places: dict[str, str], file: str) -> Iterator[tuple[str, str]]:
    """(path, what is wrong and what to do): what the shape alone cannot say. `places`: ids of files before."""
    named: list[tuple[str, PolicyEntry | RequirementEntry]] = []
    named += [(f"$.policies[{index}]", each) for index, each in enumerate(document.policies)]
    named += [(f"$.requirements[{index}]", each) for index, each in enumerate(document.requirements)]
    if not named:
        yield "$", "no policy and no requirement; write policies: […]"
    for path, each in named:
        if each.id in places:
            yield f"{path}.id", f"{each.id!r} is already in {places[each.id]}; give each its own id"
        if each.id in _BUILT_IN:
            yield f"{path}.id", f"{each.id!r} is built in; name yours otherwise"
        places[each.id] = file
        yield from _faults_of_condition(each.when, f"{path}.when", catalogue)
        if isinstance(each, PolicyEntry):
            yield from _faults_of_policy(each, path)
        elif not each.reason and not each.second_person:
            yield path, "it requires nothing; set reason or second_person to true"


def _faults_of_policy(each: PolicyEntry, path: str) -> Iterator[tuple[str, str]]:
    if each.action == "ignore":
        if each.lasts is None and each.until is None:
            yield path, "ignore needs for (30d) or until; nothing is ignored for ever by a rule"
        if each.reason is None:
            yield path, "ignore needs a reason; say why nobody has to look"
    elif each.lasts is not None or each.until is not None:
        yield f"{path}.{'for' if each.lasts is not None else 'until'}", f"only ignore ends; {each.action} has no end"
    if each.action == "initial_discovery" and each.when.end is None:
        yield f"{path}.when", "initial_discovery needs until; a scope is discovered once"
    if each.until is not None and (fault := _fault_of(each.until)) is not None:
        yield f"{path}.until", fault


def _faults_of_condition(when: When, path: str, catalogue: ClassCatalogue) -> Iterator[tuple[str, str]]:
    known = {name for ci_class in catalogue for name in ci_class.attributes}
    for name in _texts(when.ci_class):
        if name not in catalogue:
            yield f"{path}.class", f"unknown class {name!r}{suggest(name, catalogue.names())}"
    for name in _texts(when.attribute):
        if name not in known:
            yield f"{path}.attribute", f"no class has an attribute {name!r}{suggest(name, sorted(known))}"
    for name in _texts(when.source):
        kind = name.split("/")[0]
        if kind not in _SOURCE_KINDS:
            yield f"{path}.source", f"unknown kind of source {kind!r}{suggest(kind, list(_SOURCE_KINDS))}"
    if when.query is not None:
        try:
            parse_query(when.query)
        except InputError as error:
            yield f"{path}.query", error.message
    yield from _faults_of_window(when, path)


def _faults_of_window(when: When, path: str) -> Iterator[tuple[str, str]]:
    for name, value in (("from", when.start), ("until", when.end)):
        if value is not None and (fault := _fault_of(value)) is not None:
            yield f"{path}.{name}", fault


def _fault_of(value: int | str) -> str | None:
    try:
        parse_instant(value, path="")
    except InputError as error:
        return error.message
    return None


def _texts(value: str | list[Any] | None) -> tuple[Any, ...]:
    return () if value is None else (value,) if isinstance(value, str) else tuple(value)


def _condition(when: When) -> Condition:
    ratio = when.change_at_most
    return Condition(
        kinds=_texts(when.kind),
        classes=_texts(when.ci_class),
        zones=_texts(when.zone),
        attributes=_texts(when.attribute),
        sources=_texts(when.source),
        maximum_change_ratio=min(1.0, float(ratio[:-1]) / 100) if isinstance(ratio, str) else ratio,
        query=when.query or "",
        from_at=None if when.start is None else parse_instant(when.start, path=""),
        until_at=None if when.end is None else parse_instant(when.end, path=""),
    )


def _policy(entry: PolicyEntry) -> Policy:
    return Policy(
        id=entry.id,
        action=entry.action,
        when=_condition(entry.when),
        reason=entry.reason or "",
        ignore_for_seconds=None if entry.lasts is None else parse_duration(entry.lasts),
        ignore_until_at=None if entry.until is None else parse_instant(entry.until, path=""),
    )


def _requirement(entry: RequirementEntry) -> Requirement:
    return Requirement(id=entry.id, when=_condition(entry.when), reason=entry.reason, second_person=entry.second_person)
