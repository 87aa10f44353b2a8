"""A process that evaluates nothing and only delivers, to be killed: `python -m tests.incidents.deliverer STORE URL`."""

from __future__ import annotations

import asyncio
import sys

from collector.incidents.outbox import Outbox, OutboxSettings
from collector.store.engine import open_database
from collector.store.writer import Writer
from muster.clock import SystemClock
from tests.incidents.sample import webhook


def main(store: str, url: str) -> None:
    writer = Writer(open_database(store))
    writer.start()
    asyncio.run(deliver(writer, url))


async def deliver(writer: Writer, url: str) -> None:
    settings = OutboxSettings(idle_seconds=0.05, schedule_seconds=(0.05,) * 9)
    await Outbox(writer.run, [webhook(url)], clock=SystemClock(), settings=settings).run()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
