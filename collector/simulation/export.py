"""A case file out of what a collector journalled about a CI and its neighbourhood, with everything private replaced. Pure.

Run by `muster simulate --empty`, it comes to the same links. Design: docs/cases.md.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec
from msgspec import Struct

from collector.reconcile.settings import Settings
from collector.simulation.export_decision import Told, tell_decisions, tell_record
from collector.simulation.scrub import Scrubber
from collector.store.case_material import Material, Record, TakenReport
from muster.instant import render_instant
from muster.model.ci_class import ClassCatalogue, load_catalogue
from muster.model.class_file import ClassChange
from muster.model.junk import JunkFilter

REPORTS_KEPT = 2_000
CONFIRM_INTERVALS = 2  # a report that changes nothing is kept so often that nothing becomes stale that was not
DEFAULT_INTERVAL_SECONDS = 86_400
_WORDS = ("complete", "status", "depth", "interval_seconds")
_VOLATILE_KEPT = frozenset({"boot_id", "boot_time"})


class Site(Struct, frozen=True):
    """The model that the collector runs by."""

    catalogue: ClassCatalogue
    junk: JunkFilter
    settings: Settings


def build_case(material: Material, sources: Mapping[int, tuple[str, str, str, str]], reports: Iterable[TakenReport], site: Site) -> dict[str, Any]:
    """The case as plain values, its steps in order of time. `sources`: (kind, name, instance, zone) by number."""
    scrubber = Scrubber(site.catalogue, site.junk)
    author = _Author(material, sources, scrubber, site)
    steps = [*author.tell_recorded(), *author.tell_reports(reports)]
    told = tell_decisions(material, author.name_of, scrubber)
    dated: list[tuple[int, int, dict[str, Any] | Told]] = [*steps, *((each.at, 2, each) for each in told)]
    dated.sort(key=lambda each: (each[0], each[1]))
    places = {each[2].decision_id: place for place, each in enumerate(dated) if isinstance(each[2], Told)}
    written = [_write_step(at, step, places) for at, _, step in dated]
    case: dict[str, Any] = {"name": "exported", "settings": _settings_of(site.settings), "classes": _classes_of(site.catalogue), "steps": written}
    return {name: value for name, value in case.items() if value or name == "steps"}


class _Author:
    """Names and writes what one export tells."""

    def __init__(self, material: Material, sources: Mapping[int, tuple[str, str, str, str]], scrubber: Scrubber, site: Site) -> None:
        self._material = material
        self._sources = sources
        self._scrubber = scrubber
        self._site = site
        self._made = material.made_on_record()
        self._refs: dict[int, set[str]] = {}
        for each in material.records:
            self._refs.setdefault(each.source_id, set()).add(each.ref)
        self._last: dict[tuple[int, str], list[dict[str, Any]]] = {}
        self._relations: dict[tuple[int, str], list[dict[str, Any]]] = {}

    def name_of(self, ci_id: str) -> Any:
        """How a step names a CI: by a record of it, of now or of then, or by the label of what was put on record. None: by nothing."""
        if ci_id in self._material.recorded or ci_id in self._made:
            return self._label(ci_id)
        own = [each for each in self._material.records if each.ci_id == ci_id and each.is_open]
        past = set(self._material.past.get(ci_id, ()))
        own += [each for each in self._material.records if each.id in past]
        own += [each for each in self._material.records if each.ci_id == ci_id]
        first = self._material.first
        return None if not own else self._name(min(own, key=lambda each: first.get(each.id, each.ci_id) != ci_id))

    def _label(self, ci_id: str) -> str:
        return self._scrubber.replace_word("recorded", ci_id)

    def _name(self, record: Record) -> dict[str, str]:
        source = self._source(record.source_id)
        return {"ref": self._ref(record.source_id, record.ref), "source": f"{source['kind']}/{source['name']}/{source['instance']}"}

    def _source(self, source_id: int) -> dict[str, str]:
        kind, name, instance, zone = self._sources[source_id]
        told = {"kind": kind, "name": self._scrubber.replace_name(name), "instance": self._scrubber.replace_word("instance", instance)}
        return {**told, "zone": self._scrubber.replace_word("zone", zone)}

    def _ref(self, source_id: int, ref: str) -> str:
        return self._scrubber.replace_word("item", f"{source_id} {ref}")

    def tell_recorded(self) -> Iterator[tuple[int, int, dict[str, Any]]]:
        """CIs that were put on record otherwise than one by one (an import), before everything else."""
        for ci_id, told in sorted(self._material.recorded.items()):
            if ci_id not in self._made:
                yield 0, 0, {"operation": {"record": tell_record(self._scrubber, told["class"], told["zone"], self._label(ci_id), told["values"])}}

    def tell_reports(self, reports: Iterable[TakenReport]) -> Iterator[tuple[int, int, dict[str, Any]]]:
        """Reports that say something of the neighbourhood, others only so often that they keep it fresh."""
        kept_at: dict[int, int] = {}
        decided = [each.at for each in self._material.decisions]
        kept_text: dict[int, str] = {}
        count = 0
        for taken in reports:
            sections = self._take_sections(taken)
            if not sections:
                continue
            text = json.dumps(self._significant(sections), sort_keys=True, default=str)
            pause_ms = CONFIRM_INTERVALS * 1000 * min(each.get("interval_seconds", DEFAULT_INTERVAL_SECONDS) for each in sections.values())
            kept = kept_at.get(taken.source_id, 0)
            is_after = any(kept <= at <= taken.received_at for at in decided)
            is_new = is_after or kept_text.get(taken.source_id) != text
            is_due = taken.received_at - kept_at.get(taken.source_id, -pause_ms) >= pause_ms and count < REPORTS_KEPT
            if not is_new and not is_due:
                continue
            kept_text[taken.source_id], kept_at[taken.source_id] = text, taken.received_at
            count += 1
            body: dict[str, Any] = {"source": self._source(taken.source_id), "observed_at": render_instant(taken.observed_at)}
            yield taken.received_at, 1, {"report": {**body, "sections": {name: self._scrub_section(taken, each) for name, each in sections.items()}}}

    def _take_sections(self, taken: TakenReport) -> dict[str, dict[str, Any]]:
        """The sections that hold items of the neighbourhood; one that came as its digest has the items that it had before."""
        refs = self._refs.get(taken.source_id, set())
        found: dict[str, dict[str, Any]] = {}
        for name, section in taken.body.get("sections", {}).items():
            items = section.get("items")
            key = (taken.source_id, name)
            if items is not None:
                self._last[key] = [item for item in items if isinstance(item, dict) and item.get("ref") in refs and item.get("owner") is None]
                ends = section.get("relations") or []
                self._relations[key] = [each for each in ends if isinstance(each, dict) and each.get("from") in refs and each.get("to") in refs]
            if not self._last.get(key):
                continue
            found[name] = {word: section[word] for word in _WORDS if word in section}
            if section.get("status", "ok") == "ok":
                found[name] |= {"items": self._last[key], **({"relations": self._relations[key]} if self._relations.get(key) else {})}
        return found

    def _significant(self, sections: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
        """What of the sections makes a report worth keeping: all but values that move by themselves."""
        found = {}
        for name, section in sections.items():
            items = [{**item, "attributes": self._lasting(item)} for item in section.get("items", [])]
            found[name] = {**section, "items": items}
        return found

    def _lasting(self, item: Mapping[str, Any]) -> dict[str, Any]:
        known = self._site.catalogue.get(str(item.get("class")))
        volatile = {name for name, each in known.attributes.items() if each.volatile} - _VOLATILE_KEPT if known is not None else set()
        return {name: value for name, value in (item.get("attributes") or {}).items() if name not in volatile}

    def _scrub_section(self, taken: TakenReport, section: Mapping[str, Any]) -> dict[str, Any]:
        if "items" not in section:
            return dict(section)
        items = []
        for item in section["items"]:
            attributes = item.get("attributes") or {}
            told = {
                "ref": self._ref(taken.source_id, item["ref"]),
                "class": item.get("class"),
                "identifiers": self._scrubber.scrub_identifiers(item.get("identifiers") or {}, vendor=str(attributes.get("vendor") or "")),
                "attributes": self._scrubber.scrub_attributes(str(item.get("class")), attributes),
            }
            items.append({name: value for name, value in told.items() if value})
        relations = [
            {**each, "from": self._ref(taken.source_id, each["from"]), "to": self._ref(taken.source_id, each["to"])}
            for each in section.get("relations", [])
        ]
        return {**section, "items": items, **({"relations": relations} if relations else {})}


def _write_step(at: int, step: dict[str, Any] | Told, places: Mapping[str, int]) -> dict[str, Any]:
    dated = {"at": render_instant(at)} if at else {}
    if not isinstance(step, Told):
        return {**dated, **step}
    if step.undoes is not None and step.undoes in places:
        return {**dated, **step.refer(places[step.undoes])}
    return {**dated, **step.step}


def _settings_of(settings: Settings) -> dict[str, Any]:
    """Those that are not the defaults."""
    defaults = msgspec.to_builtins(Settings())
    return {name: value for name, value in msgspec.to_builtins(settings).items() if value != defaults.get(name)}


def _classes_of(catalogue: ClassCatalogue) -> list[dict[str, Any]]:
    """The site's own, and what it changed of shipped ones."""
    shipped = load_catalogue()
    found = []
    for each in catalogue:
        value = msgspec.to_builtins(each)
        if each.name not in shipped:
            found.append(value)
        elif value != (known := msgspec.to_builtins(shipped[each.name])):
            changed = {name: value[name] for name in ClassChange.__struct_fields__ if value[name] != known[name]}
            if "attributes" in changed:
                changed["attributes"] = {name: told for name, told in value["attributes"].items() if told != known["attributes"].get(name)}
            found.append({"name": each.name, **changed})
    return found
