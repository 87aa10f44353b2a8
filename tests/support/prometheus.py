"""A real Prometheus on a free port that scrapes a collector and discovers targets from it, with the token in a file."""

from __future__ import annotations

import json
import shutil
import subprocess
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.conftest import missing
from tests.support.server import free_port, running

CONFIGURATION = """\
global: {{scrape_interval: 1s, scrape_timeout: 1s}}
scrape_configs:
  - job_name: muster
    authorization: {{type: Bearer, credentials_file: {token_file}}}
    static_configs: [{{targets: ["{collector}"]}}]
  - job_name: discovered
    http_sd_configs:
      - url: http://{collector}/v1/prometheus/targets?job={job}
        authorization: {{type: Bearer, credentials_file: {token_file}}}
        refresh_interval: 1s
    relabel_configs:
      - {{source_labels: [__meta_muster_ci_id], target_label: ci_id}}
      - {{source_labels: [__meta_muster_service], target_label: service}}
"""


@dataclass(frozen=True)
class Prometheus:
    """A running server."""

    url: str

    def query(self, expression: str) -> list[dict[str, Any]]:
        """The instant vector of a PromQL expression."""
        found: list[dict[str, Any]] = self._get("/api/v1/query?query=" + urllib.parse.quote(expression))["result"]
        return found

    def targets(self, job: str) -> list[dict[str, Any]]:
        """The active targets of a job, with `labels`, `discoveredLabels` and `health`."""
        return [each for each in self._get("/api/v1/targets?state=active")["activeTargets"] if each["scrapePool"] == job]

    def _get(self, path: str) -> Any:
        with urllib.request.urlopen(self.url + path, timeout=5) as answer:
            return json.load(answer)["data"]


@contextmanager
def running_prometheus(folder: Path, *, collector: str, token: str, job: str = "node") -> Iterator[Prometheus]:
    """Start it in `folder` against a collector (`host:port`); skips the test where Debian's prometheus is not installed."""
    binary = shutil.which("prometheus")
    if binary is None:
        missing("prometheus")
    assert binary is not None
    folder.mkdir(parents=True, exist_ok=True)
    token_file = folder / "token"
    token_file.write_text(token, encoding="ascii")
    token_file.chmod(0o600)
    (folder / "prometheus.yml").write_text(CONFIGURATION.format(collector=collector, token_file=token_file, job=job), encoding="utf-8")
    url = f"http://127.0.0.1:{(port := free_port())}"
    command = [
        binary, f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/tsdb", f"--web.listen-address=127.0.0.1:{port}",
        "--log.level=warn",
    ]  # fmt: skip
    with running(command, ready_url=f"{url}/-/ready", log=folder / "prometheus.log"):
        yield Prometheus(url)


def check_metrics(exposition: bytes) -> str:
    """What `promtool check metrics` finds wrong; empty when clean. Skips the test where promtool is not installed."""
    binary = shutil.which("promtool")
    if binary is None:
        missing("promtool")
    assert binary is not None
    done = subprocess.run([binary, "check", "metrics"], input=exposition, capture_output=True, check=False, timeout=30)
    found = (done.stdout + done.stderr).decode()
    return found or ("" if done.returncode == 0 else f"promtool ended with {done.returncode}")
