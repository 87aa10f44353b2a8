"""Notes in the audit trail with what configuration the process runs: at its start, and whenever a folder of documents comes into force."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from collector.settings import CollectorSettings
from collector.store.configuration_trail import note_configuration, parts_of_folder, parts_of_settings, parts_of_texts

Run = Callable[[Callable[[Connection], Any]], Awaitable[Any]]


async def note_start(run: Run, settings: CollectorSettings, now: int) -> None:
    """Settings and class files as the process was started with. `run`: the writer's."""
    folder = settings.classes_directory
    noted = {"settings": parts_of_settings(settings), "classes": parts_of_folder(Path(folder), "*.toml") if folder else {}}
    await run(lambda connection: [note_configuration(connection, kind, parts, now) for kind, parts in noted.items()])


async def note_documents(run: Run, kind: str, texts: Mapping[str, str], now: int) -> None:
    """A folder of documents (targets, policies) that is in force now."""
    parts = parts_of_texts(texts)
    await run(lambda connection: note_configuration(connection, kind, parts, now))
