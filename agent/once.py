"""One report of this host, now: shown as JSON, or sent. Not resident, so it reads the inventory in its own process."""

from __future__ import annotations

import json

import msgspec

from agent.check import CheckBoard
from agent.collection import Gatherer
from agent.host import Host
from agent.inventory_child import SectionResult, split_output
from agent.inventory_process import read_inventory
from agent.log import Log
from agent.process import load_collectors
from agent.report import CONTENT_ENCODING, CONTENT_TYPE, Identity, build_report, encode_report, to_section
from agent.settings import Settings
from agent.state_file import lock_folder
from agent.version import VERSION
from agent.watch import group_listeners, is_running
from muster.clock import Clock, SystemClock
from muster.errors import UnavailableError
from muster.wire.compression import inflate
from muster.wire.report import MAXIMUM_COMPRESSED_BYTES, MAXIMUM_INFLATED_BYTES, Report
from muster.wire.sender import Sender
from muster.wire.spool import DroppedRange, Spool
from muster.wire.token_file import load_token
from muster.wire.transport import Destination


def build_once(
    settings: Settings, host: Host, at: int, *, instance: str = "0" * 32, sequence: int = 0, dropped: list[DroppedRange] | None = None
) -> bytes:
    """The bytes of a whole report: metrics with their table, every section in full, states."""
    collection = Gatherer(host, load_collectors()).gather()
    results = read_results(host)
    board = CheckBoard(settings.interval_seconds, settings.inventory_seconds)
    for each in results:
        board.set_subjects(each.name, each.subjects)
    entries = host.read_listeners()
    states = board.observe(
        at, listeners=None if entries is None else group_listeners(entries), is_running=lambda unit: is_running(host, unit), is_fresh=True
    )
    report = build_report(
        Identity(settings.name, instance, settings.zone, VERSION),
        sequence,
        at,
        collection=collection,
        has_table=True,
        sections={each.name: to_section(each, settings.inventory_seconds) for each in results},
        states=states,
        dropped=dropped or (),
    )
    return encode_report(report)


def read_results(host: Host) -> list[SectionResult]:
    """Every section of a host, as the inventory child would give them."""
    headers, blobs = read_inventory(host, (), {})
    return split_output(json.dumps(headers).encode(), b"".join(blobs))


def decode_body(body: bytes) -> Report:
    """What the bytes say, by the one definition of a report."""
    plain = inflate(body, CONTENT_ENCODING, maximum_compressed_bytes=MAXIMUM_COMPRESSED_BYTES, maximum_inflated_bytes=MAXIMUM_INFLATED_BYTES)
    return msgspec.msgpack.decode(plain, type=Report)


def render_once(settings: Settings, host: Host, clock: Clock | None = None) -> str:
    """The report as indented JSON."""
    body = build_once(settings, host, (clock or SystemClock()).now_ms())
    return msgspec.json.format(msgspec.json.encode(decode_body(body)), indent=2).decode()


def send_once(settings: Settings, host: Host, log: Log, clock: Clock | None = None) -> int:
    """Send one report. Returns how many wait still. Raises MusterError, UnavailableError with why it was not delivered."""
    clock = clock or SystemClock()
    with lock_folder(settings.state_directory):
        spool = Spool(f"{settings.state_directory}/spool", maximum_bytes=settings.spool_bytes)
        at = clock.now_ms()
        body = build_once(settings, host, at, instance=spool.instance, sequence=spool.next_sequence, dropped=spool.dropped())
        spool.add(spool.next_sequence, body, keeps=True, now_ms=at, content_type=CONTENT_TYPE, content_encoding=CONTENT_ENCODING)
        sender = Sender(
            spool,
            Destination(settings.url, settings.ca_file),
            read_token=lambda: load_token(settings.token_file),
            clock=clock,
            log=log,
            user_agent=f"muster-agent/{VERSION}",
        )
        try:
            outcome = sender.send_pending(budget_seconds=60.0)
        finally:
            sender.close()
    for refusal in outcome.refusals:
        log("warning", "part_refused", path=refusal.path, reason=refusal.reason)
    if not outcome.delivered:
        raise UnavailableError(sender.reason or "the collector refused the report; the log says why")
    return len(spool)
