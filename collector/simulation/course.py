"""A case's course of events through the real engine and store, with a clock of its own. Format: docs/cases.md."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
from sqlalchemy import Connection

from collector.simulation.case_check import duration_ms
from collector.simulation.case_file import to_catalogue, to_changes, to_policies, to_settings
from collector.simulation.case_format import CaseFile, Expect, Operation, Step
from collector.simulation.decider import Decider
from collector.simulation.expectation import compare
from collector.simulation.naming import Naming
from collector.simulation.past_state import render_past
from collector.simulation.state import render_state
from collector.store.apply_change import apply_changes
from collector.store.ci_past import Moment
from collector.store.due import find_next_due
from collector.store.edit import Context
from collector.store.engine import Database
from collector.store.ingest import Envelope, receive_report
from collector.store.near_miss import load_all_near_misses
from collector.store.sweep import sweep
from collector.store.whole_state import load_whole_state
from muster.errors import AuthorisationError, ConflictError, InputError, MusterError, NotFoundError, UnavailableError, quote
from muster.instant import parse_instant
from muster.wire.codec import decode_report
from muster.wire.report import CONTENT_TYPE_JSON, ReceivedReport, Rejection

START_MS = 1_767_225_600_000  # 2026-01-01T00:00:00Z, where the first step has no `at`
_OVER_LIMIT = re.compile(r"of length <= \d|more than \d|over \d|limit is \d")
SWEEPS_AT_ONCE = 100_000  # at one instant; more is a fault of the sweep


@dataclass(frozen=True)
class _Sent:
    body: bytes
    report: ReceivedReport


class Course:
    """Runs the steps of one case in an empty, migrated database."""

    def __init__(self, case: CaseFile, database: Database) -> None:
        self._case = case
        self._database = database
        self.context = Context(to_catalogue(case), settings=to_settings(case), policies=to_policies(case))
        self._decider = Decider(self.context, Naming())
        self._now: int | None = None
        self._at = START_MS
        self._sequences: dict[tuple[str, str, str], int] = {}
        self._sent: dict[int, _Sent] = {}
        self.rejected: list[dict[str, Any]] = []
        self.refused: list[dict[str, Any]] = []
        self.faults: list[str] = []

    def run(self, *, checks: bool = False) -> None:
        """Every step; with `checks`, what a step expects is compared and `faults` says what is otherwise.

        Raises InputError, with the step in its path, for a report that is none.
        """
        reports = {number: self._prepare(number, step) for number, step in enumerate(self._case.steps) if step.report is not None}
        changes = to_changes(self._case)
        for number, step in enumerate(self._case.steps):
            self._pass_time(self._at if step.at is None else parse_instant(step.at))
            if changes and number == 0:
                with self._database.begin() as connection:
                    apply_changes(connection, self.context, changes, actor="person:case", now=self.now_ms())
            self._take(number, step, reports)
            if checks and step.expect is not None:
                self.faults += [f"step {number}: {fault}" for fault in self._compare(step.expect)]
        if checks and self._case.expect is not None:
            self.faults += self._compare(self._case.expect)

    def _compare(self, expected: Expect) -> list[str]:
        """The state as it is, and as of the instants that `as_of` names."""
        faults = compare(expected, self.read_state())
        for then in expected.as_of:
            known = self.now_ms() if then.known is None else parse_instant(then.known)
            with self._database.connect() as connection:
                state = render_past(connection, self.context, Moment(parse_instant(then.at), known), self.now_ms())
            wanted = Expect(cis=then.cis, differences=then.differences, relations=then.relations, none=then.none, count=then.count)
            faults += [f"as of {then.at}{f' known {then.known}' if then.known else ''}: {fault}" for fault in compare(wanted, state)]
        return faults

    def read_state(self, *, raw_ids: bool = False) -> dict[str, Any]:
        """The printed state."""
        with self._database.connect() as connection:
            whole = load_whole_state(connection)
            near = load_all_near_misses(connection)
        return render_state(whole, near=near, rejected=self.rejected, refused=self.refused, raw_ids=raw_ids)

    def _take(self, number: int, step: Step, reports: Mapping[int, dict[str, Any] | Rejection]) -> None:
        if number in reports and isinstance(told := reports[number], Rejection):
            self.rejected.append({"step": number, "path": told.path, "reason": told.reason})
        elif number in reports and isinstance(told, dict):
            self._sent[number] = self._encode(number, told)
            self._send(number, self._sent[number])
        elif step.redeliver is not None and step.redeliver in self._sent:
            self._send(number, self._sent[step.redeliver])
        elif step.operation is not None and step.operation.advance is not None:
            self._pass_time(self.now_ms() + (duration_ms(step.operation.advance) or 0))
        elif step.decide is not None or step.operation is not None:
            self._decide(number, step)

    def _prepare(self, number: int, step: Step) -> dict[str, Any] | Rejection:
        """The report; refused here, before anything is run, where it is none. One that is over a limit is refused at its step, alone."""
        assert step.report is not None
        plain = _spread_mode(number, step.report)
        told = {"sequence": 0, "observed_at": 0, **plain}
        try:
            _decode(number, _to_body(number, told))
        except InputError as error:
            if _OVER_LIMIT.search(error.message) is None:
                raise
            return Rejection("$" + error.path.removeprefix(f"$.steps[{number}].report"), error.message)
        return plain

    def _encode(self, number: int, told: dict[str, Any]) -> _Sent:
        source = told["source"]
        key = (source["kind"], source["name"], source["instance"])
        sequence = told.get("sequence", self._sequences.get(key, 0) + 1)
        self._sequences[key] = max(sequence, self._sequences.get(key, 0))
        told = {"observed_at": self._at, **told, "sequence": sequence}
        body = _to_body(number, told)
        return _Sent(body, _decode(number, body))

    def _send(self, number: int, sent: _Sent) -> None:
        envelope = Envelope(sent.report, sent.body, CONTENT_TYPE_JSON, self.now_ms())
        try:
            with self._database.begin() as connection:
                receipt = receive_report(connection, self.context, envelope)
        except MusterError as error:
            self._refuse(number, error)
            return
        if not receipt.is_duplicate:  # a report that comes again is answered as it was, and told once
            self.rejected += [{"step": number, "path": each.path, "reason": each.reason} for each in receipt.answer.rejected]

    def _decide(self, number: int, step: Step) -> None:
        try:
            with self._database.begin() as connection:
                if step.decide is not None:
                    self._decider.decide(connection, number, step.decide, self.now_ms())
                else:
                    self._operate(connection, number, step.operation or Operation())
        except MusterError as error:
            self._refuse(number, error)

    def _operate(self, connection: Connection, number: int, operation: Operation) -> None:
        self._decider.operate(connection, number, operation, self.now_ms())

    def _refuse(self, number: int, error: MusterError) -> None:
        """A decision that the store refuses is part of what happens; a database that is gone is not."""
        if isinstance(error, UnavailableError):
            raise error
        told: dict[str, Any] = {"step": number, "code": _code(error), "message": str(error)}
        if isinstance(error, ConflictError) and error.current is not None:
            told["current"] = error.current
        self.refused.append(told)

    def now_ms(self) -> int:
        """The case's clock."""
        return self._at if self._now is None else self._now

    def _pass_time(self, to: int) -> None:
        """Move the clock, never back; what time alone changes happens at its own instant on the way."""
        self._at = to
        if self._now is None:
            self._now = to
            return
        last: int | None = None
        while True:
            with self._database.connect() as connection:
                due = find_next_due(connection)
            if due is None or due > to or due == last:  # the same again: the sweep left it for later
                break
            self._now, last = max(self._now, due), due
            self._sweep()
        if to > self._now:
            self._now = to
            self._sweep()

    def _sweep(self) -> None:
        for _ in range(SWEEPS_AT_ONCE):
            with self._database.begin() as connection:
                if sweep(connection, self.context, self.now_ms()).is_whole:
                    return


def run_case(case: CaseFile, database: Database, *, raw_ids: bool = False) -> dict[str, Any]:
    """The printed state after a case's last step, in an empty, migrated database. Raises InputError for a report that is none."""
    course = Course(case, database)
    course.run()
    return course.read_state(raw_ids=raw_ids)


def _code(error: MusterError) -> str:
    kinds: tuple[tuple[type[MusterError], str], ...] = ((NotFoundError, "not-found"), (InputError, "invalid"), (AuthorisationError, "forbidden"))
    if isinstance(error, ConflictError):
        return error.code
    return next((code for kind, code in kinds if isinstance(error, kind)), "refused")


def _spread_mode(number: int, report: Mapping[str, Any]) -> dict[str, Any]:
    """The report without its `mode`, which says in one word what its sections say of themselves: full or partial."""
    told = {name: value for name, value in report.items() if name != "mode"}
    mode = report.get("mode")
    if mode is None:
        return told
    if mode not in ("full", "partial"):
        raise InputError(
            f"mode {quote(mode)} is none; write full or partial, or leave it to `complete` of each section", path=f"$.steps[{number}].report.mode"
        )
    sections = told.get("sections")
    if isinstance(sections, Mapping):
        words = {"complete": mode == "full"}
        spread = {
            name: each if not isinstance(each, Mapping) else {**words, **each} if mode == "full" else {**each, **words}
            for name, each in sections.items()
        }
        told["sections"] = spread
    return told


def _to_body(number: int, told: Mapping[str, Any]) -> bytes:
    try:
        return msgspec.json.encode(told)
    except (TypeError, ValueError, RecursionError, UnicodeEncodeError) as error:
        raise InputError(f"no report: {error}", path=f"$.steps[{number}].report") from None


def _decode(number: int, body: bytes) -> ReceivedReport:
    try:
        return decode_report(body, CONTENT_TYPE_JSON)
    except InputError as error:
        raise InputError(error.message if hasattr(error, "message") else str(error), path=f"$.steps[{number}].report{error.path[1:]}") from None
