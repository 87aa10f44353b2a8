"""The first schema: sources, observations, configuration items, review, states, incidents, metrics, people."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

# 16 bytes of a UUID; collector/store/uuid_text.py
UuidText = sa.LargeBinary(16).with_variant(sa.Uuid(), "postgresql")


def upgrade() -> None:  # noqa: PLR0915 -- one statement per table and index
    op.create_table(
        "account",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=True),
        sa.Column("is_disabled", sa.Boolean(), server_default=sa.text("(false)"), nullable=False),
        sa.Column("language", sa.Text(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_account")),
    )
    op.create_table(
        "audit",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("detail", sa.LargeBinary(), nullable=False),
        sa.Column("previous_hash", sa.LargeBinary(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit")),
    )
    op.create_table(
        "ci",
        sa.Column("id", UuidText, nullable=False),
        sa.Column("number", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("ci_class", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("zone", sa.Text(), nullable=False),
        sa.Column("owner_ci_id", UuidText, nullable=True),
        sa.Column("local_key", sa.Text(), nullable=True),
        sa.Column("lifecycle", sa.SmallInteger(), nullable=False),
        sa.Column("presence", sa.SmallInteger(), nullable=False),
        sa.Column("operation", sa.SmallInteger(), server_default=sa.text("30"), nullable=False),
        sa.Column("control_level", sa.SmallInteger(), nullable=False),
        sa.Column("is_recorded", sa.Boolean(), server_default=sa.text("(false)"), nullable=False),
        sa.Column("is_provisional", sa.Boolean(), server_default=sa.text("(false)"), nullable=False),
        sa.Column("has_decisions", sa.Boolean(), server_default=sa.text("(false)"), nullable=False),
        sa.Column("recorded_class", sa.Text(), nullable=True),
        sa.Column("recorded_from", sa.BigInteger(), nullable=True),
        sa.Column("effective_hash", sa.LargeBinary(), nullable=True),
        sa.Column("provenance", sa.LargeBinary(), nullable=True),
        sa.Column("recorded_hash", sa.LargeBinary(), nullable=True),
        sa.Column("tags", sa.LargeBinary(), nullable=True),
        sa.Column("version", sa.BigInteger(), server_default="1", nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.Column("seen_at", sa.BigInteger(), nullable=True),
        sa.Column("redirect_to", UuidText, nullable=True),
        sa.ForeignKeyConstraint(["owner_ci_id"], ["ci.id"], name=op.f("fk_ci_owner_ci_id")),
        sa.ForeignKeyConstraint(["redirect_to"], ["ci.id"], name=op.f("fk_ci_redirect_to")),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_ci")),
        sa.UniqueConstraint("id", name=op.f("uq_ci_id")),
    )
    op.create_index(op.f("ix_ci_ci_class_name"), "ci", ["ci_class", "name"], unique=False)
    op.create_index(op.f("ix_ci_owner_ci_id"), "ci", ["owner_ci_id"], unique=False)
    op.create_index(
        "ix_ci_not_seen", "ci", ["presence"], unique=False, sqlite_where=sa.text("presence <> 20"), postgresql_where=sa.text("presence <> 20")
    )
    op.create_table(
        "collector_liveness",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=False),
        sa.Column("last_at", sa.BigInteger(), nullable=False),
        sa.Column("is_clean_stop", sa.Boolean(), server_default=sa.text("(false)"), nullable=False),
        sa.Column("load", sa.Float(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_collector_liveness")),
    )
    op.create_table(
        "content",
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("unused_since", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("hash", name=op.f("pk_content")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "decision",
        sa.Column("id", UuidText, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("made_by", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("undoes", UuidText, nullable=True),
        sa.Column("undone_by", UuidText, nullable=True),
        sa.Column("subject", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["undoes"], ["decision.id"], name=op.f("fk_decision_undoes")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_decision")),
    )
    op.create_table(
        "lease",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("holder", sa.Text(), nullable=False),
        sa.Column("fencing_token", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_lease")),
    )
    op.create_table(
        "quarantined_value",
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("since_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("kind", "scope", "value", name=op.f("pk_quarantined_value")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "review_case",
        sa.Column("id", UuidText, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("case_key", sa.Text(), nullable=False),
        sa.Column("members", sa.LargeBinary(), nullable=False),
        sa.Column("evidence", sa.LargeBinary(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("opened_at", sa.BigInteger(), nullable=False),
        sa.Column("closed_at", sa.BigInteger(), nullable=True),
        sa.Column("decision_id", UuidText, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_review_case")),
    )
    op.create_index(
        "uq_review_case_open",
        "review_case",
        ["kind", "case_key"],
        unique=True,
        sqlite_where=sa.text("state = 'open'"),
        postgresql_where=sa.text("state = 'open'"),
    )
    op.create_table(
        "service_definition",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("service_id", sa.Text(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("in_force_from", sa.BigInteger(), nullable=False),
        sa.Column("in_force_to", sa.BigInteger(), nullable=True),
        sa.Column("applied_by", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_service_definition")),
    )
    op.create_index(op.f("ix_service_definition_service_id_in_force_from"), "service_definition", ["service_id", "in_force_from"], unique=False)
    op.create_table(
        "service_state",
        sa.Column("service_id", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("since_at", sa.BigInteger(), nullable=False),
        sa.Column("evaluated_at", sa.BigInteger(), nullable=False),
        sa.Column("figures", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("service_id", name=op.f("pk_service_state")),
    )
    op.create_table(
        "setting",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_setting")),
    )
    op.create_table(
        "source",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("instance", sa.Text(), nullable=False),
        sa.Column("zone", sa.Text(), nullable=False),
        sa.Column("token_id", sa.Text(), nullable=True),
        sa.Column("software_version", sa.Text(), server_default="", nullable=False),
        sa.Column("state", sa.Text(), server_default="active", nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("last_report_at", sa.BigInteger(), nullable=True),
        sa.Column("last_sequence", sa.BigInteger(), nullable=True),
        sa.Column("clock_offsets_ms", sa.Text(), server_default="[]", nullable=False),
        sa.Column("rejected_total", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("samples_dropped_total", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("last_rejections", sa.LargeBinary(), nullable=True),
        sa.Column("dropped", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_source")),
        sa.UniqueConstraint("kind", "name", "instance", name=op.f("uq_source_kind_name_instance")),
    )
    op.create_table(
        "check_state",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("ci_id", UuidText, nullable=False),
        sa.Column("check_name", sa.Text(), nullable=False),
        sa.Column("source_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("since_at", sa.BigInteger(), nullable=False),
        sa.Column("last_at", sa.BigInteger(), nullable=False),
        sa.Column("interval_seconds", sa.Integer(), nullable=False),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column("failures", sa.Integer(), server_default="0", nullable=False),
        sa.Column("first_failure_at", sa.BigInteger(), nullable=True),
        sa.Column("expires_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["ci_id"], ["ci.id"], name=op.f("fk_check_state_ci_id")),
        sa.ForeignKeyConstraint(["source_id"], ["source.id"], name=op.f("fk_check_state_source_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_check_state")),
        sa.UniqueConstraint("ci_id", "check_name", "source_id", name=op.f("uq_check_state_ci_id_check_name_source_id")),
    )
    op.create_index(op.f("ix_check_state_expires_at"), "check_state", ["expires_at"], unique=False)
    op.create_table(
        "chunk",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("source_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("table_digest", sa.Text(), nullable=False),
        sa.Column("start_at", sa.BigInteger(), nullable=False),
        sa.Column("end_at", sa.BigInteger(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("is_compact", sa.Boolean(), server_default=sa.text("(false)"), nullable=False),
        sa.ForeignKeyConstraint(["source_id"], ["source.id"], name=op.f("fk_chunk_source_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_chunk")),
    )
    op.create_index(op.f("ix_chunk_end_at"), "chunk", ["end_at"], unique=False)
    op.create_index(
        "ix_chunk_received",
        "chunk",
        ["source_id", "table_digest", "start_at"],
        unique=False,
        sqlite_where=sa.text("is_compact = 0"),
        postgresql_where=sa.text("is_compact = false"),
    )
    op.create_index(op.f("ix_chunk_source_id_table_digest_start_at"), "chunk", ["source_id", "table_digest", "start_at"], unique=False)
    op.create_table(
        "difference",
        sa.Column("id", UuidText, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("ci_id", UuidText, nullable=False),
        sa.Column("attribute", sa.Text(), server_default="", nullable=False),
        sa.Column("recorded", sa.LargeBinary(), nullable=True),
        sa.Column("observed", sa.LargeBinary(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("source_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("group_key", sa.Text(), nullable=False),
        sa.Column("risk", sa.Integer(), server_default="0", nullable=False),
        sa.Column("opened_at", sa.BigInteger(), nullable=False),
        sa.Column("confirmed_at", sa.BigInteger(), nullable=False),
        sa.Column("closed_at", sa.BigInteger(), nullable=True),
        sa.Column("ignore_until", sa.BigInteger(), nullable=True),
        sa.Column("decision_id", UuidText, nullable=True),
        sa.Column("trail", sa.LargeBinary(), nullable=False),
        sa.Column("rejected_values", sa.LargeBinary(), nullable=True),
        sa.Column("next_at", sa.BigInteger(), nullable=True),
        sa.Column("change_id", sa.Text(), nullable=True),
        sa.Column("is_unauthorised", sa.Boolean(), server_default=sa.text("(false)"), nullable=False),
        sa.Column("flaps", sa.Integer(), server_default="0", nullable=False),
        sa.Column("waiting_id", UuidText, nullable=True),
        sa.Column("version", sa.BigInteger(), server_default="1", nullable=False),
        sa.ForeignKeyConstraint(["ci_id"], ["ci.id"], name=op.f("fk_difference_ci_id")),
        sa.ForeignKeyConstraint(["source_id"], ["source.id"], name=op.f("fk_difference_source_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_difference")),
    )
    op.create_index(op.f("ix_difference_ci_id"), "difference", ["ci_id"], unique=False)
    op.create_index(op.f("ix_difference_next_at"), "difference", ["next_at"], unique=False)
    op.create_index(
        "ix_difference_group", "difference", ["state", "group_key", "risk", "opened_at", "ci_id", "is_unauthorised", "flaps"], unique=False
    )
    op.create_index(
        "ix_difference_change",
        "difference",
        ["change_id"],
        unique=False,
        sqlite_where=sa.text("change_id IS NOT NULL"),
        postgresql_where=sa.text("change_id IS NOT NULL"),
    )
    op.create_index(
        "uq_difference_subject",
        "difference",
        ["ci_id", "kind", "attribute"],
        unique=True,
        sqlite_where=sa.text("state IN ('open','rejected','ignored','pinned','held')"),
        postgresql_where=sa.text("state IN ('open','rejected','ignored','pinned','held')"),
    )
    op.create_table(
        "history",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("ci_id", UuidText, nullable=False),
        sa.Column("layer", sa.Text(), nullable=False),
        sa.Column("attribute", sa.Text(), nullable=False),
        sa.Column("old_value", sa.LargeBinary(), nullable=True),
        sa.Column("new_value", sa.LargeBinary(), nullable=True),
        sa.Column("valid_from", sa.BigInteger(), nullable=False),
        sa.Column("known_from", sa.BigInteger(), nullable=False),
        sa.Column("cause_kind", sa.Text(), nullable=False),
        sa.Column("cause_id", sa.Text(), nullable=False),
        sa.Column("source_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.ForeignKeyConstraint(["ci_id"], ["ci.id"], name=op.f("fk_history_ci_id")),
        sa.ForeignKeyConstraint(["source_id"], ["source.id"], name=op.f("fk_history_source_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_history")),
    )
    op.create_index(op.f("ix_history_ci_id_valid_from"), "history", ["ci_id", "valid_from"], unique=False)
    op.create_index(op.f("ix_history_known_from"), "history", ["known_from"], unique=False)
    op.create_table(
        "incident",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("incident_key", sa.Text(), nullable=False),
        sa.Column("episode", sa.Integer(), nullable=False),
        sa.Column("rule_id", sa.Text(), nullable=False),
        sa.Column("ci_id", UuidText, nullable=True),
        sa.Column("service_id", sa.Text(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("title", sa.LargeBinary(), nullable=False),
        sa.Column("description", sa.LargeBinary(), nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=False),
        sa.Column("detected_at", sa.BigInteger(), nullable=False),
        sa.Column("acknowledged_at", sa.BigInteger(), nullable=True),
        sa.Column("resolved_at", sa.BigInteger(), nullable=True),
        sa.Column("closed_at", sa.BigInteger(), nullable=True),
        sa.Column("resolution_reason", sa.Text(), nullable=True),
        sa.Column("sequence", sa.Integer(), server_default="0", nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["ci_id"], ["ci.id"], name=op.f("fk_incident_ci_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_incident")),
        sa.UniqueConstraint("number", name=op.f("uq_incident_number")),
    )
    op.create_index(op.f("ix_incident_state"), "incident", ["state"], unique=False)
    op.create_index(
        "uq_incident_open",
        "incident",
        ["incident_key"],
        unique=True,
        sqlite_where=sa.text("state IN ('pending','open','acknowledged')"),
        postgresql_where=sa.text("state IN ('pending','open','acknowledged')"),
    )
    op.create_table(
        "pin",
        sa.Column("ci_id", UuidText, nullable=False),
        sa.Column("attribute", sa.Text(), nullable=False),
        sa.Column("value", sa.LargeBinary(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=True),
        sa.Column("decision_id", UuidText, nullable=False),
        sa.ForeignKeyConstraint(["ci_id"], ["ci.id"], name=op.f("fk_pin_ci_id")),
        sa.PrimaryKeyConstraint("ci_id", "attribute", name=op.f("pk_pin")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "imported_row",
        sa.Column("mapping", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("ci_id", UuidText, nullable=False),
        sa.Column("decision_id", UuidText, nullable=False),
        sa.ForeignKeyConstraint(["ci_id"], ["ci.id"], name=op.f("fk_imported_row_ci_id")),
        sa.PrimaryKeyConstraint("mapping", "key", name=op.f("pk_imported_row")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "portable_key",
        sa.Column("ci_class", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("ci_id", UuidText, nullable=False),
        sa.ForeignKeyConstraint(["ci_id"], ["ci.id"], name=op.f("fk_portable_key_ci_id")),
        sa.PrimaryKeyConstraint("ci_class", "key", "ci_id", name=op.f("pk_portable_key")),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_portable_key_ci_id"), "portable_key", ["ci_id"], unique=False)
    op.create_table(
        "recorded_claim",
        sa.Column("ci_id", UuidText, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["ci_id"], ["ci.id"], name=op.f("fk_recorded_claim_ci_id")),
        sa.PrimaryKeyConstraint("ci_id", "kind", "scope", "value", name=op.f("pk_recorded_claim")),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_recorded_claim_kind_value_scope"), "recorded_claim", ["kind", "value", "scope"], unique=False)
    op.create_table(
        "policy_set",
        sa.Column("version", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("documents", sa.LargeBinary(), nullable=False),
        sa.Column("applied_by", sa.Text(), nullable=False),
        sa.Column("applied_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("version", name=op.f("pk_policy_set")),
    )
    op.create_table(
        "change",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("from_at", sa.BigInteger(), nullable=False),
        sa.Column("to_at", sa.BigInteger(), nullable=False),
        sa.Column("is_approved", sa.Boolean(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("applied_by", sa.Text(), nullable=False),
        sa.Column("applied_at", sa.BigInteger(), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=True),
        sa.Column("evidence", sa.LargeBinary(), nullable=True),
        sa.Column("version", sa.BigInteger(), server_default="1", nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_change")),
    )
    op.create_index(op.f("ix_change_due_at"), "change", ["due_at"], unique=False)
    op.create_index(op.f("ix_change_to_at"), "change", ["to_at"], unique=False)
    op.create_table(
        "waiting_decision",
        sa.Column("id", UuidText, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("made_by", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("requirement", sa.Text(), nullable=False),
        sa.Column("terms", sa.LargeBinary(), nullable=False),
        sa.Column("decided_by", sa.Text(), nullable=True),
        sa.Column("decided_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_waiting_decision")),
    )
    op.create_index(op.f("ix_waiting_decision_state_at"), "waiting_decision", ["state", "at"], unique=False)
    op.create_table(
        "relation",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("from_ci_id", UuidText, nullable=True),
        sa.Column("to_ci_id", UuidText, nullable=True),
        sa.Column("qualifier", sa.Text(), server_default="", nullable=False),
        sa.Column("side", sa.Text(), nullable=False),
        sa.Column("source_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("section", sa.Text(), nullable=True),
        sa.Column("claim_hash", sa.LargeBinary(), nullable=False),
        sa.Column("claim", sa.LargeBinary(), nullable=False),
        sa.Column("valid_from", sa.BigInteger(), nullable=False),
        sa.Column("valid_to", sa.BigInteger(), nullable=True),
        sa.Column("known_from", sa.BigInteger(), nullable=True),
        sa.Column("end_known_from", sa.BigInteger(), nullable=True),
        sa.Column("misses", sa.Integer(), server_default="0", nullable=False),
        sa.Column("missed_since", sa.BigInteger(), nullable=True),
        sa.Column("seen_days", sa.Integer(), server_default="0", nullable=False),
        sa.Column("seen_day", sa.Integer(), nullable=True),
        sa.Column("expires_at", sa.BigInteger(), nullable=True),
        sa.Column("decision_id", UuidText, nullable=True),
        sa.ForeignKeyConstraint(["from_ci_id"], ["ci.id"], name=op.f("fk_relation_from_ci_id")),
        sa.ForeignKeyConstraint(["source_id"], ["source.id"], name=op.f("fk_relation_source_id")),
        sa.ForeignKeyConstraint(["to_ci_id"], ["ci.id"], name=op.f("fk_relation_to_ci_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_relation")),
    )
    op.create_index(op.f("ix_relation_from_ci_id"), "relation", ["from_ci_id"], unique=False)
    op.create_index(
        "ix_relation_expires_at",
        "relation",
        ["expires_at"],
        unique=False,
        sqlite_where=sa.text("expires_at IS NOT NULL"),
        postgresql_where=sa.text("expires_at IS NOT NULL"),
    )
    op.create_index(
        "ix_relation_pending",
        "relation",
        ["id"],
        unique=False,
        sqlite_where=sa.text("valid_to IS NULL AND (from_ci_id IS NULL OR to_ci_id IS NULL)"),
        postgresql_where=sa.text("valid_to IS NULL AND (from_ci_id IS NULL OR to_ci_id IS NULL)"),
    )
    op.create_index(op.f("ix_relation_source_id_section"), "relation", ["source_id", "section"], unique=False)
    op.create_index(op.f("ix_relation_to_ci_id"), "relation", ["to_ci_id"], unique=False)
    op.create_table(
        "report",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("source_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("body_hash", sa.LargeBinary(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("content_type", sa.Text(), nullable=False),
        sa.Column("observed_at", sa.BigInteger(), nullable=False),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.Column("answer", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["source_id"], ["source.id"], name=op.f("fk_report_source_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_report")),
        sa.UniqueConstraint("source_id", "sequence", name=op.f("uq_report_source_id_sequence")),
    )
    op.create_index(op.f("ix_report_received_at"), "report", ["received_at"], unique=False)
    op.create_table(
        "search_value",
        sa.Column("ci_id", UuidText, nullable=False),
        sa.Column("attribute", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["ci_id"], ["ci.id"], name=op.f("fk_search_value_ci_id")),
        sa.PrimaryKeyConstraint("ci_id", "attribute", "value", name=op.f("pk_search_value")),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_search_value_attribute_value"), "search_value", ["attribute", "value"], unique=False)
    op.create_table(
        "section",
        sa.Column("source_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=True),
        sa.Column("complete", sa.Boolean(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("depth", sa.Integer(), server_default="0", nullable=False),
        sa.Column("interval_seconds", sa.Integer(), nullable=False),
        sa.Column("observed_at", sa.BigInteger(), nullable=False),
        sa.Column("confirmed_at", sa.BigInteger(), nullable=False),
        sa.Column("missing_count", sa.Integer(), server_default="0", nullable=False),
        sa.Column("held", sa.Boolean(), server_default=sa.text("(false)"), nullable=False),
        sa.Column("held_digest", sa.Text(), nullable=True),
        sa.Column("is_released", sa.Boolean(), server_default=sa.text("(false)"), nullable=False),
        sa.Column("stale_at", sa.BigInteger(), nullable=True),
        sa.Column("whole_until_at", sa.BigInteger(), nullable=True),
        sa.Column("is_outdated", sa.Boolean(), server_default=sa.text("(false)"), nullable=False),
        sa.ForeignKeyConstraint(["source_id"], ["source.id"], name=op.f("fk_section_source_id")),
        sa.PrimaryKeyConstraint("source_id", "name", name=op.f("pk_section")),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_section_stale_at"), "section", ["stale_at"], unique=False)
    op.create_table(
        "series",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("source_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("subject_ref", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("labels", sa.Text(), nullable=False),
        sa.Column("unit", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["source_id"], ["source.id"], name=op.f("fk_series_source_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_series")),
        sa.UniqueConstraint("source_id", "subject_ref", "name", "labels", name=op.f("uq_series_source_id_subject_ref_name_labels")),
    )
    op.create_table(
        "series_table",
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("source_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("series_ids", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["source_id"], ["source.id"], name=op.f("fk_series_table_source_id")),
        sa.PrimaryKeyConstraint("digest", "source_id", name=op.f("pk_series_table")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "session",
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("csrf", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["account"], ["account.name"], name=op.f("fk_session_account")),
        sa.PrimaryKeyConstraint("hash", name=op.f("pk_session")),
    )
    op.create_table(
        "source_record",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("source_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("section", sa.Text(), nullable=False),
        sa.Column("ref", sa.Text(), nullable=False),
        sa.Column("ci_class", sa.Text(), nullable=False),
        sa.Column("owner_record_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("owner_ref", sa.Text(), nullable=True),
        sa.Column("content_hash", sa.LargeBinary(), nullable=False),
        sa.Column("observed_at", sa.BigInteger(), nullable=False),
        sa.Column("first_seen_at", sa.BigInteger(), nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.Column("misses", sa.Integer(), server_default="0", nullable=False),
        sa.Column("missed_since", sa.BigInteger(), nullable=True),
        sa.Column("is_absent", sa.Boolean(), server_default=sa.text("(false)"), nullable=False),
        sa.Column("closed_at", sa.BigInteger(), nullable=True),
        sa.Column("ci_id", UuidText, nullable=True),
        sa.Column("link_rule", sa.Text(), nullable=True),
        sa.Column("link_made_by", sa.Text(), nullable=True),
        sa.Column("link_evidence", sa.LargeBinary(), nullable=True),
        sa.Column("linked_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["ci_id"], ["ci.id"], name=op.f("fk_source_record_ci_id")),
        sa.ForeignKeyConstraint(["owner_record_id"], ["source_record.id"], name=op.f("fk_source_record_owner_record_id")),
        sa.ForeignKeyConstraint(["source_id"], ["source.id"], name=op.f("fk_source_record_source_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_source_record")),
    )
    op.create_index(op.f("ix_source_record_ci_id"), "source_record", ["ci_id"], unique=False)
    op.create_index(op.f("ix_source_record_owner_record_id"), "source_record", ["owner_record_id"], unique=False)
    op.create_index(op.f("ix_source_record_source_id_section"), "source_record", ["source_id", "section"], unique=False)
    op.create_index(
        "uq_source_record_ref",
        "source_record",
        ["source_id", "ref"],
        unique=True,
        sqlite_where=sa.text("closed_at IS NULL"),
        postgresql_where=sa.text("closed_at IS NULL"),
    )
    op.create_table(
        "token",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=True),
        sa.Column("scope", sa.LargeBinary(), nullable=True),
        sa.Column("source_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("uses_left", sa.Integer(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=True),
        sa.Column("revoked_at", sa.BigInteger(), nullable=True),
        sa.Column("last_used_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["source_id"], ["source.id"], name=op.f("fk_token_source_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_token")),
        sa.UniqueConstraint("hash", name=op.f("uq_token_hash")),
    )
    op.create_table(
        "transition",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("ci_id", UuidText, nullable=False),
        sa.Column("check_name", sa.Text(), nullable=False),
        sa.Column("source_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column("known_from", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["ci_id"], ["ci.id"], name=op.f("fk_transition_ci_id")),
        sa.ForeignKeyConstraint(["source_id"], ["source.id"], name=op.f("fk_transition_source_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_transition")),
    )
    op.create_index(op.f("ix_transition_ci_id_check_name_at"), "transition", ["ci_id", "check_name", "at"], unique=False)
    op.create_table(
        "case_member",
        sa.Column("case_id", UuidText, nullable=False),
        sa.Column("record_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(["case_id"], ["review_case.id"], name=op.f("fk_case_member_case_id")),
        sa.ForeignKeyConstraint(["record_id"], ["source_record.id"], name=op.f("fk_case_member_record_id")),
        sa.PrimaryKeyConstraint("case_id", "record_id", name=op.f("pk_case_member")),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_case_member_record_id"), "case_member", ["record_id"], unique=False)
    op.create_table(
        "merged_ci",
        sa.Column("decision_id", UuidText, nullable=False),
        sa.Column("loser_id", UuidText, nullable=False),
        sa.Column("survivor_id", UuidText, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("undone_by", UuidText, nullable=True),
        sa.ForeignKeyConstraint(["loser_id"], ["ci.id"], name=op.f("fk_merged_ci_loser_id")),
        sa.ForeignKeyConstraint(["survivor_id"], ["ci.id"], name=op.f("fk_merged_ci_survivor_id")),
        sa.PrimaryKeyConstraint("decision_id", "loser_id", name=op.f("pk_merged_ci")),
    )
    op.create_index(op.f("ix_merged_ci_loser_id"), "merged_ci", ["loser_id"], unique=False)
    op.create_index(op.f("ix_merged_ci_survivor_id"), "merged_ci", ["survivor_id"], unique=False)
    op.create_table(
        "moved_row",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("decision_id", UuidText, nullable=False),
        sa.Column("loser_id", UuidText, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("row_key", sa.Text(), nullable=False),
        sa.Column("from_ci_id", UuidText, nullable=False),
        sa.Column("to_ci_id", UuidText, nullable=False),
        sa.ForeignKeyConstraint(["from_ci_id"], ["ci.id"], name=op.f("fk_moved_row_from_ci_id")),
        sa.ForeignKeyConstraint(["loser_id"], ["ci.id"], name=op.f("fk_moved_row_loser_id")),
        sa.ForeignKeyConstraint(["to_ci_id"], ["ci.id"], name=op.f("fk_moved_row_to_ci_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_moved_row")),
    )
    op.create_index(op.f("ix_moved_row_decision_id_kind"), "moved_row", ["decision_id", "kind"], unique=False)
    op.create_table(
        "tombstone",
        sa.Column("ci_id", UuidText, nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("ci_class", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("deleted_at", sa.BigInteger(), nullable=False),
        sa.Column("decision_id", UuidText, nullable=False),
        sa.ForeignKeyConstraint(["ci_id"], ["ci.id"], name=op.f("fk_tombstone_ci_id")),
        sa.PrimaryKeyConstraint("ci_id", name=op.f("pk_tombstone")),
    )
    op.create_index(op.f("ix_tombstone_decision_id"), "tombstone", ["decision_id"], unique=False)
    op.create_table(
        "trusted_value",
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("decision_id", UuidText, nullable=False),
        sa.PrimaryKeyConstraint("kind", "scope", "value", name=op.f("pk_trusted_value")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "recorded_conflict",
        sa.Column("ci_id", UuidText, nullable=False),
        sa.Column("attribute", sa.Text(), nullable=False),
        sa.Column("value", sa.LargeBinary(), nullable=False),
        sa.Column("decision_id", UuidText, nullable=False),
        sa.ForeignKeyConstraint(["ci_id"], ["ci.id"], name=op.f("fk_recorded_conflict_ci_id")),
        sa.PrimaryKeyConstraint("ci_id", "attribute", name=op.f("pk_recorded_conflict")),
    )
    op.create_index(op.f("ix_recorded_conflict_decision_id"), "recorded_conflict", ["decision_id"], unique=False)
    op.create_table(
        "made_later",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("decision_id", UuidText, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("row_key", sa.Text(), nullable=False),
        sa.Column("summary", sa.LargeBinary(), nullable=False),
        sa.Column("made_at", sa.BigInteger(), nullable=False),
        sa.Column("ci_id", UuidText, nullable=False),
        sa.Column("other_ci_id", UuidText, nullable=False),
        sa.Column("assigned_by", UuidText, nullable=True),
        sa.ForeignKeyConstraint(["ci_id"], ["ci.id"], name=op.f("fk_made_later_ci_id")),
        sa.ForeignKeyConstraint(["other_ci_id"], ["ci.id"], name=op.f("fk_made_later_other_ci_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_made_later")),
    )
    op.create_index(op.f("ix_made_later_ci_id"), "made_later", ["ci_id"], unique=False)
    op.create_index(op.f("ix_made_later_decision_id"), "made_later", ["decision_id"], unique=False)
    op.create_table(
        "delivery",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("incident_id", sa.Text(), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("next_attempt_at", sa.BigInteger(), nullable=False),
        sa.Column("delivered_at", sa.BigInteger(), nullable=True),
        sa.Column("last_answer", sa.Text(), nullable=True),
        sa.Column("leased_by", sa.Text(), nullable=True),
        sa.Column("leased_until", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["incident_id"], ["incident.id"], name=op.f("fk_delivery_incident_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_delivery")),
        sa.UniqueConstraint("target", "incident_id", "sequence", name=op.f("uq_delivery_target_incident_id_sequence")),
    )
    op.create_index(op.f("ix_delivery_state_next_attempt_at"), "delivery", ["state", "next_attempt_at"], unique=False)
    op.create_table(
        "identity_claim",
        sa.Column("record_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("raw", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), server_default="active", nullable=False),
        sa.Column("why", sa.Text(), nullable=True),
        sa.Column("first_seen_at", sa.BigInteger(), nullable=False),
        sa.Column("last_seen_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["record_id"], ["source_record.id"], name=op.f("fk_identity_claim_record_id")),
        sa.PrimaryKeyConstraint("record_id", "kind", "scope", "value", name=op.f("pk_identity_claim")),
        sqlite_with_rowid=False,
    )
    op.create_index(
        op.f("ix_identity_claim_kind_value_scope"),
        "identity_claim",
        ["kind", "value", "scope"],
        unique=False,
        postgresql_ops={"value": "text_pattern_ops"},
    )
    op.create_table(
        "identity_constraint",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("left_record_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("right_record_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("decision_id", UuidText, nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["left_record_id"], ["source_record.id"], name=op.f("fk_identity_constraint_left_record_id")),
        sa.ForeignKeyConstraint(["right_record_id"], ["source_record.id"], name=op.f("fk_identity_constraint_right_record_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_identity_constraint")),
    )
    op.create_index(op.f("ix_identity_constraint_left_record_id"), "identity_constraint", ["left_record_id"], unique=False)
    op.create_index(op.f("ix_identity_constraint_right_record_id"), "identity_constraint", ["right_record_id"], unique=False)
    op.create_table(
        "incident_event",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("incident_id", sa.Text(), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["incident_id"], ["incident.id"], name=op.f("fk_incident_event_incident_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_incident_event")),
        sa.UniqueConstraint("incident_id", "sequence", name=op.f("uq_incident_event_incident_id_sequence")),
    )
    op.create_table(
        "observation_history",
        sa.Column("record_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("observed_at", sa.BigInteger(), nullable=False),
        sa.Column("known_from", sa.BigInteger(), nullable=False),
        sa.Column("content_hash", sa.LargeBinary(), nullable=True),
        sa.ForeignKeyConstraint(["record_id"], ["source_record.id"], name=op.f("fk_observation_history_record_id")),
        sa.PrimaryKeyConstraint("record_id", "observed_at", "known_from", name=op.f("pk_observation_history")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "kept_value",
        sa.Column("record_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("stale_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["record_id"], ["source_record.id"], name=op.f("fk_kept_value_record_id")),
        sa.PrimaryKeyConstraint("record_id", name=op.f("pk_kept_value")),
    )
    op.create_index(op.f("ix_kept_value_stale_at"), "kept_value", ["stale_at"], unique=False)
    op.create_table(
        "link_past",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("record_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("ci_id", UuidText, nullable=False),
        sa.Column("known_to", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["ci_id"], ["ci.id"], name=op.f("fk_link_past_ci_id")),
        sa.ForeignKeyConstraint(["record_id"], ["source_record.id"], name=op.f("fk_link_past_record_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_link_past")),
    )
    for column in ("record_id", "ci_id", "known_to"):
        op.create_index(op.f(f"ix_link_past_{column}"), "link_past", [column], unique=False)
    op.create_table(
        "relation_past",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("relation_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("from_ci_id", UuidText, nullable=True),
        sa.Column("to_ci_id", UuidText, nullable=True),
        sa.Column("known_to", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["from_ci_id"], ["ci.id"], name=op.f("fk_relation_past_from_ci_id")),
        sa.ForeignKeyConstraint(["relation_id"], ["relation.id"], name=op.f("fk_relation_past_relation_id")),
        sa.ForeignKeyConstraint(["to_ci_id"], ["ci.id"], name=op.f("fk_relation_past_to_ci_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_relation_past")),
    )
    for column in ("relation_id", "from_ci_id", "to_ci_id"):
        op.create_index(op.f(f"ix_relation_past_{column}"), "relation_past", [column], unique=False)
    op.create_table(
        "difference_state",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("difference_id", UuidText, nullable=False),
        sa.Column("old_state", sa.Text(), nullable=False),
        sa.Column("new_state", sa.Text(), nullable=False),
        sa.Column("valid_from", sa.BigInteger(), nullable=False),
        sa.Column("known_from", sa.BigInteger(), nullable=False),
        sa.Column("decision_id", UuidText, nullable=True),
        sa.ForeignKeyConstraint(["difference_id"], ["difference.id"], name=op.f("fk_difference_state_difference_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_difference_state")),
    )
    op.create_index(op.f("ix_difference_state_difference_id"), "difference_state", ["difference_id"], unique=False)
    op.create_table(
        "baseline",
        sa.Column("id", UuidText, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("query", sa.Text(), nullable=False),
        sa.Column("with_contents", sa.Boolean(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("known_at", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("taken_by", sa.Text(), nullable=False),
        sa.Column("taken_at", sa.BigInteger(), nullable=False),
        sa.Column("ci_count", sa.BigInteger(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("decision_id", UuidText, nullable=False),
        sa.ForeignKeyConstraint(["decision_id"], ["decision.id"], name=op.f("fk_baseline_decision_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_baseline")),
        sa.UniqueConstraint("name", name=op.f("uq_baseline_name")),
    )
    op.create_index(op.f("ix_baseline_taken_at"), "baseline", ["taken_at"], unique=False)
    op.create_table(
        "baseline_block",
        sa.Column("baseline_id", UuidText, nullable=False),
        sa.Column("block", sa.BigInteger(), nullable=False),
        sa.Column("ci_count", sa.Integer(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["baseline_id"], ["baseline.id"], name=op.f("fk_baseline_block_baseline_id")),
        sa.PrimaryKeyConstraint("baseline_id", "block", name=op.f("pk_baseline_block")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "health_day",
        sa.Column("day", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("day", name=op.f("pk_health_day")),
    )
    op.create_table(
        "verification",
        sa.Column("id", UuidText, nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("query", sa.Text(), nullable=False),
        sa.Column("method", sa.Text(), nullable=False),
        sa.Column("sample_size", sa.Integer(), nullable=True),
        sa.Column("seed", sa.Text(), nullable=False),
        sa.Column("is_stratified", sa.Boolean(), nullable=False),
        sa.Column("responsible", sa.Text(), nullable=False),
        sa.Column("planned_at", sa.BigInteger(), nullable=False),
        sa.Column("every_months", sa.Integer(), nullable=True),
        sa.Column("due_days", sa.Integer(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("planned_by", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=True),
        sa.Column("started_by", sa.Text(), nullable=True),
        sa.Column("measured_at", sa.BigInteger(), nullable=True),
        sa.Column("measured_by", sa.LargeBinary(), nullable=True),
        sa.Column("signed_at", sa.BigInteger(), nullable=True),
        sa.Column("signed_by", sa.Text(), nullable=True),
        sa.Column("note", sa.Text(), server_default="", nullable=False),
        sa.Column("population", sa.LargeBinary(), nullable=True),
        sa.Column("result", sa.LargeBinary(), nullable=True),
        sa.Column("digest", sa.LargeBinary(), nullable=True),
        sa.Column("version", sa.BigInteger(), server_default="1", nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_verification")),
        sa.UniqueConstraint("number", name=op.f("uq_verification_number")),
    )
    op.create_index(op.f("ix_verification_state_planned_at"), "verification", ["state", "planned_at"], unique=False)
    op.create_table(
        "verification_item",
        sa.Column("verification_id", UuidText, nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("ci_id", UuidText, nullable=False),
        sa.Column("ci_number", sa.BigInteger(), nullable=False),
        sa.Column("ci_class", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.Column("checked", sa.LargeBinary(), nullable=False),
        sa.Column("answered_at", sa.BigInteger(), nullable=True),
        sa.Column("answered_by", sa.Text(), nullable=True),
        sa.Column("note", sa.Text(), server_default="", nullable=False),
        sa.ForeignKeyConstraint(["ci_id"], ["ci.id"], name=op.f("fk_verification_item_ci_id")),
        sa.ForeignKeyConstraint(["verification_id"], ["verification.id"], name=op.f("fk_verification_item_verification_id")),
        sa.PrimaryKeyConstraint("verification_id", "position", name=op.f("pk_verification_item")),
        sa.UniqueConstraint("verification_id", "ci_id", name=op.f("uq_verification_item_verification_id_ci_id")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "finding",
        sa.Column("id", UuidText, nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("verification_id", UuidText, nullable=False),
        sa.Column("ci_id", UuidText, nullable=False),
        sa.Column("attribute", sa.Text(), nullable=False),
        sa.Column("recorded", sa.LargeBinary(), nullable=True),
        sa.Column("observed", sa.LargeBinary(), nullable=True),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=False),
        sa.Column("action", sa.Text(), server_default="", nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("closed_at", sa.BigInteger(), nullable=True),
        sa.Column("closed_by", sa.Text(), nullable=True),
        sa.Column("version", sa.BigInteger(), server_default="1", nullable=False),
        sa.ForeignKeyConstraint(["ci_id"], ["ci.id"], name=op.f("fk_finding_ci_id")),
        sa.ForeignKeyConstraint(["verification_id"], ["verification.id"], name=op.f("fk_finding_verification_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_finding")),
        sa.UniqueConstraint("number", name=op.f("uq_finding_number")),
    )
    op.create_index(op.f("ix_finding_state_due_at"), "finding", ["state", "due_at"], unique=False)
    op.create_index(op.f("ix_finding_verification_id"), "finding", ["verification_id"], unique=False)
