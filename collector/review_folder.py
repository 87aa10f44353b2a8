"""The folders of policies and approved changes while the collector runs: read at start, when told, and when a file changes.

What is faulty is refused whole, with file and line; what was in force stays in force. Format: docs/policies.md.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from collector.document_folder import DocumentFolder
from collector.store.apply_change import apply_changes
from collector.store.edit import Context
from collector.store.policy_set import DIRECTORY, apply_policies
from muster.clock import Clock

Run = Callable[[Callable[[Connection], Any]], Awaitable[Any]]


def make_review_folders(policies: str, changes: str, context: Context, run: Run, *, clock: Clock) -> list[DocumentFolder]:
    """The folders that are set; an empty name is none. `run`: the writer's."""

    async def apply_policy_files(texts: Mapping[str, str]) -> None:
        now = clock.now_ms()
        await run(lambda connection: apply_policies(connection, texts, context.catalogue, now, owner=DIRECTORY, removes_absent=True))

    async def apply_change_files(texts: Mapping[str, str]) -> None:
        now = clock.now_ms()
        await run(lambda connection: apply_changes(connection, context, texts, actor=DIRECTORY, now=now, removes_absent=True))

    found = [("policies", policies, apply_policy_files), ("changes", changes, apply_change_files)]
    return [DocumentFolder(name, Path(folder), apply) for name, folder, apply in found if folder]
