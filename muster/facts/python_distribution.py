"""Python distributions by the names of their `.dist-info` and `.egg-info` folders (PyPA: recording installed projects)."""

from __future__ import annotations

import re
from collections.abc import Iterable

from muster.facts.package import Package

# Where distributions lie that no system package owns; a listing of these folders is what both agent and SSH read.
FOLDER_PATTERNS = ("/usr/local/lib/python3*/dist-packages", "/usr/local/lib/python3*/site-packages")
_NAME = re.compile(r"(?P<name>[A-Za-z0-9][A-Za-z0-9._]*)-(?P<version>[^-/]+)(?:-py[0-9.]+)?\.(?:dist|egg)-info\Z")


def parse_dist_info(names: Iterable[str]) -> list[Package]:
    """Packages from file names of such a folder (a path before the name is ignored); other names are left out."""
    found: dict[str, Package] = {}
    for text in names:
        match = _NAME.match(text.strip().rstrip("/").rpartition("/")[2])
        if match:
            name = re.sub(r"[-_.]+", "-", match["name"]).lower()
            found[name] = Package(manager="pip", name=name, version=match["version"])
    return [found[name] for name in sorted(found)]
