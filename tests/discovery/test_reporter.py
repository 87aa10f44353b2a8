"""What a source spools and sends: a digest where nothing changed, everything where it is wanted, nothing lost on the way."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from discovery.delivery import Delivery
from discovery.reporter import STATES_PER_REPORT, Reporter, SourceName
from discovery.source_token import SourceToken
from muster.clock import FakeClock
from muster.errors import ConfigurationError, UnavailableError
from muster.wire.codec import decode_report
from muster.wire.digest import digest_section, digest_table
from muster.wire.report import Item, ReceivedReport, SampleBlock, Section, SeriesDefinition, StateReport
from muster.wire.sender import Sender
from muster.wire.transport import Destination
from tests.support.collector_double import CollectorDouble, Scripted, problem, serving

SOURCE = SourceName("ssh", "probe-1", "berlin")
TABLE = [SeriesDefinition(name="probe_duration_seconds", labels={"check": "icmp"}, unit="seconds", subject="a")]


def section(value: str) -> Section:
    items = [Item(ref="a", ci_class="server", attributes={"name": value})]
    return Section(digest=digest_section(items), complete=True, items=items)


def samples(at: int) -> tuple[list[SeriesDefinition], SampleBlock]:
    return TABLE, SampleBlock(table=digest_table(TABLE), times=[at], values=[[0.5]])


def reporter(folder: Path, double: CollectorDouble | None = None) -> Reporter:
    made = Reporter(SOURCE, folder, clock=FakeClock(), software_version="1")
    if double is not None:
        made.sender = Sender(made.spool, Destination(double.url), read_token=lambda: double.token, clock=FakeClock())
    return made


def spooled(made: Reporter) -> list[ReceivedReport]:
    return [decode_report(made.spool.load(each) or b"", each.content_type, each.content_encoding) for each in made.spool.entries()]


def test_an_unchanged_section_costs_a_digest_also_after_a_restart(tmp_path: Path) -> None:
    first = reporter(tmp_path)
    first.put(sections={"host:a": section("one")})
    first.write()
    first.put(sections={"host:a": section("one")})
    first.write()
    again = reporter(tmp_path)
    again.put(sections={"host:a": section("one")})
    again.put(sections={"host:b": section("two")})
    again.write()
    again.put(sections={"host:a": section("three")})
    again.write()
    told = [{name: each.items is not None for name, each in report.sections.items()} for report in spooled(again)]
    assert told == [{"host:a": True}, {"host:a": False}, {"host:a": False, "host:b": True}, {"host:a": True}]
    assert [report.sequence for report in spooled(again)] == [0, 1, 2, 3]
    assert {report.source.instance for report in spooled(again)} == {again.spool.instance}


def test_what_a_collector_lacks_is_sent_in_full_without_asking_the_device_again(tmp_path: Path) -> None:
    with serving() as double:
        made = reporter(tmp_path, double)
        made.put(sections={"host:a": section("one")})
        made.write()
        made.send()
        double.forget_digests()
        made.put(sections={"host:a": section("one")})
        made.write()
        made.send()
        made.send()
        made.close()
        told = [None if each.items is None else len(each.items) for report in double.taken() for each in report.sections.values()]
    assert told == [1, None, 1]
    assert len(made.spool) == 0


def test_a_series_table_is_sent_once_and_again_where_it_is_wanted(tmp_path: Path) -> None:
    with serving() as double:
        made = reporter(tmp_path, double)
        for at in (1, 2):
            made.put(samples=samples(at))
            made.write()
            made.send()
        double.forget_digests()
        for at in (3, 4):
            made.put(samples=samples(at))
            made.write()
            made.send()
        made.close()
        assert [len(report.tables) for report in double.taken()] == [1, 0, 0, 1]


def test_metrics_alone_may_be_dropped_first_and_states_not(tmp_path: Path) -> None:
    made = reporter(tmp_path)
    made.put(samples=samples(1))
    made.put(states=[StateReport("a", "icmp", "up", 1)])
    made.write()
    assert [(bool(report.states), entry.keeps) for report, entry in zip(spooled(made), made.spool.entries(), strict=True)] == [
        (True, True),
        (False, False),
    ]


def test_many_states_are_split_into_reports_of_bounded_size(tmp_path: Path) -> None:
    made = reporter(tmp_path)
    made.put(sections={"host:a": section("one")}, states=[StateReport("a", "icmp", "up", at) for at in range(STATES_PER_REPORT + 1)])
    made.write()
    assert [(len(report.sections), len(report.states)) for report in spooled(made)] == [(1, STATES_PER_REPORT), (0, 1)]
    assert made.write() == 0, "nothing is queued: nothing is reported"


def test_a_disk_that_refuses_loses_nothing(tmp_path: Path) -> None:
    made = reporter(tmp_path)
    spool = tmp_path / "spool"
    moved = tmp_path / "elsewhere"
    spool.rename(moved)
    made.put(sections={"host:a": section("one")}, states=[StateReport("a", "icmp", "up", 1)], samples=samples(1))
    with pytest.raises(UnavailableError):
        made.write()
    moved.rename(spool)
    made.put(states=[StateReport("a", "icmp", "up", 2)])
    made.write()
    assert [state for report in spooled(made) for state in report.states] != []
    told = spooled(made)
    assert sum(len(report.states) for report in told) == 2
    assert [each.items is not None for report in told for each in report.sections.values()] == [True]
    assert sum(len(report.tables) for report in told) == 1


def enrolling(double: CollectorDouble) -> None:
    double.pages["POST", "/v1/enrolments"] = Scripted(201, json.dumps({"token": double.token}).encode(), {"Content-Type": "application/json"})


def test_a_source_enrols_once_and_keeps_its_token_for_itself(tmp_path: Path) -> None:
    (tmp_path / "enrolment").write_text("muster_enrol_abc\n", encoding="ascii")
    with serving() as double:
        enrolling(double)
        for _ in range(2):
            assert SourceToken(SOURCE, tmp_path / "ssh", Destination(double.url), tmp_path / "enrolment").read() == double.token
        asked = [request for request in double.requests if request.path == "/v1/enrolments"]
    assert len(asked) == 1
    assert json.loads(asked[0].body) == {"kind": "ssh", "name": "probe-1", "zone": "berlin"}
    assert asked[0].headers["authorization"] == "Bearer muster_enrol_abc"
    assert (tmp_path / "ssh" / "token").stat().st_mode & 0o777 == 0o600


def test_the_token_of_a_source_is_used_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("muster_source_abc\n", encoding="ascii")
    assert SourceToken(SOURCE, tmp_path / "ssh", Destination("http://127.0.0.1:9"), tmp_path / "token").read() == "muster_source_abc"


def test_a_refused_enrolment_tells_what_to_do_and_a_missing_token_too(tmp_path: Path) -> None:
    (tmp_path / "enrolment").write_text("muster_enrol_abc\n", encoding="ascii")
    with serving() as double:
        double.pages["POST", "/v1/enrolments"] = problem(401, "unauthenticated", "the token has expired")
        with pytest.raises(ConfigurationError, match="the token has expired") as caught:
            SourceToken(SOURCE, tmp_path / "ssh", Destination(double.url), tmp_path / "enrolment").read()
    assert "muster_enrol_abc" not in str(caught.value)
    with pytest.raises(ConfigurationError, match="--token-file"):
        SourceToken(SOURCE, tmp_path / "ssh", Destination("http://127.0.0.1:9"), None).read()


async def test_sources_of_several_kinds_and_zones_deliver_each_its_own(tmp_path: Path) -> None:
    (tmp_path / "enrolment").write_text("muster_enrol_abc\n", encoding="ascii")
    with serving() as double:
        enrolling(double)
        delivery = Delivery(
            tmp_path / "state",
            "probe-1",
            clock=FakeClock(),
            log=lambda *_, **__: None,
            destination=Destination(double.url),
            token_file=tmp_path / "enrolment",
        )
        for kind, zone in (("ssh", "berlin"), ("snmp", "berlin"), ("sweep", "a/b")):
            delivery.put(kind, zone, states=[StateReport("a", "icmp", "up", 1)])  # type: ignore[arg-type]
        delivery.put("snmp", "nothing")
        assert await delivery.finish()
        told = sorted((report.source.kind, report.source.zone, report.source.name) for report in double.taken())
    assert told == [("snmp", "berlin", "probe-1"), ("ssh", "berlin", "probe-1"), ("sweep", "a/b", "probe-1")]


async def test_a_backlog_of_an_earlier_run_is_sent_though_nothing_new_is_observed(tmp_path: Path) -> None:
    away = Delivery(tmp_path / "state", "probe-1", clock=FakeClock(), log=lambda *_, **__: None)
    away.put("ssh", "berlin", states=[StateReport("a", "ssh", "up", 1)])
    assert not await away.finish(), "without a collector it waits"
    (tmp_path / "token").write_text("muster_source_" + "t" * 32, encoding="ascii")
    with serving(CollectorDouble("muster_source_" + "t" * 32)) as double:
        delivery = Delivery(
            tmp_path / "state",
            "probe-1",
            clock=FakeClock(),
            log=lambda *_, **__: None,
            destination=Destination(double.url),
            token_file=tmp_path / "token",
        )
        delivery.reopen(["berlin", "berlin", "paris"])
        assert await delivery.finish()
        assert len(double.taken()) == 1
