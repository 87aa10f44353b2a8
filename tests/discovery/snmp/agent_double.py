"""An agent in memory behind the `Exchange` protocol, which answers as well or as badly as it is told."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from discovery.snmp.varbind import END_OF_MIB_VIEW, NO_SUCH_INSTANCE, Oid, Varbind
from discovery.snmp.walk import Response
from muster.errors import UnavailableError

Misbehaviour = Callable[[int, Sequence[Oid], int], Response | None]


@dataclass
class AgentDouble:
    """`objects` by OID. `row_limit` caps the bindings of an answer. `misbehave` may answer in its place, by request number, OIDs, repetitions."""

    objects: Mapping[Oid, Varbind]
    row_limit: int = 1000
    misbehave: Misbehaviour = lambda _number, _oids, _repetitions: None
    requests: list[tuple[str, int, int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._sorted = sorted(self.objects)

    async def get(self, oids: Sequence[Oid]) -> Response:
        self.requests.append(("get", len(oids), 1))
        wrong = self.misbehave(len(self.requests), oids, 0)
        return wrong or Response([self.objects.get(oid, Varbind(oid, NO_SUCH_INSTANCE, None)) for oid in oids])

    async def get_next(self, oids: Sequence[Oid]) -> Response:
        self.requests.append(("get_next", len(oids), 1))
        wrong = self.misbehave(len(self.requests), oids, 1)
        return wrong or Response([self._after(oid, 0) for oid in oids])

    async def get_bulk(self, oids: Sequence[Oid], repetitions: int) -> Response:
        self.requests.append(("get_bulk", len(oids), repetitions))
        wrong = self.misbehave(len(self.requests), oids, repetitions)
        if wrong is not None:
            return wrong
        rows = [self._after(oid, step) for step in range(repetitions) for oid in oids]
        return Response(rows[: self.row_limit])

    async def close(self) -> None:
        """Nothing to give up."""

    def _after(self, oid: Oid, steps: int) -> Varbind:
        at = bisect_right(self._sorted, oid) + steps
        if at < len(self._sorted):
            return self.objects[self._sorted[at]]
        return Varbind(oid, END_OF_MIB_VIEW, None)


def table_of(column: Oid, rows: Sequence[int]) -> dict[Oid, Varbind]:
    """Integers at `column.row` for each row."""
    return {(*column, row): Varbind((*column, row), 2, row) for row in rows}


def silent(*numbers: int) -> Misbehaviour:
    """No answer to these requests, counted from 1."""

    def misbehave(number: int, _oids: Sequence[Oid], _repetitions: int) -> Response | None:
        if number in numbers:
            raise UnavailableError("no SNMP answer: timed out")
        return None

    return misbehave
