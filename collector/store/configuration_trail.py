"""Changes of configuration that reach the collector as files and settings, noted in the audit trail when they come into force.

Only what changed since the collector last noted the same kind is written, also over a restart. Design: docs/audit.md.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import Connection

from collector.settings import CollectorSettings
from collector.store import audit_chain, setting
from muster.config import hide_password

ACTOR = "collector"
NAMES_TOLD = 200
KEPT = "audited."  # names of the settings that hold what was noted last


def note_configuration(connection: Connection, kind: str, parts: Mapping[str, str], now: int) -> bool:
    """Note which parts (name to text that stands for their content; no secret) differ from those noted last; whether any does.

    `kind`: settings, classes, targets or policies. Of the first start all parts are added.
    """
    before: dict[str, str] = setting.load(connection, KEPT + kind, {})
    after = dict(sorted(parts.items()))
    if before == after:
        return False
    changed = sorted(name for name in before.keys() & after.keys() if before[name] != after[name])
    detail: dict[str, Any] = {
        "added": {name: after[name] for name in _some(after.keys() - before.keys())},
        "removed": {name: before[name] for name in _some(before.keys() - after.keys())},
        "changed": {name: [before[name], after[name]] for name in changed[:NAMES_TOLD]},
        "part_count": len(after),
    }
    audit_chain.append(connection, now, actor=ACTOR, action="configuration_changed", subject=kind, detail=detail)
    setting.save(connection, KEPT + kind, after)
    return True


def parts_of_texts(texts: Mapping[str, str]) -> dict[str, str]:
    """File to the SHA-256 of its text: what a document says stays in the document."""
    return {Path(name).name: f"sha256:{hashlib.sha256(text.encode()).hexdigest()}" for name, text in texts.items()}


def parts_of_folder(folder: Path, pattern: str) -> dict[str, str]:
    """The same of the files of a folder that match; of one that cannot be read: unreadable."""
    found: dict[str, str] = {}
    for file in sorted(folder.glob(pattern)):
        try:
            found[file.name] = f"sha256:{hashlib.sha256(file.read_bytes()).hexdigest()}"
        except OSError as error:
            found[file.name] = f"unreadable: {error.strerror}"
    return found


def parts_of_settings(settings: CollectorSettings) -> dict[str, str]:
    """Setting to value as text, passwords in addresses left out; retention and the numbers of reconciliation are among them."""
    values = msgspec.to_builtins(settings)
    nested = values.pop("reconciliation", {})
    flat = {**values, **{f"reconciliation.{name}": value for name, value in nested.items()}}
    return {name: hide_password(msgspec.json.encode(value).decode()) for name, value in flat.items()}


def _some(names: set[str]) -> list[str]:
    return sorted(names)[:NAMES_TOLD]
