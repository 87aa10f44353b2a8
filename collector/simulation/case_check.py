"""What a case file's steps must hold beside their types: one action each, instants, refs that some report has."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from collector.simulation.case_format import ACTIONS, OPERATIONS, CaseFile, CiName, Decide, LifecycleChange, Operation, Step
from collector.simulation.case_text import CaseText
from muster.document import suggest
from muster.errors import InputError, quote
from muster.instant import parse_instant
from muster.model.query import parse_duration

_DURATION = re.compile(r"P(?!$)(?:(\d{1,6})W)?(?:(\d{1,6})D)?(?:T(?!$)(?:(\d{1,6})H)?(?:(\d{1,8})M)?(?:(\d{1,9})S)?)?")
_DECISIONS = {
    "difference": ("accept", "reject", "ignore", "link", "undo"),
    "case": ("same", "different", "merge", "replace", "revive", "release", "confirm", "dismiss", "undo"),
    "step": ("undo",),
}
_NAMING_FIELDS = frozenset({"ci", "to", "keep", "gone", "retire", "delete", "unmerge"})


def check_steps(told: CaseText, case: CaseFile) -> None:
    """Raises DocumentError at the first fault."""
    refs = set(_refs(case))
    for index, step in enumerate(case.steps):
        path = f"$.steps[{index}]"
        _check_action(told, step, path)
        _check_instants(told, step, path)
        if step.redeliver is not None:
            _check_step_number(told, f"{path}.redeliver", step.redeliver, index)
            if case.steps[step.redeliver].report is None:
                raise told.error(f"{path}.redeliver", f"step {step.redeliver} is no report")
        if step.decide is not None:
            _check_decide(told, f"{path}.decide", step.decide, index)
        if step.operation is not None:
            _check_operation(told, f"{path}.operation", step.operation, index)
        for name, where in _names(step, path):
            ref = name if isinstance(name, str) else name.ref
            if ref is not None and ref not in refs:
                raise told.error(where, f"no report of this case has an item of ref {quote(ref)}{suggest(ref, sorted(refs)[:200])}")


def _check_action(told: CaseText, step: Step, path: str) -> None:
    named = [name for name in ACTIONS if getattr(step, name) is not None]
    if len(named) > 1:
        raise told.error(f"{path}.{named[1]}", f"a step does one thing; {' and '.join(named)} are several, write a step for each")
    if not named and step.at is None and step.expect is None:
        raise told.error(path, f"nothing happens in this step; give it `at` or one of {', '.join(ACTIONS)}")


def _check_instants(told: CaseText, step: Step, path: str) -> None:
    found: list[tuple[Any, str]] = [(step.at, f"{path}.at")]
    if step.decide is not None:
        found.append((step.decide.until, f"{path}.decide.until"))
    if step.operation is not None and step.operation.pin is not None:
        found.append((step.operation.pin.expires, f"{path}.operation.pin.expires"))
    if step.report is not None:
        found.append((step.report.get("observed_at"), f"{path}.report.observed_at"))
    for value, where in found:
        if value is None:
            continue
        try:
            parse_instant(value, path=where)
        except InputError as error:
            raise told.error(where, error.message) from None
        except TypeError:
            raise told.error(where, f"{quote(value)} is no instant; write for example 2026-03-01T10:00:00Z") from None


def _check_step_number(told: CaseText, path: str, number: int, own: int) -> None:
    if not 0 <= number < own:
        raise told.error(path, f"step {number} does not lie before this one; steps count from 0")


def _check_decide(told: CaseText, path: str, decide: Decide, index: int) -> None:
    on = [name for name in ("difference", "case", "step") if getattr(decide, name) is not None]
    if len(on) != 1:
        raise told.error(path, "name what is decided on: one of difference, case, step")
    allowed = _DECISIONS[on[0]]
    if decide.decision not in allowed:
        raise told.error(f"{path}.decision", f"{decide.decision} is no decision on a {on[0]}; known are {', '.join(allowed)}")
    if decide.decision == "link" and (decide.to is None) == (decide.change is None):
        raise told.error(path, "link needs `to`, the CI that it is, or `change`, the approved change that it belongs to")
    if decide.step is not None:
        _check_step_number(told, f"{path}.step", decide.step, index)


def _check_operation(told: CaseText, path: str, operation: Operation, index: int) -> None:
    named = [name for name in OPERATIONS if getattr(operation, name) is not None]
    if len(named) != 1:
        raise told.error(path, f"an operation is one of {', '.join(OPERATIONS)}")
    if operation.advance is not None and duration_ms(operation.advance) is None:
        raise told.error(f"{path}.advance", f"{quote(operation.advance)} is no duration; write for example PT2H, P1D or 90m")
    if operation.record is not None and (operation.record.ci_class is None) == (operation.record.ci is None):
        raise told.error(f"{path}.record", "give `class` for a new CI, or `ci` for one that is there")
    if isinstance(operation.unmerge, msgspec.Struct):
        if (operation.unmerge.ref is None) == (operation.unmerge.step is None):
            raise told.error(f"{path}.unmerge", "give `ref`, the CI that was merged away, or `step`, the step that merged")
        if operation.unmerge.step is not None:
            _check_step_number(told, f"{path}.unmerge.step", operation.unmerge.step, index)


def _refs(case: CaseFile) -> Iterator[str]:
    """The refs of all items of all reports, and those that records on paper are given."""
    for step in case.steps:
        if step.operation is not None and step.operation.record is not None and step.operation.record.ref is not None:
            yield step.operation.record.ref
        sections = step.report.get("sections") if step.report is not None else None
        for section in sections.values() if isinstance(sections, Mapping) else ():
            items = section.get("items") if isinstance(section, Mapping) else None
            for item in items if isinstance(items, list) else ():
                if isinstance(item, Mapping) and isinstance(item.get("ref"), str):
                    yield item["ref"]


def _names(value: Any, path: str) -> Iterator[tuple[str | CiName, str]]:
    """Every name of a CI in a step's decision or operation."""
    if isinstance(value, Step):
        yield from _names(value.decide, f"{path}.decide")
        yield from _names(value.operation, f"{path}.operation")
    elif isinstance(value, CiName):
        yield value, path
    elif isinstance(value, list):
        for index, each in enumerate(value):
            yield from ((each, f"{path}[{index}]"),) if isinstance(each, str) else _names(each, f"{path}[{index}]")
    elif isinstance(value, msgspec.Struct):
        for field, key in zip(value.__struct_fields__, value.__struct_encode_fields__, strict=True):
            each = getattr(value, field)
            if isinstance(each, str):
                if field in _NAMING_FIELDS and not (field == "to" and isinstance(value, LifecycleChange)):
                    yield each, f"{path}.{key}"
            else:
                yield from _names(each, f"{path}.{key}")


def duration_ms(text: str) -> int | None:
    """Milliseconds of an ISO 8601 duration (`PT2H`, `P1DT30M`) or of `90m`; None where it is none."""
    found = _DURATION.fullmatch(text)
    if found is None:
        seconds = parse_duration(text)
        return None if seconds is None else seconds * 1000
    weeks, days, hours, minutes, seconds = (int(each or 0) for each in found.groups())
    return ((weeks * 7 + days) * 86_400 + hours * 3600 + minutes * 60 + seconds) * 1000
