"""A real Alertmanager on free ports, with a short `resolve_timeout`."""

from __future__ import annotations

import json
import shutil
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.conftest import missing
from tests.support.server import free_port, running

CONFIGURATION = """\
global: {{resolve_timeout: {resolve_timeout}}}
route: {{receiver: nobody, group_wait: 1s, group_interval: 1s}}
receivers: [{{name: nobody}}]
"""


@dataclass(frozen=True)
class Alertmanager:
    """A running server."""

    url: str

    def alerts(self, *, active: bool = True) -> list[dict[str, Any]]:
        """What its API lists; resolved alerts are not in it."""
        with urllib.request.urlopen(f"{self.url}/api/v2/alerts?active={str(active).lower()}", timeout=5) as answer:
            found: list[dict[str, Any]] = json.load(answer)
        return found

    def alert_of(self, incident_id: str) -> dict[str, Any] | None:
        """The active alert of one incident."""
        return next((each for each in self.alerts() if each["labels"].get("muster_incident") == incident_id), None)


@contextmanager
def running_alertmanager(folder: Path, *, resolve_timeout: str = "5s") -> Iterator[Alertmanager]:
    """Start it in `folder`; skips the test where Debian's prometheus-alertmanager is not installed."""
    binary = shutil.which("prometheus-alertmanager") or shutil.which("alertmanager")
    if binary is None:
        missing("prometheus-alertmanager")
    assert binary is not None
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "alertmanager.yml").write_text(CONFIGURATION.format(resolve_timeout=resolve_timeout), encoding="utf-8")
    url = f"http://127.0.0.1:{(port := free_port())}"
    command = [
        binary, f"--config.file={folder}/alertmanager.yml", f"--storage.path={folder}/storage", f"--web.listen-address=127.0.0.1:{port}",
        "--cluster.listen-address=", "--log.level=warn",
    ]  # fmt: skip
    with running(command, ready_url=f"{url}/-/ready", log=folder / "alertmanager.log"):
        yield Alertmanager(url)
