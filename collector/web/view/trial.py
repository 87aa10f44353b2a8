"""A tried report in words: what would link and why, what would be new, change, differ or become a case."""

from __future__ import annotations

from msgspec import Struct

from collector.store.trial import Trial, TriedValue
from collector.web.view.explanation import shorten_sources, translate_sentence
from collector.web.view.label import CiLink, attribute_label, class_label, find_attribute, to_link
from collector.web.view.value import Value, to_value
from collector.web.view.viewpoint import Viewpoint
from collector.web.view.wording import CASE_KINDS, DIFFERENCE_KINDS, DIFFERENCE_STATES, PRESENCES, word
from muster.model.ci_class import ClassCatalogue
from muster.ports import CiRef

ROWS_SHOWN = 200


class LinkRow(Struct, frozen=True):
    """A record and where it would belong. `ci` None: to a new CI, named in `made`, or to none yet."""

    ref: str
    class_label: str
    ci: CiLink | None
    made: str
    was: CiLink | None
    sentences: list[str]


class ValueRow(Struct, frozen=True):
    """A value before and after."""

    ci: CiLink
    label: str
    old: Value
    new: Value


class DifferenceRow(Struct, frozen=True):
    """A difference as it would be."""

    ci: CiLink | None
    made: str
    kind: str
    label: str
    recorded: Value
    observed: Value
    state: str
    was: str


class CaseRow(Struct, frozen=True):
    """A case as it would be."""

    kind: str
    members: list[str]
    state: str


class TrialView(Struct, frozen=True):
    """Everything, the first rows of each; `more`: how many are not shown."""

    source: str
    is_duplicate: bool
    made: list[tuple[str, str]]
    links: list[LinkRow]
    values: list[ValueRow]
    differences: list[DifferenceRow]
    cases: list[CaseRow]
    rejected: list[tuple[str, str]]
    wanted: int
    more: int

    @property
    def is_nothing(self) -> bool:
        return not (self.made or self.links or self.values or self.differences or self.cases or self.rejected)


def to_trial(trial: Trial, catalogue: ClassCatalogue, viewpoint: Viewpoint) -> TrialView:
    """The trial as its page shows it. New CIs have no page, so they are names only."""
    new = {each.id for each in trial.made}

    def link(ci: CiRef | None) -> CiLink | None:
        return None if ci is None or ci.id in new else to_link(ci, catalogue, viewpoint)

    def name(ci: CiRef | None) -> str:
        return f"{ci.name or ci.number}" if ci is not None and ci.id in new else ""

    lists = (trial.made, trial.links, trial.values, trial.differences, trial.cases, trial.answer.rejected)
    return TrialView(
        source=shorten_sources(trial.source),
        is_duplicate=trial.is_duplicate,
        made=[(each.name, class_label(each.ci_class, catalogue, viewpoint)) for each in trial.made[:ROWS_SHOWN]],
        links=[
            LinkRow(
                each.ref,
                class_label(each.ci_class, catalogue, viewpoint),
                link(each.ci),
                name(each.ci),
                link(each.was),
                [translate_sentence(sentence, viewpoint) for sentence in each.explanation.splitlines()],
            )
            for each in trial.links[:ROWS_SHOWN]
        ],
        values=[_value(each, catalogue, viewpoint) for each in trial.values[:ROWS_SHOWN]],
        differences=[
            DifferenceRow(
                link(each.ci),
                name(each.ci),
                word(DIFFERENCE_KINDS, each.kind, viewpoint),
                attribute_label(each.ci.ci_class, each.attribute, catalogue, viewpoint) if each.attribute else "",
                to_value(each.recorded, viewpoint, attribute=find_attribute(each.ci.ci_class, each.attribute, catalogue)),
                to_value(each.observed, viewpoint, attribute=find_attribute(each.ci.ci_class, each.attribute, catalogue)),
                word(DIFFERENCE_STATES, each.state, viewpoint),
                word(DIFFERENCE_STATES, each.was, viewpoint) if each.was else "",
            )
            for each in trial.differences[:ROWS_SHOWN]
        ],
        cases=[
            CaseRow(word(CASE_KINDS, each.kind, viewpoint), [member.name for member in each.members], each.state) for each in trial.cases[:ROWS_SHOWN]
        ],
        rejected=[(each.path, each.reason) for each in trial.answer.rejected[:ROWS_SHOWN]],
        wanted=len(trial.answer.want),
        more=sum(max(0, len(each) - ROWS_SHOWN) for each in lists) + sum(trial.left_out.values()),
    )


def _value(each: TriedValue, catalogue: ClassCatalogue, viewpoint: Viewpoint) -> ValueRow:
    ci_class = each.ci.ci_class
    if not each.attribute:
        old, new = (Value([word(PRESENCES, word_, viewpoint)]) for word_ in (each.old, each.new))
        return ValueRow(to_link(each.ci, catalogue, viewpoint), viewpoint.say("presence"), old, new)
    attribute = find_attribute(ci_class, each.attribute, catalogue)
    return ValueRow(
        to_link(each.ci, catalogue, viewpoint),
        attribute_label(ci_class, each.attribute, catalogue, viewpoint),
        to_value(each.old, viewpoint, attribute=attribute),
        to_value(each.new, viewpoint, attribute=attribute),
    )
