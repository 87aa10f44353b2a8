"""The tables, once for SQLite and PostgreSQL. Design and reasons: docs/storage.md.

Instants are integer milliseconds UTC in columns named `*_at`. Bodies are MessagePack, compressed where named so.
Migrations under `migrations/` make exactly these tables; a test compares.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from collector.store.uuid_text import UuidText
from collector.store.word import CONTROL_LEVELS, LIFECYCLES, PRESENCES, STATES, Word

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)
# SQLite gives a row number to INTEGER PRIMARY KEY only, not to BIGINT.
Id = BigInteger().with_variant(Integer, "sqlite")
NOT_SEEN = f"presence <> {PRESENCES['seen']}"  # a query must spell it like this for SQLite to take the index

# --- who reports -----------------------------------------------------------------------------------------------------
source = Table(
    "source",
    metadata,
    Column("id", Id, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("instance", Text, nullable=False),
    Column("zone", Text, nullable=False),
    Column("token_id", Text),
    Column("software_version", Text, nullable=False, server_default=""),
    Column("state", Text, nullable=False, server_default="active"),  # active | revoked | pending | replaced (by a new instance)
    Column("created_at", BigInteger, nullable=False),
    Column("last_report_at", BigInteger),
    Column("last_sequence", BigInteger),
    Column("clock_offsets_ms", Text, nullable=False, server_default="[]"),  # JSON list, last five attempts
    Column("rejected_total", BigInteger, nullable=False, server_default="0"),
    Column("samples_dropped_total", BigInteger, nullable=False, server_default="0"),
    Column("last_rejections", LargeBinary),  # MessagePack list of {path, reason, at}, at most 100
    Column("dropped", LargeBinary),  # MessagePack list of {from, to, reason, at}: sequences that the source gave up, at most 100
    UniqueConstraint("kind", "name", "instance"),
)
report = Table(
    "report",
    metadata,
    Column("id", Id, primary_key=True),
    Column("source_id", Id, ForeignKey("source.id"), nullable=False),
    Column("sequence", BigInteger, nullable=False),
    Column("body_hash", LargeBinary, nullable=False),
    Column("body", LargeBinary, nullable=False),  # zstd of the MessagePack or JSON body as received
    Column("content_type", Text, nullable=False),
    Column("observed_at", BigInteger, nullable=False),
    Column("received_at", BigInteger, nullable=False),
    Column("answer", LargeBinary, nullable=False),  # MessagePack of the answer, so that a duplicate gets the same
    UniqueConstraint("source_id", "sequence"),
    Index(None, "received_at"),
)
section = Table(
    "section",
    metadata,
    Column("source_id", Id, ForeignKey("source.id"), primary_key=True),
    Column("name", Text, primary_key=True),
    Column("digest", Text),
    Column("complete", Boolean, nullable=False),
    Column("status", Text, nullable=False),
    Column("reason", Text),
    Column("depth", Integer, nullable=False, server_default="0"),
    Column("interval_seconds", Integer, nullable=False),
    Column("observed_at", BigInteger, nullable=False),  # of the content in force
    Column("confirmed_at", BigInteger, nullable=False),  # freshness lives here
    Column("missing_count", Integer, nullable=False, server_default="0"),  # items missed and not yet absent: each confirmation counts
    Column("held", Boolean, nullable=False, server_default=text("false")),  # mass-loss brake
    Column("held_digest", Text),  # of the content that the brake keeps out
    Column("is_released", Boolean, nullable=False, server_default=text("false")),  # a person let the loss through
    Column("stale_at", BigInteger),  # when it stops being fresh; NULL once that has been noticed
    Column("whole_until_at", BigInteger),  # of one that is a part now: when it was last heard of as a whole
    Column("is_outdated", Boolean, nullable=False, server_default=text("false")),  # its hosts are decided on anew when it is heard again
    Index(None, "stale_at"),
    sqlite_with_rowid=False,
)

# --- what is observed ------------------------------------------------------------------------------------------------
content = Table(
    "content",
    metadata,
    Column("hash", LargeBinary, primary_key=True),  # collector/store/content.py
    Column("body", LargeBinary, nullable=False),
    Column("unused_since", BigInteger),  # found without a reference; NULL: in use, as far as is known
    sqlite_with_rowid=False,
)
source_record = Table(
    "source_record",
    metadata,
    Column("id", Id, primary_key=True),
    Column("source_id", Id, ForeignKey("source.id"), nullable=False),
    Column("section", Text, nullable=False),
    Column("ref", Text, nullable=False),
    Column("ci_class", Text, nullable=False),
    Column("owner_record_id", Id, ForeignKey("source_record.id")),
    Column("owner_ref", Text),  # of an owner that its source has not reported yet; NULL once it is known
    Column("content_hash", LargeBinary, nullable=False),  # of {class, identifiers, attributes}
    Column("observed_at", BigInteger, nullable=False),
    Column("first_seen_at", BigInteger, nullable=False),
    Column("changed_at", BigInteger, nullable=False),
    Column("misses", Integer, nullable=False, server_default="0"),
    Column("missed_since", BigInteger),
    Column("is_absent", Boolean, nullable=False, server_default=text("false")),
    Column("closed_at", BigInteger),  # a contradicting claim closed this record and opened another
    Column("ci_id", UuidText, ForeignKey("ci.id")),  # the active link
    Column("link_rule", Text),
    Column("link_made_by", Text),  # engine | a person
    Column("link_evidence", LargeBinary),  # MessagePack: rule, identifiers used, ignored and why, candidates rejected
    Column("linked_at", BigInteger),
    Index(
        "uq_source_record_ref", "source_id", "ref", unique=True, sqlite_where=text("closed_at IS NULL"), postgresql_where=text("closed_at IS NULL")
    ),
    Index(None, "ci_id"),
    Index(None, "owner_record_id"),
    Index(None, "source_id", "section"),
)
identity_claim = Table(
    "identity_claim",
    metadata,
    Column("record_id", Id, ForeignKey("source_record.id"), primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("scope", Text, primary_key=True),
    Column("value", Text, primary_key=True),
    Column("raw", Text, nullable=False),
    Column("state", Text, nullable=False, server_default="active"),  # active | historic | junk | quarantined | disputed
    Column("why", Text),
    Column("first_seen_at", BigInteger, nullable=False),
    Column("last_seen_at", BigInteger),  # NULL: still claimed; a claim that ended is historic and ended then
    Index(None, "kind", "value", "scope", postgresql_ops={"value": "text_pattern_ops"}),  # also by what a name starts with
    sqlite_with_rowid=False,
)
recorded_claim = Table(
    "recorded_claim",
    metadata,
    Column("ci_id", UuidText, ForeignKey("ci.id"), primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("scope", Text, primary_key=True),
    Column("value", Text, primary_key=True),
    Index(None, "kind", "value", "scope"),
    sqlite_with_rowid=False,
)
quarantined_value = Table(
    "quarantined_value",
    metadata,
    Column("kind", Text, primary_key=True),
    Column("scope", Text, primary_key=True),
    Column("value", Text, primary_key=True),
    Column("since_at", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)
identity_constraint = Table(
    "identity_constraint",
    metadata,
    Column("id", Id, primary_key=True),
    Column("kind", Text, nullable=False),  # must_link | cannot_link
    Column("left_record_id", Id, ForeignKey("source_record.id"), nullable=False),
    Column("right_record_id", Id, ForeignKey("source_record.id"), nullable=False),
    Column("decision_id", UuidText, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Index(None, "left_record_id"),
    Index(None, "right_record_id"),
)
observation_history = Table(
    "observation_history",
    metadata,
    Column("record_id", Id, ForeignKey("source_record.id"), primary_key=True),
    Column("observed_at", BigInteger, primary_key=True),
    Column("known_from", BigInteger, primary_key=True),
    Column("content_hash", LargeBinary),  # None: the item left its section at that instant
    sqlite_with_rowid=False,
)
kept_value = Table(  # what a record stated once and its content no longer names
    "kept_value",
    metadata,
    Column("record_id", Id, ForeignKey("source_record.id"), primary_key=True),
    Column("body", LargeBinary, nullable=False),  # MessagePack: attribute to value and when it was heard last
    Column("stale_at", BigInteger),  # when the next of them is fresh no more
    Index(None, "stale_at"),
)
relation = Table(
    "relation",
    metadata,
    Column("id", Id, primary_key=True),
    Column("type", Text, nullable=False),
    Column("from_ci_id", UuidText, ForeignKey("ci.id")),
    Column("to_ci_id", UuidText, ForeignKey("ci.id")),
    Column("qualifier", Text, nullable=False, server_default=""),
    Column("side", Text, nullable=False),  # observed | recorded
    Column("source_id", Id, ForeignKey("source.id")),
    Column("section", Text),
    Column("claim_hash", LargeBinary, nullable=False),
    Column("claim", LargeBinary, nullable=False),  # MessagePack of the claim, so that a pending end is tried again
    Column("valid_from", BigInteger, nullable=False),
    Column("valid_to", BigInteger),
    Column("known_from", BigInteger),  # NULL: when it began
    Column("end_known_from", BigInteger),  # when its end became known; NULL: when it ended
    Column("misses", Integer, nullable=False, server_default="0"),
    Column("missed_since", BigInteger),
    Column("seen_days", Integer, nullable=False, server_default="0"),  # of a suggested type: on how many days
    Column("seen_day", Integer),  # days since 1970 of the last of them
    Column("expires_at", BigInteger),  # of a suggested type: when it ends unless it is seen again
    Column("decision_id", UuidText),  # of the recorded side
    Index("ix_relation_expires_at", "expires_at", sqlite_where=text("expires_at IS NOT NULL"), postgresql_where=text("expires_at IS NOT NULL")),
    Index(None, "from_ci_id"),
    Index(None, "to_ci_id"),
    Index(None, "source_id", "section"),
    Index(
        "ix_relation_pending",
        "id",
        sqlite_where=text("valid_to IS NULL AND (from_ci_id IS NULL OR to_ci_id IS NULL)"),
        postgresql_where=text("valid_to IS NULL AND (from_ci_id IS NULL OR to_ci_id IS NULL)"),
    ),
)

link_past = Table(
    "link_past",
    metadata,  # which CI a record belonged to until an instant; append-only
    Column("id", Id, primary_key=True),
    Column("record_id", Id, ForeignKey("source_record.id"), nullable=False),
    Column("ci_id", UuidText, ForeignKey("ci.id"), nullable=False),
    Column("known_to", BigInteger, nullable=False),
    Index(None, "record_id"),
    Index(None, "ci_id"),
    Index(None, "known_to"),
)
relation_past = Table(
    "relation_past",
    metadata,  # which CIs a relation was believed to join until an instant; append-only
    Column("id", Id, primary_key=True),
    Column("relation_id", Id, ForeignKey("relation.id"), nullable=False),
    Column("from_ci_id", UuidText, ForeignKey("ci.id")),
    Column("to_ci_id", UuidText, ForeignKey("ci.id")),
    Column("known_to", BigInteger, nullable=False),
    Index(None, "relation_id"),
    Index(None, "from_ci_id"),
    Index(None, "to_ci_id"),
)

# --- configuration items ---------------------------------------------------------------------------------------------
ci = Table(
    "ci",
    metadata,
    Column("id", UuidText, nullable=False, unique=True),  # UUIDv7: what others refer to
    Column("number", Id, primary_key=True, autoincrement=False),  # SQLite keeps the rows by it, so that it takes no index
    Column("ci_class", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("zone", Text, nullable=False),
    Column("owner_ci_id", UuidText, ForeignKey("ci.id")),  # the host of a dependent CI
    Column("local_key", Text),  # of a dependent CI: unique for its owner and class
    Column("lifecycle", Word(LIFECYCLES), nullable=False),
    Column("presence", Word(PRESENCES), nullable=False),
    Column("operation", Word(STATES), nullable=False, server_default=text(str(STATES["unknown"]))),
    Column("control_level", Word(CONTROL_LEVELS), nullable=False),
    Column("is_recorded", Boolean, nullable=False, server_default=text("false")),  # false: observed only ("unrecorded")
    Column("is_provisional", Boolean, nullable=False, server_default=text("false")),
    Column("has_decisions", Boolean, nullable=False, server_default=text("false")),  # a person made it what it is
    Column("recorded_class", Text),  # the class on record; NULL: not recorded
    Column("recorded_from", BigInteger),  # when it was first put on record; NULL: never yet
    Column("effective_hash", LargeBinary),  # content {attribute: value}
    Column("provenance", LargeBinary),  # MessagePack {attribute: [source_id, rule, since]}; missing = whole CI from one source
    Column("recorded_hash", LargeBinary),
    Column("tags", LargeBinary),  # MessagePack {text: text}
    Column("version", BigInteger, nullable=False, server_default="1"),
    Column("created_at", BigInteger, nullable=False),
    Column("changed_at", BigInteger, nullable=False),
    Column("seen_at", BigInteger),
    Column("redirect_to", UuidText, ForeignKey("ci.id")),  # merged into
    Index(None, "ci_class", "name"),
    Index(None, "owner_ci_id"),
    # What is not seen is asked for; what is seen is nearly everything, and no index finds it faster.
    Index("ix_ci_not_seen", "presence", sqlite_where=text(NOT_SEEN), postgresql_where=text(NOT_SEEN)),
)
portable_key = Table(
    "portable_key",
    metadata,  # what recognises a dependent CI in another owner: world wide name, vendor and serial
    Column("ci_class", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("ci_id", UuidText, ForeignKey("ci.id"), primary_key=True),
    Index(None, "ci_id"),
    sqlite_with_rowid=False,
)
search_value = Table(
    "search_value",
    metadata,
    Column("ci_id", UuidText, ForeignKey("ci.id"), primary_key=True),
    Column("attribute", Text, primary_key=True),  # declared `indexed`, or tag.NAME
    Column("value", Text, primary_key=True),  # lower case
    Index(None, "attribute", "value"),
    sqlite_with_rowid=False,
)
pin = Table(
    "pin",
    metadata,
    Column("ci_id", UuidText, ForeignKey("ci.id"), primary_key=True),
    Column("attribute", Text, primary_key=True),
    Column("value", LargeBinary, nullable=False),
    Column("reason", Text, nullable=False),
    Column("owner", Text, nullable=False),
    Column("expires_at", BigInteger),
    Column("decision_id", UuidText, nullable=False),
    sqlite_with_rowid=False,
)
imported_row = Table(
    "imported_row",
    metadata,  # which CI a row of an import is: its native key, so that a repeated import finds it again
    Column("mapping", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("ci_id", UuidText, ForeignKey("ci.id"), nullable=False),
    Column("decision_id", UuidText, nullable=False),  # of the import that brought it first
    sqlite_with_rowid=False,
)
history = Table(
    "history",
    metadata,
    Column("id", Id, primary_key=True),
    Column("ci_id", UuidText, ForeignKey("ci.id"), nullable=False),
    Column("layer", Text, nullable=False),  # observed | recorded | relation | presence | lifecycle | identity
    Column("attribute", Text, nullable=False),  # "" for the CI itself
    Column("old_value", LargeBinary),  # MessagePack; NULL = no value
    Column("new_value", LargeBinary),
    Column("valid_from", BigInteger, nullable=False),
    Column("known_from", BigInteger, nullable=False),
    Column("cause_kind", Text, nullable=False),  # report | decision | rule | operation
    Column("cause_id", Text, nullable=False),
    Column("source_id", Id, ForeignKey("source.id")),
    Index(None, "ci_id", "valid_from"),
    Index(None, "known_from"),
)

# --- review ----------------------------------------------------------------------------------------------------------
difference = Table(
    "difference",
    metadata,
    Column("id", UuidText, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("ci_id", UuidText, ForeignKey("ci.id"), nullable=False),
    Column("attribute", Text, nullable=False, server_default=""),
    Column("recorded", LargeBinary),
    Column("observed", LargeBinary),
    Column("state", Text, nullable=False),
    Column("source_id", Id, ForeignKey("source.id")),
    Column("group_key", Text, nullable=False),
    Column("risk", Integer, nullable=False, server_default="0"),
    Column("opened_at", BigInteger, nullable=False),
    Column("confirmed_at", BigInteger, nullable=False),
    Column("closed_at", BigInteger),
    Column("ignore_until", BigInteger),
    Column("decision_id", UuidText),
    Column("trail", LargeBinary, nullable=False),  # MessagePack list of [at, observed, is_back], at most 100
    Column("rejected_values", LargeBinary),  # MessagePack list: values that stay rejected if they come again
    Column("next_at", BigInteger),  # when time alone may change it
    Column("change_id", Text),  # the approved change that it belongs to: matched, or linked by a person
    Column("is_unauthorised", Boolean, nullable=False, server_default=text("false")),  # a governed attribute moved and no change expects it
    Column("flaps", Integer, nullable=False, server_default="0"),  # how often the value moved within the flapping window
    Column("waiting_id", UuidText),  # a decision on it that waits for a second person
    Column("version", BigInteger, nullable=False, server_default="1"),
    # rejected, ignored, pinned and held are still of the subject: a repeat finds its row instead of opening another.
    Index(
        "uq_difference_subject",
        "ci_id",
        "kind",
        "attribute",
        unique=True,
        sqlite_where=text("state IN ('open','rejected','ignored','pinned','held')"),
        postgresql_where=text("state IN ('open','rejected','ignored','pinned','held')"),
    ),
    Index(None, "ci_id"),
    # All that a list of groups shows, so that it reads no row.
    Index("ix_difference_group", "state", "group_key", "risk", "opened_at", "ci_id", "is_unauthorised", "flaps"),
    Index(None, "next_at"),
    Index("ix_difference_change", "change_id", sqlite_where=text("change_id IS NOT NULL"), postgresql_where=text("change_id IS NOT NULL")),
)
difference_state = Table(
    "difference_state",
    metadata,  # each change of a difference's state after it opened; append-only
    Column("id", Id, primary_key=True),
    Column("difference_id", UuidText, ForeignKey("difference.id"), nullable=False),
    Column("old_state", Text, nullable=False),
    Column("new_state", Text, nullable=False),
    Column("valid_from", BigInteger, nullable=False),
    Column("known_from", BigInteger, nullable=False),
    Column("decision_id", UuidText),  # in force in the new state
    Index(None, "difference_id"),
)
policy_set = Table(
    "policy_set",
    metadata,  # every set of policies that was ever in force; the last one is
    Column("version", Id, primary_key=True),
    Column("documents", LargeBinary, nullable=False),  # MessagePack list of [file, text, applied_by]
    Column("applied_by", Text, nullable=False),
    Column("applied_at", BigInteger, nullable=False),
)
change = Table(
    "change",
    metadata,
    Column("id", Text, primary_key=True),
    Column("document", Text, nullable=False),  # YAML
    Column("body", LargeBinary, nullable=False),  # MessagePack of the document as checked
    Column("from_at", BigInteger, nullable=False),
    Column("to_at", BigInteger, nullable=False),
    Column("is_approved", Boolean, nullable=False),
    Column("state", Text, nullable=False),  # planned | approved | verified | partly_verified | not_verified
    Column("applied_by", Text, nullable=False),
    Column("applied_at", BigInteger, nullable=False),
    Column("due_at", BigInteger),  # when the end of its window is looked at; NULL: it was, or there is nothing to look at
    Column("evidence", LargeBinary),  # MessagePack: what of it was observed, and what was not
    Column("version", BigInteger, nullable=False, server_default="1"),
    Index(None, "to_at"),
    Index(None, "due_at"),
)
waiting_decision = Table(
    "waiting_decision",
    metadata,  # decisions of one person that need a second one
    Column("id", UuidText, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("made_by", Text, nullable=False),
    Column("reason", Text, nullable=False, server_default=""),
    Column("at", BigInteger, nullable=False),
    Column("state", Text, nullable=False),  # waiting | confirmed | withdrawn
    Column("requirement", Text, nullable=False),  # the id of the rule that asks for it
    Column("terms", LargeBinary, nullable=False),  # MessagePack: the differences with the values seen, until, change
    Column("decided_by", Text),
    Column("decided_at", BigInteger),
    Index(None, "state", "at"),
)
review_case = Table(
    "review_case",
    metadata,
    Column("id", UuidText, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("case_key", Text, nullable=False),  # what makes it the same case
    Column("members", LargeBinary, nullable=False),  # MessagePack list of ci ids
    Column("evidence", LargeBinary, nullable=False),  # MessagePack
    Column("state", Text, nullable=False),
    Column("opened_at", BigInteger, nullable=False),
    Column("closed_at", BigInteger),
    Column("decision_id", UuidText),
    Index("uq_review_case_open", "kind", "case_key", unique=True, sqlite_where=text("state = 'open'"), postgresql_where=text("state = 'open'")),
)
decision = Table(
    "decision",
    metadata,
    Column("id", UuidText, primary_key=True),
    Column("kind", Text, nullable=False),  # accept | reject | ignore | undo | record | merge | ...
    Column("made_by", Text, nullable=False),  # person:NAME | policy:NAME | token:NAME
    Column("reason", Text, nullable=False, server_default=""),
    Column("at", BigInteger, nullable=False),
    Column("undoes", UuidText, ForeignKey("decision.id")),
    Column("undone_by", UuidText),
    Column("subject", LargeBinary, nullable=False),  # MessagePack: what was decided on, and all that undo needs
)
case_member = Table(
    "case_member",
    metadata,  # the source records that a case is about
    Column("case_id", UuidText, ForeignKey("review_case.id"), primary_key=True),
    Column("record_id", Id, ForeignKey("source_record.id"), primary_key=True),
    Index(None, "record_id"),
    sqlite_with_rowid=False,
)
merged_ci = Table(
    "merged_ci",
    metadata,  # what became of a CI that a person merged into another, and until which decision
    Column("decision_id", UuidText, primary_key=True),
    Column("loser_id", UuidText, ForeignKey("ci.id"), primary_key=True),
    Column("survivor_id", UuidText, ForeignKey("ci.id"), nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("undone_by", UuidText),
    Index(None, "loser_id"),
    Index(None, "survivor_id"),
)
moved_row = Table(
    "moved_row",
    metadata,  # what a merge moved, so that it can be given back: no row is rewritten without one here
    Column("id", Id, primary_key=True),
    Column("decision_id", UuidText, nullable=False),
    Column("loser_id", UuidText, ForeignKey("ci.id"), nullable=False),  # the CI with which, or with whose parts, it went
    Column("kind", Text, nullable=False),  # record | part | redirect | relation_from | relation_to | transition | check | portable_key
    Column("row_key", Text, nullable=False),
    Column("from_ci_id", UuidText, ForeignKey("ci.id"), nullable=False),
    Column("to_ci_id", UuidText, ForeignKey("ci.id"), nullable=False),
    Index(None, "decision_id", "kind"),
)
tombstone = Table(
    "tombstone",
    metadata,  # what is left of a CI that was deleted; its row stays for its history and leads to itself
    Column("ci_id", UuidText, ForeignKey("ci.id"), primary_key=True),
    Column("number", BigInteger, nullable=False),
    Column("ci_class", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("deleted_at", BigInteger, nullable=False),
    Column("decision_id", UuidText, nullable=False),
    Index(None, "decision_id"),
)
trusted_value = Table(
    "trusted_value",
    metadata,  # what a person says may identify, although several hold it
    Column("kind", Text, primary_key=True),
    Column("scope", Text, primary_key=True),
    Column("value", Text, primary_key=True),
    Column("decision_id", UuidText, nullable=False),
    sqlite_with_rowid=False,
)
recorded_conflict = Table(
    "recorded_conflict",
    metadata,  # what a CI that was merged away had on record otherwise, as long as nobody has chosen
    Column("ci_id", UuidText, ForeignKey("ci.id"), primary_key=True),
    Column("attribute", Text, primary_key=True),
    Column("value", LargeBinary, nullable=False),  # MessagePack
    Column("decision_id", UuidText, nullable=False),
    Index(None, "decision_id"),
)
made_later = Table(
    "made_later",
    metadata,  # what was made after a merge and waits, since the un-merge, for a word on whose it is
    Column("id", Id, primary_key=True),
    Column("decision_id", UuidText, nullable=False),  # the un-merge
    Column("kind", Text, nullable=False),  # record | part | recorded | pin | tag | relation | incident
    Column("row_key", Text, nullable=False),
    Column("summary", LargeBinary, nullable=False),  # MessagePack, for people
    Column("made_at", BigInteger, nullable=False),
    Column("ci_id", UuidText, ForeignKey("ci.id"), nullable=False),  # whose it is now
    Column("other_ci_id", UuidText, ForeignKey("ci.id"), nullable=False),
    Column("assigned_by", UuidText),  # the decision that said so; NULL: the default, not yet confirmed
    Index(None, "decision_id"),
    Index(None, "ci_id"),
)
audit = Table(
    "audit",
    metadata,
    Column("id", Id, primary_key=True),
    Column("at", BigInteger, nullable=False),
    Column("actor", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("detail", LargeBinary, nullable=False),
    Column("previous_hash", LargeBinary, nullable=False),
    Column("hash", LargeBinary, nullable=False),
)

baseline = Table(
    "baseline",
    metadata,  # a name for a time and a scope: the content stands in the history; never changed, never deleted
    Column("id", UuidText, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("query", Text, nullable=False),
    Column("with_contents", Boolean, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("known_at", BigInteger, nullable=False),
    Column("reason", Text, nullable=False),
    Column("owner", Text, nullable=False),
    Column("taken_by", Text, nullable=False),
    Column("taken_at", BigInteger, nullable=False),
    Column("ci_count", BigInteger, nullable=False),
    Column("digest", LargeBinary, nullable=False),  # SHA-256 over the digests of its blocks
    Column("decision_id", UuidText, ForeignKey("decision.id"), nullable=False),
    Index(None, "taken_at"),
)
baseline_block = Table(
    "baseline_block",
    metadata,  # the digest of the CIs of one range of numbers: equal blocks need no look into them
    Column("baseline_id", UuidText, ForeignKey("baseline.id"), primary_key=True),
    Column("block", BigInteger, primary_key=True),
    Column("ci_count", Integer, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    sqlite_with_rowid=False,
)

# --- states, services, incidents -------------------------------------------------------------------------------------
check_state = Table(
    "check_state",
    metadata,  # the newest observation of each check of each subject by each source
    Column("id", Id, primary_key=True),
    Column("ci_id", UuidText, ForeignKey("ci.id"), nullable=False),
    Column("check_name", Text, nullable=False),
    Column("source_id", Id, ForeignKey("source.id"), nullable=False),
    Column("state", Text, nullable=False),
    Column("since_at", BigInteger, nullable=False),
    Column("last_at", BigInteger, nullable=False),
    Column("interval_seconds", Integer, nullable=False),
    Column("reason", Text, nullable=False, server_default=""),
    Column("failures", Integer, nullable=False, server_default="0"),  # the last three observations as bits, the newest lowest; 1: down
    Column("first_failure_at", BigInteger),
    Column("expires_at", BigInteger),  # when the observation stops to hold; NULL once that has been noticed
    UniqueConstraint("ci_id", "check_name", "source_id"),
    Index(None, "expires_at"),
)
transition = Table(
    "transition",
    metadata,
    Column("id", Id, primary_key=True),
    Column("ci_id", UuidText, ForeignKey("ci.id"), nullable=False),
    Column("check_name", Text, nullable=False),
    Column("source_id", Id, ForeignKey("source.id")),  # None: combined by the collector
    Column("at", BigInteger, nullable=False),
    Column("state", Text, nullable=False),
    Column("reason", Text, nullable=False, server_default=""),
    Column("known_from", BigInteger, nullable=False),
    Index(None, "ci_id", "check_name", "at"),
)
service_definition = Table(
    "service_definition",
    metadata,  # every version that was ever in force
    Column("id", Id, primary_key=True),
    Column("service_id", Text, nullable=False),
    Column("document", Text, nullable=False),  # the YAML as applied
    Column("in_force_from", BigInteger, nullable=False),
    Column("in_force_to", BigInteger),
    Column("applied_by", Text, nullable=False),
    Index(None, "service_id", "in_force_from"),
)
service_state = Table(
    "service_state",
    metadata,
    Column("service_id", Text, primary_key=True),
    Column("state", Text, nullable=False),
    Column("since_at", BigInteger, nullable=False),
    Column("evaluated_at", BigInteger, nullable=False),
    Column("figures", LargeBinary),  # MessagePack of the last availability results by window
)
incident = Table(
    "incident",
    metadata,
    Column("id", Text, primary_key=True),
    Column("number", BigInteger, nullable=False, unique=True),
    Column("incident_key", Text, nullable=False),
    Column("episode", Integer, nullable=False),
    Column("rule_id", Text, nullable=False),
    Column("ci_id", UuidText, ForeignKey("ci.id")),
    Column("service_id", Text),
    Column("state", Text, nullable=False),
    Column("priority", Integer, nullable=False),
    Column("title", LargeBinary, nullable=False),  # MessagePack {language: text}
    Column("description", LargeBinary, nullable=False),
    Column("started_at", BigInteger, nullable=False),
    Column("detected_at", BigInteger, nullable=False),
    Column("acknowledged_at", BigInteger),
    Column("resolved_at", BigInteger),
    Column("closed_at", BigInteger),
    Column("resolution_reason", Text),
    Column("sequence", Integer, nullable=False, server_default="0"),
    Column("body", LargeBinary, nullable=False),  # MessagePack: conditions, services, recent changes
    Index(
        "uq_incident_open",
        "incident_key",
        unique=True,
        sqlite_where=text("state IN ('pending','open','acknowledged')"),
        postgresql_where=text("state IN ('pending','open','acknowledged')"),
    ),
    Index(None, "state"),
)
incident_event = Table(
    "incident_event",
    metadata,
    Column("id", Id, primary_key=True),
    Column("incident_id", Text, ForeignKey("incident.id"), nullable=False),
    Column("sequence", Integer, nullable=False),
    Column("type", Text, nullable=False),  # incident.opened | ...
    Column("at", BigInteger, nullable=False),
    Column("actor", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
    UniqueConstraint("incident_id", "sequence"),
)
delivery = Table(
    "delivery",
    metadata,
    Column("id", Text, primary_key=True),  # the idempotency key
    Column("target", Text, nullable=False),
    Column("incident_id", Text, ForeignKey("incident.id"), nullable=False),
    Column("sequence", Integer, nullable=False),
    Column("type", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),  # the change, from which a target renders
    Column("state", Text, nullable=False),  # pending | delivered | dead
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("created_at", BigInteger, nullable=False),
    Column("next_attempt_at", BigInteger, nullable=False),
    Column("delivered_at", BigInteger),
    Column("last_answer", Text),
    Column("leased_by", Text),
    Column("leased_until", BigInteger),
    UniqueConstraint("target", "incident_id", "sequence"),
    Index(None, "state", "next_attempt_at"),
)

# --- metrics ---------------------------------------------------------------------------------------------------------
series_table = Table(
    "series_table",
    metadata,
    Column("digest", Text, primary_key=True),
    Column("source_id", Id, ForeignKey("source.id"), primary_key=True),
    Column("series_ids", LargeBinary, nullable=False),  # MessagePack list, by position
    sqlite_with_rowid=False,
)
series = Table(
    "series",
    metadata,
    Column("id", Id, primary_key=True),
    Column("source_id", Id, ForeignKey("source.id"), nullable=False),
    Column("subject_ref", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("labels", Text, nullable=False),  # canonical JSON
    Column("unit", Text, nullable=False),
    Column("kind", Text, nullable=False),
    UniqueConstraint("source_id", "subject_ref", "name", "labels"),
)
chunk = Table(
    "chunk",
    metadata,  # samples of all series of one table over a span: one row a report, joined to hours by compaction
    Column("id", Id, primary_key=True),
    Column("source_id", Id, ForeignKey("source.id"), nullable=False),
    Column("table_digest", Text, nullable=False),
    Column("start_at", BigInteger, nullable=False),
    Column("end_at", BigInteger, nullable=False),
    Column("count", Integer, nullable=False),  # instants
    Column("body", LargeBinary, nullable=False),  # collector/store/sample_block.py
    Column("is_compact", Boolean, nullable=False, server_default=text("false")),
    Index(None, "source_id", "table_digest", "start_at"),
    Index(
        "ix_chunk_received",
        "source_id",
        "table_digest",
        "start_at",
        sqlite_where=text("is_compact = 0"),
        postgresql_where=text("is_compact = false"),
    ),
    Index(None, "end_at"),
)

# --- people, tokens, settings ----------------------------------------------------------------------------------------
account = Table(
    "account",
    metadata,
    Column("name", Text, primary_key=True),
    Column("role", Text, nullable=False),
    Column("password_hash", Text),  # argon2id
    Column("is_disabled", Boolean, nullable=False, server_default=text("false")),
    Column("language", Text),
    Column("created_at", BigInteger, nullable=False),
)
token = Table(
    "token",
    metadata,
    Column("id", Text, primary_key=True),
    Column("kind", Text, nullable=False),  # enrolment | source | api | sign_in
    Column("hash", LargeBinary, nullable=False, unique=True),  # SHA-256: tokens are 256 random bits
    Column("name", Text, nullable=False),
    Column("role", Text),
    Column("scope", LargeBinary),  # MessagePack: zones, ranges, classes, kinds
    Column("source_id", Id, ForeignKey("source.id")),
    Column("uses_left", Integer),
    Column("created_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger),
    Column("revoked_at", BigInteger),
    Column("last_used_at", BigInteger),
)
session = Table(
    "session",
    metadata,
    Column("hash", LargeBinary, primary_key=True),
    Column("account", Text, ForeignKey("account.name"), nullable=False),
    Column("csrf", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
)
setting = Table(
    "setting",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", LargeBinary, nullable=False),
)
lease = Table(
    "lease",
    metadata,
    Column("name", Text, primary_key=True),
    Column("holder", Text, nullable=False),
    Column("fencing_token", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
)
collector_liveness = Table(
    "collector_liveness",
    metadata,  # the collector's own running times; gaps are unknown (collector_gap)
    Column("id", Id, primary_key=True),
    Column("started_at", BigInteger, nullable=False),
    Column("last_at", BigInteger, nullable=False),
    Column("is_clean_stop", Boolean, nullable=False, server_default=text("false")),
    Column("load", Float),
)

# --- what the CMDB is held to ----------------------------------------------------------------------------------------
health_day = Table(
    "health_day",
    metadata,  # the figures of CMDB health as last measured on each day (UTC), for the trend
    Column("day", BigInteger, primary_key=True),  # its first millisecond
    Column("body", LargeBinary, nullable=False),  # MessagePack of HealthDay
)
verification = Table(
    "verification",
    metadata,  # a planned comparison of the record with reality, and its result
    Column("id", UuidText, primary_key=True),
    Column("number", BigInteger, nullable=False, unique=True),
    Column("title", Text, nullable=False),
    Column("query", Text, nullable=False),
    Column("method", Text, nullable=False),  # automatic | manual
    Column("sample_size", Integer),  # NULL: all in scope
    Column("seed", Text, nullable=False),  # with it anybody draws the same sample again
    Column("is_stratified", Boolean, nullable=False),
    Column("responsible", Text, nullable=False),
    Column("planned_at", BigInteger, nullable=False),
    Column("every_months", Integer),  # NULL: once
    Column("due_days", Integer, nullable=False),  # of findings
    Column("state", Text, nullable=False),  # planned | running | measured | signed | cancelled
    Column("planned_by", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("started_at", BigInteger),
    Column("started_by", Text),
    Column("measured_at", BigInteger),
    Column("measured_by", LargeBinary),  # MessagePack list: everybody who measured
    Column("signed_at", BigInteger),
    Column("signed_by", Text),
    Column("note", Text, nullable=False, server_default=""),  # of whoever signed or cancelled it
    Column("population", LargeBinary),  # compressed MessagePack {class: [number, ...]}, as drawn from
    Column("result", LargeBinary),  # MessagePack of Agreement
    Column("digest", LargeBinary),  # SHA-256 of what was signed
    Column("version", BigInteger, nullable=False, server_default="1"),
    Index(None, "state", "planned_at"),
)
verification_item = Table(
    "verification_item",
    metadata,  # one CI of the sample
    Column("verification_id", UuidText, ForeignKey("verification.id"), primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("ci_id", UuidText, ForeignKey("ci.id"), nullable=False),
    Column("ci_number", BigInteger, nullable=False),
    Column("ci_class", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("answer", Text, nullable=False),  # open | equal | differs | not_found
    Column("checked", LargeBinary, nullable=False),  # MessagePack list of [attribute, recorded, observed, answer]
    Column("answered_at", BigInteger),
    Column("answered_by", Text),
    Column("note", Text, nullable=False, server_default=""),
    UniqueConstraint("verification_id", "ci_id"),
    sqlite_with_rowid=False,
)
finding = Table(
    "finding",
    metadata,  # a disagreement that a verification found, until somebody has corrected it
    Column("id", UuidText, primary_key=True),
    Column("number", BigInteger, nullable=False, unique=True),
    Column("verification_id", UuidText, ForeignKey("verification.id"), nullable=False),
    Column("ci_id", UuidText, ForeignKey("ci.id"), nullable=False),
    Column("attribute", Text, nullable=False),  # "": the CI itself was not found
    Column("recorded", LargeBinary),
    Column("observed", LargeBinary),
    Column("owner", Text, nullable=False),
    Column("due_at", BigInteger, nullable=False),
    Column("action", Text, nullable=False, server_default=""),
    Column("state", Text, nullable=False),  # open | closed
    Column("created_at", BigInteger, nullable=False),
    Column("closed_at", BigInteger),
    Column("closed_by", Text),
    Column("version", BigInteger, nullable=False, server_default="1"),
    Index(None, "state", "due_at"),
    Index(None, "verification_id"),
)
