"""What a fault is called and what a reader can do about it, in the reader's language."""

from __future__ import annotations

from msgspec import Struct

from collector.web.view.viewpoint import Viewpoint
from collector.web.view.wording import N_
from muster.wire.problem import Problem

# status → (what it is, what to do)
FAULTS = {
    400: (N_("This cannot be understood"), N_("Go back and try again; an address that was typed may hold a mistake.")),
    403: (N_("Your role does not allow this"), N_("Ask an administrator for a role that does, or sign in as somebody else.")),
    404: (N_("There is no such page"), N_("It may have been merged or removed. Search for it in the list of configuration items.")),
    405: (N_("This address takes no such request"), N_("Go back and use the page's own buttons.")),
    409: (N_("Somebody was faster"), N_("What you decided on has changed meanwhile. Look at it again, then decide.")),
    413: (N_("Too much at once"), N_("Send less at a time.")),
    422: (N_("This cannot be done as asked"), N_("Correct what is named below, then try again.")),
    429: (N_("Too many tries"), N_("Wait a minute, then try again.")),
    503: (N_("The store cannot serve now"), N_("Try again in a moment. Reports are kept by their sources until then; nothing is lost.")),
}
OTHER = (N_("Something went wrong here"), N_("Try again. If it stays, the collector's log names the cause."))


class Fault(Struct, frozen=True):
    """`detail`: what the part that refused said, in English."""

    status: int
    title: str
    advice: str
    detail: str


def explain_fault(problem: Problem, viewpoint: Viewpoint) -> Fault:
    """The words for a problem; the inner cause of a server's fault is for the log alone."""
    title, advice = FAULTS.get(problem.status, OTHER)
    detail = problem.detail if problem.status < 500 else ""
    return Fault(problem.status, viewpoint.say(title), viewpoint.say(advice), detail)
