"""Read models of review beside differences: policies and approved changes in force, decisions that wait, and how much waits for whom.

The API answers with these structs and the pages show them. Instants are integer milliseconds UTC.
"""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from muster.ports import CiRef


class PolicyView(Struct, frozen=True, kw_only=True):
    """One policy or requirement in force. `when`: its condition as written; `decided`: its decisions of the last 30 days."""

    id: str
    kind: str  # policy | requirement
    action: str  # of a policy; of a requirement: reason, second_person, or both
    when: dict[str, Any]
    reason: str
    file: str  # empty: built in
    applied_by: str
    decided: int = 0


class PolicyList(Struct, frozen=True, kw_only=True):
    """All in force in the order in which they are asked. `version` 0: no file was ever applied."""

    version: int
    applied_at: int | None
    items: list[PolicyView]


class PolicyCount(Struct, frozen=True, kw_only=True):
    """What one policy would have decided. `rule` empty: no policy, a person. `as_decided`: of those, how many were decided so."""

    rule: str
    action: str  # accept | ignore | review
    count: int
    ci_count: int
    as_decided: int
    examples: list[CiRef]


class PolicyTest(Struct, frozen=True, kw_only=True):
    """What policies would have decided of the differences that opened since an instant. `is_cut`: only the newest were looked at."""

    since: int
    total: int
    is_cut: bool
    items: list[PolicyCount]


class ChangeView(Struct, frozen=True, kw_only=True):
    """A change. `evidence`: for each expectation what was observed of it, once its window has ended."""

    id: str
    title: str
    state: str  # planned | approved | verified | partly_verified | not_verified
    from_at: int
    to_at: int
    approved_by: str
    approved_at: int | None
    services: list[dict[str, Any]]
    expects: list[dict[str, Any]]
    evidence: list[dict[str, Any]]
    accepted: int  # differences accepted on its ground
    open: int  # differences linked to it that wait
    applied_by: str
    applied_at: int
    version: int


class WaitingView(Struct, frozen=True, kw_only=True):
    """A decision of one person that a second one must confirm."""

    id: str
    kind: str
    made_by: str
    reason: str
    at: int
    state: str  # waiting | confirmed | withdrawn
    requirement: str
    difference_ids: list[str]
    decided_by: str | None
    decided_at: int | None


class BacklogRow(Struct, frozen=True, kw_only=True):
    """What waits for one configuration manager: the recorded owner of the CIs; empty: they have none."""

    owner: str
    open: int
    unauthorised: int
    oldest_at: int
    median_age_ms: int
    high_risk: int


class ReviewCounts(Struct, frozen=True, kw_only=True):
    """How much waits."""

    open: int
    unauthorised: int
    oldest_at: int | None
    waiting: int  # for a second person


class RelationTypeView(Struct, frozen=True, kw_only=True):
    """A type of relation as the catalogue has it."""

    name: str
    label: dict[str, str]
    inverse: dict[str, str]
    from_classes: list[str]
    to_classes: list[str]
    is_directed: bool
    has_one_parent: bool
    is_acyclic: bool
    mode: str
    propagates: bool
