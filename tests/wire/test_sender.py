"""The sender against a real HTTP server: what it does with each answer, and in which order it sends."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol

import pytest

from muster.clock import FakeClock
from muster.errors import ConfigurationError
from muster.wire.codec import encode
from muster.wire.report import CONTENT_TYPE_MSGPACK, Dropped, Report, SampleBlock, Source
from muster.wire.sender import Refusal, Sender
from muster.wire.spool import DroppedRange, Spool
from muster.wire.transport import Destination
from tests.support.authority import make_authority
from tests.support.collector_double import CollectorDouble, Scripted, problem, serving
from tests.support.server import free_port


@pytest.fixture
def collector() -> Iterator[CollectorDouble]:
    with serving() as double:
        yield double


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    return Spool(str(tmp_path / "spool"))


def fill(spool: Spool, clock: FakeClock, count: int = 1) -> None:
    for _ in range(count):
        sequence = spool.next_sequence
        report = Report(
            source=Source(kind="agent", name="web-1", instance=spool.instance),
            sequence=sequence,
            observed_at=clock.now_ms(),
            samples=[SampleBlock(table="t1", times=[clock.now_ms()], values=[[float(sequence)]])],
            dropped=[Dropped(*each) for each in spool.dropped()],
        )
        body = encode(report, content_encoding="gzip")
        spool.add(sequence, body, keeps=False, now_ms=clock.now_ms(), content_type=CONTENT_TYPE_MSGPACK, content_encoding="gzip")


class Told(list[tuple[str, str]]):
    def __call__(self, level: str, event: str, **fields: object) -> None:
        self.append((level, event))


class Make(Protocol):
    def __call__(self, url: str, clock: FakeClock, log: Told | None = None, **changed: Any) -> Sender: ...


@pytest.fixture
def make(spool: Spool) -> Iterator[Make]:
    """Senders that are closed at the end."""
    made: list[Sender] = []

    def build(url: str, clock: FakeClock, log: Told | None = None, *, ca_file: str = "", token: Callable[[], str] = lambda: "t" * 32) -> Sender:
        made.append(Sender(spool, Destination(url, ca_file), read_token=token, clock=clock, ratio=lambda: 0.5, log=log))
        return made[-1]

    yield build
    for sender in made:
        sender.close()


def test_the_newest_report_goes_first_then_the_backlog_from_its_start(collector: CollectorDouble, spool: Spool, make: Make) -> None:
    clock = FakeClock()
    fill(spool, clock, 5)
    outcome = make(collector.url, clock).send_pending()
    assert collector.sequences() == [4, 0, 1, 2, 3]
    assert (outcome.delivered, outcome.want, len(spool)) == (5, ("t1",), 0)
    assert collector.connections == 1


def test_a_fresh_report_overtakes_a_long_backlog(collector: CollectorDouble, spool: Spool, make: Make) -> None:
    clock = FakeClock()
    fill(spool, clock, 6)
    sender = make(collector.url, clock)
    sender.send_pending(limit=3)
    fill(spool, clock)
    sender.send_pending(limit=3)
    assert collector.sequences() == [5, 0, 1, 6, 2, 3]


def test_each_attempt_tells_its_own_time(collector: CollectorDouble, spool: Spool, make: Make) -> None:
    clock = FakeClock()
    fill(spool, clock)
    collector.script = [problem(503, "busy", "later", retry_after="7")]
    sender = make(collector.url, clock)
    sender.send_pending()
    clock.advance(seconds=8)
    sender.send_pending()
    sent = [int(request.headers["muster-sent-at"]) for request in collector.requests]
    assert sent == [FakeClock().now_ms(), FakeClock().now_ms() + 8000]
    assert collector.requests[0].body == collector.requests[1].body


@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_is_honoured(collector: CollectorDouble, spool: Spool, status: int, make: Make) -> None:
    clock = FakeClock()
    log = Told()
    fill(spool, clock)
    collector.script = [problem(status, "busy", "later", retry_after="40")]
    sender = make(collector.url, clock, log)
    assert sender.send_pending().delivered == 0
    assert (sender.state, sender.reason) == ("waiting", f"the collector answered {status}: later")
    assert sender.seconds_until_attempt() == 42.0
    clock.advance(seconds=41)
    assert sender.send_pending().delivered == 0
    assert len(collector.requests) == 1
    clock.advance(seconds=2)
    assert sender.send_pending().delivered == 1
    assert log == [("warning", "delivery_paused"), ("info", "delivery_resumed")]


def test_retry_after_may_be_a_date(collector: CollectorDouble, spool: Spool, make: Make) -> None:
    clock = FakeClock(now_ms=1_772_359_200_000)
    fill(spool, clock)
    collector.script = [Scripted(503, b"", {"Retry-After": "Sun, 01 Mar 2026 10:01:40 GMT"})]
    sender = make(collector.url, clock)
    sender.send_pending()
    assert sender.seconds_until_attempt() == 105.0


def test_an_absent_collector_is_retried_ever_more_rarely_and_loses_nothing(spool: Spool, make: Make) -> None:
    clock = FakeClock()
    log = Told()
    fill(spool, clock, 2)
    port = free_port()
    sender = make(f"http://127.0.0.1:{port}", clock, log)
    waits = []
    for _ in range(9):
        assert sender.send_pending().delivered == 0
        waits.append(sender.seconds_until_attempt())
        clock.advance(seconds=waits[-1])
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60, 60]
    assert log == [("warning", "delivery_paused")]
    with serving(port=port) as double:
        assert sender.send_pending().delivered == 2
        assert double.sequences() == [1, 0]


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_token_stops_sending_until_another_stands_in_its_file(collector: CollectorDouble, spool: Spool, status: int, make: Make) -> None:
    clock = FakeClock()
    tokens = ["old" * 8, "t" * 32]
    collector.script = [problem(status, "unauthenticated", "the token is revoked")]
    fill(spool, clock, 3)
    log = Told()
    sender = make(collector.url, clock, log, token=lambda: tokens[0])
    sender.send_pending()
    assert sender.state == "refused"
    assert sender.reason == f"the collector refused the token ({status}): the token is revoked; enrol this source again"
    assert sender.seconds_until_attempt() == 300
    assert (len(collector.requests), len(spool)) == (1, 3)
    tokens.pop(0)
    clock.advance(seconds=300)
    assert sender.send_pending().delivered == 3
    assert log == [("error", "delivery_paused"), ("info", "delivery_resumed")]


def test_a_reused_sequence_takes_a_new_instance_and_sends_again(collector: CollectorDouble, spool: Spool, make: Make) -> None:
    clock = FakeClock()
    fill(spool, clock, 2)
    old = spool.instance
    collector.script = [problem(409, "sequence-reused", "sequence 1 had another body")]
    assert make(collector.url, clock).send_pending().delivered == 2
    assert spool.instance != old
    assert {report.source.instance for report in collector.taken()} == {spool.instance}


@pytest.mark.parametrize(("status", "code"), [(413, "too-large"), (422, "not-a-report"), (415, "unknown-content-type"), (400, "bad-request")])
def test_a_refused_report_is_dropped_in_sight_and_holds_nothing_up(
    collector: CollectorDouble, spool: Spool, status: int, code: str, make: Make
) -> None:
    clock = FakeClock()
    fill(spool, clock, 2)
    log = Told()
    collector.script = [problem(status, code, "a fault\nof two lines", path="$.sections.host")]
    outcome = make(collector.url, clock, log).send_pending()
    assert (outcome.delivered, outcome.dropped, log) == (1, 1, [("error", "report_refused")])
    assert spool.dropped() == [DroppedRange(1, 1, f"refused {status}: $.sections.host: a fault of two lines")]
    fill(spool, clock)
    make(collector.url, clock).send_pending()
    assert collector.taken()[-1].dropped == [Dropped(1, 1, f"refused {status}: $.sections.host: a fault of two lines")]
    assert spool.dropped() == []


def test_refused_parts_and_settings_reach_the_caller(collector: CollectorDouble, spool: Spool, make: Make) -> None:
    clock = FakeClock()
    fill(spool, clock)
    body = b'{"accepted_sequence": 0, "want": ["d1", 7], "rejected": [{"path": "$.states[0]", "reason": "x"}, 3], "settings": {"a": 1}}'
    collector.script = [Scripted(200, body)]
    outcome = make(collector.url, clock).send_pending()
    assert outcome == (1, 0, ("d1",), (Refusal("$.states[0]", "x"),), {"a": 1})


@pytest.mark.parametrize("body", [b"<html>sign in</html>", b"[]", b'{"accepted_sequence": 77}', b"\xff"])
def test_an_answer_that_is_no_collectors_removes_nothing(collector: CollectorDouble, spool: Spool, body: bytes, make: Make) -> None:
    clock = FakeClock()
    fill(spool, clock)
    collector.script = [Scripted(200, body)]
    sender = make(collector.url, clock)
    assert sender.send_pending().delivered == 0
    assert (sender.state, len(spool)) == ("waiting", 1)


def test_a_wrong_address_is_a_fault_for_a_person(collector: CollectorDouble, spool: Spool, make: Make) -> None:
    clock = FakeClock()
    fill(spool, clock)
    sender = make(collector.url + "/elsewhere", clock)
    sender.send_pending()
    assert (sender.state, sender.reason) == ("refused", "the collector answered 404: no such page; check the URL")
    assert collector.requests[0].path == "/elsewhere/v1/reports"


def test_a_kept_connection_that_the_peer_closed_is_opened_again_at_once(collector: CollectorDouble, spool: Spool, make: Make) -> None:
    clock = FakeClock()
    sender = make(collector.url, clock)
    fill(spool, clock)
    sender.send_pending()
    collector.script = [Scripted(0)]
    fill(spool, clock)
    assert sender.send_pending().delivered == 1
    assert (collector.connections, sender.failed_attempts_total) == (2, 0)


def test_only_the_pinned_authority_is_trusted(tmp_path: Path, spool: Spool, make: Make) -> None:
    clock = FakeClock()
    ours, other = make_authority(tmp_path / "ours"), make_authority(tmp_path / "other")
    fill(spool, clock)
    with serving(tls=ours.server_context) as double:
        wrong = make(double.url, clock, ca_file=str(other.file))
        assert wrong.send_pending().delivered == 0
        assert "certificate" in wrong.reason
        assert double.requests == []
        right = make(double.url, clock, ca_file=str(ours.file))
        assert right.send_pending().delivered == 1
        assert right.send_pending().delivered == 0


def test_an_unusable_authority_file_is_named(tmp_path: Path, spool: Spool, make: Make) -> None:
    clock = FakeClock()
    fill(spool, clock)
    sender = make("https://127.0.0.1:1", clock, ca_file=str(tmp_path / "no.pem"))
    sender.send_pending()
    assert (sender.state, str(tmp_path / "no.pem") in sender.reason) == ("refused", True)


@pytest.mark.parametrize(
    "url",
    [
        "http://muster.example.org:8420",
        "ftp://127.0.0.1",
        "127.0.0.1:8420",
        "https://",
        "https://u:p@h",
        "http://127.0.0.1:x",
        "http://127.example.org",
        "https://h:99999",
        "https://h/?a",
    ],
)
def test_a_token_never_travels_in_plain_text_or_to_a_malformed_address(spool: Spool, url: str, make: Make) -> None:
    with pytest.raises(ConfigurationError):
        make(url, FakeClock())
