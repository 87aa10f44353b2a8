"""What goes into identification and comes out of it: claims, records, known CIs, constraints, parts, evidence and case seeds.

Only values; the store fills them from its tables and applies what comes back. Design: docs/reconciliation.md.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from muster.model.state import CaseKind, Lifecycle, SourceKind, Strength

ClaimState = Literal["active", "historic", "junk", "quarantined", "disputed"]
ClaimKey = tuple[str, str, str]  # kind, scope, value
VetoCode = Literal[
    "cannot_link", "class_family", "boot_overlap", "cloud_instance", "manager_instance", "other_enrolment", "same_native_key",
    "both_decided", "disposed", "serial", "dmi_uuid", "permanent_mac",
]  # fmt: skip


class SourceKey(Struct, frozen=True, order=True):
    """A source as people name it; `zone` scopes what is only unique inside it."""

    kind: SourceKind
    name: str
    instance: str
    zone: str = "default"

    @property
    def text(self) -> str:
        """`kind/name/instance`."""
        return f"{self.kind}/{self.name}/{self.instance}"


class Claim(Struct, frozen=True, kw_only=True):
    """One identifier as normalised, with the scope inside which it is unique.

    `state` junk: kept and shown, barred from identity, `why` says so. `last_seen_at` None: still claimed. A claim that the
    record no longer makes is historic and ends at the instant it was first missing.
    """

    kind: str
    scope: str
    value: str
    raw: str = ""
    state: ClaimState = "active"
    why: str = ""
    first_seen_at: int = 0
    last_seen_at: int | None = None

    @property
    def key(self) -> ClaimKey:
        return (self.kind, self.scope, self.value)


class RecordView(Struct, frozen=True, kw_only=True):
    """A source record as identification sees it: one independent thing as one source knows it.

    `id` is the store's (a negative one for a record not yet stored). `claims` hold the historic ones too, and `boot_id`
    claims whose `raw` is the boot time. `confirmed_at`: when its source last said so; `live_until`: until when that is fresh, so that
    two lives can be compared without asking what time it is. `linked_by` person: that link holds against every rule.
    """

    id: int
    source: SourceKey
    ref: str
    ci_class: str
    claims: tuple[Claim, ...]
    vendor: str = ""
    is_revoked: bool = False
    is_closed: bool = False
    first_seen_at: int = 0
    observed_at: int = 0
    confirmed_at: int = 0
    live_until: int = 0
    ci_id: str | None = None
    linked_by: Literal["engine", "person"] = "engine"

    @property
    def heard_at(self) -> int:
        """When its source said so for the last time; of a closed one that was before it was closed."""
        return self.observed_at if self.is_closed else self.confirmed_at

    @property
    def order_key(self) -> tuple[str, str, str, int, int]:
        """Canonical order, from the data alone."""
        return (self.source.text, self.source.zone, self.ref, self.first_seen_at, self.id)


class KnownCi(Struct, frozen=True, kw_only=True):
    """A CI of the neighbourhood. `claims`: of its recorded values. `has_decisions`: a person or an import made it what it is."""

    id: str
    number: int
    ci_class: str
    lifecycle: Lifecycle = "live"
    lifecycle_since_at: int = 0
    claims: tuple[Claim, ...] = ()
    vendor: str = ""
    zone: str = "default"
    has_decisions: bool = False
    is_provisional: bool = False


class Constraint(Struct, frozen=True, kw_only=True):
    """A person's word on two records; wins over every rule, the newer over the older."""

    kind: Literal["must_link", "cannot_link"]
    left_record_id: int
    right_record_id: int
    created_at: int = 0


class Neighbourhood(Struct, frozen=True, kw_only=True):
    """What must be decided together.

    `records`: closed under sharing a usable claim of a kind of `ladder.closing_kinds`. `bystanders`: share only a weak
    claim; never re-partitioned, only suggested. `cis`: every CI that a record, a bystander or a recorded claim names.
    `doubtful`: values quarantined before whose holders are all among `records` (as long as they are few): these are judged
    again from the set alone. `quarantined`: the others that are quarantined, with too many holders to look at again, and since when.
    `is_truncated`: the limit was reached; nothing new is linked then and a case says so. `trusted`: values that a person says may
    identify, although several hold them. `sees_namesakes`: no bystander was left out.
    """

    records: tuple[RecordView, ...]
    cis: tuple[KnownCi, ...] = ()
    constraints: tuple[Constraint, ...] = ()
    quarantined: dict[ClaimKey, int] = {}
    doubtful: tuple[ClaimKey, ...] = ()
    bystanders: tuple[RecordView, ...] = ()
    is_truncated: bool = False
    sees_namesakes: bool = True
    trusted: frozenset[ClaimKey] = frozenset()


class Veto(Struct, frozen=True):
    """Why two may not be one; `left` and `right` are the values that differ."""

    code: VetoCode
    left: str = ""
    right: str = ""


class UsedIdentifier(Struct, frozen=True):
    """An identifier that two sides share."""

    kind: str
    scope: str
    value: str


class IgnoredIdentifier(Struct, frozen=True):
    """An identifier that was reported and not used, and why: empty, junk:<rule>, quarantined."""

    kind: str
    raw: str
    why: str


class RejectedCandidate(Struct, frozen=True):
    """A record or CI that a rung pointed at and that was not taken. `vetoes` empty: it was one of several (ambiguous)."""

    rule: str
    record_id: int | None
    ci_id: str | None
    source: str
    vetoes: tuple[Veto, ...] = ()


class Suggestion(Struct, frozen=True):
    """A near miss: what only weak evidence points at. A person may adopt it."""

    rule: str
    ci_id: str | None
    record_id: int | None
    identifiers: tuple[UsedIdentifier, ...]
    vetoes: tuple[Veto, ...] = ()


class LinkEvidence(Struct, frozen=True, kw_only=True):
    """Why a record belongs to its CI, complete enough to be explained for ever.

    `rule`: a rung, or `first_seen` (nothing found), `native_key`, `must_link`, `person`. `with_source` and `with_ref`: the
    record (or `recorded`) that the rung matched. `rules_version`: of the rules that were in force (`rules_version.py`).
    """

    rule: str
    strength: Strength | None = None
    with_source: str = ""
    with_ref: str = ""
    identifiers_used: tuple[UsedIdentifier, ...] = ()
    identifiers_ignored: tuple[IgnoredIdentifier, ...] = ()
    candidates_rejected: tuple[RejectedCandidate, ...] = ()
    suggestions: tuple[Suggestion, ...] = ()
    rules_version: str = ""


class Link(Struct, frozen=True):
    """A record's place in a part."""

    record_id: int
    evidence: LinkEvidence


class Part(Struct, frozen=True, kw_only=True):
    """Records that are one CI. `ci_id` None: a new CI. `is_provisional`: an open case disputes what it is."""

    links: tuple[Link, ...]
    ci_id: str | None
    ci_class: str
    is_provisional: bool = False

    @property
    def record_ids(self) -> tuple[int, ...]:
        return tuple(link.record_id for link in self.links)


class CaseSeed(Struct, frozen=True, kw_only=True):
    """A case to open. `key` names it for ever: the same finding gives the same key in any order of arrival.

    `record_ids` and `ci_ids` are its members (the store turns records into their CIs); `survivor_id` a proposal.
    """

    kind: CaseKind
    key: str
    record_ids: tuple[int, ...] = ()
    ci_ids: tuple[str, ...] = ()
    evidence: dict[str, object] = {}


class Partition(Struct, frozen=True, kw_only=True):
    """The decision on a neighbourhood: every record of it in exactly one part, in canonical order.

    `quarantined`: values to quarantine and since when, new ones and those doubted and found again; `released`: those doubted and
    not found again. `emptied`: CIs that kept no record, with the index of the part that took most of them (None: recorded only, as it was).
    `outdated`: open records whose last word another one has outlived; said again, it contradicts, so that they are decided on anew then.
    """

    parts: tuple[Part, ...]
    cases: tuple[CaseSeed, ...] = ()
    quarantined: dict[ClaimKey, int] = {}
    released: tuple[ClaimKey, ...] = ()
    emptied: tuple[tuple[str, int | None], ...] = ()
    outdated: tuple[int, ...] = ()


class NativeMatch(Struct, frozen=True, kw_only=True):
    """Which record of one (source, ref) an item continues. `record_id` None: a new one; `close_ids` are then contradicted.

    `split_at`: since then the record described another machine, and what it held since becomes a (closed) record of its own.
    """

    record_id: int | None
    close_ids: tuple[int, ...] = ()
    vetoes: tuple[Veto, ...] = ()
    split_at: int | None = None
