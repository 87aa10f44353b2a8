"""Notes in the audit trail with what configuration the process runs: at its start, and whenever a folder of documents comes into force."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from collector.reconcile.rules_version import classes_version
from collector.settings import CollectorSettings
from collector.store.configuration_trail import note_configuration, parts_of_folder, parts_of_settings, parts_of_texts
from muster.model.ci_class import ClassCatalogue

RULES = "rules of all classes"
Run = Callable[[Callable[[Connection], Any]], Awaitable[Any]]


async def note_start(run: Run, settings: CollectorSettings, classes: ClassCatalogue, now: int) -> None:
    """Settings, and class files with the version of all classes' rules, as the process was started with. `run`: the writer's."""
    folder = settings.classes_directory
    files = parts_of_folder(Path(folder), "*.toml") if folder else {}
    noted = {"settings": parts_of_settings(settings), "classes": {**files, RULES: classes_version(classes)}}
    await run(lambda connection: [note_configuration(connection, kind, parts, now) for kind, parts in noted.items()])


async def note_documents(run: Run, kind: str, texts: Mapping[str, str], now: int, *, more: Mapping[str, str] | None = None) -> None:
    """A folder of documents (classes, targets, policies) that is in force now. `more`: what is noted beside its files."""
    parts = {**parts_of_texts(texts), **(more or {})}
    await run(lambda connection: note_configuration(connection, kind, parts, now))
