"""A whole collector in a thread of the test process, on a free port over a real store, and a client that shows what was answered."""

from __future__ import annotations

import asyncio
import http.client
import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from collector.bootstrap import prepare
from collector.process import Signals, run_collector
from collector.settings import CollectorSettings
from muster.cli.collector import make_exports
from muster.clock import Clock

READY_SECONDS = 60


@dataclass(frozen=True)
class Answered:
    """One answer, whole."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def value(self) -> Any:
        return json.loads(self.body)

    @property
    def code(self) -> str:
        """The short name of the problem."""
        return str(self.value["type"]).removeprefix("urn:muster:problem:")


@dataclass
class Served:
    """`tokens`: an API token for each role, and a source's."""

    port: int
    folder: Path
    tokens: dict[str, str] = field(default_factory=dict)
    sequence: int = 0

    def ask(self, method: str, path: str, body: object = None, *, token: str | None = "administrator", **headers: str) -> Answered:
        """`body`: bytes as they are, anything else as JSON. `token`: a role, a secret, or None. Header names: `_` for `-`."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if token is not None:
            sent["Authorization"] = f"Bearer {self.tokens.get(token, token)}"
        content = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        if content is not None:
            sent.setdefault("Content-Type", "application/json")
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, path, content, sent)
            answer = connection.getresponse()
            return Answered(answer.status, dict(answer.getheaders()), answer.read())
        finally:
            connection.close()

    def get(self, path: str, *, token: str | None = "administrator", **headers: str) -> Any:
        """The JSON of a read that must succeed."""
        answered = self.ask("GET", path, token=token, **headers)
        assert answered.status == 200, answered.body
        return answered.value

    def make_token(self, **wanted: Any) -> tuple[str, str]:
        """A token's id and secret."""
        made = self.ask("POST", "/v1/tokens", wanted)
        assert made.status == 201, made.body
        return made.value["id"], made.value["token"]

    def report(self, *items: dict[str, Any], token: str = "source", **changed: Any) -> Answered:
        self.sequence += 1
        return self.ask("POST", "/v1/reports", make_report(self.sequence, *items, **changed), token=token)


def make_report(sequence: int, *items: dict[str, Any], **changed: Any) -> dict[str, Any]:
    """A small report, as somebody writes it by hand."""
    whole: dict[str, Any] = {
        "source": {"kind": "api", "name": "by-hand", "instance": "6f1c", "zone": "berlin"},
        "sequence": sequence,
        "observed_at": "2026-03-01T10:00:00Z",
        "sections": {"host": {"complete": False, "items": list(items)}},
    }
    return {**whole, **changed}


def make_server(name: str, **attributes: Any) -> dict[str, Any]:
    """One server with a serial number of its own."""
    return {"ref": name, "class": "server", "identifiers": {"serial": f"SN-{name}"}, "attributes": {"name": name, **attributes}}


@contextmanager
def serving(folder: Path, database: str = "", *, clock: Clock | None = None, **settings: Any) -> Iterator[Served]:
    """A collector that listens; stopped at the end, which must be clean."""
    folder.mkdir(parents=True, exist_ok=True)
    url = database or f"sqlite:///{folder}/muster.db"
    administrator = prepare(url, account_name="admin")
    chosen = CollectorSettings(listen="127.0.0.1:0", database=url, state_directory=str(folder), evaluation_seconds=0.5, **settings)
    listening, failed, bound = threading.Event(), [], [0]
    stops: list[tuple[asyncio.AbstractEventLoop, Signals]] = []

    async def run() -> None:
        signals = Signals(on_listening=lambda address: (bound.__setitem__(0, address[1]), listening.set())[-1])
        stops.append((asyncio.get_running_loop(), signals))
        await run_collector(chosen, make_exports(), signals, clock=clock)

    def target() -> None:
        try:
            asyncio.run(run())
        except BaseException as error:
            failed.append(error)
            listening.set()

    thread = threading.Thread(target=target)
    thread.start()
    assert listening.wait(READY_SECONDS), "the collector does not listen"
    try:
        if failed:
            raise failed[0]
        served = Served(bound[0], folder, {"administrator": administrator})
        for role in ("viewer", "auditor", "configuration_manager", "operator"):
            served.tokens[role] = served.make_token(kind="api", name=role, role=role)[1]
        served.tokens["source"] = served.make_token(kind="source", name="by-hand")[1]
        served.tokens["enrolment"] = served.make_token(kind="enrolment", name="enrol")[1]
        yield served
    finally:
        for loop, signals in stops:
            if thread.is_alive():
                loop.call_soon_threadsafe(signals.stop.set)
        thread.join(30)
        assert not thread.is_alive(), "the collector did not stop"
    assert failed == []
