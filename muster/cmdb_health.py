"""The figures that a CMDB is held to, as API, pages and exporters show them. Exact definitions: docs/health.md.

Only values: where they are counted is `collector/store/read_health.py`. A share is always `count` of `of`, never a percentage; `of` 0 means
that there is nothing to measure, which is neither good nor bad.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

from msgspec import Struct

from muster.ports import CiRef

FigureName = Literal["completeness", "correctness", "freshness", "coverage", "duplicates", "orphans", "unreviewed", "pins", "findings"]
FIGURES: tuple[FigureName, ...] = (
    "completeness", "correctness", "freshness", "coverage", "duplicates", "orphans", "unreviewed", "pins", "findings",
)  # fmt: skip
# Figures that are a share of something, of which more is better; the others count what a person should look at.
SHARES: tuple[FigureName, ...] = ("completeness", "correctness", "freshness", "coverage")


class HealthScope(Struct, frozen=True, rename={"ci_class": "class"}):
    """Of which CIs: empty texts are no limit. `ci_class` takes its sub-classes in; `owner` the parts of what a person owns."""

    ci_class: str = ""
    zone: str = ""
    owner: str = ""


class HealthLine(Struct, frozen=True, rename={"ci_class": "class"}):
    """One line of a figure: of a class, of an attribute of a class, or of a kind. `of` None: the line is a plain count."""

    count: int
    of: int | None = None
    ci_class: str = ""
    attribute: str = ""
    kind: str = ""

    @property
    def ratio(self) -> float | None:
        """0 to 1; None where there is nothing to measure."""
        return None if not self.of else self.count / self.of


class HealthFigure(Struct, frozen=True):
    """One figure: numerator `count`, denominator `of` (None: a plain count), and its lines. `drill_down`: what the API lists for it."""

    name: FigureName
    count: int
    of: int | None
    lines: list[HealthLine]
    drill_down: str
    ratio: float | None = None


class Backlog(Struct, frozen=True):
    """Open differences of one class or configuration manager: how many, the oldest and the median age (of an even number the mean of two)."""

    key: str
    count: int
    oldest_at: int
    median_seconds: float


class MeasuredAgreement(Struct, frozen=True):
    """Of the newest verification that was signed off, and what is late; of the whole estate, whatever the scope. docs/verification.md.

    `ratio` and its interval are None while none is signed off.
    """

    number: int | None = None
    signed_at: int | None = None
    ratio: float | None = None
    lower: float | None = None
    upper: float | None = None
    overdue_verifications: int = 0
    open_findings: int = 0
    overdue_findings: int = 0


class CmdbHealth(Struct, frozen=True):
    """All figures of a scope. `ci_total`: CIs in scope; merged ones, retired and disposed ones are in none. `measured_at`: of which state."""

    measured_at: int
    scope: HealthScope
    ci_total: int
    figures: list[HealthFigure]
    unreviewed_by_class: list[Backlog]
    unreviewed_by_manager: list[Backlog]
    oldest_unreviewed_at: int | None
    median_unreviewed_seconds: float | None
    agreement: MeasuredAgreement

    def figure(self, name: str) -> HealthFigure:
        """One of them."""
        return next(each for each in self.figures if each.name == name)


class HealthItem(Struct, frozen=True):
    """One thing behind a figure. `ci` None: there is no CI, only an address. `kind` and `attribute` say what is wrong, `detail` with what."""

    subject: str
    kind: str
    ci: CiRef | None = None
    owner: CiRef | None = None
    attribute: str = ""
    detail: dict[str, Any] = {}


class HealthDay(Struct, frozen=True):
    """The figures as they were last measured on one day (UTC), without their lines. `day`: its first millisecond."""

    day: int
    ci_total: int
    counts: dict[str, tuple[int, int | None]]  # name → count, of
    median_unreviewed_seconds: float | None = None

    def ratio(self, name: str) -> float | None:
        count, of = self.counts.get(name, (0, None))
        return None if not of else count / of


def make_figure(name: FigureName, lines: Iterable[HealthLine], *, count: int | None = None, of: int | None = None) -> HealthFigure:
    """A figure from its lines; `count` and `of` where the lines overlap and do not add up."""
    shown = list(lines)
    if count is None:
        count = sum(each.count for each in shown)
    if of is None and name in SHARES:
        of = sum(each.of or 0 for each in shown)
    return HealthFigure(name, count, of, shown, f"/v1/health/cmdb/{name}", None if not of else count / of)
