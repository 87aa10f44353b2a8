"""Who makes a request, and what each role may do. Only values; how a credential is checked is in `authentication.py`."""

from __future__ import annotations

from typing import Any, Literal

from msgspec import Struct

Role = Literal["viewer", "auditor", "configuration_manager", "operator", "administrator"]
# `verifier`: who may sign off what somebody else measured.
Access = Literal["open", "enrolment", "source", "viewer", "auditor", "verifier", "configuration_manager", "operator", "administrator"]

# What each role of a person or API token includes. Sources and enrolment tokens may do nothing else than their own.
GRANTS: dict[str, frozenset[str]] = {
    "viewer": frozenset({"viewer"}),
    "auditor": frozenset({"viewer", "auditor", "verifier"}),
    "configuration_manager": frozenset({"viewer", "verifier", "configuration_manager"}),
    "operator": frozenset({"viewer", "operator"}),
    "administrator": frozenset({"viewer", "auditor", "verifier", "configuration_manager", "operator", "administrator"}),
    "source": frozenset({"source"}),
    "enrolment": frozenset({"enrolment"}),
}


class Identity(Struct, frozen=True, kw_only=True):
    """The caller of one request.

    `kind`: a signed-in person, an API token, a source's token or an enrolment token. `name`: the account's or the token's. `csrf`:
    what a session's writes must bring along. `scope`: what a token is confined to. `language`: the account's choice.
    """

    kind: Literal["session", "api", "source", "enrolment"]
    name: str
    role: str
    token_id: str | None = None
    source_id: int | None = None
    scope: dict[str, Any] = {}
    csrf: str = ""
    language: str | None = None

    def may(self, access: str) -> bool:
        """Whether the role includes this access."""
        return access == "open" or access in GRANTS.get(self.role, frozenset())

    @property
    def actor(self) -> str:
        """As decisions and the audit trail name the caller: `person:kim`, `token:ci`."""
        return f"person:{self.name}" if self.kind == "session" else f"token:{self.name}"
