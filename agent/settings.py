"""The settings that the resident process runs with, as plain values: `agent/configuration.py` makes them and is not loaded here."""

from __future__ import annotations

import json
from typing import NamedTuple

DEFAULT_URL = "http://127.0.0.1:8420"


class Settings(NamedTuple):
    """Where to report and how often. Paths are absolute; `ca_file` and `listen` may be empty; no secret is among them."""

    url: str
    name: str
    zone: str
    token_file: str
    ca_file: str
    state_directory: str
    listen: str = ""
    interval_seconds: int = 15
    inventory_seconds: int = 600
    root: str = "/"
    recording: str = ""
    spool_bytes: int = 64 * 1_048_576
    log_level: str = "info"

    def to_text(self) -> str:
        """One line, for the command line of the resident process."""
        return json.dumps(self._asdict())


def parse_settings(text: str) -> Settings:
    """The settings of `to_text`. Raises ValueError, TypeError on anything else."""
    return Settings(**json.loads(text))
