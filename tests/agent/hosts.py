"""Recorded hosts: tests/recordings/hosts/<name>/ with what the agent must make of them in expected/."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from agent.host import Host
from agent.recording import open_host
from tests.conftest import ROOT

FOLDER = ROOT / "tests" / "recordings" / "hosts"
HOSTS = sorted(path.name for path in FOLDER.iterdir() if (path / "system.json").is_file())


def open_recorded(name: str) -> Host:
    """The recorded host."""
    return open_host(recording=str(FOLDER / name))


def load_expected(name: str, file: str) -> Any:
    """What `expected/<file>.json` of a host holds."""
    return json.loads((FOLDER / name / "expected" / f"{file}.json").read_text(encoding="utf-8"))


def copy_tree(source: Path, target: Path) -> None:
    """A recording to change: links stay links, whether or not they lead anywhere."""
    import shutil

    shutil.copytree(source, target, symlinks=True)
