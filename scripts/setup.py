"""Make the virtual environment from a lock, then the pages' assets; each step only when its inputs changed.

Needs only Python 3.11 with venv. `setup.py run` for using Muster, `setup.py dev` for working on it.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
ASSET_INPUTS = ["package.json", "package-lock.json", "scripts/build_assets.py"]


def main() -> int:
    kind = sys.argv[1] if len(sys.argv) > 1 else "run"
    if kind not in {"run", "dev"}:
        return complain(f"unknown kind of set-up {kind!r}; use run or dev")
    if sys.version_info < (3, 11):  # noqa: UP036  # whoever calls this may have an older Python
        found = ".".join(map(str, sys.version_info[:3]))
        return complain(f"Python 3.11 or newer is needed, this is {found}; install it and run: make PYTHON=python3.11 up")
    return ensure_environment(kind) or ensure_assets()


def complain(message: str) -> int:
    print(f"setup: {message}", file=sys.stderr)
    return 1


def fingerprint(*files: str) -> str:
    digest = hashlib.sha256(sys.version.encode())
    for name in files:
        path = ROOT / name
        digest.update(name.encode() + b"\0" + (path.read_bytes() if path.is_file() else b"absent"))
    return digest.hexdigest()


def is_current(stamp: Path, wanted: str) -> bool:
    return stamp.is_file() and stamp.read_text(encoding="ascii") == wanted


def ensure_environment(kind: str) -> int:
    """The virtual environment holds what the lock names; a `dev` one also serves for `run`."""
    for each in ("dev", kind):
        if is_current(VENV / f".muster-{each}", fingerprint(f"requirements/{each}.txt", "pyproject.toml")):
            return 0
    try:
        import ensurepip  # noqa: F401  # Debian splits it off; venv needs it
        import venv  # noqa: F401
    except ImportError:
        return complain("this Python has no venv; on Debian and Ubuntu: apt-get install python3-venv")
    if not PYTHON.exists():
        say("making the virtual environment .venv")
        if run(sys.executable, "-m", "venv", str(VENV)):
            return complain("the virtual environment could not be made; see above")
    say(f"installing the locked dependencies (requirements/{kind}.txt)")
    pip = (str(PYTHON), "-m", "pip", "--quiet", "--disable-pip-version-check", "install")
    if run(*pip, "--require-hashes", "--no-deps", "--only-binary", ":all:", "-r", f"requirements/{kind}.txt"):
        return complain("the dependencies could not be installed; is a package registry reachable (pip config list)?")
    if run(*pip, "--no-deps", "--no-build-isolation", "--editable", "."):
        return complain("Muster itself could not be installed into .venv; see above")
    (VENV / f".muster-{kind}").write_text(fingerprint(f"requirements/{kind}.txt", "pyproject.toml"), encoding="ascii")
    return 0


def ensure_assets() -> int:
    script = ROOT / "scripts" / "build_assets.py"
    stamp = VENV / ".muster-assets"
    wanted = fingerprint(*ASSET_INPUTS)
    vendor = ROOT / "collector" / "web" / "static" / "vendor"
    if not script.is_file() or (is_current(stamp, wanted) and vendor.is_dir()):
        return 0
    say("fetching the pages' scripts with npm")
    if run(str(PYTHON), str(script)):
        return complain("the pages' scripts could not be fetched; is npm or its registry reachable?")
    stamp.write_text(wanted, encoding="ascii")
    return 0


def say(message: str) -> None:
    print(f"setup: {message}", flush=True)


def run(*command: str) -> int:
    environment = {**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    executable = shutil.which(command[0]) or command[0]
    return subprocess.run([executable, *command[1:]], cwd=ROOT, env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
