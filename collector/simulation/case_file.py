"""Reading a case file: YAML or JSON text to a `CaseFile` whose every part is right, or one error with file, line and path."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from typing import Any

import msgspec

from collector.reconcile import policy_document
from collector.reconcile.authorise import PolicySet
from collector.reconcile.change_document import check_change
from collector.reconcile.settings import Settings
from collector.simulation.case_check import check_steps
from collector.simulation.case_format import MAXIMUM_STEPS, CaseFile
from collector.simulation.case_text import CaseText
from muster.document import explain, find_line
from muster.errors import ConfigurationError, DocumentError
from muster.model.ci_class import ClassCatalogue, load_catalogue, make_catalogue
from muster.model.class_file import from_values


def parse_case(text: str, file: str) -> CaseFile:
    """The case that YAML or JSON text holds; `file` is only named in errors. Raises DocumentError, TooLargeError."""
    told = CaseText(text, file)
    if not isinstance(told.value, dict) or not isinstance(told.value.get("steps"), list):
        raise DocumentError("no case: a mapping with a list `steps` must stand here (docs/cases.md)", file=file, line=1)
    if len(told.value["steps"]) > MAXIMUM_STEPS:
        raise DocumentError(f"{len(told.value['steps'])} steps; the limit is {MAXIMUM_STEPS}, split the case", file=file, line=1)
    try:
        case = msgspec.convert(told.value, CaseFile, strict=True)
    except msgspec.ValidationError as error:
        raise _located(explain(str(error), told.node(), told.value, CaseFile, file=file)) from None
    _check_model(told, case)
    check_steps(told, case)
    return case


def _check_model(told: CaseText, case: CaseFile) -> None:
    """Settings, classes and policies, each at its own place."""
    to_settings(case, told)
    to_catalogue(case, told)
    to_policies(case, told)
    to_changes(case, told)


def to_settings(case: CaseFile, told: CaseText | None = None) -> Settings:
    """The numbers of a case. Raises DocumentError, or ConfigurationError where there is no text."""
    try:
        return msgspec.convert(case.settings, Settings, strict=True)
    except msgspec.ValidationError as error:
        raise _refuse(told, "$.settings", str(error), Settings) from None


def to_catalogue(case: CaseFile, told: CaseText | None = None) -> ClassCatalogue:
    """The shipped classes with those of a case, read as a site's own class files are. Raises as `to_settings`."""
    shipped = _shipped()
    if not case.classes:
        return shipped

    def locate(path: Sequence[str]) -> int:
        if told is None:
            return 1
        return find_line(told.node(), "$.classes" + "".join(f"[{each}]" if each.isdecimal() else f".{each}" for each in path))

    tables = [_labelled(table) for table in case.classes] if isinstance(case.classes, list) else case.classes
    file = "case" if told is None else told.file
    try:
        return make_catalogue(from_values(tables, file, locate), shipped.own)
    except DocumentError as error:
        raise _located(error, "$.classes") from None


def _labelled(table: dict[str, Any]) -> dict[str, Any]:
    """A new class without a label is called by its name."""
    name = table.get("name")
    return table if name is None or name in _shipped() else {"label": {"en": str(name)}, **table}


@cache
def _shipped() -> ClassCatalogue:
    return load_catalogue()


def to_policies(case: CaseFile, told: CaseText | None = None) -> PolicySet:
    """The policies of a case, in order. Raises as `to_settings`."""
    if not case.policies:
        return PolicySet(())
    try:
        return policy_document.to_policies(case.policies, file="case", catalogue=to_catalogue(case))
    except DocumentError as error:
        raise _error(told, error.path if error.path.startswith("$.policies") else "$.policies", error.message) from None


def to_changes(case: CaseFile, told: CaseText | None = None) -> dict[str, str]:
    """The changes of a case as documents by their place. Raises as `to_settings`."""
    if not case.changes:
        return {}
    catalogue = to_catalogue(case)
    documents = {f"$.changes[{index}]": to_document(table) for index, table in enumerate(case.changes)}
    for path, text in documents.items():
        try:
            check_change(text, path, catalogue)
        except DocumentError as error:
            raise _error(told, f"{path}{error.path[1:]}", error.message) from None
    return documents


def to_document(table: dict[str, Any]) -> str:
    """A change that stands in a case, as its file would have it."""
    return msgspec.json.encode(table).decode()


def _refuse(told: CaseText | None, path: str, message: str, kind: Any) -> ConfigurationError:
    """What msgspec says of a part of the case, as said of the whole."""
    below = re.sub(r"`\$", f"`{path}", message) if "`$" in message else f"{message} - at `{path}`"
    if told is None:
        return ConfigurationError(below)
    return _located(explain(below, told.node(), told.value, kind, file=told.file))


def _located(error: DocumentError, path: str | None = None) -> DocumentError:
    """The error with its path, or another, in words."""
    path = path or error.path
    return DocumentError(f"{path}: {error.message}", file=error.file, line=error.line, path=path)


def _error(told: CaseText | None, path: str, message: str) -> ConfigurationError:
    return ConfigurationError(f"{path}: {message}") if told is None else told.error(path, message)
