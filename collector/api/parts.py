"""What the process gives to handlers beside the store: the evaluation, the outbox, and what exporters render.

Functions that block say so; call those with `await asyncio.to_thread(...)`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from collector.incidents.target_document import ConfiguredTarget
from collector.service_figure import Case, ServiceEngine
from collector.store.edit import Context
from collector.store.outbox import Announcement
from muster.ports import AnswerClass


@dataclass(frozen=True)
class Parts:
    """`poke`: states, definitions or CIs changed, evaluate at once. `poke_outbox`: deliveries were enqueued.

    `read_case` (blocks): the availability case of a service over `[since, until)`. `render_metrics`, `render_targets` (block): the
    bodies of /metrics and of HTTP service discovery. `readiness`: what is wrong now, nothing when ready.
    """

    context: Context
    engine: ServiceEngine
    read_case: Callable[[str, int, int], Case]
    poke: Callable[[], None]
    poke_outbox: Callable[[], None]
    targets: Callable[[], Sequence[ConfiguredTarget]]
    send_test: Callable[[str], Awaitable[AnswerClass]]
    announcement: Announcement
    render_metrics: Callable[[], bytes]
    render_targets: Callable[[str, int | None], bytes]
    readiness: Callable[[], Sequence[str]]
