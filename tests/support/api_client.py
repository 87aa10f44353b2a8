"""A caller of the collector's HTTP API, as a script of an operator would be: urllib, a token, JSON."""

from __future__ import annotations

import json
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Answered:
    """One answer; `body` decoded where it is JSON."""

    status: int
    body: Any
    headers: dict[str, str]


@dataclass(frozen=True)
class ApiClient:
    """Calls with one token."""

    url: str
    token: str = ""

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> Answered:
        """One request; an error status is an answer too."""
        data = None if body is None else json.dumps(body).encode()
        sent = {"Accept": "application/json", **{name.replace("_", "-"): value for name, value in headers.items()}}
        if data is not None:
            sent.setdefault("Content-Type", "application/json")
        if self.token:
            sent["Authorization"] = f"Bearer {self.token}"
        request = urllib.request.Request(self.url + path, data=data, method=method, headers=sent)
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                return _answered(answer.status, answer.read(), answer.headers)
        except urllib.error.HTTPError as error:
            return _answered(error.code, error.read(), error.headers)

    def get(self, path: str, **query: str | int) -> Any:
        """The body of a successful GET. Raises AssertionError with the answer otherwise."""
        asked = path + (f"?{urllib.parse.urlencode(query)}" if query else "")
        answer = self.call("GET", asked)
        assert answer.status == 200, (asked, answer)
        return answer.body

    def items(self, path: str, **query: str | int) -> list[dict[str, Any]]:
        """The items of one page of a list."""
        found: list[dict[str, Any]] = self.get(path, **query)["items"]
        return found


def _answered(status: int, body: bytes, headers: Any) -> Answered:
    is_json = "json" in headers.get("Content-Type", "")
    return Answered(status, json.loads(body) if is_json and body else body, dict(headers.items()))
