"""Resolve the dependencies of each kind of installation into requirements/*.txt, with hashes and without any host name."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCKS = {
    "agent": ["--extra", "agent", "--group", "build"],
    "discovery": ["--extra", "discovery", "--group", "build"],
    "run": ["--extra", "collector", "--group", "build", "--group", "assets"],
    "dev": ["--extra", "collector", "--group", "build", "--group", "assets", "--group", "dev", "--group", "lock"],
}


def main() -> int:
    for name, choices in LOCKS.items():
        command = [
            str(ROOT / ".venv/bin/uv"), "pip", "compile", "pyproject.toml", *choices, "--quiet", "--universal", "--python-version", "3.11",
            "--generate-hashes", "--no-emit-index-url", "--custom-compile-command", "make lock", "--no-header",
            "--no-emit-package", "muster-cmdb", "--output-file", f"requirements/{name}.txt", *sys.argv[1:],
        ]  # fmt: skip
        print(f"requirements/{name}.txt", flush=True)
        subprocess.run(command, cwd=ROOT, check=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
