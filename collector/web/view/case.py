"""Cases: the question in words, what speaks for and against, and what may be decided."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from msgspec import Struct

from collector.reconcile.case import ACTIONS
from collector.web.view.explanation import say_veto
from collector.web.view.label import CiLink, to_link
from collector.web.view.moment import Moment, say_exact, to_moment
from collector.web.view.value import say_plain
from collector.web.view.viewpoint import Viewpoint
from collector.web.view.wording import CASE_KINDS, CASE_QUESTIONS, IDENTIFIER_WORDS, N_, SECTIONS, word
from muster.merge_view import CaseDetail
from muster.model.ci_class import ClassCatalogue
from muster.ports import CaseView

EVIDENCE_SHOWN = 16
_EVIDENCE_WORDS = {
    "section": N_("section"),
    "lost": N_("gone of it"),
    "of": N_("known of it"),
    "refs": N_("gone, by name"),
    "source": N_("source"),
    "scope": N_("within"),
    "value": N_("value"),
    "identifier": N_("identifier"),
    "old": N_("before"),
    "new": N_("after"),
    "records": N_("records"),
    "lifecycle": N_("lifecycle"),
    "lifecycle_since_at": N_("lifecycle since"),
    "seen_at": N_("seen"),
}
# What each answer is called, and what comes of it; which answers a kind has, `collector/reconcile/case.py` says.
_ACTIONS = {
    "same": (N_("They are one"), N_("merges them; the other addresses lead to the one that stays")),
    "different": (N_("They are different"), N_("no rule links them any more")),
    "replace": (N_("Same role, new hardware"), N_("name, place, owner, tags and recorded relations go to the new hardware")),
    "revive": (N_("It is back in use"), N_("its lifecycle is live again")),
    "release": (N_("Let it through"), N_("a loss is real; a shared value may identify again")),
    "confirm": (N_("It is so"), N_("nothing else changes")),
    "dismiss": (N_("It is nothing"), N_("nothing changes, and it is not asked again")),
}
_STATES = {"open": N_("open"), "resolved": N_("resolved"), "dismissed": N_("dismissed")}


class CaseRow(Struct, frozen=True):
    """A case that waits for a person: the question in words, and the evidence by name."""

    id: str
    kind: str
    question: str
    members: list[CiLink]
    facts: list[tuple[str, str]]
    opened: Moment
    is_open: bool
    choices: list[tuple[str, str, str]]  # action, its words, what comes of it
    state_text: str = ""


def to_case(case: CaseView | CaseDetail, catalogue: ClassCatalogue, viewpoint: Viewpoint) -> CaseRow:
    """One case; at most 20 members and 16 pieces of evidence are shown."""
    return CaseRow(
        id=case.id,
        kind=word(CASE_KINDS, case.kind, viewpoint),
        question=word(CASE_QUESTIONS, case.kind, viewpoint),
        members=[to_link(each, catalogue, viewpoint) for each in case.members[:20]],
        facts=list(_evidence(case.evidence, viewpoint))[:EVIDENCE_SHOWN],
        opened=to_moment(case.opened_at, viewpoint),
        is_open=case.state == "open",
        choices=[(action, viewpoint.say(_ACTIONS[action][0]), viewpoint.say(_ACTIONS[action][1])) for action in ACTIONS[case.kind]],
        state_text=word(_STATES, case.state, viewpoint),
    )


def _evidence(evidence: Mapping[str, Any], viewpoint: Viewpoint) -> Iterator[tuple[str, str]]:
    """What speaks in a case, by name: shared identifiers, then what stands against it, then the rest as it is."""
    for each in evidence.get("identifiers") or []:
        if isinstance(each, Mapping):
            yield word(IDENTIFIER_WORDS, each.get("identifier", ""), viewpoint), str(each.get("value", ""))
    for each in evidence.get("vetoes") or []:
        if isinstance(each, Mapping):
            yield viewpoint.say("Against it"), say_veto(each, viewpoint)
    for name, value in evidence.items():
        if name not in {"identifiers", "vetoes"} and value not in (None, "", [], {}):
            yield word(_EVIDENCE_WORDS, name, viewpoint), _say_evidence(name, value, viewpoint)[:240]


def _say_evidence(name: str, value: Any, viewpoint: Viewpoint) -> str:
    if name.endswith("_at") and isinstance(value, int):
        return say_exact(value, viewpoint)
    if name == "section":
        return viewpoint.say("the whole source") if value == "*" else word(SECTIONS, str(value), viewpoint)
    if name == "source":
        return "/".join(str(value).split("/")[:2])
    return say_plain(value, viewpoint)
