"""Identifiers of an item, or of recorded values, as claims: normalised, scoped, junk marked and kept. Design: docs/reconciliation.md."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from collector.reconcile.record import Claim, SourceKey
from muster.model.identifier import IDENTIFIER_KINDS, IdentifierKind
from muster.model.junk import JunkFilter
from muster.model.normaliser import normalise, normalise_vendor
from muster.wire.report import Item

BOOT_KIND = "boot_id"
HISTORIC_LIMIT = 64  # per record; the oldest go first
RECORDED_PREFIX = "identifier."  # of what is recorded beside attributes only to identify: `identifier.dmi_uuid`
# Recorded attributes that are identifiers too, and as which kind they identify.
_RECORDED_KINDS = {
    "serial": "serial", "asset_tag": "asset_tag", "fqdn": "fqdn", "hostname": "hostname", "name": "hostname", "mac": "mac", "number": "number",
    "url": "url",
}  # fmt: skip
RECORDED_ATTRIBUTES = frozenset({*_RECORDED_KINDS, "vendor"})  # whose value on record tells what a CI is, or scopes what does


def claims_of(item: Item, source: SourceKey, junk: JunkFilter, observed_at: int = 0) -> tuple[Claim, ...]:
    """The claims of an independent item, in canonical order.

    An agent's enrolment is a claim too, and so is the boot of the host (kind `boot_id`, its time in `raw`), which never identifies
    but tells two machines apart that run at the same time.
    """
    identifiers: dict[str, Any] = dict(item.identifiers)
    if source.kind == "agent":
        identifiers.setdefault("enrolment_id", f"{source.name}/{source.instance}")
    found = claims_from(
        identifiers, vendor=vendor_of(item.attributes), zone=source.zone, manager=f"{source.kind}/{source.name}", junk=junk, at=observed_at
    )
    boot = item.attributes.get("boot_id")
    if isinstance(boot, str) and boot.strip():
        boot_time = item.attributes.get("boot_time")
        raw = str(boot_time) if isinstance(boot_time, int) and not isinstance(boot_time, bool) else ""
        found += (Claim(kind=BOOT_KIND, scope="", value=boot.strip().casefold(), raw=raw, first_seen_at=observed_at),)
    return found


def recorded_claims(identifiers: Mapping[str, Any], recorded: Mapping[str, Any], *, zone: str, junk: JunkFilter) -> tuple[Claim, ...]:
    """The claims of a CI's recorded side: identifiers given when it was recorded, and recorded attributes that identify."""
    found: dict[str, Any] = {}
    for attribute, kind in _RECORDED_KINDS.items():
        if recorded.get(attribute):
            found[kind] = [*_texts(found.get(kind, ())), *_texts(recorded[attribute])]
    given = {name.removeprefix(RECORDED_PREFIX): value for name, value in recorded.items() if name.startswith(RECORDED_PREFIX)}
    for kind, value in (*given.items(), *identifiers.items()):
        found[kind] = [*_texts(found.get(kind, ())), *_texts(value)]
    return claims_from(found, vendor=vendor_of(recorded), zone=zone, manager="recorded", junk=junk)


def claims_from(identifiers: Mapping[str, Any], *, vendor: str, zone: str, manager: str, junk: JunkFilter, at: int = 0) -> tuple[Claim, ...]:
    """One claim per kind, scope and value; unknown kinds (local keys of dependent classes) are left out."""
    found: dict[tuple[str, str, str], Claim] = {}
    scopes = {"everywhere": "", "vendor": vendor, "zone": zone, "manager": manager}
    for kind, value in identifiers.items():
        known = IDENTIFIER_KINDS.get(kind)
        if known is None:
            continue
        for raw in _texts(value):
            claim = _claim(known, raw, scopes[known.scope], vendor, junk)
            if claim is not None:
                found.setdefault(claim.key, msgspec.structs.replace(claim, first_seen_at=at))
    return tuple(found[key] for key in sorted(found))


def _claim(known: IdentifierKind, raw: str, scope: str, vendor: str, junk: JunkFilter) -> Claim | None:
    if not raw.strip():
        return None  # empty identifies nothing and collides with nothing
    value = normalise(known.name, raw, vendor=vendor)
    kind = "hostname" if known.name == "fqdn" and value is not None and "." not in value else known.name
    if value is None:
        return Claim(kind=kind, scope=scope, value=raw.strip().casefold()[:256], raw=raw[:256], state="junk", why="junk:malformed")
    why = junk.judge(kind, value, raw)
    return Claim(kind=kind, scope=scope, value=value[:256], raw=raw[:256], state="junk" if why else "active", why=why)


def succeed(old: Iterable[Claim], new: Iterable[Claim], at: int, *, heard_at: int) -> tuple[Claim, ...]:
    """A record's claims after a newer report observed at `at`: repeated ones keep their start, missing ones become historic.

    A boot ended, as far as anyone knows, when the record was last heard of (`heard_at`): another source may know better. The same
    claims again change nothing, so that a repeated report writes nothing.
    """
    before = {claim.key: claim for claim in old}
    after: dict[tuple[str, str, str], Claim] = {}
    for claim in new:
        known = before.get(claim.key)
        started = known.first_seen_at if known is not None else claim.first_seen_at or at
        after[claim.key] = msgspec.structs.replace(claim, first_seen_at=started, last_seen_at=None)
    gone = []
    for key, claim in before.items():
        if key in after or claim.state == "junk":
            continue
        until = min(at, max(heard_at, claim.first_seen_at)) if claim.kind == BOOT_KIND else at
        ended = claim if claim.state == "historic" else msgspec.structs.replace(claim, state="historic", last_seen_at=until)
        gone.append(ended)
    gone.sort(key=lambda claim: (-(claim.last_seen_at or 0), claim.key))
    after.update((claim.key, claim) for claim in gone[:HISTORIC_LIMIT])
    return tuple(after[key] for key in sorted(after))


def split_claims(claims: Iterable[Claim], since: int) -> tuple[tuple[Claim, ...], tuple[Claim, ...]]:
    """The claims of a record that was another machine's from `since` on: what it held before, and what the other one holds."""
    before = [claim for claim in claims if claim.first_seen_at < since]
    own = [
        msgspec.structs.replace(claim, state="active" if claim.state == "historic" else claim.state, last_seen_at=None)
        if claim.last_seen_at is not None and claim.last_seen_at >= since
        else claim
        for claim in before
    ]
    foreign = [
        msgspec.structs.replace(claim, first_seen_at=max(claim.first_seen_at, since))
        for claim in claims
        if claim.last_seen_at is None or claim.last_seen_at > since
    ]
    return tuple(own), tuple(foreign)


def claims_changed(old: Iterable[Claim], new: Iterable[Claim]) -> bool:
    """Whether identification must run again: the usable claims are not the same."""
    return {claim.key for claim in old if claim.state in ("active", "quarantined")} != {claim.key for claim in new if claim.state == "active"}


def vendor_of(attributes: Mapping[str, Any]) -> str:
    """The normalised vendor, or "" where it is unknown."""
    vendor = attributes.get("vendor")
    return normalise_vendor(vendor) if isinstance(vendor, str) else ""


def _texts(value: object) -> list[str]:
    values = value if isinstance(value, list | tuple) else [value]
    return [str(each) for each in values if isinstance(each, str | int) and not isinstance(each, bool)]
