"""Putting service documents in force: checked against all that will be in force, all at once, and never over another owner's.

What a folder of files names belongs to the folder (`DIRECTORY`); everything else was applied through the API.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from sqlalchemy import Connection

from collector.service_record import StoredDefinition
from collector.services.catalogue import check_catalogue, named_queries
from collector.store import audit_chain
from collector.store.filter import compile_text
from collector.store.service import PlannedService, apply_services, load_definitions, plan_services
from muster.document import error_at, parse_yaml
from muster.errors import ConflictError, InputError
from muster.model.ci_class import ClassCatalogue

DIRECTORY = "directory"


def plan_documents(
    connection: Connection, documents: Mapping[str, str], classes: ClassCatalogue, *, owner: str, removes_absent: bool
) -> list[PlannedService]:
    """What `apply_documents` would do, also with what the folder holds. `documents`: file → YAML text. Raises DocumentError."""
    planned = plan_services(connection, _to_be(connection, documents, classes, owner, removes_absent=removes_absent), removes_absent=True)
    held = _find_held(connection, documents, owner)
    return [msgspec.structs.replace(each, is_held=each.service_id in held) for each in planned]


def apply_documents(
    connection: Connection, documents: Mapping[str, str], classes: ClassCatalogue, now: int, *, owner: str, removes_absent: bool
) -> list[PlannedService]:
    """Put documents in force, all or none. `classes`: what their queries may name. `owner`: `directory`, or who asked the API (`person:kim`).

    `removes_absent`: what the same owner had in force and does not name now is retired. Raises DocumentError for the first fault,
    ConflictError (`held-by-directory`) where the API would change what a file holds.
    """
    whole = _to_be(connection, documents, classes, owner, removes_absent=removes_absent)
    for name in sorted(_find_held(connection, documents, owner)):
        raise ConflictError(f"service {name!r} is held by a file of services_directory; change the file", code="held-by-directory")
    applied = apply_services(connection, whole, now=now, applied_by=owner, removes_absent=True)
    for each in applied:
        if each.action != "unchanged":
            detail = {"action": each.action, "difference": each.difference[:20_000]}
            audit_chain.append(connection, now, actor=owner, action="service_applied", subject=each.service_id, detail=detail)
    return applied


def _to_be(connection: Connection, documents: Mapping[str, str], classes: ClassCatalogue, owner: str, *, removes_absent: bool) -> dict[str, str]:
    """Every document that will be in force, by the service's id: the new ones, and what stays."""
    current = {each.service_id: each for each in load_definitions(connection)}
    given = ids_of(documents)
    staying = {name: each for name, each in current.items() if name not in given.values() and not (removes_absent and _is_of(each, owner))}
    checked = check_catalogue(documents, {name: _value_of(each) for name, each in staying.items()})
    for file, text in documents.items():
        _check_queries(file, text, classes)
    files = {str(name): file for file, name in ids_of(documents).items()}
    return {**{name: each.document for name, each in staying.items()}, **{name: documents[files[name]] for name in checked}}


def _check_queries(file: str, text: str, classes: ClassCatalogue) -> None:
    """Refuse a query that names a class or a field that is not there: it would never find anything. Raises DocumentError."""
    node, value = parse_yaml(text, file=file)
    for path, query in named_queries(value.get("components") if isinstance(value, dict) else None):
        try:
            compile_text(query, classes, now=0)
        except InputError as error:
            raise error_at(node, path, error.message, file=file) from None


def _find_held(connection: Connection, documents: Mapping[str, str], owner: str) -> set[str]:
    """The services of these documents that the folder holds and somebody else names."""
    if owner == DIRECTORY:
        return set()
    return {each.service_id for each in load_definitions(connection) if each.applied_by == DIRECTORY} & set(ids_of(documents).values())


def _is_of(definition: StoredDefinition, owner: str) -> bool:
    """Whether the same side put it in force: the folder, or the API whoever asked."""
    return (definition.applied_by == DIRECTORY) == (owner == DIRECTORY)


def ids_of(documents: Mapping[str, str]) -> dict[str, Any]:
    """File → id, of those that have one; what is wrong is told by the check."""
    found = {}
    for file, text in documents.items():
        _, value = parse_yaml(text, file=file)
        if isinstance(value, dict) and isinstance(value.get("id"), str):
            found[file] = value["id"]
    return found


def _value_of(definition: StoredDefinition) -> Mapping[str, Any]:
    _, value = parse_yaml(definition.document, file=f"service {definition.service_id}")
    return value if isinstance(value, dict) else {}
