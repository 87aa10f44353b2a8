"""What stands above every tab of a configuration item: its head and the tabs themselves."""

from __future__ import annotations

from dataclasses import dataclass

from aiohttp import web

from collector.api.keys import CATALOGUE
from collector.web.view.ci import CiHead, to_head
from collector.web.view.wording import N_
from collector.web.visit import Visit, load, visit_of
from muster.ports import CiDetail, CiRef

Tab = tuple[str, str, int, bool]
TABS = {
    "facts": N_("Facts"),
    "relations": N_("Relations"),
    "contents": N_("Contents"),
    "metrics": N_("Metrics"),
    "availability": N_("Availability"),
    "incidents": N_("Incidents"),
    "history": N_("History"),
    "why": N_("Why this CI"),
}


@dataclass(frozen=True)
class CiFrame:
    """`tabs`: address, text, count (0: none shown) and whether it is the one shown."""

    visit: Visit
    detail: CiDetail
    head: CiHead
    tabs: list[Tab]

    @property
    def ref(self) -> CiRef:
        """The CI as its history names it."""
        ci = self.detail.summary
        return CiRef(id=ci.id, number=ci.number, ci_class=ci.ci_class, name=ci.name)


async def load_frame(request: web.Request, shown: str) -> CiFrame:
    """The frame with one tab shown. Raises NotFoundError."""
    visit = visit_of(request)
    detail: CiDetail = await load(request, "get_ci", request.match_info["key"])
    head = to_head(detail, request.app[CATALOGUE], visit.viewpoint)
    counts = {"relations": len(detail.relations), "contents": sum(each.count for each in head.contents)}
    tabs = [
        (head.href if name == "facts" else f"{head.href}/{name}", visit.viewpoint.say(text), counts.get(name, 0), name == shown)
        for name, text in TABS.items()
    ]
    return CiFrame(visit, detail, head, tabs)
