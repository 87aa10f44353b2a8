"""A process that evaluates nothing and only delivers, to be killed: `python -m tests.incidents.deliverer STORE URL`."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from typing import TypeVar

from sqlalchemy import Connection, create_engine

from collector.incidents.outbox import Outbox, OutboxSettings
from muster.clock import SystemClock
from tests.incidents.sample import webhook

T = TypeVar("T")


def main(store: str, url: str) -> None:
    engine = create_engine(store)

    async def transaction(work: Callable[[Connection], T]) -> T:
        with engine.begin() as connection:
            return work(connection)

    outbox = Outbox(transaction, [webhook(url)], clock=SystemClock(), settings=OutboxSettings(idle_seconds=0.05, schedule_seconds=(0.05,) * 9))
    asyncio.run(outbox.run())


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
