"""A dry run of policies: what they would have decided of the differences of some days. Writes nothing. Design: docs/policies.md."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

from sqlalchemy import func, select

from collector.reconcile.authorise import PolicySet, decide_policy
from collector.reconcile.change import ApprovedChange
from collector.reconcile.difference import DifferenceSeed
from collector.reconcile.record import SourceKey
from collector.store.ci import load_cis
from collector.store.ci_facts import facts_of
from collector.store.content import decode, load_contents
from collector.store.reading import Reading, load_refs
from collector.store.schema import difference, source
from collector.store.statement import parts
from collector.store.stored_change import load_changes_in_force
from muster.review import PolicyCount, PolicyTest

DAYS_30_MS = 30 * 86_400_000
LOOKED_AT = 20_000  # the newest ones
EXAMPLES = 5
_BY_ACTION = {"accept": "accepted", "ignore": "ignored"}


def try_policies(reading: Reading, policies: PolicySet, since: int) -> PolicyTest:
    """Each policy, and no policy, with how many of the differences opened since then it would have decided, in the order of the policies."""
    total = reading.connection.execute(select(func.count()).select_from(difference).where(difference.c.opened_at >= since)).scalar_one()
    found: defaultdict[tuple[str, str], list[tuple[str, bool]]] = defaultdict(list)
    changes = {each.id: each for each in load_changes_in_force(reading.connection, since, reading.now, 0).changes}
    for row, seed, facts in _differences(reading, since):
        change: ApprovedChange | None = changes.get(row.change_id or "")
        verdict = decide_policy(policies, seed, facts, row.opened_at, change)
        rule, action = (verdict.policy_id, verdict.action) if verdict is not None else ("", "review")
        is_same = row.state == _BY_ACTION[action] if action in _BY_ACTION else row.state not in ("accepted", "ignored")
        found[rule, action].append((row.ci_id, is_same))
    order = {each.id: place for place, each in enumerate(policies.policies)}
    items = [_count(reading, rule, action, told) for (rule, action), told in found.items()]
    items.sort(key=lambda each: (not each.rule, order.get(each.rule, len(order)), each.rule, each.action))
    return PolicyTest(since=since, total=total, is_cut=total > LOOKED_AT, items=items)


def _count(reading: Reading, rule: str, action: str, told: list[tuple[str, bool]]) -> PolicyCount:
    ids = list(dict.fromkeys(ci_id for ci_id, _ in told))
    refs = load_refs(reading.connection, ids[:EXAMPLES])
    return PolicyCount(
        rule=rule,
        action=action,
        count=len(told),
        ci_count=len(ids),
        as_decided=sum(is_same for _, is_same in told),
        examples=[refs[each] for each in ids[:EXAMPLES] if each in refs],
    )


def _differences(reading: Reading, since: int) -> Iterator[tuple[Any, DifferenceSeed, Mapping[str, Any]]]:
    columns = [difference.c[name] for name in ("id", "kind", "ci_id", "attribute", "recorded", "observed", "state", "opened_at", "change_id")]
    joined = difference.outerjoin(source, source.c.id == difference.c.source_id)
    query = select(*columns, source.c.kind.label("source_kind"), source.c.name, source.c.instance, source.c.zone).select_from(joined)
    rows = reading.connection.execute(query.where(difference.c.opened_at >= since).order_by(difference.c.opened_at.desc()).limit(LOOKED_AT)).all()
    for part in parts(rows):
        cis = load_cis(reading.connection, {row.ci_id for row in part})
        contents = load_contents(reading.connection, (key for each in cis.values() for key in (each.effective_hash, each.recorded_hash)))
        for row in part:
            ci = cis[row.ci_id]
            effective, recorded = (contents.get(key or b"", {}) for key in (ci.effective_hash, ci.recorded_hash))
            key = SourceKey(row.source_kind, row.name, row.instance, row.zone) if row.source_kind is not None else None
            seed = DifferenceSeed(
                ci_id=row.ci_id, kind=row.kind, attribute=row.attribute, recorded=decode(row.recorded), observed=decode(row.observed), source=key
            )
            yield row, seed, facts_of(reading.catalogue, ci, recorded, effective)
