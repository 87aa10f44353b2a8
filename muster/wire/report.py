"""The report: what a source sends, as msgspec structs. The one definition; JSON Schema and OpenAPI come from it.

`Report` is what senders build and what the schema shows. `ReceivedReport` is the same envelope with each item left raw,
so that one bad item costs only itself. Instants are integer milliseconds UTC, or RFC 3339 text from hand-written JSON.
Design: docs/reference/wire.md.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Raw, Struct

from muster.model.state import SectionStatus, SourceKind, State

SCHEMA_VERSION = 1
CONTENT_TYPE_MSGPACK = "application/vnd.muster.report+msgpack"
CONTENT_TYPE_JSON = "application/json"
MAXIMUM_COMPRESSED_BYTES = 8 * 1_048_576
MAXIMUM_INFLATED_BYTES = 64 * 1_048_576
# What one report may hold, so that a small body of countless tiny parts cannot fill memory. Over it the body is no report.
MAXIMUM_PARTS = 1_000_000  # items, relations, states or rows of samples
MAXIMUM_SECTIONS = 10_000
MAXIMUM_SERIES = 100_000  # of one table
MAXIMUM_NAMES = 1_000  # attributes, or identifiers, of one item

Name = Annotated[str, Meta(min_length=1, max_length=128)]
Ref = Annotated[str, Meta(min_length=1, max_length=512)]
Digest = Annotated[str, Meta(min_length=1, max_length=64)]
Text = Annotated[str, Meta(max_length=65_536)]
Sequence = Annotated[int, Meta(ge=0, le=9_007_199_254_740_991)]  # what every JSON reader keeps exact
Instant = int | Annotated[str, Meta(max_length=40)]
Scalar = str | int | float | bool | None
Value = str | int | float | bool | list[Scalar] | None
Identifiers = dict[Name, str | list[str]]


class Source(Struct, frozen=True, forbid_unknown_fields=True):
    """Who reports: `instance` is 128 random bits in hexadecimal made with the spool, `zone` scopes locators."""

    kind: SourceKind
    name: Name
    instance: Name
    zone: Name = "default"


class Item(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, rename={"ci_class": "class"}):
    """One thing as this source knows it; `ref` is its native key, `owner` the ref of the host of a dependent class."""

    ref: Ref
    ci_class: Name
    identifiers: Annotated[Identifiers, Meta(max_length=MAXIMUM_NAMES)] = {}
    attributes: Annotated[dict[Name, Value], Meta(max_length=MAXIMUM_NAMES)] = {}
    owner: Ref | None = None


class Endpoint(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, rename={"ci_class": "class"}):
    """The end of a relation, or the subject of a state, that this source knows only by identifiers."""

    identifiers: dict[Name, str | list[str]]
    ci_class: Name | None = None


class RelationClaim(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, rename={"from_end": "from", "to_end": "to"}):
    """A typed, directed relation between two ends, each a ref of this report's source or identifiers."""

    type: Name
    from_end: Ref | Endpoint
    to_end: Ref | Endpoint
    qualifier: Annotated[str, Meta(max_length=256)] = ""


# Of a section that does not say when it comes again: what is written by hand comes daily at best.
DEFAULT_INTERVAL_SECONDS = 86_400


class Section(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One part of an inventory. `items` None: unchanged, only its digest is sent.

    `complete` and status `ok` together allow the collector to conclude absence; `interval_seconds` is when the source
    means to confirm this section again (freshness is three times that).
    """

    digest: Digest | None = None
    complete: bool = False
    status: SectionStatus = "ok"
    reason: Text | None = None
    depth: Annotated[int, Meta(ge=0, le=9)] = 0
    interval_seconds: Annotated[int, Meta(ge=1, le=31_622_400)] = DEFAULT_INTERVAL_SECONDS
    items: list[Item] | None = None
    relations: list[RelationClaim] | None = None


class SeriesDefinition(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One metric series: base unit, bounded labels; `subject` is the ref that it measures (default: the host)."""

    name: Name
    labels: dict[Name, Annotated[str, Meta(max_length=1024)]] = {}
    unit: Annotated[str, Meta(max_length=32)] = ""
    kind: Literal["gauge", "counter"] = "gauge"
    subject: Ref | None = None


SeriesTable = Annotated[list[SeriesDefinition], Meta(max_length=MAXIMUM_SERIES)]


class SampleBlock(Struct, frozen=True, forbid_unknown_fields=True):
    """Samples of one table, by column: `values[series][time]`; None is a missing sample."""

    table: Digest
    times: list[Instant]
    values: Annotated[list[list[float | int | None]], Meta(max_length=MAXIMUM_PARTS)]


class StateReport(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """The state of one check of one subject at an instant; each also confirms the state it repeats.

    `interval_seconds` is when the next observation is due; without one in time the state becomes unknown.
    """

    subject: Ref | Endpoint
    check: Name
    state: State
    at: Instant
    reason: Annotated[str, Meta(max_length=1024)] = ""
    interval_seconds: Annotated[int, Meta(ge=1, le=86_400)] = 60


class Dropped(Struct, frozen=True, forbid_unknown_fields=True, rename={"from_sequence": "from", "to_sequence": "to"}):
    """Sequences that the source gave up, both ends included, so that a gap is known."""

    from_sequence: Sequence
    to_sequence: Sequence
    reason: Annotated[str, Meta(max_length=256)]


class _Envelope(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    source: Source
    sequence: Sequence
    observed_at: Instant
    schema: Literal[1] = 1
    dropped: Annotated[list[Dropped], Meta(max_length=MAXIMUM_SECTIONS)] = []
    software_version: Annotated[str, Meta(max_length=64)] = ""


class Report(_Envelope, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """A whole report as a sender builds it."""

    sections: dict[Name, Section] = {}
    states: list[StateReport] = []
    tables: Annotated[dict[Digest, SeriesTable], Meta(max_length=64)] = {}
    samples: list[SampleBlock] = []


class ReceivedSection(Struct, frozen=True, forbid_unknown_fields=True):
    """`Section` as received: items and relations still raw, each decoded and refused by itself."""

    digest: Digest | None = None
    complete: bool = False
    status: SectionStatus = "ok"
    reason: Text | None = None
    depth: Annotated[int, Meta(ge=0, le=9)] = 0
    interval_seconds: Annotated[int, Meta(ge=1, le=31_622_400)] = DEFAULT_INTERVAL_SECONDS
    items: Annotated[list[Raw], Meta(max_length=MAXIMUM_PARTS)] | None = None
    relations: Annotated[list[Raw], Meta(max_length=MAXIMUM_PARTS)] | None = None


class ReceivedReport(_Envelope, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A report as received: the envelope decoded, items, relations and states still raw."""

    sections: dict[Name, ReceivedSection] = {}
    states: list[Raw] = []
    tables: dict[Digest, list[SeriesDefinition]] = {}
    samples: list[SampleBlock] = []


class RawReport(_Envelope, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A report whose sections, tables and blocks of samples are still raw: each is decoded by itself, so that its fault has its exact path."""

    sections: Annotated[dict[Name, Raw], Meta(max_length=MAXIMUM_SECTIONS)] = {}
    states: Annotated[list[Raw], Meta(max_length=MAXIMUM_PARTS)] = []
    tables: Annotated[dict[Digest, Raw], Meta(max_length=64)] = {}
    samples: Annotated[list[Raw], Meta(max_length=MAXIMUM_SECTIONS)] = []


class Rejection(Struct, frozen=True):
    """A part of a report that was not taken: where (`$.sections.host.items[3]`) and why."""

    path: str
    reason: str


class Answer(Struct, frozen=True):
    """What a collector answers once a report is durable. `want` lists digests to send in full with the next report."""

    accepted_sequence: int
    want: list[str] = []
    rejected: list[Rejection] = []
    settings: dict[str, Scalar] = {}


def to_json_schema() -> dict[str, object]:
    """JSON Schema (2020-12) of a report."""
    return msgspec.json.schema(Report)
