"""What happens to machines: the quiet life that must open nothing, and events of which each has its expected outcome."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass

from bench._estate.drive import Believer, Day
from bench._estate.machine import UNLISTED_PLACEHOLDER, Machine, World
from bench._estate.sight import DAY_MS


def live_quietly(world: World, at: int, *, docked_ratio: float = 0.3) -> None:
    """A day of reboots, new leases, shared docks and guests that move: nothing of it is a change of configuration."""
    chance = world.chance
    for machine in world.machines.values():
        if machine.kind in ("server", "guest", "laptop") and chance.random() < (0.5 if machine.kind == "laptop" else 0.03):
            reboot(machine, at)
        if machine.kind == "guest" and chance.random() < 0.05:
            machine.host = chance.choice([each.truth for each in world.of("hypervisor") if each.zone == machine.zone])
    laptops = [each for each in world.machines.values() if each.kind == "laptop"]
    leases = [each.address for each in laptops]
    chance.shuffle(leases)
    for laptop, lease in zip(laptops, leases, strict=True):
        laptop.address = lease
        laptop.dock = chance.choice(world.docks) if chance.random() < docked_ratio else None


def reboot(machine: Machine, at: int) -> None:
    """A new boot of the same machine."""
    machine.boot, machine.booted_at = machine.boot + 1, at


@dataclass(frozen=True)
class Event:
    """`happen` changes the world and gives the truths concerned; `judge` says what is wrong of what the store made of it, "" for nothing.

    `days`: how long it lasts before it is judged; `silences`: a zone whose collector is down meanwhile.
    """

    name: str
    expected: str
    happen: Callable[[World, int], list[str]]
    judge: Callable[[Believer, list[str], Day], str]
    days: int = 1
    silences: str = ""


def _pick(world: World, kind: str, *sources: str) -> Machine:
    """The first machine of a kind that these sources see, with identifiers of its own, and that nothing has happened to yet."""
    for machine in world.of(kind):
        is_proven = kind == "guest" or (
            bool(machine.serials) and machine.serials[0] != UNLISTED_PLACEHOLDER and bool(machine.uuid or kind == "switch")
        )
        if set(sources) <= machine.sources and is_proven and machine.truth not in world.chosen:
            world.chosen.add(machine.truth)
            return machine
    raise LookupError(f"no {kind} is left that {', '.join(sources)} see; make the estate larger")


def _only(day: Day, *, made: int = 0, differences: tuple[str, ...] = (), cases: tuple[str, ...] = ()) -> str:
    """What opened beyond what may."""
    found = [f"{count} {kind}" for kind, count in day.differences.items() if kind not in differences]
    found += [f"{count} {kind} case" for kind, count in day.cases.items() if kind not in cases]
    return ", ".join([*found, *([f"{day.made} CIs made"] if day.made != made else [])])


def _stays_one(believer: Believer, truths: list[str]) -> str:
    split = [truth for truth in truths if len(believer.cis_of(truth)) != 1]
    return f"{len(split)} split into several CIs" if split else ""


def _rename(world: World, at: int) -> list[str]:
    machine = _pick(world, "server", "agent")
    machine.name += "-renamed"
    return [machine.truth]


def _upgrade(world: World, at: int) -> list[str]:
    hosts = [each for each in world.of("server", "guest", "laptop") if "agent" in each.sources]
    for machine in hosts:
        machine.packages["openssl"] = "3.0"
    return [each.truth for each in hosts]


def _clone(world: World, at: int) -> list[str]:
    original = _pick(world, "guest", "agent")
    clone = copy.deepcopy(original)
    made = world.make("guest")
    clone.truth, clone.uuid, clone.macs, clone.address = made.truth, made.uuid, made.macs, made.address
    clone.boot, clone.booted_at, clone.sources = 1, at, frozenset({"agent", "hypervisor"})
    clone.name = f"{original.name}-copy"
    world.machines[made.truth] = clone
    return [original.truth, clone.truth]


def _judge_clone(believer: Believer, truths: list[str], day: Day) -> str:
    original, clone = (believer.cis_of(each) for each in truths)
    said = "" if not original & clone else "the clone is taken for its original"
    return said or ("" if day.cases["clone"] else "no clone case") or _only(day, made=day.made, differences=("new_ci",), cases=("clone",))


def _enrol_clone_anew(world: World, at: int) -> list[str]:
    clone = next(each for each in world.of("guest") if each.name.endswith("-copy"))
    original = next(each for each in world.of("guest") if each.agent == clone.agent and each is not clone)
    clone.agent, clone.agent_name = world.hexadecimal(32), clone.name
    return [original.truth, clone.truth]


def _judge_enrolled(believer: Believer, truths: list[str], day: Day) -> str:
    original, clone = (believer.cis_of(each) for each in truths)
    said = "the clone is taken for its original" if original & clone else "" if len(clone) == 1 else f"the clone is {len(clone)} CIs"
    return said or _only(day, differences=("new_ci",))


def _exchange_addresses(world: World, at: int) -> list[str]:
    one, other = world.of("printer")[:2]
    one.address, other.address = other.address, one.address
    return [one.truth, other.truth]


def _return_device(world: World, at: int) -> list[str]:
    old = _pick(world, "switch", "snmp")
    new = world.make("switch")
    new.name, new.address, new.zone, old.is_on = old.name, old.address, old.zone, False
    return [old.truth, new.truth]


def _judge_returned(believer: Believer, truths: list[str], day: Day) -> str:
    if len(believer.cis_of(truths[1])) != 1:
        return "the new device has no CI of its own"
    said = "" if day.made == 1 else f"{day.made} CIs made"
    expected = _only(day, made=1, differences=("new_ci", "absent_ci"), cases=("replacement",))
    return said or ("" if day.cases["replacement"] else "no replacement case") or expected


def _swap_mainboard(world: World, at: int) -> list[str]:
    machine = _pick(world, "server", "agent")
    machine.uuid, machine.macs = world.new_uuid(), [world.mac("b4:96:91"), world.mac("b4:96:91")]
    reboot(machine, at)
    return [machine.truth]


def _swap_card(world: World, at: int) -> list[str]:
    machine = _pick(world, "server", "agent")
    machine.macs[1] = world.mac("b4:96:91")
    reboot(machine, at)
    return [machine.truth]


def _reinstall(world: World, at: int) -> list[str]:
    machine = _pick(world, "server", "agent")
    machine.machine_id, machine.host_key, machine.agent = world.hexadecimal(32), f"SHA256:{world.hexadecimal(40)}", world.hexadecimal(32)
    reboot(machine, at)
    return [machine.truth]


def _switch_off(world: World, at: int) -> list[str]:
    machine = _pick(world, "server", "agent")
    machine.is_on = False
    return [machine.truth]


def _judge_off(believer: Believer, truths: list[str], day: Day) -> str:
    return _stays_one(believer, truths) or _only(day) or ("" if believer.count_presence()["stale"] == 1 else "it is not stale, or others are")


def _buy(world: World, at: int) -> list[str]:
    machine = world.make("server")
    machine.is_recorded = False
    return [machine.truth]


def _reboot_all(world: World, at: int) -> list[str]:
    for machine in world.of("server", "guest", "laptop"):
        reboot(machine, at)
    return []


def _judge_outage(believer: Believer, truths: list[str], day: Day) -> str:
    presence = believer.count_presence()
    said = "nothing is stale" if not presence["stale"] else f"{presence['absent']} absent" if presence["absent"] else ""
    too_many = sum(day.cases.values()) > 1
    return said or (f"{sum(day.cases.values())} cases" if too_many else "") or _only(day, cases=tuple(day.cases))


def _judge_back(believer: Believer, truths: list[str], day: Day) -> str:
    absent = believer.count_presence()["absent"]
    return f"{absent} absent" if absent else _only(day)


def _judge_upgrade(believer: Believer, truths: list[str], day: Day) -> str:
    missing = len(truths) - day.differences["changed_attribute version"]
    return _only(day, differences=("changed_attribute version",)) or (f"{missing} versions are missing" if missing else "")


def _judge_same(*differences: str, cases: tuple[str, ...] = (), made: int = 0) -> Callable[[Believer, list[str], Day], str]:
    """The same CI, and nothing opens but what may."""
    return lambda believer, truths, day: _stays_one(believer, truths) or _only(day, made=made, differences=differences, cases=cases)


EVENTS = (
    Event("all hosts reboot", "nothing opens", _reboot_all, _judge_same()),
    Event("server renamed", "one difference of its name", _rename, _judge_same("changed_attribute name")),
    Event("package upgraded everywhere", "a difference of each version", _upgrade, _judge_upgrade),
    Event("guest cloned with its agent", "a clone case, two CIs", _clone, _judge_clone),
    Event("clone enrolled anew", "two CIs, no further case", _enrol_clone_anew, _judge_enrolled),
    Event("two printers exchange addresses", "the same CIs, nothing opens", _exchange_addresses, _judge_same()),
    Event("switch returned and exchanged", "a new CI, a replacement case, the old one absent", _return_device, _judge_returned),
    Event(
        "mainboard swapped", "the same CI, at most a replacement case", _swap_mainboard,
        _judge_same("changed_attribute mac", cases=("replacement",)),
    ),
    Event("network card swapped", "the same CI, its address differs", _swap_card, _judge_same("changed_attribute mac")),
    Event("server installed anew", "the same CI", _reinstall, _judge_same()),
    Event("server switched off for good", "nothing opens, it goes stale", _switch_off, _judge_off, days=5),
    Event("server bought", "one new CI to review", _buy, _judge_same("new_ci", made=1)),
    Event("zone's collector down for five days", "stale, none absent, at most one case", lambda _, __: [], _judge_outage, days=5, silences="munich"),
    Event("zone's collector is back", "nothing opens", lambda _, __: [], _judge_back),
)  # fmt: skip
__all__ = ["DAY_MS", "EVENTS", "Event", "live_quietly"]
