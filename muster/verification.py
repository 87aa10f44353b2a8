"""Verification runs and findings as API, pages, commands and evidence show them. Rules: docs/verification.md. Only values.

Instants are integer milliseconds UTC; ratios are 0 to 1.
"""

from __future__ import annotations

from typing import Any, Literal

from msgspec import Struct

from muster.ports import CiRef

Method = Literal["automatic", "manual"]
VerificationState = Literal["planned", "running", "measured", "signed", "cancelled"]
Answer = Literal["open", "equal", "differs", "not_found"]
FindingState = Literal["open", "closed"]


class StratumResult(Struct, frozen=True, rename={"ci_class": "class"}):
    """One class of a sample."""

    ci_class: str
    population: int
    examined: int
    equal: int


class Agreement(Struct, frozen=True):
    """What was measured. A CI agrees when it was found and each value compared is equal to what is recorded.

    `ratio`: `equal` of `examined` (None where nothing was); `lower`, `upper`: its 95 % Wilson score interval, the ratio itself where the
    whole population was examined. `values_equal` of `values_compared` counts single values, for which no interval holds: those of one
    CI hang together.
    """

    population: int
    examined: int
    equal: int
    differs: int
    not_found: int
    values_compared: int
    values_equal: int
    ratio: float | None
    lower: float | None
    upper: float | None
    confidence: float
    strata: list[StratumResult]


class CheckedValue(Struct, frozen=True, array_like=True):
    """One attribute of one CI: what is recorded, what was found, and whether that is equal."""

    attribute: str
    recorded: Any
    observed: Any
    answer: Answer


class VerificationItem(Struct, frozen=True):
    """One CI of the sample. `name`: as it was when the sample was drawn."""

    position: int
    ci: CiRef
    answer: Answer
    values: list[CheckedValue]
    answered_at: int | None
    answered_by: str | None
    note: str


class Verification(Struct, frozen=True):
    """A run, planned or done. `sample_size` None: all in scope. `is_overdue`: planned for an instant that has passed and not signed off;
    `is_due_soon`: within fourteen days. `is_intact`: signed, and what was signed still has the digest; None: not signed.
    """

    id: str
    number: int
    title: str
    query: str
    method: Method
    sample_size: int | None
    seed: str
    is_stratified: bool
    responsible: str
    planned_at: int
    every_months: int | None
    due_days: int
    state: VerificationState
    planned_by: str
    created_at: int
    started_at: int | None
    started_by: str | None
    measured_at: int | None
    measured_by: list[str]
    signed_at: int | None
    signed_by: str | None
    note: str
    population: int | None
    sampled: int
    answered: int
    result: Agreement | None
    open_findings: int
    overdue_findings: int
    is_overdue: bool
    is_due_soon: bool
    digest: str | None
    version: int
    is_intact: bool | None = None


class Finding(Struct, frozen=True):
    """A disagreement until it is corrected. `attribute` empty: the CI was not found. `action`: what was or will be done."""

    id: str
    number: int
    verification: int
    ci: CiRef
    attribute: str
    recorded: Any
    observed: Any
    owner: str
    due_at: int
    action: str
    state: FindingState
    is_overdue: bool
    created_at: int
    closed_at: int | None
    closed_by: str | None
    version: int


class VerificationRecord(Struct, frozen=True):
    """A run whole, as evidence: with what it was drawn from (`population`: class → numbers of CIs), its CIs and its findings."""

    verification: Verification
    population: dict[str, list[int]]
    items: list[VerificationItem]
    findings: list[Finding]
