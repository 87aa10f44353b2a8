"""A collector or a whole zone that falls silent, as one case: many stale hosts are one fact. It resolves when the zone is heard again.

Design: docs/reconciliation.md. Nothing else follows from silence: no absence, no host down.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import func, select, text, update

from collector.reconcile.record import CaseSeed
from collector.store.content import decode, encode
from collector.store.edit import Edit
from collector.store.observed_view import View
from collector.store.review_case import close_case_of, open_case
from collector.store.schema import NOT_SEEN, ci, review_case, source, source_record
from collector.store.statement import parts

MEMBERS_SHOWN = 50
_RETIRED = ("retired", "disposed")


def fold_silence(edit: Edit, views: Sequence[View]) -> None:
    """Open, update or resolve the cases of zones and collectors whose hosts went silent, or are heard again."""
    hosts = [view for view in views if view.ci.owner_ci_id is None and view.was != view.ci.presence]
    heard = {view.ci.zone for view in hosts if view.ci.presence == "seen" and view.was in ("stale", "unknown")}
    silent = [view for view in hosts if view.ci.presence == "stale"]
    if heard:
        _resolve(edit, heard, [view.ci.id for view in hosts if view.ci.presence == "seen"])
    if not silent:
        return
    dark = {zone for zone in {view.ci.zone for view in silent} if _judge_zone(edit, zone)}
    lit = [view.ci.id for view in silent if view.ci.zone not in dark]
    for source_id in _find_lists(edit, lit):
        _judge_list(edit, source_id)


def _judge_zone(edit: Edit, zone: str) -> bool:
    """Whether nothing of a zone is heard any more, of at least so many hosts; then its one case stands."""
    if _is_heard(edit, zone):
        return False
    of_zone = _hosts(zone) & (ci.c.presence == "stale") & text(NOT_SEEN)
    count = edit.connection.execute(select(func.count()).select_from(ci).where(of_zone)).scalar_one()
    if count < edit.context.settings.mass_loss_min_items:
        return False
    members = list(edit.connection.execute(select(ci.c.id).where(of_zone).order_by(ci.c.number).limit(MEMBERS_SHOWN)).scalars())
    since = edit.connection.execute(select(func.min(ci.c.seen_at)).where(of_zone)).scalar()
    _stand(edit, f"silence|zone|{zone}", members, {"zone": zone, "silent": count, "since": since})
    within = review_case.c.case_key.like("silence|source|%") & (review_case.c.state == "open")
    for row in edit.connection.execute(select(review_case.c.case_key, review_case.c.evidence).where(within)).all():
        if _zone_of(row.evidence) == zone:  # folded into the zone's
            close_case_of(edit, row.case_key)
    return True


def _is_heard(edit: Edit, zone: str) -> bool:
    return edit.connection.execute(select(ci.c.id).where(_hosts(zone), ci.c.presence == "seen").limit(1)).first() is not None


def _hosts(zone: str) -> Any:
    return ci.c.owner_ci_id.is_(None) & ci.c.redirect_to.is_(None) & (ci.c.zone == zone) & ci.c.lifecycle.not_in(_RETIRED)


def _find_lists(edit: Edit, ci_ids: Collection[str]) -> list[int]:
    """The sources that know some of these hosts and could be a collector of many."""
    found: dict[int, int] = {}
    for part in parts(sorted(ci_ids)):
        known = source_record.c.ci_id.in_(part) & source_record.c.closed_at.is_(None) & source_record.c.owner_record_id.is_(None)
        query = select(source_record.c.source_id, func.count()).where(known).group_by(source_record.c.source_id)
        for source_id, count in edit.connection.execute(query):
            found[source_id] = found.get(source_id, 0) + count
    return sorted(source_id for source_id, count in found.items() if count >= edit.context.settings.mass_loss_min_items)


def _judge_list(edit: Edit, source_id: int) -> None:
    """A collector whose hosts nobody hears: more of them, and a larger part, than the brake lets pass."""
    own = source_record.c.source_id == source_id
    held = own & source_record.c.closed_at.is_(None) & source_record.c.owner_record_id.is_(None) & source_record.c.is_absent.is_(False)
    joined = source_record.join(ci, ci.c.id == source_record.c.ci_id)
    query = select(ci.c.presence, func.count(ci.c.id.distinct())).select_from(joined).where(held).group_by(ci.c.presence)
    counts: dict[str, int] = {row[0]: row[1] for row in edit.connection.execute(query)}
    stale = counts.get("stale", 0)
    settings = edit.context.settings
    if stale < settings.mass_loss_min_items or stale <= settings.mass_loss_ratio * sum(counts.values()):
        return
    row = edit.connection.execute(select(source.c.kind, source.c.name, source.c.instance, source.c.zone).where(source.c.id == source_id)).one()
    name = f"{row.kind}/{row.name}/{row.instance}"
    is_stale = held & (ci.c.presence == "stale")
    members = list(edit.connection.execute(select(ci.c.id).select_from(joined).where(is_stale).order_by(ci.c.number).limit(MEMBERS_SHOWN)).scalars())
    since = edit.connection.execute(select(func.min(ci.c.seen_at)).select_from(joined).where(is_stale)).scalar()
    _stand(edit, f"silence|source|{name}", members, {"zone": row.zone, "source": name, "silent": stale, "since": since})


def _stand(edit: Edit, key: str, members: Sequence[str], evidence: dict[str, object]) -> None:
    """The open case of a silence, with what it says now; one that a person dismissed stays so for this silence."""
    decided = review_case.c.decision_id.is_not(None) & (review_case.c.closed_at >= evidence["since"])
    is_it = (review_case.c.case_key == key) & ((review_case.c.state == "open") | decided)
    row = edit.connection.execute(select(review_case.c.id, review_case.c.state).where(is_it).order_by(review_case.c.opened_at.desc())).first()
    if row is None:
        open_case(edit, CaseSeed(kind="mass_loss", key=key, ci_ids=tuple(members), evidence=evidence))
    elif row.state == "open":
        values = {"members": encode(sorted(members)), "evidence": encode(evidence)}
        edit.connection.execute(update(review_case).where(review_case.c.id == row.id).values(**values))


def _resolve(edit: Edit, zones: Collection[str], heard: Collection[str]) -> None:
    for zone in sorted(zones):
        close_case_of(edit, f"silence|zone|{zone}")
    is_open = review_case.c.case_key.like("silence|source|%") & (review_case.c.state == "open")
    keys = set(edit.connection.execute(select(review_case.c.case_key).where(is_open)).scalars())
    if not keys:
        return
    for part in parts(sorted(heard)):
        joined = source_record.join(source, source.c.id == source_record.c.source_id)
        texts = source.c.kind + "/" + source.c.name + "/" + source.c.instance
        known = source_record.c.ci_id.in_(part) & source_record.c.closed_at.is_(None)
        for name in edit.connection.execute(select(texts).select_from(joined).where(known).distinct()).scalars():
            if f"silence|source|{name}" in keys:
                close_case_of(edit, f"silence|source|{name}")


def _zone_of(evidence: bytes) -> str:
    return str((decode(evidence) or {}).get("zone", ""))
