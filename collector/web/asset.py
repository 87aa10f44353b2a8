"""Static files by content: each has an address that changes with it, so that browsers may keep it for ever."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

STATIC = Path(__file__).parent / "static"
TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml", ".png": "image/png", ".ico": "image/x-icon"}


@dataclass(frozen=True)
class Asset:
    """A file that is served: its bytes, and the digest that stands in its address."""

    content: bytes
    content_type: str
    digest: str


class Assets:
    """All static files, read once at start. Those of `vendor/` go by the names of its manifest; without it pages work without script."""

    def __init__(self, files: Mapping[str, Asset]) -> None:
        self._files = dict(files)

    def get(self, name: str) -> Asset | None:
        return self._files.get(name)

    def address(self, name: str) -> str:
        """`/static/app.css?v=…`; empty where there is no such file."""
        found = self._files.get(name)
        return f"/static/{name}?v={found.digest}" if found else ""

    def has(self, name: str) -> bool:
        return name in self._files


def load_assets(folder: Path = STATIC) -> Assets:
    """Every file of a known type below the folder, by its path in it."""
    files = {}
    vendored = _read_manifest(folder / "vendor")
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.suffix in TYPES:
            name = path.relative_to(folder).as_posix()
            content = path.read_bytes()
            files[vendored.get(name, name)] = Asset(content, TYPES[path.suffix], hashlib.sha256(content).hexdigest()[:16])
    return Assets(files)


def _read_manifest(vendor: Path) -> dict[str, str]:
    """File as built → the name that pages use."""
    try:
        manifest = json.loads((vendor / "manifest.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return {f"vendor/{built}": f"vendor/{name}" for name, built in manifest.items() if name != "lock"}
