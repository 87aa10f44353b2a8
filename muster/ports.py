"""What collector and exporters agree on: read models of the CMDB, services and incidents, and two Protocols.

The API answers with these structs, the pages show them, exporters render them. Instants are integer milliseconds UTC.
Not for: how they are stored (`collector/store`) or rendered (`exporters`, `collector/web`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from msgspec import Struct

from muster.model.state import CaseKind, CaseState, DifferenceKind, DifferenceState, IncidentState, Lifecycle, Presence, State

if TYPE_CHECKING:
    from muster.cmdb_health import CmdbHealth

LocalisedText = dict[str, str]  # language tag → text; "en" is always there


class SourceRef(Struct, frozen=True):
    """A source as people name it: printed `kind/name/instance`."""

    id: int
    kind: str
    name: str
    instance: str
    zone: str


class CiRef(Struct, frozen=True, rename={"ci_class": "class"}):
    """Enough of a CI to name and link it."""

    id: str
    number: int
    ci_class: str
    name: str


class CiSummary(Struct, frozen=True, rename={"ci_class": "class"}):
    """One row of the list of CIs. `seen_at` None: never observed."""

    id: str
    number: int
    ci_class: str
    name: str
    zone: str
    lifecycle: Lifecycle
    presence: Presence
    operation: State
    is_recorded: bool
    is_provisional: bool
    owner: CiRef | None
    source_kinds: list[str]
    open_differences: int
    created_at: int
    changed_at: int
    seen_at: int | None
    columns: dict[str, Any] = {}  # the indexed attributes, for column choice


class Candidate(Struct, frozen=True):
    """What one source says of one attribute. `why` tells why it won or lost."""

    source: SourceRef
    value: Any
    observed_at: int
    confirmed_at: int
    is_fresh: bool
    is_winner: bool
    why: str


class RecordView(Struct, frozen=True, rename={"ci_class": "class"}):
    """What is on record of one CI. `types`: of its attributes, as their class says."""

    id: str
    number: int
    ci_class: str
    zone: str
    lifecycle: Lifecycle
    recorded: dict[str, Any]
    types: dict[str, str]
    tags: dict[str, str]


class PinView(Struct, frozen=True):
    """A value that a person holds against every source. `expires_at` None: until it is taken off."""

    ci: CiRef
    attribute: str
    value: Any
    reason: str
    owner: str
    expires_at: int | None
    held_at: int
    held_by: str
    decision_id: str


class Fact(Struct, frozen=True):
    """One attribute: effective (observed) and recorded value, the winner's provenance, and every source's word."""

    attribute: str
    label: LocalisedText
    unit: str
    mode: str
    effective: Any
    has_effective: bool
    recorded: Any
    has_recorded: bool
    source: SourceRef | None
    rule: str
    since: int | None
    candidates: list[Candidate]
    is_different: bool
    is_volatile: bool = False
    pin: PinView | None = None


class IdentifierView(Struct, frozen=True):
    """A claim of identity, with who makes it and whether it may identify."""

    kind: str
    scope: str
    value: str
    raw: str
    state: str
    why: str
    sources: list[SourceRef]
    first_seen_at: int
    last_seen_at: int


class LinkView(Struct, frozen=True):
    """Why one source's record belongs to this CI."""

    source: SourceRef
    ref: str
    rule: str
    made_by: str
    evidence: dict[str, Any]
    explanation: str
    linked_at: int | None
    is_fresh: bool
    is_absent: bool


class RelationView(Struct, frozen=True):
    """A relation seen from one CI. `other` None: the other end is not known yet; `claim` says what was claimed."""

    type: str
    direction: str  # out | in
    other: CiRef | None
    qualifier: str
    side: str  # observed | recorded
    sources: list[SourceRef]
    valid_from: int
    valid_to: int | None
    claim: dict[str, Any] = {}
    own: CiRef | None = None  # the part of the CI that has it; None: the CI itself
    other_owner: CiRef | None = None  # of a part at the other end
    is_fresh: bool = True  # some source that is heard still says so
    is_suggestion: bool = False  # inferred, and neither seen often enough nor accepted
    is_disputed: bool = False  # a port that several links claim
    is_to_retired: bool = False  # the other end, or the host that it is part of, is retired or disposed of


class HistoryEntry(Struct, frozen=True):
    """One change: what, from when it was true, when it became known, and its cause."""

    id: int
    layer: str
    attribute: str
    old_value: Any
    new_value: Any
    valid_from: int
    known_from: int
    cause_kind: str
    cause_id: str
    source: SourceRef | None
    actor: str | None = None
    ci: CiRef | None = None
    valid_to: int | None = None  # when another value took over, as known now; None: it still holds


class CheckView(Struct, frozen=True):
    """The state of one check of a CI as one source last saw it."""

    check: str
    state: State
    since: int
    last_at: int
    reason: str
    source: SourceRef


class Deletion(Struct, frozen=True):
    """That a CI was deleted: when, by whom, why, and the decision that `undo` takes back."""

    at: int
    by: str
    reason: str
    decision_id: str


class CiDetail(Struct, frozen=True):
    """A CI's whole page but for history and contents."""

    summary: CiSummary
    control_level: str
    version: int
    label: LocalisedText
    tags: dict[str, str]
    facts: list[Fact]
    identifiers: list[IdentifierView]
    links: list[LinkView]
    relations: list[RelationView]
    contents: dict[str, int]  # class → number of dependent CIs
    checks: list[CheckView]
    services: list[str]
    redirected_from: list[str] = []
    deleted: Deletion | None = None  # it is there for its history alone


class DifferenceView(Struct, frozen=True):
    """One difference between observed and recorded. `observed_token` must be given back with an acceptance."""

    id: str
    kind: DifferenceKind
    state: DifferenceState
    ci: CiRef
    owner: CiRef | None
    attribute: str
    label: LocalisedText
    recorded: Any
    observed: Any
    source: SourceRef | None
    group_key: str
    risk: int  # 0 low … 3 high
    opened_at: int
    confirmed_at: int
    closed_at: int | None
    ignore_until: int | None
    decision_id: str | None
    decided_by: str | None
    reason: str
    trail: list[tuple[int, Any]]
    services: list[str]
    explanation: str
    version: int
    observed_token: str = ""
    change_id: str | None = None  # the approved change that it belongs to
    is_unauthorised: bool = False  # a governed attribute moved, and no change expects it
    flaps: int = 0  # how often a value that goes to and fro moved within a day; 0: it does not
    waiting_id: str | None = None  # a decision on it that a second person must confirm
    waiting_by: str | None = None  # who made it
    other: CiRef | None = None  # of a relation: its other end


class DifferenceGroup(Struct, frozen=True):
    """Differences of one cause: what a reviewer decides on at once."""

    group_key: str
    kind: DifferenceKind
    attribute: str
    label: LocalisedText
    ci_class: str
    recorded: Any
    observed: Any
    count: int
    ci_count: int
    risk: int
    oldest_at: int
    newest_at: int
    example: CiRef
    change_id: str | None = None
    unauthorised: int = 0  # how many of them no change expects
    flaps: int = 0  # of the one that moves most
    services: list[str] = []  # that depend on any of the CIs
    sources: list[str] = []  # kinds of sources that say so
    other: CiRef | None = None  # of a relation: its other end


class CaseView(Struct, frozen=True):
    """A case of identity or mass loss that waits for a person."""

    id: str
    kind: CaseKind
    state: CaseState
    members: list[CiRef]
    evidence: dict[str, Any]
    opened_at: int


class DecisionView(Struct, frozen=True):
    """A decision as audited."""

    id: str
    kind: str
    made_by: str
    reason: str
    at: int
    undone_by: str | None
    difference_ids: list[str]


class SourceView(Struct, frozen=True):
    """A source's page: how it reports, how its clock stands, what was refused of it."""

    source: SourceRef
    state: str
    software_version: str
    created_at: int
    last_report_at: int | None
    last_sequence: int | None
    clock_offset_ms: int
    is_silent: bool
    rejected_total: int
    last_rejections: list[dict[str, Any]]
    sections: list[dict[str, Any]]
    record_count: int
    samples_dropped_total: int = 0


class ServiceView(Struct, frozen=True):
    """A service as the catalogue and its tiles show it; `figures` by window name (month_to_date, last_month, 30d)."""

    id: str
    name: LocalisedText
    owner: str
    customer: str
    stage: str
    time_zone: str
    state: State
    since: int | None
    target: str | None
    evaluated_at: int | None
    figures: dict[str, dict[str, Any]]
    tree: dict[str, Any]  # {node, state, reason, children: [...]}
    days: list[dict[str, Any]]  # newest last: {date, availability, verdict, down_ms}
    open_incidents: int
    sla: str = ""  # the target in force; empty: none
    counters: dict[str, int] = {}  # as first observed, never lowered: accountable_ms, down_ms, ..., failures, restore_ms
    is_in_maintenance: bool = False


class IncidentChange(Struct, frozen=True):
    """One change of one incident, from which every target renders its message (docs/incidents.md)."""

    delivery_id: str
    type: str  # incident.opened | updated | reopened | acknowledged | resolved | closed | test.heartbeat
    at: int
    incident_id: str
    number: int
    episode: int
    sequence: int
    correlation_id: str
    status: IncidentState
    previous_status: str | None
    severity: str  # critical | major | minor | warning
    impact: int
    urgency: int
    priority: int
    title: LocalisedText
    description: LocalisedText
    started_at: int
    detected_at: int
    acknowledged_at: int | None
    resolved_at: int | None
    resolution_reason: str | None
    rule_id: str
    ci: CiRef | None
    services: list[dict[str, Any]]
    conditions: list[dict[str, Any]]
    recent_changes: list[dict[str, Any]]
    url: str
    cis: list[dict[str, Any]] = []  # {id, class, name, serial, site}
    labels: dict[str, str] = {}  # fixed at the opening: a target may take them as the identity
    runbook_url: str | None = None


class DeliveryView(Struct, frozen=True):
    """One delivery of one change to one target."""

    id: str
    target: str
    type: str
    sequence: int
    state: str  # pending | delivered | dead
    attempts: int
    created_at: int
    next_attempt_at: int
    delivered_at: int | None
    last_answer: str | None


class IncidentView(Struct, frozen=True):
    """An incident with its time line and deliveries."""

    id: str
    number: int
    state: IncidentState
    priority: int
    severity: str
    title: LocalisedText
    description: LocalisedText
    rule_id: str
    ci: CiRef | None
    services: list[str]
    started_at: int
    detected_at: int
    acknowledged_at: int | None
    resolved_at: int | None
    closed_at: int | None
    resolution_reason: str | None
    episode: int
    sequence: int
    events: list[dict[str, Any]]
    deliveries: list[DeliveryView]


class SeriesView(Struct, frozen=True):
    """A metric series with points `[at, value]`, oldest first."""

    name: str
    labels: dict[str, str]
    unit: str
    kind: str
    points: list[tuple[int, float | None]]


class CiAsAt(Struct, frozen=True):
    """A CI as it was at an instant, by what was known at another. Attributes without a value are missing.

    `ci`: named and classed as then; `asked_for`: the CI of the key, where it was believed to be `ci`. `contents`: class to number.
    """

    ci: CiRef
    at: int
    known_at: int
    existed: bool
    effective: dict[str, Any]
    recorded: dict[str, Any]
    presence: str
    lifecycle: str
    asked_for: CiRef | None = None
    owner: CiRef | None = None
    zone: str = ""
    is_recorded: bool = False
    recorded_class: str | None = None
    began_at: int | None = None
    tags: dict[str, str] = {}
    contents: dict[str, int] = {}
    identifiers: list[IdentifierView] = []
    relations: list[RelationView] = []


class ValueChange(Struct, frozen=True):
    """One value at two moments; None: none. `layer`: observed, recorded, tag or identity (class, name, owner, lifecycle, presence)."""

    layer: str
    attribute: str
    old: Any
    new: Any


class RelationChange(Struct, frozen=True):
    """A relation that is only at one of two moments. `change`: added | removed."""

    change: str
    type: str
    direction: str
    other: CiRef | None
    qualifier: str
    side: str


class CiComparison(Struct, frozen=True):
    """What became of one CI between two moments. `change`: added | removed | changed | unchanged."""

    ci: CiRef
    change: str
    values: list[ValueChange] = []
    relations: list[RelationChange] = []


class BaselineView(Struct, frozen=True):
    """A name for a time and a scope. `digest`: SHA-256 of the content in hexadecimal; instants in ms UTC."""

    id: str
    name: str
    query: str
    with_contents: bool
    at: int
    known_at: int
    reason: str
    owner: str
    taken_by: str
    taken_at: int
    ci_count: int
    digest: str
    decision_id: str


class BaselineCi(Struct, frozen=True, rename={"ci_class": "class"}):
    """One CI of a baseline, as it was then; what its digest is made of."""

    id: str
    number: int
    ci_class: str
    name: str
    zone: str
    owner_id: str | None
    lifecycle: str
    is_absent: bool
    is_recorded: bool
    recorded_class: str | None
    effective: dict[str, Any]
    recorded: dict[str, Any]
    tags: dict[str, str]
    relations: list[list[str]]  # [type, other CI's id, qualifier, side, out | in]


class BaselineCheck(Struct, frozen=True):
    """A baseline computed anew from the history. `faults`: blocks of numbers (first, last) whose content is not what was taken."""

    name: str
    is_intact: bool
    digest: str
    recomputed: str
    ci_count: int
    faults: list[tuple[int, int]] = []


class TokenView(Struct, frozen=True):
    """A token as it is listed: never the token itself. `scope` empty: anything; `uses_left` None: any number."""

    id: str
    kind: str  # enrolment | source | api | sign_in
    name: str
    role: str | None
    scope: dict[str, Any]
    source_id: int | None
    uses_left: int | None
    created_at: int
    expires_at: int | None
    revoked_at: int | None
    last_used_at: int | None


class AccountView(Struct, frozen=True):
    """A person who may sign in."""

    name: str
    role: str
    is_disabled: bool
    language: str | None
    created_at: int
    has_password: bool


class Page(Struct, frozen=True):
    """One page of a list; `next_cursor` None at the end; `total` counts all that match."""

    items: list[Any]
    total: int
    next_cursor: str | None


class Overview(Struct, frozen=True):
    """The counts that the overview and /metrics show."""

    cis: dict[str, dict[str, int]]  # class → presence → count
    open_differences: dict[str, int]  # kind → count
    oldest_difference_at: int | None
    open_cases: dict[str, int]
    incidents: dict[str, int]  # priority as text → open count
    sources: dict[str, int]  # reporting | silent | revoked → count
    outbox: dict[str, int]  # pending | dead → count
    outbox_oldest_at: int | None
    reports_received_total: int
    reports_rejected_total: dict[str, int]
    recent: list[HistoryEntry]
    is_loaded: bool = True


@dataclass(frozen=True)
class CollectorFigures:
    """What the collector knows of itself and the CMDB does not hold. `None`: not yet.

    `deliveries_total`: (target, outcome) → attempts since the start. Instants are milliseconds UTC.
    """

    version: str = ""
    last_evaluation_at: int | None = None
    configuration_loaded_at: int | None = None
    clock_skew_ms: int = 0
    deliveries_total: Mapping[tuple[str, str], int] = field(default_factory=dict)
    stopped_targets: tuple[str, ...] = ()
    evaluation_seconds: float | None = None
    removed_total: Mapping[str, int] = field(default_factory=dict)  # rows that retention removed since the start, by what they were


@dataclass(frozen=True)
class OutgoingRequest:
    """What a target wants to be sent: one HTTP request; bytes stay the same on every attempt, signatures do not."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class AnswerClass:
    """How a target classifies an answer: delivered, retry (after some seconds), refused (dead letter) or stopped (credentials)."""

    outcome: str  # delivered | retry | refused | stopped
    detail: str
    retry_after_seconds: float | None = None


class RenderRequest(Protocol):
    """(change, settings, secrets, now in ms) → requests to send in order."""

    def __call__(self, change: IncidentChange, settings: Mapping[str, Any], secrets: Sequence[bytes], now_ms: int) -> list[OutgoingRequest]: ...


class ClassifyAnswer(Protocol):
    """(status, headers, body) → what to do next."""

    def __call__(self, status: int, headers: Mapping[str, str], body: bytes) -> AnswerClass: ...


@dataclass(frozen=True)
class Target:
    """An incident target as its module declares it (`TARGET`).

    `refresh_seconds` greater than 0 makes it a state target: every open incident is rendered again at that pace.
    """

    name: str
    summary: str
    settings: type[Struct]
    render_: RenderRequest
    classify_answer: ClassifyAnswer
    refresh_seconds: float = 0


class CmdbReader(Protocol):
    """What an exporter may read of the CMDB."""

    def overview(self) -> Overview: ...

    def iterate_cis(self, query: str) -> Iterator[CiSummary]: ...

    def list_services(self) -> list[ServiceView]: ...

    def cmdb_health(self) -> CmdbHealth: ...
