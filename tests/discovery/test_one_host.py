"""The machine of the tests, seen by its agent, over SSH and over SNMP, is one CI in a real store: by the general rules, in any order."""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import select

from collector.store.engine import open_database
from collector.store.ingest import Context, Envelope, receive_report
from collector.store.migrate import migrate_database
from collector.store.schema import ci, review_case
from discovery.credential import parse_credential
from discovery.job import parse_job
from discovery.known_target import TargetBook
from discovery.poll import ReachabilityPoll
from discovery.printout import Printout
from discovery.process import look_around
from discovery.survey import Survey, resolve_name
from muster.clock import SystemClock
from muster.model.ci_class import load_catalogue
from muster.wire.codec import decode_report, encode
from muster.wire.report import CONTENT_TYPE_MSGPACK, Report
from tests.conftest import ROOT
from tests.discovery.conftest import MakeInstruments
from tests.support.snmpd import COMMUNITY, Snmpd
from tests.support.sshd import Sshd

JOB = "id: here\ntargets: [127.0.0.1]\nprobes: [icmp, snmp, ssh]\ncredentials: [{id: old}, {id: login}]\n"


@pytest.fixture
async def reports(make_instruments: MakeInstruments, sshd: Sshd, snmpd: Snmpd, tmp_path: Path) -> list[Report]:
    """Of the agent, over SNMP, over SSH, and the sweep of a job without credentials."""
    texts = (
        f"id: old\ntype: snmp_v2c\ncommunity: env:COMMUNITY\nport: {snmpd.port}\n",
        f"id: login\ntype: ssh\nuser: {sshd.user}\nprivate_key: env:KEY\nport: {sshd.port}\n",
    )
    documents = {each.id: each for each in (parse_credential(text, file="c.yaml") for text in texts)}
    instruments = make_instruments(known_hosts=sshd.known_hosts_line, environment={"COMMUNITY": COMMUNITY, "KEY": sshd.private_key})
    found = [read_agent(tmp_path)]
    for name, text in (("one", JOB), ("two", JOB.replace("icmp, snmp, ssh", "icmp").replace("[{id: old}, {id: login}]", "[]"))):
        printout, book = Printout(f"probe-{name}", SystemClock()), TargetBook(None)
        job = parse_job(text, documents, file="job.yaml")
        await Survey(instruments, printout, book, look_around, resolve_name).run(job)
        await ReachabilityPoll(job, instruments, book, printout, look_around).round()
        found += printout.reports()
    return found


def read_agent(folder: Path) -> Report:
    """What the agent on this machine would report."""
    command = [sys.executable, "-P", "-m", "agent", "--once", "--print", "--state-directory", str(folder / "agent")]
    done = subprocess.run(command, capture_output=True, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=True, timeout=60)
    return msgspec.json.decode(done.stdout, type=Report)


def shorten(report: Report) -> Report:
    """The report with its sections `host` and `network` alone, and without metrics."""
    kept = {name: section for name, section in report.sections.items() if name.partition(":")[0] in {"host", "network"}}
    refs = {item.ref for section in kept.values() for item in section.items or ()}
    states = [state for state in report.states if not isinstance(state.subject, str) or state.subject in refs]
    return msgspec.structs.replace(report, sections=kept, states=states, tables={}, samples=[])


def receive(folder: Path, reports: Sequence[Report]) -> tuple[list[tuple[str, str, bool, str]], int, list[str]]:
    """Independent CIs with class, name, whether provisional, and operation; open cases; what was refused."""
    database = open_database(f"sqlite:///{folder}/store.db")
    context = Context(load_catalogue())
    refused: list[str] = []
    try:
        for report in reports:
            body = encode(report, CONTENT_TYPE_MSGPACK)
            with database.begin() as connection:
                envelope = Envelope(decode_report(body, CONTENT_TYPE_MSGPACK), body, CONTENT_TYPE_MSGPACK, SystemClock().now_ms())
                refused += [f"{each.path}: {each.reason}" for each in receive_report(connection, context, envelope).answer.rejected]
        with database.connect() as connection:
            is_host = ci.c.owner_ci_id.is_(None) & ci.c.redirect_to.is_(None)
            hosts = [tuple(row) for row in connection.execute(select(ci.c.ci_class, ci.c.name, ci.c.is_provisional, ci.c.operation).where(is_host))]
            cases = len(connection.execute(select(review_case.c.id)).all())
    finally:
        database.close()
    return hosts, cases, refused


def test_agent_ssh_snmp_and_sweep_of_one_machine_are_one_ci_in_any_order(reports: list[Report], tmp_path: Path) -> None:
    agent, *others = reports
    assert [each.source.kind for each in reports] == ["agent", "snmp", "ssh", "sweep"]
    assert [msgspec.msgpack.decode(encode(each, CONTENT_TYPE_MSGPACK), type=Report) for each in reports] == reports
    database = open_database(f"sqlite:///{tmp_path}/store.db")
    migrate_database(database)
    database.close()
    seen = set()
    for number, order in enumerate(itertools.permutations([agent, *others[:2]])):
        folder = tmp_path / str(number)
        folder.mkdir()
        shutil.copyfile(tmp_path / "store.db", folder / "store.db")
        # All that there is once, then what identity is drawn from.
        told = order if number == 0 else [shorten(each) for each in order]
        hosts, cases, refused = receive(folder, [*told, others[2]])
        assert (len(hosts), cases, refused) == (1, 0, []), [each.source.kind for each in order]
        seen.update(hosts)
    assert len(seen) == 1, seen
    assert next(iter(seen))[2:] == (False, "up")
