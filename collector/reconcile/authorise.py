"""Policies that decide differences before a person does: conditions, in order, the first that holds. Pure.

Each automatic decision carries its policy's id. A policy that cannot be read is refused when it is loaded, never skipped.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

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


class Policy(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One policy. `ignore_for_seconds`: how long, for `ignore`. `review` stops the search: a person decides."""

    id: str
    action: Literal["accept", "ignore", "review"]
    when: Condition = Condition()
    reason: str = ""
    ignore_for_seconds: Annotated[int, Meta(ge=1)] | None = None


class PolicyVerdict(Struct, frozen=True):
    """What a policy decides, made by `policy:<id>`."""

    policy_id: str
    action: Literal["accept", "ignore"]
    reason: str
    ignore_until: int | None = None


class PolicySet:
    """Policies in order, their queries parsed once. Raises ConfigurationError for a doubled id or a query that is none."""

    def __init__(self, policies: Sequence[Policy]) -> None:
        self.policies = tuple(policies)
        self._queries: dict[str, Query] = {}
        for policy in policies:
            if policy.id in self._queries:
                raise ConfigurationError(f"policy {policy.id!r} is there twice; give each its own id")
            try:
                self._queries[policy.id] = parse_query(policy.when.query)
            except ValueError as error:
                raise ConfigurationError(f"policy {policy.id!r}: {error}") from None
            if policy.action == "ignore" and policy.ignore_for_seconds is None:
                raise ConfigurationError(f"policy {policy.id!r}: ignore needs ignore_for_seconds; nothing is ignored for ever by a rule")

    def query(self, policy: Policy) -> Query:
        return self._queries[policy.id]


def decide_policy(policies: PolicySet, seed: DifferenceSeed, facts: Mapping[str, Any], now: int) -> PolicyVerdict | None:
    """The first policy that holds for a difference, or None: a person decides.

    `facts` of the CI as `muster.model.query.matches` takes them; `class` and `zone` must be there. Pinned and held differences are
    never decided by a policy.
    """
    if seed.is_pinned or seed.is_held:
        return None
    for policy in policies.policies:
        if not _holds(policy.when, seed, facts, now) or not matches(policies.query(policy), facts, now):
            continue
        if policy.action == "review":
            return None
        until = now + policy.ignore_for_seconds * 1000 if policy.ignore_for_seconds is not None else None
        return PolicyVerdict(policy.id, policy.action, policy.reason, until)
    return None


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
