"""What a merge would make, what speaks for and against one, and what waits for a word after it was taken back: read models.

The API answers with these structs, the pages and the command line show them. Instants are integer milliseconds UTC.
"""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from muster.model.state import CaseKind, CaseState
from muster.ports import CiRef, LocalisedText


class Refused(Struct, frozen=True):
    """Why it may not be; `code` is the problem's short name."""

    code: str
    message: str


class Stated(Struct, frozen=True):
    """What one CI has on record of something; `has_value` false: nothing."""

    ci_id: str
    value: Any
    has_value: bool = True


class MergedValue(Struct, frozen=True):
    """One recorded attribute, `tag.NAME` or `pin.ATTRIBUTE`: what each CI has, the survivor first, and what would hold."""

    attribute: str
    label: LocalisedText
    stated: list[Stated]
    result: Any
    is_conflict: bool
    chosen: str | None = None


class Evidence(Struct, frozen=True):
    """One kind of identifier over several CIs: `agrees`: they share a value; `differs`: they have values and share none."""

    kind: str
    word: str  # agrees | differs | alone
    values: list[tuple[str, list[str]]]  # (CI's id, its values)


class MergeSide(Struct, frozen=True):
    """One CI that would be merged, counted as far as the decision concerns it."""

    ci: CiRef
    lifecycle: str
    presence: str
    is_recorded: bool
    is_provisional: bool
    created_at: int
    seen_at: int | None
    records: list[str]  # kind/name/instance ref
    relations: int
    parts: int
    pins: int
    open_differences: int
    incidents: int
    services: list[str]
    series: int
    state_changes: int


class MergePreview(Struct, frozen=True):
    """What would come of a merge; nothing is written. `proposal`: which should stay; `survivor`: which would, as asked."""

    survivor: CiRef
    proposal: CiRef
    sides: list[MergeSide]
    refusals: list[Refused]
    values: list[MergedValue]
    evidence: list[Evidence]
    parts_joined: int
    parts_moved: int


class CaseDetail(Struct, frozen=True):
    """A case with what speaks for and against it. `members`: as they are now. `preview`: of a merge of them, where there are several."""

    id: str
    kind: CaseKind
    state: CaseState
    members: list[CiRef]
    evidence: dict[str, Any]
    opened_at: int
    closed_at: int | None
    decision_id: str | None
    actions: list[str]
    identifiers: list[Evidence]
    preview: MergePreview | None = None


class MergeView(Struct, frozen=True):
    """One merge that a CI took part in; `undone_by` None: in force."""

    decision_id: str
    loser: CiRef
    survivor: CiRef
    at: int
    made_by: str
    reason: str
    undone_by: str | None


class MadeLater(Struct, frozen=True):
    """Something made between a merge and the un-merge. `ci`: whose it is; `is_assigned`: a person has said so."""

    id: int
    decision_id: str
    kind: str  # record | recorded | pin | relation | incident
    summary: dict[str, Any]
    made_at: int
    ci: CiRef
    other: CiRef
    is_assigned: bool


class Tombstone(Struct, frozen=True):
    """What is left of a CI that was deleted."""

    id: str
    number: int
    ci_class: str
    name: str
    created_at: int
    deleted_at: int
    decision_id: str


class NearMiss(Struct, frozen=True):
    """Another CI that only weak evidence points at: `rule`, and the identifiers that agree. A person may adopt it."""

    ci: CiRef
    rule: str
    identifiers: list[str]
    is_recorded: bool


class MergeHistory(Struct, frozen=True):
    """Of one CI: its merges, newest first, what was made between a merge and its un-merge, and what it was before it was deleted."""

    merges: list[MergeView]
    made_later: list[MadeLater]
    tombstones: list[Tombstone]
    near_misses: list[NearMiss] = []


class ResultingCi(Struct, frozen=True):
    """A CI as it would be after a decision. `merged_into`: where it would lead, None: itself."""

    ci: CiRef
    records: list[str]
    effective: dict[str, Any]
    recorded: dict[str, Any]
    parts: int
    merged_into: int | None = None


class Outcome(Struct, frozen=True):
    """What a decision would make of hosts and devices, tried and taken back: nothing is written."""

    kind: str
    cis: list[ResultingCi]
