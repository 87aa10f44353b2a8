"""What must be decided together: the records that share a usable claim, transitively, read in rounds and cut into components."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from sqlalchemy import Connection, bindparam, func, or_, select

from collector.reconcile.claim import vendor_of
from collector.reconcile.record import Claim, ClaimKey, Constraint, KnownCi, Neighbourhood, RecordView
from collector.store.ci import load_cis
from collector.store.claim import count_claims, count_holders, find_full_names, find_holders, find_quarantined, load_claims, load_recorded_claims
from collector.store.content import load_contents
from collector.store.edit import Edit
from collector.store.record_view import load_views
from collector.store.schema import history, identity_claim, identity_constraint, recorded_claim, source_record
from collector.store.statement import parts
from muster.model.identifier import NAME_KINDS
from muster.model.normaliser import short_name

_BYSTANDERS = 50
DOUBTED_HOLDERS = 20  # a quarantined value with no more holders than this is judged again each time
_USABLE = ("active", "historic", "quarantined")


@dataclass
class _Closure:
    """What the rounds found. `recorded`: CIs whose recorded side shares a value, with these values."""

    claims: dict[int, tuple[Claim, ...]] = field(default_factory=dict)
    recorded: dict[str, set[tuple[str, str]]] = field(default_factory=dict)
    namesakes: dict[str, set[tuple[str, str]]] = field(default_factory=dict)  # CIs whose recorded side only suggests
    views: dict[int, RecordView] = field(default_factory=dict)
    bystanders: dict[int, RecordView] = field(default_factory=dict)
    cis: dict[str, KnownCi] = field(default_factory=dict)
    constraints: list[Constraint] = field(default_factory=list)
    quarantined: dict[ClaimKey, int] = field(default_factory=dict)
    doubtful: set[ClaimKey] = field(default_factory=set)
    crowded: set[tuple[str, str]] = field(default_factory=set)  # values that are not followed, as too many hold them
    is_truncated: bool = False
    sees_namesakes: bool = True  # no bystander was left out


def load_neighbourhoods(edit: Edit, record_ids: Collection[int]) -> list[Neighbourhood]:
    """One neighbourhood for each component that holds one of these records."""
    found = _Closure()
    _close(edit, found, record_ids)
    _look_around(edit, found, limit=len(record_ids))
    found.bystanders = load_views(edit, _find_bystanders(edit, found))
    for row in find_holders(edit.connection, recorded_claim, _weak_values(edit, found.claims), limit=_BYSTANDERS):
        found.namesakes.setdefault(row.ci_id, set()).add((row.kind, row.value))
    found.cis = load_known_cis(
        edit,
        {view.ci_id for view in (*found.views.values(), *found.bystanders.values()) if view.ci_id} | found.recorded.keys() | found.namesakes.keys(),
    )
    return [_neighbourhood(group, found) for group in sorted(_components(edit, found), key=min) if not group.isdisjoint(record_ids)]


def _look_around(edit: Edit, found: _Closure, *, limit: int) -> None:
    """The other holders of the doubted values of these records, and whatever is theirs; what they doubt beside that stays as it is.

    Followed from holder to holder, the docks of an office would make one neighbourhood of all its laptops.
    """
    values = _as_claimed((kind, value) for kind, _, value in found.doubtful)
    most = edit.context.settings.neighbourhood_limit + 1
    holders = {row.record_id for row in find_holders(edit.connection, identity_claim, values, limit=most)}
    for row in find_holders(edit.connection, recorded_claim, values, limit=most):
        found.recorded.setdefault(row.ci_id, set()).add((row.kind, row.value))
    holders |= _records_of(edit.connection, found.recorded.keys())
    if holders - found.claims.keys():
        _close(edit, found, holders - found.claims.keys(), around=limit)


def _close(edit: Edit, found: _Closure, record_ids: Collection[int], *, around: int = 0) -> None:
    """Rounds of records that share a value, a CI or a person's word with those of the round before, until there are no more.

    Values that are doubted are not followed. `around`: these records are the surroundings of so many.
    """
    limit = edit.context.settings.neighbourhood_limit
    most = limit * max(1, around or len(record_ids))
    asked: set[tuple[str, str]] = set()
    frontier = set(record_ids)
    while frontier:
        new = dict.fromkeys(frontier, ()) | load_claims(edit.connection, frontier)
        found.claims |= new
        views = load_views(edit, new)
        found.views |= views
        constraints = _load_constraints(edit.connection, frontier)
        found.constraints += [each for each in constraints if each not in found.constraints]
        _sort_quarantined(edit, found, new, is_around=bool(around))
        _sort_corroborating(edit, found, new)
        values = _usable_values(edit, new, found, follows_doubted=False) - asked
        asked |= values
        frontier = {row.record_id for row in find_holders(edit.connection, identity_claim, _as_claimed(values), limit=most + 1)}
        frontier |= _records_of(edit.connection, {view.ci_id for view in views.values() if view.ci_id is not None})
        frontier |= {each for pair in constraints for each in (pair.left_record_id, pair.right_record_id)}
        frontier -= found.claims.keys()
        for row in find_holders(edit.connection, recorded_claim, values, limit=limit + 1):
            found.recorded.setdefault(row.ci_id, set()).add((row.kind, row.value))
        frontier |= _records_of(edit.connection, found.recorded.keys()) - found.claims.keys()
        if len(found.claims) + len(frontier) > most:
            found.is_truncated = True
            return


def _sort_quarantined(edit: Edit, found: _Closure, new: Mapping[int, tuple[Claim, ...]], *, is_around: bool) -> None:
    """Which quarantined values can be judged again, because all their holders are looked at, and which are not: those with too many, and
    those of the surroundings alone."""
    known = found.quarantined.keys() | found.doubtful
    stored = find_quarantined(edit.connection, (claim for each in new.values() for claim in each if claim.key not in known))
    held = count_holders(edit.connection, stored)
    crowded = {key: since for key, since in stored.items() if is_around or held.get(key, 0) > DOUBTED_HOLDERS}
    found.quarantined |= crowded
    found.doubtful |= stored.keys() - crowded.keys()


def _sort_corroborating(edit: Edit, found: _Closure, new: Mapping[int, tuple[Claim, ...]]) -> None:
    """What only corroborates is followed as long as few hold it: copies of one image are no neighbours."""
    kinds = edit.context.closing_kinds - edit.context.key_kinds
    values = {(claim.kind, claim.value) for each in new.values() for claim in each if claim.kind in kinds and claim.state in _USABLE}
    found.crowded |= {value for value, count in count_claims(edit.connection, values).items() if count > DOUBTED_HOLDERS}


def _usable_values(edit: Edit, claims: Mapping[int, tuple[Claim, ...]], found: _Closure, *, follows_doubted: bool = True) -> set[tuple[str, str]]:
    """What these records share with others: kind and value, a permanent address as the address that it is."""
    kinds = edit.context.closing_kinds
    barred = found.quarantined.keys() if follows_doubted else found.quarantined.keys() | found.doubtful
    return {
        ("mac" if claim.kind == "permanent_mac" else claim.kind, claim.value)
        for each in claims.values()
        for claim in each
        if claim.kind in kinds and claim.state in _USABLE and claim.key not in barred and (claim.kind, claim.value) not in found.crowded
    }


def _as_claimed(values: Iterable[tuple[str, str]]) -> set[tuple[str, str]]:
    """The values under every kind that claims them."""
    return {pair for kind, value in values for pair in ((kind, value), ("permanent_mac", value) if kind == "mac" else (kind, value))}


def _records_of(connection: Connection, ci_ids: Collection[str]) -> set[int]:
    found: set[int] = set()
    for part in parts(sorted(ci_ids)):
        found.update(connection.execute(select(source_record.c.id).where(source_record.c.ci_id.in_(part))).scalars())
    return found


def _find_bystanders(edit: Edit, found: _Closure) -> dict[int, tuple[Claim, ...]]:
    """Records that share only a weak claim: near misses for a person."""
    holders = [row.record_id for row in find_holders(edit.connection, identity_claim, _weak_values(edit, found.claims), limit=_BYSTANDERS + 1)]
    holders += find_full_names(edit.connection, _names_without_full(found.claims), limit=_BYSTANDERS + 1)
    found.sees_namesakes = len(holders) <= _BYSTANDERS
    return load_claims(edit.connection, sorted(set(holders) - found.claims.keys())[:_BYSTANDERS])


def _names_without_full(claims: Mapping[int, tuple[Claim, ...]]) -> set[str]:
    """Short names of records that have no full one, so that another's full name may be theirs."""
    names = [{claim.value for claim in each if claim.kind in NAME_KINDS and claim.state in _USABLE} for each in claims.values()]
    return {name for each in names if not any("." in name for name in each) for name in each}


def _weak_values(edit: Edit, claims: Mapping[int, tuple[Claim, ...]]) -> set[tuple[str, str]]:
    """What only suggests, as others may claim it: a name under each kind of name, and its short form."""
    kinds = edit.context.suggesting_kinds
    values = {(claim.kind, claim.value) for each in claims.values() for claim in each if claim.kind in kinds and claim.state in _USABLE}
    names = {name for kind, value in values if kind in NAME_KINDS for name in (value, short_name(value))}
    return values | {(kind, name) for kind in NAME_KINDS for name in names}


# Built once: for so small a statement, building it costs more than running it.
_BOUND = select(identity_constraint).where(
    or_(
        *(
            column.in_(bindparam("records", expanding=True))
            for column in (identity_constraint.c.left_record_id, identity_constraint.c.right_record_id)
        )
    )
)


def load_known_cis(edit: Edit, ci_ids: Collection[str]) -> dict[str, KnownCi]:
    """CIs as identification sees them, by id."""
    stored = load_cis(edit.connection, ci_ids)
    claims = load_recorded_claims(edit.connection, ci_ids)
    load_contents(edit.connection, (each.recorded_hash for each in stored.values()), edit.contents)
    ended = [each.id for each in stored.values() if each.lifecycle in ("retired", "disposed")]
    since: dict[str, int] = {}
    if ended:
        is_it = history.c.ci_id.in_(ended) & (history.c.layer == "lifecycle")
        query = select(history.c.ci_id, func.max(history.c.valid_from).label("at")).where(is_it).group_by(history.c.ci_id)
        since = {row.ci_id: row.at for row in edit.connection.execute(query)}
    return {
        each.id: KnownCi(
            id=each.id,
            number=each.number,
            ci_class=each.recorded_class or each.ci_class,
            lifecycle=each.lifecycle,
            lifecycle_since_at=since.get(each.id, 0),
            claims=claims.get(each.id, ()),
            vendor=vendor_of(edit.contents.get(each.recorded_hash or b"", {})),
            zone=each.zone,
            has_decisions=each.has_decisions,
            is_provisional=each.is_provisional,
        )
        for each in stored.values()
        if each.redirect_to is None
    }


def _load_constraints(connection: Connection, record_ids: Iterable[int]) -> list[Constraint]:
    found: dict[int, Constraint] = {}
    for part in parts(sorted(record_ids)):
        for row in connection.execute(_BOUND, {"records": part}):
            found[row.id] = Constraint(
                kind=row.kind, left_record_id=row.left_record_id, right_record_id=row.right_record_id, created_at=row.created_at
            )
    return [found[each] for each in sorted(found)]


def _components(edit: Edit, found: _Closure) -> list[set[int]]:
    """Records tied by a shared value, by their CI, by a CI's recorded side or by a person's word."""
    tied: dict[object, list[int]] = {}
    for record_id, view in found.views.items():
        for value in _usable_values(edit, {record_id: view.claims}, found):
            tied.setdefault(value, []).append(record_id)
        if view.ci_id is not None:
            tied.setdefault(view.ci_id, []).append(record_id)
    for ci_id, values in found.recorded.items():
        if ci_id in found.cis:
            tied.setdefault(ci_id, []).extend(record_id for value in values for record_id in tied.get(value, ()))
    return _join(list(found.views), [*tied.values(), *([each.left_record_id, each.right_record_id] for each in found.constraints)])


def _join(record_ids: list[int], groups: Iterable[list[int]]) -> list[set[int]]:
    root = {record_id: record_id for record_id in record_ids}

    def find(record_id: int) -> int:
        while root[record_id] != record_id:
            root[record_id] = root[root[record_id]]
            record_id = root[record_id]
        return record_id

    for group in groups:
        known = [each for each in group if each in root]
        for other in known[1:]:
            root[find(other)] = find(known[0])
    found: dict[int, set[int]] = {}
    for record_id in record_ids:
        found.setdefault(find(record_id), set()).add(record_id)
    return list(found.values())


def _as_names(values: Iterable[tuple[str, str]]) -> set[tuple[str, str]]:
    """Values with each name as the name that it is, short."""
    return {("name", short_name(value)) if kind in NAME_KINDS else (kind, value) for kind, value in values}


def _neighbourhood(group: set[int], found: _Closure) -> Neighbourhood:
    records = tuple(found.views[each] for each in sorted(group))
    values = {(claim.kind, claim.value) for view in records for claim in view.claims}
    others = (*found.bystanders.values(), *(view for view in found.views.values() if view.id not in group))
    weak = _as_names(values)
    near = tuple(view for view in others if weak & _as_names((claim.kind, claim.value) for claim in view.claims))
    is_whole = found.sees_namesakes and len(near) <= _BYSTANDERS and not found.is_truncated
    near = near[:_BYSTANDERS]
    named = {view.ci_id for view in (*records, *near)}
    cis = [each for each in found.cis.values() if each.id in named or weak & _as_names((claim.kind, claim.value) for claim in each.claims)]
    return Neighbourhood(
        records=records,
        cis=tuple(cis),
        constraints=tuple(each for each in found.constraints if {each.left_record_id, each.right_record_id} <= group),
        quarantined={key: since for key, since in sorted(found.quarantined.items()) if (key[0], key[2]) in values},
        doubtful=tuple(sorted(key for key in found.doubtful if (key[0], key[2]) in values)),
        bystanders=near,
        is_truncated=found.is_truncated,
        sees_namesakes=is_whole,
    )
