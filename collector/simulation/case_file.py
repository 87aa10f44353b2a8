"""Reading a case file: YAML or JSON text to a `CaseFile` whose every part is right, or one error with file, line and path."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from collector.reconcile import policy_document
from collector.reconcile.authorise import PolicySet
from collector.reconcile.change_document import check_change
from collector.reconcile.settings import Settings
from collector.simulation.case_check import check_steps
from collector.simulation.case_format import MAXIMUM_STEPS, CaseFile
from collector.simulation.case_text import CaseText
from muster.document import explain, suggest
from muster.errors import ConfigurationError, DocumentError, quote
from muster.model.ci_class import CiClass, ClassCatalogue, load_catalogue


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
    """The shipped classes and those of a case, which replace shipped ones of their name. Raises as `to_settings`."""
    classes = {each.name: each for each in load_catalogue()}
    for index, table in enumerate(case.classes):
        path = f"$.classes[{index}]"
        try:
            found = msgspec.convert({"label": {"en": table.get("name", "")}, **table}, CiClass, strict=True)
        except msgspec.ValidationError as error:
            raise _refuse(told, path, str(error), CiClass) from None
        if not found.name:
            raise _error(told, path, "a class needs a `name`")
        if found.parent is not None and found.parent not in classes:
            raise _error(told, f"{path}.parent", f"unknown parent {quote(found.parent)}{suggest(found.parent, sorted(classes))}")
        classes[found.name] = found
    try:
        return ClassCatalogue(classes)
    except ConfigurationError as error:
        raise _error(told, "$.classes", str(error)) from None


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


def _located(error: DocumentError) -> DocumentError:
    """The error with its path in words."""
    return DocumentError(f"{error.path}: {error.message}", file=error.file, line=error.line, path=error.path)


def _error(told: CaseText | None, path: str, message: str) -> ConfigurationError:
    return ConfigurationError(f"{path}: {message}") if told is None else told.error(path, message)
