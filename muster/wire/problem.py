"""Problem details for HTTP (RFC 9457): the one shape of an error on the wire."""

from __future__ import annotations

from msgspec import Struct

CONTENT_TYPE_PROBLEM = "application/problem+json"
TYPE_PREFIX = "urn:muster:problem:"


class Problem(Struct, frozen=True, omit_defaults=True):
    """What went wrong with a request.

    `type` is `urn:muster:problem:<code>`; `path` the first fault in the body, as in `$.sections.host.items[3].ref`.
    """

    title: str
    status: int
    type: str = "about:blank"
    detail: str = ""
    instance: str = ""
    path: str = ""

    @property
    def code(self) -> str:
        """The short name in `type`, empty where it is another's."""
        return self.type.removeprefix(TYPE_PREFIX) if self.type.startswith(TYPE_PREFIX) else ""


def problem_type(code: str) -> str:
    """The `type` of a short name: `sequence-reused` gives `urn:muster:problem:sequence-reused`."""
    return TYPE_PREFIX + code
