"""The chain from report to decision of a CI, newest first, as its page shows it."""

from __future__ import annotations

from msgspec import Struct

from collector.web.view.explanation import translate_sentence
from collector.web.view.label import attribute_label, find_attribute, source_text
from collector.web.view.moment import Moment, to_moment
from collector.web.view.value import Value, to_value
from collector.web.view.viewpoint import Viewpoint
from collector.web.view.wording import CASE_KINDS, DECISIONS, DIFFERENCE_KINDS, IDENTITY_CHANGES, LAYERS, N_, word
from muster.explanation import ChainStep, CiExplanation
from muster.model.ci_class import ClassCatalogue

STEPS_SHOWN = 100
_KINDS = {**LAYERS, "link": N_("record linked"), "difference": N_("difference"), "case": N_("case")}


class StepRow(Struct, frozen=True):
    """One step. `sentences`: of a link; `by`: who reported or decided; `report`: its number, empty where it has none."""

    at: Moment
    kind: str
    label: str
    old: Value
    new: Value
    sentences: list[str]
    by: str
    reason: str
    report: str


def to_chain(explanation: CiExplanation, catalogue: ClassCatalogue, viewpoint: Viewpoint) -> list[StepRow]:
    """The newest steps."""
    return [_row(each, explanation, catalogue, viewpoint) for each in reversed(explanation.chain[-STEPS_SHOWN:])]


def _row(step: ChainStep, explanation: CiExplanation, catalogue: ClassCatalogue, viewpoint: Viewpoint) -> StepRow:
    attribute = find_attribute(explanation.ci.ci_class, step.attribute, catalogue)
    made = step.decision
    decided = f"{word(DECISIONS, made.kind, viewpoint)} · {made.made_by.partition(':')[2] or made.made_by}" if made is not None else ""
    return StepRow(
        at=to_moment(step.at, viewpoint),
        kind=word(_KINDS, step.kind, viewpoint),
        label=_label(step, explanation, catalogue, viewpoint),
        old=to_value(None if step.kind in ("link", "case") else step.old, viewpoint, attribute=attribute),
        new=to_value(None if step.kind in ("link", "case") else step.new, viewpoint, attribute=attribute),
        sentences=[translate_sentence(each, viewpoint) for each in step.text.splitlines()] if step.kind == "link" else [],
        by=decided or source_text(step.source),
        reason=made.reason if made is not None else "",
        report=str(step.report.id) if step.report is not None else "",
    )


def _label(step: ChainStep, explanation: CiExplanation, catalogue: ClassCatalogue, viewpoint: Viewpoint) -> str:
    if step.kind == "identity":
        return word(IDENTITY_CHANGES, step.attribute, viewpoint)
    if step.kind == "case":
        return word(CASE_KINDS, str(step.new), viewpoint)
    label = attribute_label(explanation.ci.ci_class, step.attribute, catalogue, viewpoint) if step.attribute else ""
    if step.kind == "difference":
        kind = next((each for each in DIFFERENCE_KINDS if step.text.startswith(f"difference {each}")), "")
        return " · ".join(each for each in (word(DIFFERENCE_KINDS, kind, viewpoint) if kind else "", label) if each)
    return label
