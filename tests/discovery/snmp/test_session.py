"""A session gets single objects around faults, and gives a partial walk where a device falls silent."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from discovery.snmp.session import ExchangeSession
from discovery.snmp.varbind import Oid, Varbind
from discovery.snmp.walk import Response
from tests.discovery.snmp.agent_double import AgentDouble, silent, table_of

A = (1, 3, 6, 1, 2, 1, 1)


@given(present=st.sets(st.integers(1, 60)), poisonous=st.sets(st.integers(1, 60), max_size=3), is_v1=st.booleans())
async def test_one_object_that_fails_the_request_costs_only_itself(present: set[int], poisonous: set[int], is_v1: bool) -> None:
    objects = table_of(A, sorted(present))

    def misbehave(_number: int, oids: Sequence[Oid], _repetitions: int) -> Response | None:
        bad = [at for at, oid in enumerate(oids, 1) if oid[-1] in poisonous]
        if not bad:
            return None
        return Response((), 2, bad[0]) if is_v1 else Response((), 5, 0)

    session = ExchangeSession(AgentDouble(objects, misbehave=misbehave))
    found = await session.get([(*A, number) for number in range(1, 61)])
    assert found == {oid: each for oid, each in objects.items() if oid[-1] not in poisonous}


async def test_an_answer_that_was_not_asked_for_is_not_taken() -> None:
    strange = Response([Varbind((1, 3, 9), 2, 1), Varbind((*A, 1), 2, 5)])
    session = ExchangeSession(AgentDouble({}, misbehave=lambda _number, _oids, _repetitions: strange))
    assert set(await session.get([(*A, 1)])) == {(*A, 1)}


async def test_how_a_device_had_to_be_asked_is_kept_for_its_next_table() -> None:
    def misbehave(number: int, _oids: Sequence[Oid], _repetitions: int) -> Response | None:
        return Response((), 5, 1) if agent.requests[number - 1][0] == "get_bulk" else None

    agent = AgentDouble(table_of(A, range(1, 9)), misbehave=misbehave)
    session = ExchangeSession(agent)
    assert len((await session.walk([A])).varbinds) == 8
    bulk = [kind for kind, _, _ in agent.requests].count("get_bulk")
    assert bulk > 0
    assert len((await session.walk([A])).varbinds) == 8
    assert [kind for kind, _, _ in agent.requests].count("get_bulk") == bulk


async def test_a_walk_of_a_silent_device_is_empty_and_partial() -> None:
    session = ExchangeSession(AgentDouble(table_of(A, [1]), misbehave=silent(*range(1, 99))))
    found = await session.walk([A])
    assert (found.varbinds, found.is_complete) == ([], False)
    assert "no SNMP answer" in found.reason
