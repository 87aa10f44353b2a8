"""Policies and approved changes as rows of their pages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from msgspec import Struct

from collector.web.view.moment import Moment, to_moment
from collector.web.view.viewpoint import Viewpoint
from collector.web.view.wording import CHANGE_STATES, POLICY_ACTIONS, word
from muster.review import ChangeView, PolicyCount, PolicyView


class PolicyRow(Struct, frozen=True):
    """One policy or requirement. `when`: its condition, part by part."""

    id: str
    action: str
    when: list[tuple[str, str]]
    reason: str
    file: str
    decided: int
    href: str


class TrialRow(Struct, frozen=True):
    """What one policy would have decided. `rule` empty: a person."""

    rule: str
    action: str
    count: int
    ci_count: int
    as_decided: int
    examples: str


class ExpectedRow(Struct, frozen=True):
    """One expectation, with what was seen of it once the window has ended."""

    text: str
    seen: str
    missing: str


class ChangeRow(Struct, frozen=True):
    """One change."""

    id: str
    title: str
    state: str
    state_key: str
    begins: Moment
    ends: Moment
    approved_by: str
    expects: list[ExpectedRow]
    accepted: int
    open: int
    href: str


def to_policy_row(policy: PolicyView, viewpoint: Viewpoint) -> PolicyRow:
    """`href`: the decisions of it that stand in the queue."""
    actions = " · ".join(word(POLICY_ACTIONS, each, viewpoint) for each in policy.action.split(" and "))
    return PolicyRow(
        id=policy.id,
        action=actions,
        when=[(name, _say(value)) for name, value in policy.when.items()],
        reason=policy.reason,
        file=policy.file or viewpoint.say("built in"),
        decided=policy.decided,
        href="/review?state=accepted",
    )


def to_trial_row(counted: PolicyCount, viewpoint: Viewpoint) -> TrialRow:
    return TrialRow(
        rule=counted.rule,
        action=word(POLICY_ACTIONS, counted.action, viewpoint),
        count=counted.count,
        ci_count=counted.ci_count,
        as_decided=counted.as_decided,
        examples=", ".join(each.name for each in counted.examples),
    )


def to_change_row(change: ChangeView, viewpoint: Viewpoint) -> ChangeRow:
    """`href`: the differences of it that wait."""
    return ChangeRow(
        id=change.id,
        title=change.title,
        state=word(CHANGE_STATES, change.state, viewpoint),
        state_key=change.state,
        begins=to_moment(change.from_at, viewpoint),
        ends=to_moment(change.to_at, viewpoint),
        approved_by=change.approved_by,
        expects=[
            _expected(each, change.evidence[place] if place < len(change.evidence) else None, viewpoint) for place, each in enumerate(change.expects)
        ],
        accepted=change.accepted,
        open=change.open,
        href=f"/review?q={quote(f'change={change.id}', safe='')}",
    )


def _expected(expectation: Mapping[str, Any], seen: Mapping[str, Any] | None, viewpoint: Viewpoint) -> ExpectedRow:
    text = " ".join(f"{name}={_say(value)}" for name, value in expectation.items())
    if seen is None:
        return ExpectedRow(text, "", "")
    said = viewpoint.say("seen on %(observed)s of %(of)s", observed=seen["observed"], of=seen["of"])
    return ExpectedRow(text, said, ", ".join(name for _, name in seen["missing"][:10]))


def _say(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
