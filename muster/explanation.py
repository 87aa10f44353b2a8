"""Why a CI, a difference or a case is as it is: the read models that API, command line and pages share.

Instants are integer milliseconds UTC. Beside `muster/ports.py`, whose structs they hold.
"""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from muster.ports import CaseView, CiRef, DecisionView, DifferenceView, Fact, IdentifierView, LinkView, SourceRef


class ReportRef(Struct, frozen=True):
    """A report of the journal."""

    id: int
    sequence: int
    observed_at: int
    received_at: int


class ChainStep(Struct, frozen=True):
    """One step from report to decision. `at`: when it became known; `report` None: of another cause, or its retention has ended.

    `kind`: observed, recorded, relation, presence, lifecycle, identity, link, difference or case.
    """

    at: int
    valid_from: int
    kind: str
    attribute: str
    old: Any
    new: Any
    text: str
    cause_kind: str
    cause_id: str
    source: SourceRef | None = None
    report: ReportRef | None = None
    decision: DecisionView | None = None
    ci: CiRef | None = None


class CiExplanation(Struct, frozen=True):
    """Why records belong to a CI and why each value is in force; the chain is oldest first. `left_out`: whether older steps are not shown."""

    ci: CiRef
    control_level: str
    links: list[LinkView]
    identifiers: list[IdentifierView]
    facts: list[Fact]
    chain: list[ChainStep]
    left_out: int


class DifferenceExplanation(Struct, frozen=True):
    """Why there is a difference. `fact`: the attribute with all that sources say of it; `links`: of the source that says so."""

    difference: DifferenceView
    fact: Fact | None
    links: list[LinkView]
    chain: list[ChainStep]
    left_out: int


class CaseExplanation(Struct, frozen=True):
    """Why there is a case. `members`: how each came to be, without its values."""

    case: CaseView
    members: list[CiExplanation]
    decision: DecisionView | None
    closed_at: int | None
    chain: list[ChainStep]
    left_out: int
