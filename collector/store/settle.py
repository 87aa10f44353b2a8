"""After any writing: the touched CIs merged, judged and compared anew, policies applied, until nothing more changes.

Reports, decisions and the sweep all end here. Design: docs/storage.md.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from sqlalchemy import or_, select

from collector.reconcile.authorise import PolicyVerdict
from collector.reconcile.decide import accept, ignore
from collector.reconcile.lifecycle import ACTIVE_STATES
from collector.store.authority import Authority
from collector.store.ci import StoredCi, load_cis
from collector.store.edit import Edit
from collector.store.first_contact import bring_parts
from collector.store.identifier import new_id
from collector.store.observed_view import View, refresh_views
from collector.store.outage import fold_silence
from collector.store.recorded_side import load_families
from collector.store.schema import ci, difference
from collector.store.statement import parts
from collector.store.stored_difference import Opened, advance_differences
from collector.store.verdict import Made, carry_out

ROUNDS = 10
INITIAL_DISCOVERY = "initial_discovery"


def settle(edit: Edit, touched: Collection[str], *, reconsidered: Mapping[str, int] | None = None) -> None:
    """Bring these CIs, and what hangs on them, up to what is known now; then write the history.

    `reconsidered`: open differences that are held against approved changes again, each as of an instant.
    """
    pending = set(touched)
    again = reconsidered or {}
    authority = Authority(edit, since=min(again.values(), default=None))
    for _ in range(ROUNDS):
        if not pending:
            break
        opened = _refresh(edit, pending, authority, again)
        pending = _apply_policies(edit, opened, authority)
        again = {}
    edit.flush()


def _refresh(edit: Edit, touched: Collection[str], authority: Authority, reconsidered: Mapping[str, int]) -> list[Opened]:
    """Owners before what they own; what depends on an owner's presence follows it."""
    remaining = {key: each for key, each in load_cis(edit.connection, touched).items() if each.redirect_to is None}
    done: dict[str, StoredCi] = {}
    opened: list[Opened] = []
    while remaining:
        ready = [each for each in remaining.values() if each.owner_ci_id not in remaining] or list(remaining.values())
        owners = {**done, **load_cis(edit.connection, {each.owner_ci_id for each in ready if each.owner_ci_id is not None} - done.keys())}
        views = refresh_views(edit, ready, owners)
        bring_parts(edit, views, owners)
        opened += advance_differences(edit, views, owners, authority, reconsidered=reconsidered)
        fold_silence(edit, views)
        done |= {each.id: each for each in ready}
        for each in ready:
            del remaining[each.id]
        for each in _followers(edit, views):
            if each.id not in done:
                remaining.setdefault(each.id, each)
    return opened


def _followers(edit: Edit, views: Sequence[View]) -> list[StoredCi]:
    """The contents of CIs whose presence changed, as far as that says something of them."""
    owners = sorted(view.ci.id for view in views if view.was != view.ci.presence and view.ci.id not in edit.made_ids)
    active = select(difference.c.ci_id).where(difference.c.state.in_(sorted(ACTIVE_STATES)))
    ids: set[str] = set()
    for part in parts(owners):
        query = select(ci.c.id).where(ci.c.owner_ci_id.in_(part), ci.c.redirect_to.is_(None))
        ids.update(edit.connection.execute(query.where(or_(ci.c.presence != "seen", ci.c.id.in_(active)))).scalars())
    return list(load_cis(edit.connection, ids).values())


def _apply_policies(edit: Edit, opened: Sequence[Opened], authority: Authority) -> set[str]:
    """Decide what policies decide, one decision for each policy; the CIs to look at again."""
    by_policy: dict[tuple[str, str, str, str | None], list[tuple[Opened, PolicyVerdict]]] = {}
    for each in opened:
        verdict = _decide(edit, each, authority)
        if verdict is not None:
            by_policy.setdefault((verdict.policy_id, verdict.action, verdict.reason, verdict.change_id), []).append((each, verdict))
    touched: set[str] = set()
    for (policy_id, action, reason, change_id), decided in by_policy.items():
        made = Made(new_id(edit.now), "accept" if action == "accept" else "ignore", f"policy:{policy_id}", reason)
        whole = {each.difference.ci_id for each, _ in decided if each.difference.kind == "new_ci"}
        families = load_families(edit, whole) if action == "accept" and whole else {}
        verdicts = []
        for each, verdict in decided:
            if action == "accept":
                family = [part for part in families.get(each.difference.ci_id, ()) if part.ci_id == each.difference.ci_id or part.ci_id not in whole]
                verdicts.append((each.difference, accept(each.difference, None, family)))
            else:
                verdicts.append((each.difference, ignore(each.difference, verdict.ignore_until, edit.now)))
        touched |= carry_out(edit, made, verdicts, detail={"change": change_id} if change_id is not None else {})
    return touched


def _decide(edit: Edit, opened: Opened, authority: Authority) -> PolicyVerdict | None:
    if _is_initial(edit, opened):
        return PolicyVerdict(INITIAL_DISCOVERY, "accept", "the first host that this installation's own source found")
    return authority.decide(opened.seed, opened.view)


def _is_initial(edit: Edit, opened: Opened) -> bool:
    """Whether this is the host that goes on record by itself: the first of the installation's own source, while nothing is recorded."""
    name, seed = edit.context.initial_discovery, opened.seed
    if name is None or seed.kind != "new_ci" or seed.source is None or opened.view.ci.owner_ci_id is not None:
        return False
    if not f"{seed.source.text}/".startswith(f"{name}/"):
        return False
    return edit.connection.execute(select(ci.c.id).where(ci.c.is_recorded.is_(True)).limit(1)).first() is None
