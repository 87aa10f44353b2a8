"""What is told after a decision: the bar with its undo, or why it was not done."""

from __future__ import annotations

from aiohttp import web

from collector.web.view.review import DoneBar, to_done
from collector.web.view.viewpoint import Viewpoint
from collector.web.view.wording import N_
from collector.web.visit import Visit, load
from muster.errors import ConflictError, NotFoundError

# Conflicts in which nothing has moved, by their code.
_SAID = {
    "second-person": N_("Not done: you decided this yourself; another person must confirm it."),
    "waits": N_("Not done: another decision on it waits for a second person; confirm or withdraw that one first."),
}
# Refusals that say why by themselves: nothing has changed meanwhile.
_FORBIDDEN = frozenset(
    {"same-ci", "already-merged", "disposed", "class-family", "cannot-link", "part", "not-merged", "not-two", "nothing-left", "deleted", "not-a-side"}
)


async def load_done(request: web.Request, visit: Visit) -> DoneBar | None:
    """The bar of the decision that the address names; none where there is no such decision."""
    decision_id = request.query.get("done")
    if not decision_id:
        return None
    try:
        return to_done(await load(request, "get_decision", decision_id), visit.viewpoint)
    except NotFoundError:
        return None


def explain_refusal(error: Exception, viewpoint: Viewpoint) -> str:
    """Why a decision was not carried out."""
    if isinstance(error, ConflictError) and error.code in _SAID:
        return viewpoint.say(_SAID[error.code])
    if isinstance(error, ConflictError) and error.code in _FORBIDDEN:
        return viewpoint.say("Not done: %(why)s", why=str(error))
    if isinstance(error, ConflictError):
        return viewpoint.say("Not done: it has changed meanwhile. Here is how it stands now.")
    return viewpoint.say("Not done: %(why)s", why=getattr(error, "message", str(error)))
