"""The folder of a site's CI classes while the collector runs: read at start, when told, and when a file changes.

Classes come into force in the writer, after what they would orphan was looked for in the same transaction; what is refused leaves those
in force that were. Design: docs/reference/classes.md.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from collector.configuration_note import RULES, note_documents
from collector.document_folder import DocumentFolder
from collector.reconcile.rules_version import classes_version
from collector.store.class_use import keep_classes
from muster.clock import Clock
from muster.model.ci_class import SHIPPED_CLASSES, ClassCatalogue, make_catalogue
from muster.model.class_file import parse_text, read_folder

SUFFIXES = frozenset({".toml"})
Run = Callable[[Callable[[Connection], Any]], Awaitable[Any]]


async def check_at_start(run: Run, classes: ClassCatalogue) -> None:
    """Refuse to start with classes that would orphan data. Raises ConfigurationError with counts. `run`: the writer's."""
    await run(lambda connection: keep_classes(connection, classes))


def make_class_folder(folder: Path, classes: ClassCatalogue, run: Run, clock: Clock) -> DocumentFolder:
    """The folder whose classes `classes` holds: what changes there comes into force everywhere it is held."""

    async def apply(texts: Mapping[str, str]) -> None:
        new = await asyncio.to_thread(read_classes, texts)

        def put_in_force(connection: Connection) -> None:
            keep_classes(connection, new)
            classes.take_over(new)

        await run(put_in_force)
        await note_documents(run, "classes", texts, clock.now_ms(), more={RULES: classes_version(new)})

    return DocumentFolder("classes", folder, apply, suffixes=SUFFIXES)


def read_classes(texts: Mapping[str, str]) -> ClassCatalogue:
    """The shipped classes and those of these texts (file → TOML). Raises DocumentError."""
    return make_catalogue([*read_folder(SHIPPED_CLASSES), *(each for file, text in texts.items() for each in parse_text(text, file))])
