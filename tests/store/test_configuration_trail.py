"""What configuration the collector runs is noted in the audit trail once for each change, and holds no secret."""

from __future__ import annotations

from pathlib import Path

from collector.settings import CollectorSettings
from collector.store import audit_chain
from collector.store.configuration_trail import note_configuration, parts_of_folder, parts_of_settings, parts_of_texts
from collector.store.engine import Database

AT = 1_772_359_200_000


def test_only_what_changed_is_noted_and_only_once(database: Database) -> None:
    with database.begin() as connection:
        assert note_configuration(connection, "targets", {"a": "1", "b": "1"}, AT)
        assert not note_configuration(connection, "targets", {"b": "1", "a": "1"}, AT + 1)
        assert note_configuration(connection, "targets", {"b": "2", "c": "1"}, AT + 2)
        newest = audit_chain.load_entries(connection)[0]
    assert (newest.id, newest.actor, newest.action, newest.subject) == (2, "collector", "configuration_changed", "targets")
    assert newest.detail == {"added": {"c": "1"}, "removed": {"a": "1"}, "changed": {"b": ["1", "2"]}, "part_count": 2}


def test_nothing_from_the_start_is_no_change(database: Database) -> None:
    with database.begin() as connection:
        assert not note_configuration(connection, "classes", {}, AT)


def test_a_password_in_an_address_stays_out() -> None:
    parts = parts_of_settings(CollectorSettings(database="postgresql+psycopg://muster:secret@db/muster", report_retention_days=7))
    assert "secret" not in "".join(parts.values())
    assert parts["report_retention_days"] == "7"
    assert parts["reconciliation.mass_loss_ratio"] == "0.3"


def test_files_are_told_by_name_and_hash(tmp_path: Path) -> None:
    (tmp_path / "own.toml").write_text("[own]\n", encoding="utf-8")
    (tmp_path / "other.txt").write_text("", encoding="utf-8")
    expected = parts_of_texts({str(tmp_path / "own.toml"): "[own]\n"})
    assert parts_of_folder(tmp_path, "*.toml") == expected
    assert list(expected) == ["own.toml"]
