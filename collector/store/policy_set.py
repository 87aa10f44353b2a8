"""The site's policies: every set that was ever in force, by version; the last one is. Format: docs/policies.md.

What a folder of files holds belongs to the folder (`directory`); everything else was applied through the API.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import PurePath
from typing import Any, Literal

import msgspec
from msgspec import Struct
from sqlalchemy import Connection, func, insert, select

from collector.reconcile.authorise import PolicySet
from collector.reconcile.policy_document import check_policies
from collector.store import audit_chain
from collector.store.edit import Context
from collector.store.schema import policy_set
from muster.errors import ConflictError, NotFoundError, quote
from muster.model.ci_class import ClassCatalogue

DIRECTORY = "directory"


class PolicyFile(Struct, frozen=True, array_like=True):
    """One document in force: its file's name, its text, and who put it there."""

    file: str
    text: str
    applied_by: str


class PlannedFile(Struct, frozen=True):
    """What applying would do to one file; `difference` is a unified diff. `is_held`: the folder alone may, and applying it is refused."""

    file: str
    action: Literal["added", "changed", "removed", "unchanged"]
    difference: str
    is_held: bool = False


_files = msgspec.msgpack.Decoder(list[PolicyFile])


def load_policies(connection: Connection, context: Context) -> PolicySet:
    """The policies in force: those given at start, then the stored ones in the order of their files."""
    version = connection.execute(select(func.max(policy_set.c.version))).scalar()
    if version is None:
        return context.policies
    if version not in context.policy_cache:
        documents = {each.file: each.text for each in load_files(connection)}
        stored = check_policies(documents, context.catalogue) if documents else PolicySet(())
        context.policy_cache.clear()
        context.policy_cache[version] = context.policies.joined(stored)
    return context.policy_cache[version]


def load_files(connection: Connection) -> list[PolicyFile]:
    """The documents in force, by name."""
    body = connection.execute(select(policy_set.c.documents).order_by(policy_set.c.version.desc()).limit(1)).scalar()
    return [] if body is None else _files.decode(body)


def load_version(connection: Connection) -> tuple[int, int | None]:
    """The version in force (0: none yet) and since when."""
    row = connection.execute(select(policy_set.c.version, policy_set.c.applied_at).order_by(policy_set.c.version.desc()).limit(1)).first()
    return (0, None) if row is None else (row.version, row.applied_at)


def plan_policies(
    connection: Connection, documents: Mapping[str, str], classes: ClassCatalogue, *, owner: str, removes_absent: bool
) -> list[PlannedFile]:
    """What `apply_policies` would do, also with files that the folder holds. `documents`: file → YAML text. Raises DocumentError."""
    current = {each.file: each for each in load_files(connection)}
    held = _find_held(current, documents, owner)
    planned = _plan(current, _to_be(current, documents, classes, owner, removes_absent=removes_absent))
    return [msgspec.structs.replace(each, is_held=each.file in held) for each in planned]


def apply_policies(
    connection: Connection, documents: Mapping[str, str], classes: ClassCatalogue, now: int, *, owner: str, removes_absent: bool
) -> list[PlannedFile]:
    """Put files in force, all or none; what was in force stays known under its version. `owner`: `directory`, or who asked the API.

    `removes_absent`: files of the same owner that are not named are taken out. Raises DocumentError for the first fault, ConflictError
    (`held-by-directory`) where the API would change what the folder holds: then what was in force stays so.
    """
    current = {each.file: each for each in load_files(connection)}
    for name in _find_held(current, documents, owner):
        raise ConflictError(f"{name} is held by a file of policies_directory; change that file", code="held-by-directory")
    whole = _to_be(current, documents, classes, owner, removes_absent=removes_absent)
    planned = list(_plan(current, whole))
    changed = [each for each in planned if each.action != "unchanged"]
    if changed:
        body = msgspec.msgpack.encode([whole[name] for name in sorted(whole)])
        connection.execute(insert(policy_set).values(documents=body, applied_by=owner, applied_at=now))
        for each in changed:
            detail = {"action": each.action, "difference": each.difference[:20_000]}
            audit_chain.append(connection, now, actor=owner, action="policy_applied", subject=each.file, detail=detail)
    return planned


def load_text(connection: Connection, file: str) -> str:
    """The text of one file in force. Raises NotFoundError."""
    found = next((each.text for each in load_files(connection) if each.file == file), None)
    if found is None:
        raise NotFoundError(f"no file of policies {quote(file)} is in force; see `muster policy list`")
    return found


def _to_be(
    current: Mapping[str, PolicyFile], documents: Mapping[str, str], classes: ClassCatalogue, owner: str, *, removes_absent: bool
) -> dict[str, PolicyFile]:
    """Every file that will be in force, by its name without folders; checked together."""
    given = {PurePath(file).name: (file, text) for file, text in documents.items()}
    staying = {name: each for name, each in current.items() if name not in given and not (removes_absent and _is_of(each, owner))}
    check_policies({**{name: each.text for name, each in staying.items()}, **dict(given.values())}, classes)
    return {**staying, **{name: PolicyFile(name, text, owner) for name, (_, text) in given.items()}}


def _find_held(current: Mapping[str, PolicyFile], files: Iterable[str], owner: str) -> list[str]:
    """The files that the folder holds and somebody else names."""
    names = [PurePath(file).name for file in files]
    return [each for each in names if owner != DIRECTORY and each in current and current[each].applied_by == DIRECTORY]


def _is_of(file: PolicyFile, owner: str) -> bool:
    return (file.applied_by == DIRECTORY) == (owner == DIRECTORY)


def _plan(current: Mapping[str, PolicyFile], whole: Mapping[str, PolicyFile]) -> Iterator[PlannedFile]:
    for name in sorted({*current, *whole}):
        old, new = (each[name].text if name in each else None for each in (current, whole))
        action: Any = "added" if old is None else "removed" if new is None else "unchanged" if old == new else "changed"
        lines = difflib.unified_diff((old or "").splitlines(), (new or "").splitlines(), f"{name} in force", f"{name} applied", lineterm="")
        yield PlannedFile(name, action, "\n".join(lines))
