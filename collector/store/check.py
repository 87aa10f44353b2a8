"""What sources say of the state of things: confirmed states and their transitions, kept for ever. Design: docs/storage.md.

Down is confirmed by two of the last three observations and then begins at the first of them; what is not confirmed is no downtime.
An observation that is not repeated in time becomes unknown from when the next was due: no credit without evidence.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import insert, select, update

from collector.check_timeline import tells_of_life
from collector.store.ci import load_cis
from collector.store.delivery import Delivery
from collector.store.edit import Edit
from collector.store.endpoint import find_endpoints
from collector.store.late_state import REPORTED_LATE, fill_unknown
from collector.store.schema import check_state, ci, transition
from collector.store.silence import Silences
from collector.store.source_record import load_refs
from collector.store.statement import parts, update_rows
from collector.store.stored_check import CHECKS_OF_SOURCE, SELECT_CHECK, StoredCheck, write_transitions
from muster.errors import InputError
from muster.model.state import State
from muster.wire.codec import decode_state
from muster.wire.report import Endpoint, StateReport

STATES_LIMIT = 100_000  # of one report
CONFIRMING_FAILURES = 2
_WINDOW = 0b111  # the last three observations
_RANK: Mapping[State, int] = {"unknown": -1, "down": 0, "degraded": 1, "up": 2}


class _Work(msgspec.Struct):
    """Checks by (CI, check), the transitions to write: (check, instant, state, reason), and what came late: (check, instant, state)."""

    source_id: int
    silences: Silences
    checks: dict[tuple[str, str], StoredCheck]
    transitions: list[tuple[StoredCheck, int, State, str]]
    late: list[tuple[StoredCheck, int, State]]


def take_states(edit: Edit, delivery: Delivery) -> set[str]:
    """Take the states of a report, in the order of their instants; the CIs whose state changed."""
    told = _decode(delivery)
    if not told:
        return set()
    subjects = _find_subjects(edit, delivery, told)
    named = [(path, ci_id, state) for path, state in told if (ci_id := subjects.get(path)) is not None]
    checks = _load(edit, delivery.source.id, {ci_id for _, ci_id, _ in named})
    work = _Work(delivery.source.id, Silences(edit), checks, [], [])
    touched: dict[int, StoredCheck] = {}
    for _, ci_id, state in sorted(named, key=lambda each: delivery.correct(int(each[2].at))):
        check = _observe(work, ci_id, state, delivery.correct(int(state.at)))
        touched[id(check)] = check
    _save(edit, work, list(touched.values()))
    changed = {check.ci_id for check, *_ in work.transitions} | {check.ci_id for check, *_ in work.late}
    update_operation(edit, changed)
    return changed


def _decode(delivery: Delivery) -> list[tuple[str, StateReport]]:
    found: list[tuple[str, StateReport]] = []
    for at, raw in enumerate(delivery.report.states):
        path = f"$.states[{at}]"
        if at >= STATES_LIMIT:
            delivery.reject(path, f"more than {STATES_LIMIT} states in one report; send the others in another")
            break
        try:
            found.append((path, decode_state(raw, delivery.content_type, path=path)))
        except InputError as error:
            delivery.reject(error.path, error.message)
    return found


def _find_subjects(edit: Edit, delivery: Delivery, told: Sequence[tuple[str, StateReport]]) -> dict[str, str]:
    """The CI that each state is of, by the state's path; a subject that nobody has reported is told to the source."""
    refs = {state.subject for _, state in told if isinstance(state.subject, str)}
    known = {each.ref: each.ci_id for each in load_refs(edit.connection, delivery.source.id, refs)}
    ends = [state.subject for _, state in told if isinstance(state.subject, Endpoint)]
    by_end = find_endpoints(edit, delivery.source.key, ends)
    found: dict[str, str] = {}
    for path, state in told:
        subject = state.subject
        ci_id = known.get(subject) if isinstance(subject, str) else by_end.get(msgspec.msgpack.encode(subject))
        if ci_id is None:
            delivery.reject(f"{path}.subject", "nothing known has this ref or these identifiers; report it in a section first")
        else:
            found[path] = ci_id
    return found


def _load(edit: Edit, source_id: int, ci_ids: Collection[str]) -> dict[tuple[str, str], StoredCheck]:
    found: dict[tuple[str, str], StoredCheck] = {}
    for part in parts(sorted(ci_ids)):
        for row in edit.connection.execute(CHECKS_OF_SOURCE, {"source": source_id, "cis": part}):
            found[row.ci_id, row.check_name] = StoredCheck(*row)
    return found


def _observe(work: _Work, ci_id: str, told: StateReport, at: int) -> StoredCheck:
    check = work.checks.get((ci_id, told.check))
    if check is None:
        check = StoredCheck(0, ci_id, told.check, work.source_id, "unknown", at, at, told.interval_seconds, told.reason)
        work.checks[ci_id, told.check] = check
    elif at <= check.last_at:
        _fill(work, check, told.state, at)
        return check
    else:
        _hear_again(work, check, at)
    is_down = told.state == "down"
    if is_down and not check.failures & (_WINDOW >> 1):
        check.first_failure_at = at
    check.failures = (check.failures << 1 | is_down) & _WINDOW
    if not is_down:
        if check.state == "down":
            check.failures = 0
        if told.state != check.state:
            _become(work, check, told.state, at, told.reason)
    elif check.failures.bit_count() >= CONFIRMING_FAILURES and check.state != "down":
        _become(work, check, "down", check.first_failure_at or at, told.reason)
    check.last_at, check.interval_seconds, check.reason = at, told.interval_seconds, told.reason
    check.expires_at = at + work.silences.holds_ms(told.interval_seconds) + 1
    return check


def _hear_again(work: _Work, check: StoredCheck, at: int) -> None:
    """The time since the last observation is unknown where that is no evidence any more, and known where it only seemed so."""
    silence = work.silences.between(check.last_at, check.interval_seconds, at)
    if check.state != "unknown" and silence is not None:
        _become(work, check, "unknown", max(silence.at, check.since_at), silence.reason)
        check.failures, check.first_failure_at = 0, None
    elif check.state == "unknown" and silence is None and check.since_at == check.last_at + check.interval_seconds * 1000:
        before = work.silences.state_before(check.ci_id, check.check_name, check.source_id, check.since_at)
        if before is not None:
            _become(work, check, before, check.since_at, REPORTED_LATE)


def _become(work: _Work, check: StoredCheck, state: State, at: int, reason: str) -> None:
    check.state, check.since_at = state, at
    work.transitions.append((check, at, state, reason))


def _fill(work: _Work, check: StoredCheck, state: State, at: int) -> None:
    """A late observation fills unknown time before what is known; of known time it changes nothing."""
    if at < check.last_at and state != "unknown" and check.since_at > at:
        work.late.append((check, at, state))


def _save(edit: Edit, work: _Work, checks: Sequence[StoredCheck]) -> None:
    new = [each for each in checks if not each.id]
    known = [each for each in checks if each.id]
    if new:
        rows = [{name: value for name, value in msgspec.structs.asdict(each).items() if name != "id"} for each in new]
        statement = insert(check_state).returning(check_state.c.id, sort_by_parameter_order=True)
        for each, row_id in zip(new, edit.connection.execute(statement, rows).scalars(), strict=True):
            each.id = row_id
    update_rows(edit.connection, check_state, [msgspec.structs.asdict(each) for each in known])
    write_transitions(edit, [*fill_unknown(edit, work.silences, work.late), *work.transitions])


def update_operation(edit: Edit, ci_ids: Collection[str]) -> None:
    """The third axis of these CIs: the best proof of life of a host, the own check of a part, else the worst of its checks."""
    rows: list[dict[str, Any]] = []
    cis = load_cis(edit.connection, ci_ids)
    checks: dict[str, list[StoredCheck]] = {}
    for part in parts(sorted(cis)):
        for row in edit.connection.execute(SELECT_CHECK.where(check_state.c.ci_id.in_(part))):
            checks.setdefault(row.ci_id, []).append(StoredCheck(*row))
    for each in cis.values():
        operation = _operation_of(edit, each.ci_class, checks.get(each.id, []))
        if operation != each.operation:
            rows.append({"id": each.id, "operation": operation})
    update_rows(edit.connection, ci, rows)


def _operation_of(edit: Edit, ci_class: str, checks: Sequence[StoredCheck]) -> State:
    known = edit.class_of(ci_class)
    alive: list[State] = [_now(edit, each) for each in checks if known.reachability and tells_of_life(each.check_name)]
    own: list[State] = [_now(edit, each) for each in checks if each.check_name == known.own_check]
    if alive or own:
        return max(alive or own, key=_RANK.__getitem__)
    rest = [_now(edit, each) for each in checks]
    return "down" if "down" in rest else min(rest, key=_RANK.__getitem__, default="unknown")


def _now(edit: Edit, check: StoredCheck) -> State:
    return check.state if check.expires_at is not None and check.expires_at > edit.now else "unknown"


def expire_checks(edit: Edit, limit: int) -> set[str]:
    """Checks whose last observation no longer holds: unknown from when the next was due; the CIs touched."""
    due = SELECT_CHECK.where(check_state.c.expires_at <= edit.now).order_by(check_state.c.expires_at).limit(limit)
    checks = [StoredCheck(*row) for row in edit.connection.execute(due)]
    entries: list[tuple[StoredCheck, int, State, str]] = []
    silences = Silences(edit)
    for each in checks:
        silence = silences.between(each.last_at, each.interval_seconds, edit.now)
        if each.state != "unknown" and silence is not None:
            each.state, each.since_at = "unknown", max(silence.at, each.since_at)
            entries.append((each, each.since_at, "unknown", silence.reason))
        each.expires_at, each.failures, each.first_failure_at = None, 0, None
    columns = ("id", "state", "since_at", "expires_at", "failures", "first_failure_at")
    update_rows(edit.connection, check_state, [{name: getattr(each, name) for name in columns} for each in checks])
    write_transitions(edit, entries)
    touched = {each.ci_id for each in checks}
    update_operation(edit, touched)
    return touched


def move_checks(edit: Edit, moved: Mapping[str, str]) -> None:
    """CIs that became others: their record of states goes with them, as far as the other has none of its own."""
    for gone, survivor in moved.items():
        edit.connection.execute(update(transition).where(transition.c.ci_id == gone).values(ci_id=survivor))
        kept = select(check_state.c.check_name, check_state.c.source_id).where(check_state.c.ci_id == survivor)
        held = {(row.check_name, row.source_id) for row in edit.connection.execute(kept)}
        for row in edit.connection.execute(SELECT_CHECK.where(check_state.c.ci_id == gone)).all():
            if (row.check_name, row.source_id) in held:
                edit.connection.execute(check_state.delete().where(check_state.c.id == row.id))
            else:
                edit.connection.execute(update(check_state).where(check_state.c.id == row.id).values(ci_id=survivor))
