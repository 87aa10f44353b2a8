"""Machines of a generated estate as they really are; what sources see of them is in `sight.py`."""

from __future__ import annotations

import random
import uuid
from dataclasses import dataclass, field

JUNK_SERIALS = ("To be filled by O.E.M.", "Default string", "System Serial Number", "0", "None")
UNLISTED_PLACEHOLDER = "SN-0000-X"  # no list knows it; what identifies several at once is learned
JUNK_UUIDS = ("00000000-0000-0000-0000-000000000000", "03000200-0400-0500-0006-000700080009", "")
JUNK_RATIO = 0.06
BARE_RATIO = 0.08  # machines whose firmware tells nothing
PACKAGES = ("bash", "coreutils", "openssl", "nginx", "linux-image", "systemd", "python3", "curl")
_VENDORS = (("Dell Inc.", "PowerEdge R650"), ("HPE", "ProLiant DL380"), ("Lenovo", "SR650"), ("Supermicro", "X12"))


@dataclass
class Machine:
    """One real thing. `truth`: its name in the truth, never told to the store as an identity. `sources`: kinds that see it."""

    truth: str
    kind: str  # server | laptop | guest | hypervisor | switch | printer
    zone: str
    name: str
    vendor: str = ""
    model: str = ""
    serials: list[str] = field(default_factory=list)
    uuid: str = ""
    macs: list[str] = field(default_factory=list)
    machine_id: str = ""
    host_key: str = ""
    agent: str = ""  # the instance of its agent
    agent_name: str = ""
    address: str = ""
    boot: int = 0
    booted_at: int = 0
    dock: str | None = None
    host: str = ""  # of a guest: the truth of its hypervisor
    packages: dict[str, str] = field(default_factory=dict)
    sources: frozenset[str] = frozenset()
    is_on: bool = True
    is_recorded: bool = False

    @property
    def fqdn(self) -> str:
        return f"{self.name}.{self.zone}.example.org"


class World:
    """All machines by truth, and the chance that makes and moves them: the same seed gives the same estate and life."""

    def __init__(self, size: int, seed: int) -> None:
        self.chance = random.Random(seed)
        self.machines: dict[str, Machine] = {}
        self.chosen: set[str] = set()  # to which something has happened
        self._made = 0
        self._placeholders = 3
        for _ in range(max(2, size // 40)):
            self.make("hypervisor")
        for kind, share in (("guest", 0.4), ("server", 0.25), ("laptop", 0.2), ("switch", 0.08), ("printer", 0.04)):
            for _ in range(max(2, round(size * share))):
                self.make(kind)
        self.docks = [self.mac("3c:18:a0") for _ in range(max(2, size // 20))]

    def of(self, *kinds: str) -> list[Machine]:
        """Machines of these kinds that are on, in the order of their making."""
        return [each for each in self.machines.values() if each.kind in kinds and each.is_on]

    def mac(self, vendor: str) -> str:
        """A MAC address that nothing else has."""
        self._made += 1
        digits = f"{self._made:06x}"
        return ":".join((vendor, digits[:2], digits[2:4], digits[4:6]))

    def new_uuid(self) -> str:
        return str(uuid.UUID(int=self.chance.getrandbits(128), version=4))

    def hexadecimal(self, digits: int) -> str:
        return f"{self.chance.getrandbits(4 * digits):0{digits}x}"

    def make(self, kind: str) -> Machine:
        """A new machine with all that identifies it, or does not."""
        number = len(self.machines)
        zone = "berlin" if number % 3 else "munich"
        machine = Machine(
            truth=f"m{number:06d}",
            kind=kind,
            zone=zone,
            name=f"{kind}-{number:05d}",
            address=f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}",
        )
        getattr(self, f"_fill_{kind}")(machine)
        self.machines[machine.truth] = machine
        return machine

    def _fill_host(self, machine: Machine) -> None:
        machine.machine_id, machine.host_key = self.hexadecimal(32), f"SHA256:{self.hexadecimal(40)}"
        machine.agent, machine.agent_name = self.hexadecimal(32), machine.name
        machine.packages = {name: f"1.{self.chance.randrange(9)}" for name in PACKAGES}

    def _fill_box(self, machine: Machine) -> None:
        machine.vendor, machine.model = self.chance.choice(_VENDORS)
        machine.serials, machine.uuid = [self.hexadecimal(10).upper() + "Q"], self.new_uuid()
        machine.macs = [self.mac("b4:96:91"), self.mac("b4:96:91")]
        draw = self.chance.random()
        if draw < JUNK_RATIO:
            machine.serials = [UNLISTED_PLACEHOLDER] if self._placeholders else [self.chance.choice(JUNK_SERIALS)]
            self._placeholders -= self._placeholders > 0
        elif draw < JUNK_RATIO + BARE_RATIO:
            machine.serials, machine.uuid = [], self.chance.choice(JUNK_UUIDS)

    def _fill_server(self, machine: Machine) -> None:
        self._fill_host(machine)
        self._fill_box(machine)
        machine.sources = frozenset({"agent", *(["ssh"] if self.chance.random() < 0.5 else []), *(["snmp"] if self.chance.random() < 0.2 else [])})
        machine.is_recorded = bool(machine.serials) and machine.serials[0][-1] == "Q" and self.chance.random() < 0.5

    def _fill_laptop(self, machine: Machine) -> None:
        self._fill_host(machine)
        machine.vendor, machine.model = "Lenovo", "ThinkPad T14"
        machine.serials, machine.uuid, machine.macs = [self.hexadecimal(8).upper() + "P"], self.new_uuid(), [self.mac("a0:29:42")]
        machine.sources = frozenset({"agent"})

    def _fill_guest(self, machine: Machine) -> None:
        self._fill_host(machine)
        machine.vendor, machine.model = "QEMU", "Standard PC"
        machine.uuid, machine.macs = self.new_uuid(), [self.mac("52:54:00")]
        machine.host = self.chance.choice([each.truth for each in self.machines.values() if each.kind == "hypervisor"])
        machine.zone = self.machines[machine.host].zone
        machine.sources = frozenset(
            {"hypervisor", *(["agent"] if self.chance.random() < 0.8 else []), *(["ssh"] if self.chance.random() < 0.3 else [])}
        )

    def _fill_hypervisor(self, machine: Machine) -> None:
        self._fill_host(machine)
        machine.vendor, machine.model = _VENDORS[0]
        machine.serials, machine.uuid = [self.hexadecimal(10).upper() + "Q"], self.new_uuid()
        machine.macs, machine.sources = [self.mac("b4:96:91"), self.mac("b4:96:91")], frozenset({"hypervisor"})

    def _fill_switch(self, machine: Machine) -> None:
        machine.vendor, machine.model = "Cisco Systems", "C9300-48P"
        machine.serials = [self.hexadecimal(9).upper() + "W" for _ in range(self.chance.choice((1, 1, 1, 2, 3)))]
        machine.macs, machine.sources = [self.mac("00:2a:10")], frozenset({"snmp"})

    def _fill_printer(self, machine: Machine) -> None:
        machine.vendor, machine.model = "HP", "LaserJet M507"
        machine.serials, machine.macs, machine.sources = [self.hexadecimal(8).upper() + "R"], [self.mac("9c:7b:ef")], frozenset({"snmp"})
