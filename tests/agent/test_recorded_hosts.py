"""Every collector and section on every recorded host: what they make of it, and what a missing file costs."""

from __future__ import annotations

import datetime
import json
import tomllib
from pathlib import Path
from typing import Any

import msgspec
import pytest
from prometheus_client.parser import text_string_to_metric_families

from agent.collection import Gatherer
from agent.exposition import render_exposition
from agent.inventory_process import load_sections, read_section
from agent.metric import Sample
from agent.once import build_once, decode_body, read_results
from agent.process import load_collectors
from agent.recording import open_host
from agent.settings import Settings
from collector.reconcile.validate import validate_item
from muster.model.ci_class import load_catalogue
from muster.wire.report import Item
from tests.agent.hosts import FOLDER, HOSTS, copy_tree, load_expected, open_recorded

COLLECTORS = load_collectors()
SECTIONS = load_sections()
SETTINGS = Settings("http://127.0.0.1:1", "host", "default", "", "", "/nowhere")


def to_plain(samples: list[Sample]) -> list[Any]:
    return json.loads(json.dumps([[name, list(labels), value] for name, labels, value in samples]))  # type: ignore[no-any-return]


def test_hosts_are_recorded_and_one_of_them_is_captured() -> None:
    made = []
    for name in HOSTS:
        provenance = tomllib.loads((FOLDER / name / "provenance.toml").read_text(encoding="utf-8"))
        assert set(provenance) == {"made", "device", "software", "date", "tool", "scrubbed", "source"}
        assert provenance["made"] in ("captured", "from_documentation", "generated")
        assert isinstance(provenance["date"], datetime.date)
        made.append(provenance["made"])
    assert "captured" in made


@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize("name", COLLECTORS)
def test_a_collector_gives_exactly_what_is_expected(host: str, name: str) -> None:
    assert to_plain(list(COLLECTORS[name].read(open_recorded(host)))) == load_expected(host, "metrics")[name]


@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize("name", SECTIONS)
def test_a_section_gives_exactly_what_is_expected(host: str, name: str) -> None:
    content = read_section(SECTIONS[name], open_recorded(host))
    found = {"status": content.status, "complete": content.is_complete, "reason": content.reason, "items": msgspec.to_builtins(list(content.items))}
    assert found == load_expected(host, "inventory")[name]


@pytest.mark.parametrize("host", HOSTS)
def test_every_sample_belongs_to_a_declared_family_with_all_labels(host: str) -> None:
    for collector in COLLECTORS.values():
        families = {family.name: family for family in collector.families}
        for name, labels, value in collector.read(open_recorded(host)):
            assert len(labels) == len(families[name].labels)
            assert isinstance(value, int | float)


@pytest.mark.parametrize("host", HOSTS)
def test_no_series_comes_twice(host: str) -> None:
    keys = [sample[:2] for sample in Gatherer(open_recorded(host), COLLECTORS).gather().samples]
    assert len(keys) == len(set(keys)) > 100


@pytest.mark.parametrize("host", HOSTS)
def test_the_exposition_is_read_back_whole_by_prometheus_client(host: str) -> None:
    gatherer = Gatherer(open_recorded(host), COLLECTORS)
    samples = gatherer.gather().samples
    found = list(text_string_to_metric_families(render_exposition(samples, gatherer.families)))
    read = {(sample.name, tuple(sorted(sample.labels.items()))): sample.value for family in found for sample in family.samples}
    wanted = {(name, tuple(sorted(zip(gatherer.families[name].labels, labels, strict=True)))): value for name, labels, value in samples}
    assert read == wanted
    assert all(family.documentation for family in found)


@pytest.mark.parametrize("host", HOSTS)
def test_the_collector_takes_every_item_and_attribute(host: str) -> None:
    catalogue = load_catalogue()
    report = decode_body(build_once(SETTINGS, open_recorded(host), 1_772_359_200_000))
    items = [item for section in report.sections.values() for item in section.items or []]
    owners = {item.ref: item.owner for item in items}
    assert [rejection for item in items for rejection in validate_item(catalogue, item, item.ref, owners).rejections] == []
    assert len(owners) == len(items)
    assert {state.subject for state in report.states} <= set(owners)


@pytest.mark.parametrize(
    "path", sorted(f"/{path.relative_to(FOLDER / HOSTS[0] / 'root')}" for path in (FOLDER / HOSTS[0] / "root" / "proc").glob("*"))
)
def test_a_vanished_file_is_an_absent_family_and_nothing_else(path: str, tmp_path: Path) -> None:
    """No collector raises, and none invents a zero: what is left is a part of what was."""
    copy_tree(FOLDER / HOSTS[0], tmp_path / "host")
    gone = tmp_path / "host" / "root" / path.lstrip("/")
    _remove(gone)
    whole = Gatherer(open_recorded(HOSTS[0]), COLLECTORS).gather()
    left = Gatherer(open_host(recording=str(tmp_path / "host")), COLLECTORS).gather()
    assert left.faults == {}
    counted = {"node_processes_pids", "node_processes_state"}
    assert {sample for sample in left.samples if sample[0] not in counted} <= set(whole.samples)


@pytest.mark.parametrize("junk", [b"", b"\xff\xfe\x00junk\n" * 50, b"a: b c d e f g h i j k l m n o p q\n" * 3, b"1 2 3\n"])
def test_junk_in_any_file_breaks_no_collector_and_no_section(junk: bytes, tmp_path: Path) -> None:
    copy_tree(FOLDER / "debian12_bare_metal", tmp_path / "host")
    for path in (tmp_path / "host").rglob("*"):
        if path.is_file() and not path.is_symlink() and path.name != "system.json":
            path.write_bytes(junk)
    host = open_host(recording=str(tmp_path / "host"))
    assert Gatherer(host, COLLECTORS).gather().faults == {}
    for section in SECTIONS.values():
        content = read_section(section, host)
        assert "Error" not in content.reason, f"{section.name}: {content.reason}"


def test_a_section_that_raises_costs_itself_alone() -> None:
    def raise_it(host: object) -> Any:
        raise RuntimeError("a kernel from the future")

    broken = SECTIONS["host"]._replace(read=raise_it)
    content = read_section(broken, open_recorded(HOSTS[0]))
    assert (content.status, content.is_complete, content.reason) == ("failed", False, "RuntimeError: a kernel from the future")


def test_a_collector_that_raises_costs_itself_alone() -> None:
    def raise_it(host: object) -> Any:
        raise RuntimeError("a kernel from the future")

    collectors = {**COLLECTORS, "load": COLLECTORS["load"]._replace(read=raise_it)}
    collection = Gatherer(open_recorded(HOSTS[0]), collectors).gather()
    assert collection.faults == {"load": "RuntimeError: a kernel from the future"}
    assert "node_load1" not in {sample[0] for sample in collection.samples}


def test_the_series_table_stays_while_the_series_stay() -> None:
    gatherer = Gatherer(open_recorded(HOSTS[0]), COLLECTORS)
    assert gatherer.gather().table is gatherer.gather().table


def test_the_framing_of_the_child_loses_no_item() -> None:
    """Between sections and report stands one line of JSON with lengths."""
    for result in read_results(open_recorded(HOSTS[0])):
        assert result.items is not None
        items = msgspec.msgpack.decode(result.items, type=list[Item])
        assert len(items) == len(load_expected(HOSTS[0], "inventory")[result.name]["items"])


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        for each in path.iterdir():
            _remove(each)
        path.rmdir()
    else:
        path.unlink()
