"""The walk: columns of a table read by GETBULK, within bounds, whatever the agent answers.

It asks for several columns at once, halves its step on tooBig, genErr, empty answers and time-outs, falls back to one
column and then to GETNEXT, and ends a column on leaving it, on the end of the MIB and on an OID that does not increase.
What it could not read to the end is said: a partial table must never make anything absent. See docs/discovery.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from discovery.snmp.varbind import EXCEPTIONS, Oid, Varbind, render_oid
from muster.clock import Clock, SystemClock
from muster.errors import UnavailableError

ERROR_NAMES = {1: "tooBig", 2: "noSuchName", 3: "badValue", 4: "readOnly", 5: "genErr", 6: "noAccess", 16: "authorizationError"}


@dataclass(frozen=True, slots=True)
class Response:
    """One answer: its variable bindings, or an error status (RFC 3416 section 3) with the index it names."""

    varbinds: Sequence[Varbind]
    error_status: int = 0
    error_index: int = 0


class Exchange(Protocol):
    """One request and its answer. Each raises UnavailableError where none comes in time, AuthenticationError on a refused credential."""

    async def get(self, oids: Sequence[Oid]) -> Response: ...

    async def get_next(self, oids: Sequence[Oid]) -> Response: ...

    async def get_bulk(self, oids: Sequence[Oid], repetitions: int) -> Response: ...

    async def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class WalkLimits:
    """Bounds of one walk: `columns` asked for at once, repetitions of the first and of the largest request, `is_bulk` GETBULK or GETNEXT."""

    maximum_varbinds: int = 250_000
    maximum_seconds: float = 120.0
    columns: int = 6
    first_repetitions: int = 8
    maximum_repetitions: int = 32
    is_bulk: bool = True


@dataclass(frozen=True, slots=True)
class Walk:
    """What a walk read; `reason` says why it is not complete, `learned` how the next walk of this device should ask."""

    varbinds: list[Varbind]
    is_complete: bool = True
    reason: str = ""
    request_count: int = 0
    learned: WalkLimits | None = None


async def walk_columns(exchange: Exchange, columns: Sequence[Oid], limits: WalkLimits | None = None, *, clock: Clock | None = None) -> Walk:
    """All rows of these columns. Raises UnavailableError when not even the first request is answered."""
    return await _Walker(exchange, limits or WalkLimits(), clock or SystemClock()).run(columns)


@dataclass
class _Walker:
    exchange: Exchange
    limits: WalkLimits
    clock: Clock
    varbinds: list[Varbind] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)
    request_count: int = 0
    is_bulk: bool = True
    repetitions: int = 0
    ceiling: int = 0
    width: int = 0

    async def run(self, columns: Sequence[Oid]) -> Walk:
        self.ceiling, self.is_bulk, self.width = self.limits.maximum_repetitions, self.limits.is_bulk, self.limits.columns
        self.repetitions = min(self.limits.first_repetitions, self.ceiling)
        ends_at = self.clock.monotonic_seconds() + self.limits.maximum_seconds
        open_columns = {column: column for column in columns}  # column -> last OID seen in it
        while open_columns:
            if len(self.varbinds) >= self.limits.maximum_varbinds:
                self.reasons.append(f"more than {self.limits.maximum_varbinds} values")
                break
            if self.clock.monotonic_seconds() >= ends_at:
                self.reasons.append(f"took longer than {self.limits.maximum_seconds:g} s")
                break
            await self._step(open_columns)
        learned = replace(self.limits, maximum_repetitions=self.ceiling, is_bulk=self.is_bulk, columns=self.width)
        return Walk(self.varbinds, not self.reasons, "; ".join(self.reasons), self.request_count, learned)

    async def _step(self, open_columns: dict[Oid, Oid]) -> None:
        """One request for the first open columns; removes those that ended."""
        asked = list(open_columns)[: self.width]
        fault = ""
        response = Response(())
        try:
            response = await self._ask([open_columns[column] for column in asked])
            fault = ERROR_NAMES.get(response.error_status, f"error {response.error_status}") if response.error_status else ""
        except UnavailableError as error:
            if not self.varbinds and self.request_count == 1:
                raise
            fault = str(error)
        if fault or not response.varbinds:
            self._slow_down(asked, open_columns, fault or "an empty answer")
            return
        before = len(self.varbinds)
        self._take(response.varbinds, asked, open_columns)
        if len(self.varbinds) - before == self.repetitions * len(asked):
            self.repetitions = min(self.repetitions * 2, self.ceiling)

    async def _ask(self, oids: list[Oid]) -> Response:
        self.request_count += 1
        if self.is_bulk:
            return await self.exchange.get_bulk(oids, self.repetitions)
        return await self.exchange.get_next(oids)

    def _slow_down(self, asked: list[Oid], open_columns: dict[Oid, Oid], fault: str) -> None:
        """The next smaller way to ask, kept for the rest of the walk; the column is given up where there is none."""
        if self.is_bulk and self.repetitions > 1:
            self.repetitions //= 2
            self.ceiling = self.repetitions
        elif self.width > 1:
            self.width = 1
        elif self.is_bulk:
            self.is_bulk = False
        else:
            column = asked[0]
            self.reasons.append(f"{fault} after {render_oid(open_columns.pop(column))}")

    def _take(self, varbinds: Sequence[Varbind], asked: list[Oid], open_columns: dict[Oid, Oid]) -> None:
        """Row by row: the n-th binding belongs to column n modulo their number (RFC 3416 section 4.2.3)."""
        width = len(asked)
        for position, varbind in enumerate(varbinds):
            column = asked[position % width]
            last = open_columns.get(column)
            if last is None:
                continue
            if varbind.tag in EXCEPTIONS or varbind.oid[: len(column)] != column:
                del open_columns[column]
            elif varbind.oid <= last:
                del open_columns[column]
                self.reasons.append(f"OID {render_oid(varbind.oid)} does not increase")
            else:
                open_columns[column] = varbind.oid
                self.varbinds.append(varbind)
