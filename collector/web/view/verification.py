"""Verification runs and findings as their pages show them."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from msgspec import Struct

from collector.web.view.figure import say_percent
from collector.web.view.label import CiLink, attribute_label, class_label, find_attribute, to_link
from collector.web.view.moment import Moment, maybe_moment, to_moment
from collector.web.view.value import Value, to_value
from collector.web.view.viewpoint import Viewpoint
from collector.web.view.wording import N_, word
from muster.model.ci_class import ClassCatalogue
from muster.verification import Agreement, Finding, Verification, VerificationItem

RUN_STATES = {
    "planned": N_("planned"),
    "running": N_("being checked"),
    "measured": N_("to be signed"),
    "signed": N_("signed off"),
    "cancelled": N_("cancelled"),
}
METHODS = {"automatic": N_("automatic"), "manual": N_("by people")}
ANSWERS = {"open": N_("to be checked"), "equal": N_("equal"), "differs": N_("differs"), "not_found": N_("not found")}
FINDING_STATES = {"open": N_("open"), "closed": N_("closed")}
_MARKS = {"equal": ("up", "●"), "differs": ("degraded", "▲"), "not_found": ("down", "■"), "open": ("unknown", "◌")}
_STATE_MARKS = {
    "planned": ("planned", "◇"),
    "running": ("unknown", "◌"),
    "measured": ("degraded", "▲"),
    "signed": ("up", "●"),
    "cancelled": ("unknown", "◌"),
}


class Mark(Struct, frozen=True):
    """A word with its shape and, in the style sheet, its colour."""

    key: str
    shape: str
    text: str


class ResultView(Struct, frozen=True):
    """An agreement in words and as a bar with its interval (0 to 1)."""

    text: str
    of: str
    interval: str
    ratio: float | None
    lower: float
    upper: float
    counts: list[tuple[Mark, int]]
    values: str
    strata: list[tuple[str, int, int, str, float]]


class RunRow(Struct, frozen=True):
    """One run."""

    number: int
    href: str
    title: str
    state: Mark
    state_key: str
    due: Mark | None
    planned: Moment
    responsible: str
    method: str
    is_manual: bool
    query: str
    sample: str
    progress: str
    every: str
    result: ResultView | None
    open_findings: int
    overdue_findings: int
    planned_by: str
    started: Moment | None
    started_by: str
    measured: Moment | None
    measured_by: str
    signed: Moment | None
    signed_by: str
    note: str
    seed: str
    digest: str
    is_intact: bool | None


class ValueRow(Struct, frozen=True):
    """One value of a CI that was or is to be checked."""

    attribute: str
    label: str
    recorded: Value
    observed: Value
    answer: str
    mark: Mark


class ItemRow(Struct, frozen=True):
    """One CI of a sample."""

    number: int
    link: CiLink
    answer: str
    mark: Mark
    values: list[ValueRow]
    answered: Moment | None
    answered_by: str
    note: str


class FindingRow(Struct, frozen=True):
    """One finding."""

    number: int
    run: int
    link: CiLink
    what: str
    recorded: Value
    observed: Value
    owner: str
    due: Moment
    due_date: str
    is_overdue: bool
    is_open: bool
    action: str
    closed: Moment | None
    closed_by: str
    version: int


def to_run(run: Verification, catalogue: ClassCatalogue, viewpoint: Viewpoint) -> RunRow:
    """One run with its result."""
    key, shape = _STATE_MARKS[run.state]
    count = viewpoint.count
    return RunRow(
        number=run.number,
        href=f"/verifications/{run.number}",
        title=run.title,
        state=Mark(key, shape, word(RUN_STATES, run.state, viewpoint)),
        state_key=run.state,
        due=_due(run, viewpoint),
        planned=to_moment(run.planned_at, viewpoint),
        responsible=run.responsible,
        method=word(METHODS, run.method, viewpoint),
        is_manual=run.method == "manual",
        query=run.query,
        sample=_say_sample(run, viewpoint),
        progress="" if run.started_at is None else viewpoint.say("%(count)s of %(of)s", count=f"{run.answered:,}", of=f"{run.sampled:,}"),
        every="" if run.every_months is None else count("every %(number)s month", "every %(number)s months", run.every_months),
        result=None if run.result is None else to_result(run.result, catalogue, viewpoint),
        open_findings=run.open_findings,
        overdue_findings=run.overdue_findings,
        planned_by=say_actor(run.planned_by),
        started=maybe_moment(run.started_at, viewpoint),
        started_by=say_actor(run.started_by),
        measured=maybe_moment(run.measured_at, viewpoint),
        measured_by=", ".join(map(say_actor, run.measured_by)),
        signed=maybe_moment(run.signed_at, viewpoint),
        signed_by=say_actor(run.signed_by),
        note=run.note,
        seed=run.seed,
        digest=run.digest or "",
        is_intact=run.is_intact,
    )


def to_result(result: Agreement, catalogue: ClassCatalogue, viewpoint: Viewpoint) -> ResultView:
    """The agreement; percentages are cut, never rounded."""
    say = viewpoint.say
    ratio = Fraction(result.equal, result.examined) if result.examined else None
    lower, upper = result.lower or 0.0, result.upper or 0.0
    interval = say("the whole population was examined")
    if result.examined < result.population:
        bounds = {"lower": say_percent(Fraction(lower), 1), "upper": say_percent(Fraction(upper), 1)}
        interval = say("95 %% interval %(lower)s to %(upper)s", **bounds)
    scope = {"equal": f"{result.equal:,}", "examined": f"{result.examined:,}", "population": f"{result.population:,}"}
    numbers = {"equal": result.equal, "differs": result.differs, "not_found": result.not_found}
    return ResultView(
        text=say_percent(ratio, 2),
        of=say("%(equal)s of %(examined)s CIs agree, %(population)s in scope", **scope),
        interval=interval,
        ratio=result.ratio,
        lower=lower,
        upper=upper,
        counts=[(to_answer(answer, viewpoint), number) for answer, number in numbers.items()],
        values=say("%(equal)s of %(compared)s single values are equal", equal=f"{result.values_equal:,}", compared=f"{result.values_compared:,}"),
        strata=[
            (class_label(each.ci_class, catalogue, viewpoint), each.population, each.examined,
             say_percent(Fraction(each.equal, each.examined), 2) if each.examined else "—", each.equal / each.examined if each.examined else 0.0)
            for each in result.strata
        ],
    )  # fmt: skip


def to_answer(answer: str, viewpoint: Viewpoint) -> Mark:
    """An answer as word and shape."""
    key, shape = _MARKS[answer]
    return Mark(key, shape, word(ANSWERS, answer, viewpoint))


def to_item(item: VerificationItem, catalogue: ClassCatalogue, viewpoint: Viewpoint) -> ItemRow:
    """One CI with its values."""
    name = item.ci.ci_class
    values = []
    for each in item.values:
        attribute = find_attribute(name, each.attribute, catalogue)
        sides = [to_value(side, viewpoint, attribute=attribute) for side in (each.recorded, each.observed)]
        label = attribute_label(name, each.attribute, catalogue, viewpoint)
        values.append(ValueRow(each.attribute, label, sides[0], sides[1], each.answer, to_answer(each.answer, viewpoint)))
    return ItemRow(
        number=item.ci.number,
        link=to_link(item.ci, catalogue, viewpoint),
        answer=item.answer,
        mark=to_answer(item.answer, viewpoint),
        values=values,
        answered=maybe_moment(item.answered_at, viewpoint),
        answered_by=say_actor(item.answered_by),
        note=item.note,
    )


def to_finding(finding: Finding, catalogue: ClassCatalogue, viewpoint: Viewpoint) -> FindingRow:
    """One finding."""
    attribute = find_attribute(finding.ci.ci_class, finding.attribute, catalogue)
    what = attribute_label(finding.ci.ci_class, finding.attribute, catalogue, viewpoint) if finding.attribute else viewpoint.say("not found")
    return FindingRow(
        number=finding.number,
        run=finding.verification,
        link=to_link(finding.ci, catalogue, viewpoint),
        what=what,
        recorded=to_value(finding.recorded, viewpoint, attribute=attribute),
        observed=to_value(finding.observed, viewpoint, attribute=attribute),
        owner=finding.owner,
        due=to_moment(finding.due_at, viewpoint),
        due_date=viewpoint.local(finding.due_at).strftime("%Y-%m-%d"),
        is_overdue=finding.is_overdue,
        is_open=finding.state == "open",
        action=finding.action,
        closed=maybe_moment(finding.closed_at, viewpoint),
        closed_by=say_actor(finding.closed_by),
        version=finding.version,
    )


def to_runs(runs: Sequence[Verification], catalogue: ClassCatalogue, viewpoint: Viewpoint) -> list[RunRow]:
    return [to_run(each, catalogue, viewpoint) for each in runs]


def say_actor(actor: str | None) -> str:
    """`person:kim` as people say it; a token keeps its kind."""
    return (actor or "").removeprefix("person:")


def _due(run: Verification, viewpoint: Viewpoint) -> Mark | None:
    if run.is_overdue:
        return Mark("down", "■", viewpoint.say("overdue"))
    return Mark("degraded", "▲", viewpoint.say("due soon")) if run.is_due_soon else None


def _say_sample(run: Verification, viewpoint: Viewpoint) -> str:
    if run.sample_size is None:
        return viewpoint.say("all in scope")
    said = viewpoint.count("%(number)s CI drawn", "%(number)s CIs drawn", run.sample_size)
    return viewpoint.say("%(sample)s, by class", sample=said) if run.is_stratified else said
