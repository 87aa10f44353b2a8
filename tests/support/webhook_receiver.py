"""A webhook receiver on a free port that verifies with the `standardwebhooks` package, and misbehaves when told to."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from standardwebhooks import Webhook, WebhookVerificationError


@dataclass
class Received:
    """One request as it came."""

    headers: dict[str, str]
    body: bytes
    is_verified: bool
    status: int

    @property
    def message(self) -> dict[str, Any]:
        parsed: dict[str, Any] = json.loads(self.body)
        return parsed


@dataclass
class Answer:
    """What to answer: a status, headers, and how long to think about it."""

    status: int = 204
    headers: Mapping[str, str] = field(default_factory=dict)
    delay_seconds: float = 0


class WebhookReceiver:
    """What came, and what will be answered: `answers` are used up first, then `default`."""

    def __init__(self, secret: str) -> None:
        self.webhook = Webhook(secret)
        self.url = ""
        self.received: list[Received] = []
        self.answers: list[Answer] = []
        self.default = Answer()

    @property
    def accepted(self) -> list[dict[str, Any]]:
        """Messages answered with 2xx, each id once, in order of arrival."""
        return [each.message for each in {one.headers["webhook-id"]: one for one in self.received if one.status < 300}.values()]

    @property
    def accepted_types(self) -> list[str]:
        return [each["type"] for each in self.accepted]

    async def handle(self, request: web.Request) -> web.Response:
        """Verify, note, answer."""
        body = await request.read()
        headers = {name.lower(): value for name, value in request.headers.items()}
        answer = self.answers.pop(0) if self.answers else self.default
        try:
            self.webhook.verify(body, headers)
            is_verified = True
        except WebhookVerificationError:
            is_verified, answer = False, Answer(status=401)
        self.received.append(Received(headers, body, is_verified, answer.status))
        if answer.delay_seconds:
            await asyncio.sleep(answer.delay_seconds)
        return web.Response(status=answer.status, headers=answer.headers)


@contextmanager
def running_receiver(secret: str, *, port: int = 0) -> Iterator[WebhookReceiver]:
    """Serve in a thread of its own, so that synchronous tests and other processes can use it."""
    receiver = WebhookReceiver(secret)
    loop = asyncio.new_event_loop()

    async def start() -> web.AppRunner:
        application = web.Application()
        application.router.add_post("/hook", receiver.handle)
        runner = web.AppRunner(application, access_log=None)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", port)
        await site.start()
        receiver.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
        return runner

    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    runner = asyncio.run_coroutine_threadsafe(start(), loop).result(10)
    try:
        yield receiver
    finally:
        asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()
