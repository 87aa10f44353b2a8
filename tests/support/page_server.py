"""The collector's real application on a free port, over a store that a test filled, by a clock that stands still."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web

from collector.api.application import Ground, make_app
from collector.api.authentication import Authenticator
from collector.api.parts import Parts
from collector.api.session_cookie import PLAIN_NAME
from collector.settings import CollectorSettings
from collector.store.outbox import Announcement
from collector.store.reader import Reader
from collector.store.writer import Writer
from muster.ports import AnswerClass
from tests.support.estate_fixture import Filled
from tests.support.server import free_port


@dataclass(frozen=True, eq=False)
class PageServer:
    """`cookies`: of each account, by name, what signs it in."""

    url: str
    cookies: dict[str, dict[str, str]]
    filled: Filled
    reader: Reader


@contextmanager
def serving(filled: Filled, folder: Path) -> Iterator[PageServer]:
    """The application answering at `url` until the context ends."""
    port = free_port()
    settings = CollectorSettings(listen=f"127.0.0.1:{port}", state_directory=str(folder))
    writer = Writer(filled.database)
    writer.start()
    reader = Reader(filled.database, filled.context.catalogue, clock=filled.clock)
    authenticator = Authenticator(filled.database, writer, filled.clock)
    ground = Ground(settings, reader, writer, filled.clock, filled.context.catalogue, authenticator, Counter())
    app = make_app(ground, _parts(filled))
    loop = asyncio.new_event_loop()
    ready = threading.Event()
    thread = threading.Thread(target=_run, args=(loop, app, port, ready), daemon=True)
    thread.start()
    try:
        assert ready.wait(20), "the application did not start"
        url = f"http://127.0.0.1:{port}"
        cookies = {name: {"name": PLAIN_NAME, "value": secret, "url": url} for name, secret in filled.secrets.items()}
        yield PageServer(url, cookies, filled, reader)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        writer.stop()


def _run(loop: asyncio.AbstractEventLoop, app: web.Application, port: int, ready: threading.Event) -> None:
    asyncio.set_event_loop(loop)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
    loop.run_until_complete(runner.setup())
    loop.run_until_complete(web.TCPSite(runner, "127.0.0.1", port).start())
    ready.set()
    try:
        loop.run_forever()
    finally:
        loop.run_until_complete(runner.cleanup())
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()


def _parts(filled: Filled) -> Parts:
    """What pages do not use answers as on a quiet day."""

    async def refuse(target: str) -> AnswerClass:
        return AnswerClass("refused", f"no target {target}")

    return Parts(
        context=filled.context,
        engine=filled.engine,
        read_case=lambda _service, _since, _until: {},
        poke=lambda: None,
        poke_outbox=lambda: None,
        targets=tuple,
        send_test=refuse,
        announcement=Announcement(),
        render_metrics=lambda: b"",
        render_targets=lambda _job, _port: b"[]",
        readiness=tuple,
    )
