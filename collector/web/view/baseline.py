"""Baselines as rows and as the head of their page."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import quote

from msgspec import Struct

from collector.web.view.label import CiLink, ci_path, class_label
from collector.web.view.moment import Moment, to_moment
from collector.web.view.viewpoint import Viewpoint
from muster.model.ci_class import ClassCatalogue
from muster.ports import BaselineCi, BaselineView


class BaselineRow(Struct, frozen=True):
    """One baseline. `scope` empty: everything."""

    name: str
    href: str
    scope: str
    with_contents: bool
    at: Moment
    known: Moment
    taken: Moment
    owner: str
    by: str
    reason: str
    ci_count: int
    digest: str


class BaselineCiRow(Struct, frozen=True):
    """One CI of a baseline, named as then; its page shows it as it is now."""

    ci: CiLink
    number: int
    is_recorded: bool
    is_absent: bool
    values: int


def baseline_path(name: str) -> str:
    return f"/baselines/{quote(name, safe='')}"


def to_baselines(found: Sequence[BaselineView], viewpoint: Viewpoint) -> list[BaselineRow]:
    """In the order given."""
    return [
        BaselineRow(
            name=each.name,
            href=baseline_path(each.name),
            scope=each.query,
            with_contents=each.with_contents,
            at=to_moment(each.at, viewpoint),
            known=to_moment(each.known_at, viewpoint),
            taken=to_moment(each.taken_at, viewpoint),
            owner=each.owner,
            by=each.taken_by.removeprefix("person:"),
            reason=each.reason,
            ci_count=each.ci_count,
            digest=each.digest,
        )
        for each in found
    ]


def to_baseline_cis(found: Sequence[BaselineCi], catalogue: ClassCatalogue, viewpoint: Viewpoint) -> list[BaselineCiRow]:
    """By number."""
    return [
        BaselineCiRow(
            ci=CiLink(ci_path(each.number), each.name or f"#{each.number}", class_label(each.ci_class, catalogue, viewpoint)),
            number=each.number,
            is_recorded=each.is_recorded,
            is_absent=each.is_absent,
            values=len(each.effective),
        )
        for each in found
    ]
