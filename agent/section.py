"""What an inventory section declares, and what reading one gives. Only the inventory child loads this."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple

from agent.host import Host
from muster.wire.report import Item


class Content(NamedTuple):
    """A section as it was read: `is_complete` and status `ok` say that what is left out is not there.

    `subjects` are items whose state the resident agent watches: (ref, what it is watched by).
    """

    items: Sequence[Item]
    is_complete: bool = True
    status: Literal["ok", "failed", "skipped"] = "ok"
    reason: str = ""
    subjects: Sequence[tuple[str, Sequence[str]]] = ()


class Section(NamedTuple):
    """A section of `agent/inventory`; its name is its module's.

    `watched`: path patterns whose change makes the agent read the section again at once; a file below /proc counts by its content,
    every other by its time of change.
    """

    name: str
    summary: str
    read: Callable[[Host], Content]
    watched: tuple[str, ...] = ()


def failed(reason: str) -> Content:
    """A section that could not be read; it says nothing about what is there."""
    return Content((), is_complete=False, status="failed", reason=reason[:1000])


def skipped(reason: str) -> Content:
    """A section that this host does not have or does not show to the agent's account."""
    return Content((), is_complete=False, status="skipped", reason=reason[:1000])
