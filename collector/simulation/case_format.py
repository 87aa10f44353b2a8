"""The format of a case file as structs: what a person writes. JSON Schema comes from it. Design: docs/cases.md."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from muster.model.state import CaseKind, DifferenceKind, Lifecycle
from muster.wire.report import Identifiers, Report

MAXIMUM_STEPS = 20_000
Instant = int | Annotated[str, Meta(max_length=40)]
Word = Annotated[str, Meta(min_length=1, max_length=512)]
Text = Annotated[str, Meta(max_length=4096)]
DifferenceDecision = Literal["accept", "reject", "ignore", "link", "undo"]
CaseDecision = Literal["same", "different", "merge", "replace", "revive", "release", "confirm", "dismiss", "undo"]


class CiName(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, rename={"ci_class": "class"}):
    """A CI by the ref of one of its items; `source` (`kind/name/instance`) where several sources use the ref for different CIs.

    One that no source has seen: by what is on record of it. All that is given must hold, and for one CI alone.
    """

    ref: Word | None = None
    source: Word | None = None
    ci_class: Word | None = None
    name: Word | None = None
    identifiers: Identifiers = {}


Name = Word | CiName


class DifferenceName(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A difference by its subject; without `kind` and `attribute`: the one of the CI itself (new, absent, another class)."""

    ci: Name
    attribute: str | None = None
    kind: DifferenceKind | None = None


class CaseName(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """An open case by kind and some, or all, of the CIs that it is about."""

    kind: CaseKind
    members: list[Name] = []


class Decide(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """A decision on a difference, on a case, or, with `undo`, on what a step decided."""

    decision: Literal[DifferenceDecision, CaseDecision]
    difference: DifferenceName | None = None
    case: CaseKind | CaseName | None = None
    step: int | None = None
    by: Word = "case"
    reason: Text = ""
    until: Instant | None = None
    observed: Any | UnsetType = UNSET
    to: Name | None = None
    change: Word | None = None
    keep: Name | None = None


class Merge(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """`keep`: the CI that stays; `gone` becomes a name of it."""

    keep: Name
    gone: Name


class Unmerge(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What to take back: the merge of a step, or that which took this CI's records in."""

    ref: Word | None = None
    source: Word | None = None
    step: int | None = None


class Record(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, rename={"ci_class": "class"}):
    """A CI on record that no source has seen (`class`, named `ref` in later steps), or more on the record of `ci`."""

    ci_class: Word | None = None
    ci: Name | None = None
    ref: Word | None = None
    identifiers: Identifiers = {}
    attributes: dict[str, Any] = {}
    tags: dict[str, str | None] = {}
    zone: Word = "default"
    lifecycle: Lifecycle | None = None


class Pin(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A value held against every source; without `expires`: until it is taken off."""

    ci: Name
    attribute: Word
    value: Any
    reason: Text = ""
    owner: Text = ""
    expires: Instant | None = None


class Unpin(Struct, frozen=True, forbid_unknown_fields=True):
    """A pin taken off."""

    ci: Name
    attribute: Word


class LifecycleChange(Struct, frozen=True, forbid_unknown_fields=True):
    """Another life-cycle state, on record."""

    ci: Name
    to: Lifecycle


class Adopt(Struct, frozen=True, forbid_unknown_fields=True):
    """The records of `ci` belong to `to`."""

    ci: Name
    to: Name


class Operation(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """What a person does beside deciding; exactly one of them, with who and why."""

    merge: Merge | Annotated[list[Name], Meta(min_length=2, max_length=50)] | None = None
    unmerge: Word | Unmerge | Annotated[list[Name], Meta(min_length=1, max_length=50)] | None = None
    record: Record | None = None
    pin: Pin | None = None
    unpin: Unpin | None = None
    lifecycle: LifecycleChange | None = None
    retire: Name | None = None
    delete: Name | None = None
    adopt: Adopt | Annotated[list[Name], Meta(min_length=2, max_length=2)] | None = None
    change: dict[str, Any] | None = None
    advance: Word | None = None
    by: Word = "case"
    reason: Text = ""


OPERATIONS = tuple(name for name in Operation.__struct_fields__ if name not in ("by", "reason"))


class ExpectThen(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """What must have been true at an instant, by what was known at `known` (left out: by what is known when it is compared)."""

    at: Instant
    known: Instant | None = None
    cis: list[dict[str, Any]] | None = None
    differences: list[dict[str, Any]] | None = None
    relations: list[dict[str, Any]] | None = None
    none: dict[str, list[dict[str, Any]]] = {}
    count: dict[str, int] = {}


class Expect(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """What must be true: partial items that each match one of their own; `none`: that nothing matches; `count`: numbers; `as_of`: what
    must have been true at other instants.
    """

    cis: list[dict[str, Any]] | None = None
    differences: list[dict[str, Any]] | None = None
    cases: list[dict[str, Any]] | None = None
    relations: list[dict[str, Any]] | None = None
    rejected: list[dict[str, Any]] | None = None
    refused: list[dict[str, Any]] | None = None
    redirects: list[dict[str, Any]] | None = None
    none: dict[str, list[dict[str, Any]]] = {}
    count: dict[str, int] = {}
    as_of: list[ExpectThen] = []


class Step(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """One thing that happens, or `at` alone: time passes."""

    at: Instant | None = None
    report: dict[str, Any] | None = None
    decide: Decide | None = None
    operation: Operation | None = None
    redeliver: int | None = None
    expect: Expect | None = None
    name: Text = ""


ACTIONS = ("report", "decide", "operation", "redeliver")


class CaseFile(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """A whole case."""

    steps: list[Step]
    name: Text = ""
    description: Annotated[str, Meta(max_length=65_536)] = ""
    settings: dict[str, Any] = {}
    classes: list[dict[str, Any]] | dict[str, dict[str, Any]] = []
    policies: list[dict[str, Any]] = []
    changes: list[dict[str, Any]] = []
    expect: Expect | None = None
    orders: Literal["all"] | None = None


def to_json_schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of a case file; a report in it as the wire's, `sequence` and `observed_at` left to the runner."""
    (case, report), components = msgspec.json.schema_components([CaseFile, Report], ref_template="#/$defs/{name}")
    told = components["Report"]
    told["required"] = [name for name in told.get("required", []) if name not in ("sequence", "observed_at")]
    told["properties"]["mode"] = {"enum": ["full", "partial"]}
    components["Step"]["properties"]["report"] = {"anyOf": [{"type": "null"}, report], "default": None}
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "Case", **case, "$defs": components}
