"""What asking one target found: answers, devices, checks, and for each thing that failed why, in words that can be counted."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import NamedTuple

from discovery.device import DiscoveredDevice
from discovery.sweep.answer import Answer
from muster.model.state import State
from muster.wire.report import SampleBlock, SeriesDefinition

# Why something failed, and what a person may do; also the rows of the summary (docs/discovery.md).
REASONS = {
    "no_answer": "nothing at the address answers",
    "name_unresolved": "the name has no address",
    "excluded": "the name resolves to an excluded address",
    "icmp_not_permitted": "this process may not send ICMP",
    "snmp_no_credential": "no SNMP credential of the job is for this address",
    "snmp_no_answer": "no SNMP answer with any credential",
    "snmp_refused": "the device refuses the SNMP credential",
    "ssh_no_credential": "no SSH credential of the job is for this address",
    "ssh_no_answer": "no SSH server answers",
    "ssh_refused": "the SSH credential is refused",
    "ssh_not_linux": "signed in by SSH, but it is no Linux host",
    "host_key_unknown": "the SSH host key is not known",
    "host_key_changed": "the SSH host key changed",
    "credential_unreadable": "a secret of the credential cannot be read",
    "error": "an unexpected error, in the log",
}


class Check(NamedTuple):
    """The state of one check that comes from asking, not from polling: `snmp`, `ssh`, `ssh_host_key`."""

    name: str
    state: State
    reason: str = ""


Samples = tuple[list[SeriesDefinition], SampleBlock]


@dataclass
class Finding:
    """One target as one run saw it. `failures`: reason code to the message; `snmp_credential`: the id of the one that worked."""

    address: str
    name: str = ""
    at: int = 0
    answers: dict[str, Answer] = field(default_factory=dict)
    devices: list[DiscoveredDevice] = field(default_factory=list)
    checks: list[Check] = field(default_factory=list)
    failures: dict[str, str] = field(default_factory=dict)
    samples: Samples | None = None
    snmp_credential: str = ""
    ssh_host_key: str = ""

    @property
    def is_alive(self) -> bool:
        """Whether anything at the address answered anything."""
        return bool(self.devices) or any(answer.is_alive for answer in self.answers.values()) or any(check.state != "down" for check in self.checks)


@dataclass
class Tally:
    """What a run has seen so far. `asked` of `total` targets, `found` alive, `identified` by SNMP or SSH; reasons by code."""

    total: int = 0
    asked: int = 0
    found: int = 0
    identified: int = 0
    items: int = 0
    reasons: Counter[str] = field(default_factory=Counter)

    def add(self, finding: Finding) -> None:
        """Count one finding."""
        self.asked += 1
        self.found += finding.is_alive
        self.identified += bool(finding.devices)
        self.items += sum(device.item_count for device in finding.devices)
        self.reasons.update(list(finding.failures))
