"""Whole runs against real servers on loopback: what is reported, what is counted, what is remembered."""

from __future__ import annotations

import getpass
from collections.abc import Sequence
from pathlib import Path

from discovery.credential import parse_credential
from discovery.finding import Finding, Tally
from discovery.job import Job, parse_job
from discovery.known_target import KnownTarget, Subject, TargetBook
from discovery.printout import Printout, describe_tally, render_json, render_reasons, render_table
from discovery.survey import Surroundings, Survey
from muster.wire.report import Endpoint, Item
from tests.discovery.conftest import MakeInstruments
from tests.support.server import free_port
from tests.support.snmpd import AUTHENTICATION_SECRET, COMMUNITY, PRIVACY_SECRET, USER, Snmpd, free_udp_port
from tests.support.sshd import Sshd, make_key

MYSELF = Endpoint(identifiers={"machine_id": "0123456789abcdef0123456789abcdef", "hostname": "probe-1"})
NAMES = {"web-1.example.org": ["127.0.0.1"], "nowhere.example.org": [], "refused.example.org": ["127.0.0.9"]}


async def resolve(name: str) -> Sequence[str]:
    return NAMES[name]


def job_of(*targets: str, credentials: Sequence[str] = (), probes: str = "[icmp, snmp, ssh]", more: str = "") -> Job:
    documents = {each.id: each for each in (parse_credential(text, file="c.yaml") for text in credentials)}
    uses = ", ".join(f"{{id: {name}}}" for name in documents)
    text = f"id: test\nzone: berlin\ntargets: {list(targets)}\nprobes: {probes}\ncredentials: [{uses}]\nschedule: {{rate: 1000/s}}\n{more}"
    return parse_job(text, documents, file="job.yaml")


def survey_of(instruments: object, printout: Printout, book: TargetBook, findings: list[Finding] | None = None, *, is_alone: bool = True) -> Survey:
    """`is_alone` False: loopback addresses stand for other machines."""
    around = Surroundings(neighbours={"127.0.0.3": "02:00:00:00:00:03"}, has_loopback=is_alone, myself=MYSELF)
    kept = findings if findings is not None else []
    return Survey(instruments, printout, book, lambda: around, resolve, lambda _job, finding, _tally: kept.append(finding))  # type: ignore[arg-type]


def ssh_credential(sshd: Sshd, user: str = "") -> str:
    return f"id: login\ntype: ssh\nuser: {user or sshd.user}\nprivate_key: env:KEY\nport: {sshd.port}\n"


def states_of(printout: Printout, kind: str) -> list[tuple[str | Endpoint, str, str]]:
    return [(state.subject, state.check, state.state) for (each, _), states in printout.states.items() if each == kind for state in states]


def hosts_of(printout: Printout, kind: str) -> list[Item]:
    sections = [section for (each, _), sections in printout.sections.items() if each == kind for section in sections.values()]
    return [item for section in sections for item in section.items or () if item.owner is None]


async def test_one_host_is_reported_by_ssh_and_by_snmp_with_the_same_names_and_addresses(
    make_instruments: MakeInstruments, printout: Printout, sshd: Sshd, snmpd: Snmpd
) -> None:
    v3 = f"id: a-v3\ntype: snmp_v3\nuser: {USER}\nauthentication_secret: env:AUTHENTICATION\nprivacy_secret: env:PRIVACY\nport: {snmpd.port}\n"
    instruments = make_instruments(
        known_hosts=sshd.known_hosts_line,
        environment={"KEY": sshd.private_key, "AUTHENTICATION": AUTHENTICATION_SECRET, "PRIVACY": PRIVACY_SECRET},
    )
    book = TargetBook(None)
    findings: list[Finding] = []
    tally = await survey_of(instruments, printout, book, findings).run(job_of("127.0.0.1", credentials=[ssh_credential(sshd), v3]))
    ssh, snmp = hosts_of(printout, "ssh")[0], hosts_of(printout, "snmp")[0]
    assert (tally.total, tally.asked, tally.found, tally.identified, dict(tally.reasons)) == (1, 1, 1, 1, {})
    assert ssh.identifiers["mac"] == snmp.identifiers["mac"]
    assert ssh.identifiers["hostname"] == snmp.identifiers["sysname"] or ssh.identifiers.get("fqdn") == snmp.identifiers["sysname"]
    assert states_of(printout, "ssh") == [(ssh.ref, "snmp", "up"), (ssh.ref, "ssh", "up"), (ssh.ref, "ssh_host_key", "up")]
    assert states_of(printout, "sweep") == []
    known = book.find("test", "127.0.0.1")
    assert known is not None
    assert (known.subject, known.snmp_credential, known.snmp_ref, known.answers_ssh) == (Subject("ssh", ssh.ref), "a-v3", snmp.ref, True)
    assert set(known.checks) == {"icmp", f"tcp:{sshd.port}"}
    assert printout.samples["snmp", "berlin"]
    assert '"class": "interface"' in render_json(printout.reports())
    assert render_table(findings).row_count == 1
    assert render_reasons(tally).row_count == 0
    assert describe_tally(tally) == "1 answer, 1 identified"


async def test_a_changed_host_key_is_a_state_and_a_reason_and_shows_no_credential(
    make_instruments: MakeInstruments, printout: Printout, sshd: Sshd, tmp_path: Path
) -> None:
    other = make_key(tmp_path / "other").with_suffix(".pub").read_text(encoding="utf-8").split()
    instruments = make_instruments(known_hosts=f"[127.0.0.1]:{sshd.port} {other[0]} {other[1]}\n", environment={"KEY": sshd.private_key})
    book = TargetBook(None)
    book.put(KnownTarget("test", "127.0.0.1", subject=Subject("ssh", "ssh:machine:known"), answers_ssh=True))
    tally = await survey_of(instruments, printout, book).run(
        job_of("127.0.0.1", credentials=[ssh_credential(sshd)], more="host_keys: trust_on_first_use\n")
    )
    assert (tally.found, tally.identified, dict(tally.reasons)) == (1, 0, {"host_key_changed": 1, "snmp_no_credential": 1})
    assert states_of(printout, "ssh") == [("ssh:machine:known", "ssh", "degraded"), ("ssh:machine:known", "ssh_host_key", "down")]
    assert hosts_of(printout, "ssh") == []


async def test_a_refused_key_is_counted_and_the_host_is_not_down(
    make_instruments: MakeInstruments, printout: Printout, sshd: Sshd, tmp_path: Path
) -> None:
    wrong = make_key(tmp_path / "wrong").read_text(encoding="utf-8")
    instruments = make_instruments(known_hosts=sshd.known_hosts_line, environment={"KEY": wrong})
    findings: list[Finding] = []
    tally = await survey_of(instruments, printout, TargetBook(None), findings).run(
        job_of("127.0.0.1", probes="[ssh]", credentials=[ssh_credential(sshd)])
    )
    assert dict(tally.reasons) == {"ssh_refused": 1}
    assert f"refuses user {getpass.getuser()!r}" in findings[0].failures["ssh_refused"]
    assert states_of(printout, "sweep") == [(MYSELF, "ssh", "degraded")]


async def test_a_secret_that_cannot_be_read_is_told_and_stops_nothing_else(
    make_instruments: MakeInstruments, printout: Printout, sshd: Sshd, snmpd: Snmpd
) -> None:
    v2c = f"id: old\ntype: snmp_v2c\ncommunity: env:COMMUNITY\nport: {snmpd.port}\n"
    instruments = make_instruments(known_hosts=sshd.known_hosts_line, environment={"COMMUNITY": COMMUNITY})
    tally = await survey_of(instruments, printout, TargetBook(None)).run(job_of("127.0.0.1", credentials=[ssh_credential(sshd), v2c]))
    assert dict(tally.reasons) == {"credential_unreadable": 1}
    assert tally.identified == 1


async def test_what_has_no_answer_at_all_is_counted_and_not_reported(make_instruments: MakeInstruments, printout: Printout) -> None:
    v2c = f"id: old\ntype: snmp_v2c\ncommunity: env:COMMUNITY\nport: {free_udp_port()}\n"
    instruments = make_instruments(environment={"COMMUNITY": COMMUNITY})
    book = TargetBook(None)
    tally = await survey_of(instruments, printout, book, is_alone=False).run(job_of("127.0.0.4/31", probes="[snmp]", credentials=[v2c]))
    assert (tally.asked, tally.found, dict(tally.reasons)) == (2, 0, {"no_answer": 2})
    assert printout.reports() == []
    assert book.of_job("test") == []


async def test_what_answers_and_says_nothing_is_a_device_that_no_address_identifies(make_instruments: MakeInstruments, printout: Printout) -> None:
    book = TargetBook(None)
    await survey_of(make_instruments(), printout, book, is_alone=False).run(job_of("127.0.0.2-127.0.0.3", probes=f'[icmp, "tcp:{free_port()}"]'))
    by_address, by_mac = hosts_of(printout, "sweep")
    assert (by_address.ref, by_address.ci_class, by_address.attributes["name"]) == ("sweep:address:127.0.0.2", "device", "127.0.0.2")
    assert (by_mac.ref, by_mac.identifiers) == ("sweep:mac:02:00:00:00:00:03", {"mac": ["02:00:00:00:00:03"]})
    assert sorted(printout.sections["sweep", "berlin"]) == ["host:address:127.0.0.2", "host:mac:02:00:00:00:00:03"]
    assert all(section.complete for section in printout.sections["sweep", "berlin"].values())
    assert [target.subject for target in book.of_job("test")] == [Subject("sweep", by_address.ref), Subject("sweep", by_mac.ref)]


async def test_where_the_job_says_so_what_is_not_identified_is_known_by_its_address_alone(
    make_instruments: MakeInstruments, printout: Printout
) -> None:
    book = TargetBook(None)
    job = job_of("127.0.0.2", probes="[icmp]", more="unidentified: by_address\n")
    await survey_of(make_instruments(), printout, book, is_alone=False).run(job)
    assert printout.reports() == []
    assert [(target.address, target.subject, target.checks) for target in book.of_job("test")] == [("127.0.0.2", None, ("icmp",))]


async def test_an_ssh_server_without_a_credential_is_known_again_by_its_host_key(
    make_instruments: MakeInstruments, printout: Printout, sshd: Sshd
) -> None:
    """The job binds a login for this port to another network."""
    text = ssh_credential(sshd)
    document = parse_credential(text, file="c.yaml")
    job = parse_job(
        "id: test\nzone: berlin\ntargets: [127.0.0.1]\nprobes: [ssh]\ncredentials: [{id: login}]\nhost_keys: verify\n",
        {"login": document},
        file="job.yaml",
    )
    await survey_of(make_instruments(environment={"KEY": sshd.private_key}), printout, TargetBook(None), is_alone=False).run(job)
    found = hosts_of(printout, "sweep")[0]
    assert found.ref == "sweep:host-key:" + str(found.identifiers["ssh_host_key"][0]).removeprefix("SHA256:")
    assert states_of(printout, "sweep") == [(found.ref, "ssh", "degraded")]


async def test_the_item_that_stood_for_a_target_is_gone_once_snmp_says_what_it_is(
    make_instruments: MakeInstruments, printout: Printout, snmpd: Snmpd
) -> None:
    v2c = f"id: old\ntype: snmp_v2c\ncommunity: env:COMMUNITY\nport: {snmpd.port}\n"
    book = TargetBook(None)
    book.put(KnownTarget("test", "127.0.0.1", subject=Subject("sweep", "sweep:mac:02:00:00:00:00:01"), sweep_ref="sweep:mac:02:00:00:00:00:01"))
    await survey_of(make_instruments(environment={"COMMUNITY": COMMUNITY}), printout, book).run(
        job_of("127.0.0.1", probes="[snmp]", credentials=[v2c])
    )
    section = printout.sections["sweep", "berlin"]["host:mac:02:00:00:00:00:01"]
    assert (section.items, section.complete, section.status) == ([], True, "ok")
    assert [target.subject for target in book.of_job("test")] == [Subject("snmp", hosts_of(printout, "snmp")[0].ref)]


async def test_names_are_resolved_and_excluded_addresses_are_not_asked_by_name_either(make_instruments: MakeInstruments, printout: Printout) -> None:
    book = TargetBook(None)
    job = job_of("web-1.example.org", "nowhere.example.org", "refused.example.org", "127.0.0.1", "!127.0.0.9", probes="[icmp]")
    tally = await survey_of(make_instruments(), printout, book).run(job)
    assert dict(tally.reasons) == {"name_unresolved": 1, "excluded": 1}
    assert [(target.address, target.name) for target in book.of_job("test")] == [("127.0.0.1", "web-1.example.org")]
    assert (tally.total, tally.asked) == (3, 3), "an address that is also named is one target"


async def test_a_name_server_that_fails_does_not_end_the_polling_of_what_the_name_stood_for(
    make_instruments: MakeInstruments, printout: Printout
) -> None:
    book = TargetBook(None)
    book.put(KnownTarget("test", "127.0.0.5", name="nowhere.example.org", checks=("icmp",)))
    await survey_of(make_instruments(), printout, book).run(job_of("nowhere.example.org", probes="[icmp]"))
    assert [target.address for target in book.of_job("test")] == ["127.0.0.5"]


async def test_this_machine_is_never_reported_by_the_sweep(make_instruments: MakeInstruments, printout: Printout) -> None:
    book = TargetBook(None)
    await survey_of(make_instruments(), printout, book).run(job_of("127.0.0.1", probes="[icmp]"))
    assert printout.reports() == []
    assert [(target.address, target.subject) for target in book.of_job("test")] == [("127.0.0.1", None)]


async def test_targets_that_the_job_names_no_more_are_forgotten(make_instruments: MakeInstruments, printout: Printout, tmp_path: Path) -> None:
    book = TargetBook(tmp_path / "targets.json")
    survey = survey_of(make_instruments(), printout, book)
    await survey.run(job_of("127.0.0.1", "127.0.0.2", probes="[icmp]"))
    await survey.run(job_of("127.0.0.2", probes="[icmp]"), Tally())
    book.note_run("test", "d", 5)
    book.save()
    again = TargetBook(tmp_path / "targets.json")
    assert [target.address for target in again.of_job("test")] == ["127.0.0.2"]
    assert (again.last_run("test", "d"), again.last_run("test", "changed"), again.is_damaged) == (5, None, False)
    (tmp_path / "targets.json").write_text("{", encoding="utf-8")
    assert TargetBook(tmp_path / "targets.json").is_damaged
