"""What a run would report, for people (a table) and for programs (the reports as JSON). Nothing is spooled or sent."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
from rich.table import Table
from rich.text import Text

from discovery.finding import REASONS, Finding, Samples, Tally
from muster.clock import Clock
from muster.model.state import SourceKind
from muster.wire.report import Report, Section, SeriesDefinition, Source, StateReport

_QUIET_CODES = frozenset({"snmp_no_credential", "ssh_no_credential"})


@dataclass
class Printout:
    """An `Outlet` (discovery/survey.py) that keeps everything for showing it."""

    name: str
    clock: Clock
    sections: dict[tuple[SourceKind, str], dict[str, Section]] = field(default_factory=dict)
    states: dict[tuple[SourceKind, str], list[StateReport]] = field(default_factory=dict)
    samples: dict[tuple[SourceKind, str], list[Samples]] = field(default_factory=dict)

    def put(
        self,
        kind: SourceKind,
        zone: str,
        *,
        sections: Mapping[str, Section] | None = None,
        states: Sequence[StateReport] = (),
        samples: Samples | None = None,
    ) -> None:
        """Keep it."""
        if not sections and not states and samples is None:
            return
        key = (kind, zone)
        self.sections.setdefault(key, {}).update(sections or {})
        self.states.setdefault(key, []).extend(states)
        if samples is not None:
            self.samples.setdefault(key, []).append(samples)

    def reports(self) -> list[Report]:
        """One report a source, as a collector would get them; the instance is none, since no source was made."""
        return [self._report(kind, zone) for kind, zone in sorted(self.sections)]

    def _report(self, kind: SourceKind, zone: str) -> Report:
        samples = self.samples.get((kind, zone), [])
        tables: dict[str, list[SeriesDefinition]] = {block.table: table for table, block in samples}
        return Report(
            source=Source(kind, self.name, "printed", zone),
            sequence=0,
            observed_at=self.clock.now_ms(),
            sections=self.sections[(kind, zone)],
            states=self.states.get((kind, zone), []),
            tables=tables,
            samples=[block for _, block in samples],
        )


def render_json(reports: Sequence[Report]) -> str:
    """The reports as JSON, indented; the whole is one list."""
    return msgspec.json.format(msgspec.json.encode(reports), indent=2).decode()


def render_table(findings: Sequence[Finding]) -> Table:
    """One row for each target that answered, or that a person named and that did not."""
    table = Table(title="What would be reported", title_justify="left", expand=False)
    for column in ("address", "name", "answers", "identified as", "items", "why not more"):
        table.add_column(column, overflow="fold")
    for finding in sorted(findings, key=_place):
        if finding.is_alive or finding.name:
            table.add_row(*map(Text, _row(finding)))
    return table


def count_words(tally: Tally) -> str:
    """The counts of a run in one line."""
    return f"{tally.asked} asked, {tally.found} answer, {tally.identified} identified, {tally.items} items"


def render_reasons(tally: Tally) -> Table:
    """Why not more was found out, by how often."""
    table = Table()
    for column in ("reason", "targets", "meaning"):
        table.add_column(column)
    for code, count in tally.reasons.most_common():
        table.add_row(code, str(count), REASONS.get(code, ""))
    return table


def describe_tally(tally: Tally) -> str:
    """The counts in one line, for a progress bar."""
    failed = ", ".join(f"{code} {count}" for code, count in tally.reasons.most_common(3) if code not in {"no_answer", *_QUIET_CODES})
    return f"{tally.found} answer, {tally.identified} identified" + (f"; {failed}" if failed else "")


def _place(finding: Finding) -> tuple[bool, int, int, str]:
    """Identified ones first, then by address; names without one last."""
    address = ipaddress.ip_address(finding.address) if finding.address else None
    return not finding.devices, address.version if address else 9, int(address) if address else 0, finding.name


def _row(finding: Finding) -> tuple[str, ...]:
    answers = ", ".join(sorted(check for check, answer in finding.answers.items() if answer.is_up))
    identified = "\n".join(f"{device.kind}: {_class_of(device.sections)} {device.name}" for device in finding.devices)
    items = sum(device.item_count for device in finding.devices)
    reasons = "\n".join(text for code, text in finding.failures.items() if code not in _QUIET_CODES)
    return finding.address, finding.name, answers, identified or "-", str(items or "-"), reasons


def _class_of(sections: Mapping[str, Section]) -> str:
    """The class of the item that owns the others."""
    found: Any = next((item.ci_class for section in sections.values() for item in section.items or () if item.owner is None), "device")
    return str(found)
