"""Policies that decide differences before a person does: conditions, in order, the first that holds. Pure.

Each automatic decision carries its policy's id. A policy that cannot be read is refused when it is loaded, never skipped.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from collector.reconcile.change import ApprovedChange
from collector.reconcile.comparator import change_ratio
from collector.reconcile.difference import DifferenceSeed
from muster.errors import ConfigurationError
from muster.model.query import Query, matches, parse_query
from muster.model.state import DifferenceKind


class Condition(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """When a policy holds; every part given must hold, an empty one always does.

    `sources`: `kind` or `kind/name` or `kind/name/instance`. `maximum_change_ratio`: of a number. `query`: over the CI's facts.
    `from_at`, `until_at`: the window, in milliseconds UTC; outside it the policy is not in force.
    """

    kinds: tuple[DifferenceKind, ...] = ()
    classes: tuple[str, ...] = ()
    zones: tuple[str, ...] = ()
    attributes: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    maximum_change_ratio: Annotated[float, Meta(ge=0, le=1)] | None = None
    query: str = ""
    from_at: int | None = None
    until_at: int | None = None


Action = Literal["accept", "accept_in_change", "initial_discovery", "ignore", "review"]
APPROVED_CHANGE = "approved_change"  # the policy that stands behind all others


class Policy(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One policy. `accept_in_change`: only what an approved change expects. `initial_discovery`: new CIs, while its window lasts.

    `ignore_for_seconds`, `ignore_until_at`: how long, for `ignore`. `review` stops the search: a person decides.
    """

    id: str
    action: Action
    when: Condition = Condition()
    reason: str = ""
    ignore_for_seconds: Annotated[int, Meta(ge=1)] | None = None
    ignore_until_at: int | None = None


class Requirement(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a person's decision needs where the condition holds: a reason, and a second person who confirms it."""

    id: str
    when: Condition = Condition()
    reason: bool = False
    second_person: bool = False


class PolicyVerdict(Struct, frozen=True):
    """What a policy decides, made by `policy:<id>`. `change_id`: the approved change on which it rests."""

    policy_id: str
    action: Literal["accept", "ignore"]
    reason: str
    ignore_until: int | None = None
    change_id: str | None = None


class PolicySet:
    """Policies in order, and requirements; their queries parsed once.

    Raises ConfigurationError for a doubled id, a query that is none, or a policy that would ignore, or let in, for ever.
    """

    def __init__(self, policies: Sequence[Policy], requirements: Sequence[Requirement] = ()) -> None:
        self.policies = tuple(policies)
        self.requirements = tuple(requirements)
        self._queries: dict[str, Query] = {}
        rules: list[Policy | Requirement] = [*self.policies, *self.requirements]
        for each in rules:
            if each.id in self._queries:
                raise ConfigurationError(f"policy {each.id!r} is there twice; give each its own id")
            try:
                self._queries[each.id] = parse_query(each.when.query)
            except ValueError as error:
                raise ConfigurationError(f"policy {each.id!r}: {error}") from None
        for policy in self.policies:
            if policy.action == "ignore" and policy.ignore_for_seconds is None and policy.ignore_until_at is None:
                raise ConfigurationError(f"policy {policy.id!r}: ignore needs for or until; nothing is ignored for ever by a rule")
            if policy.action == "initial_discovery" and policy.when.until_at is None:
                raise ConfigurationError(f"policy {policy.id!r}: initial_discovery needs when.until; a scope is discovered once")

    def query(self, policy: Policy | Requirement) -> Query:
        return self._queries[policy.id]

    def joined(self, other: PolicySet) -> PolicySet:
        """These, then the others. Raises ConfigurationError for an id that both have."""
        return PolicySet((*self.policies, *other.policies), (*self.requirements, *other.requirements))


def decide_policy(
    policies: PolicySet, seed: DifferenceSeed, facts: Mapping[str, Any], now: int, change: ApprovedChange | None = None
) -> PolicyVerdict | None:
    """The first policy that holds for a difference, or None: a person decides. Behind all stands: what an approved change expects is accepted.

    `facts` of the CI as `muster.model.query.matches` takes them; `class` and `zone` must be there. `change`: the approved one that
    expects the difference. Pinned and held differences are never decided by a policy.
    """
    if seed.is_pinned or seed.is_held:
        return None
    for policy in policies.policies:
        if not _applies(policy, seed, change, now) or not holds(policies, policy, seed, facts, now=now):
            continue
        if policy.action == "review":
            return None
        if policy.action == "ignore":
            return PolicyVerdict(policy.id, "ignore", policy.reason, _until(policy, now))
        return _accept(policy.id, policy.reason, change)
    return None if change is None else _accept(APPROVED_CHANGE, "", change)


def _applies(policy: Policy, seed: DifferenceSeed, change: ApprovedChange | None, now: int) -> bool:
    """What the policy's action asks beside its condition."""
    match policy.action:
        case "accept_in_change":
            return change is not None
        case "initial_discovery":
            return seed.kind == "new_ci"
        case "ignore":
            return policy.ignore_until_at is None or now < policy.ignore_until_at
        case _:
            return True


def _accept(policy_id: str, reason: str, change: ApprovedChange | None) -> PolicyVerdict:
    if change is None:
        return PolicyVerdict(policy_id, "accept", reason)
    evidence = f"{change.id}, approved by {change.approved_by}"
    return PolicyVerdict(policy_id, "accept", f"{reason} ({evidence})" if reason else evidence, change_id=change.id)


def _until(policy: Policy, now: int) -> int | None:
    instants = [policy.ignore_until_at] if policy.ignore_until_at is not None else []
    if policy.ignore_for_seconds is not None:
        instants.append(now + policy.ignore_for_seconds * 1000)
    return min(instants, default=None)


def find_requirements(policies: PolicySet, seed: DifferenceSeed, facts: Mapping[str, Any], now: int) -> list[Requirement]:
    """What a person's decision on this difference needs, in the order of the files."""
    return [each for each in policies.requirements if holds(policies, each, seed, facts, now=now)]


def holds(policies: PolicySet, rule: Policy | Requirement, seed: DifferenceSeed, facts: Mapping[str, Any], *, now: int) -> bool:
    """Whether the condition of a rule of the set is met."""
    return _holds(rule.when, seed, facts, now) and matches(policies.query(rule), facts, now)


def _holds(when: Condition, seed: DifferenceSeed, facts: Mapping[str, Any], now: int) -> bool:
    if (when.from_at is not None and now < when.from_at) or (when.until_at is not None and now >= when.until_at):
        return False
    classes = facts.get("class", ())
    named = {classes} if isinstance(classes, str) else set(classes)
    return (
        (not when.kinds or seed.kind in when.kinds)
        and (not when.classes or bool(named & set(when.classes)))
        and (not when.zones or facts.get("zone") in when.zones)
        and (not when.attributes or seed.attribute in when.attributes)
        and (not when.sources or _is_from(seed, when.sources))
        and (when.maximum_change_ratio is None or _moved_within(seed, when.maximum_change_ratio))
    )


def _is_from(seed: DifferenceSeed, sources: Sequence[str]) -> bool:
    if seed.source is None:
        return False
    text = seed.source.text
    return any(text == each or text.startswith(f"{each}/") for each in sources)


def _moved_within(seed: DifferenceSeed, maximum: float) -> bool:
    ratio = change_ratio(seed.recorded, seed.observed)
    return ratio is not None and ratio <= maximum
