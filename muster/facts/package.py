"""The record that dpkg, rpm and pip parsers share."""

from __future__ import annotations

from typing import NamedTuple


class Package(NamedTuple):
    """One installed package; `slot` tells versions installed side by side apart, unknown texts are empty."""

    manager: str
    name: str
    version: str
    architecture: str = ""
    slot: str = ""
    vendor: str = ""
    source_package: str = ""
    summary: str = ""
    size_bytes: int | None = None
    installed_at: int | None = None
