"""A replay of the last days under other rules, as its page shows it."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from collector.simulation.replay_job import ReplayView
from collector.store.replay_compare import WouldDiffer
from collector.web.view.label import CiLink, attribute_label, find_attribute, to_link
from collector.web.view.moment import Moment, to_moment
from collector.web.view.value import Value, to_value
from collector.web.view.viewpoint import Viewpoint
from collector.web.view.wording import CASE_KINDS, DIFFERENCE_KINDS, word
from muster.model.ci_class import ClassCatalogue

ROWS_SHOWN = 100


class ChangeRow(Struct, frozen=True):
    """A value, or a difference of `kind`, now and then."""

    ci: CiLink
    kind: str
    label: str
    now: Value
    then: Value


class ReplayPanel(Struct, frozen=True):
    """One replay. `counts`: of all, by the name of the list."""

    id: str
    state: str
    stage: str
    started: Moment
    done: int
    total: int
    fault: str
    reports: int
    refused: int
    counts: dict[str, int]
    merges: list[list[CiLink]]
    splits: list[tuple[CiLink, list[str]]]
    changes: list[ChangeRow]
    opened: list[ChangeRow]
    gone: list[ChangeRow]
    decided: list[tuple[str, int]]
    cases: list[tuple[str, int, int]]  # kind, how many are open before and after, where that differs


def _cases(found: Mapping[str, Mapping[str, int]], viewpoint: Viewpoint) -> list[tuple[str, int, int]]:
    told = [(word(CASE_KINDS, kind, viewpoint), each["before"], each["after"]) for kind, each in sorted(found.items())]
    return [each for each in told if each[1] != each[2]]


def to_replay(view: ReplayView, catalogue: ClassCatalogue, viewpoint: Viewpoint) -> ReplayPanel:
    """The first rows of each list."""

    def differing(each: WouldDiffer) -> ChangeRow:
        attribute = find_attribute(each.ci.ci_class, each.attribute, catalogue)
        return ChangeRow(
            to_link(each.ci, catalogue, viewpoint),
            word(DIFFERENCE_KINDS, each.kind, viewpoint),
            attribute_label(each.ci.ci_class, each.attribute, catalogue, viewpoint) if each.attribute else "",
            to_value(each.recorded, viewpoint, attribute=attribute),
            to_value(each.observed, viewpoint, attribute=attribute),
        )

    found = view.result.comparison if view.result is not None else None
    return ReplayPanel(
        id=view.id,
        state=view.state,
        stage=view.stage,
        started=to_moment(view.started_at, viewpoint),
        done=view.done,
        total=view.total,
        fault=view.fault,
        reports=view.result.reports if view.result is not None else 0,
        refused=view.result.refused if view.result is not None else 0,
        counts=dict(found.counts) if found is not None else {},
        merges=[[to_link(ci, catalogue, viewpoint) for ci in each.cis] for each in found.merges[:ROWS_SHOWN]] if found is not None else [],
        splits=[(to_link(each.ci, catalogue, viewpoint), each.parts) for each in found.splits[:ROWS_SHOWN]] if found is not None else [],
        changes=[
            ChangeRow(
                to_link(each.ci, catalogue, viewpoint),
                "",
                attribute_label(each.ci.ci_class, each.attribute, catalogue, viewpoint) if each.attribute else viewpoint.say("Class"),
                to_value(each.before, viewpoint, attribute=find_attribute(each.ci.ci_class, each.attribute, catalogue)),
                to_value(each.after, viewpoint, attribute=find_attribute(each.ci.ci_class, each.attribute, catalogue)),
            )
            for each in found.changes[:ROWS_SHOWN]
        ]
        if found is not None
        else [],
        opened=[differing(each) for each in found.opened[:ROWS_SHOWN]] if found is not None else [],
        gone=[differing(each) for each in found.gone[:ROWS_SHOWN]] if found is not None else [],
        decided=sorted(found.decided.items()) if found is not None else [],
        cases=_cases(found.cases, viewpoint) if found is not None else [],
    )
