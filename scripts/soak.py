"""The long versions of the failure tests: hundreds of kills and long fuzzing; their table goes to docs/measured/soak.md."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import time
from pathlib import Path
from xml.etree import ElementTree

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "measured" / "soak.md"
SEED = os.environ.get("MUSTER_SEED", "20260301")
# what is run → how; MUSTER_KILLS and the hypothesis profile are read by the tests themselves
PARTS = {
    "kills of the collector under load": ["-k", "kill", "tests/trust", "tests/end_to_end"],
    "kills of a source's spool": ["-k", "kill", "tests/wire", "tests/agent"],
    "properties of the pure core": ["-k", "property or hypothesis or test", "tests/reconcile", "tests/services"],
}


def run_part(name: str, choice: list[str], report: Path) -> dict[str, str]:
    environment = {**os.environ, "MUSTER_KILLS": os.environ.get("MUSTER_KILLS", "200"), "MUSTER_SEED": SEED, "HYPOTHESIS_PROFILE": "soak"}
    folders = [each for each in choice if not each.startswith("tests/") or (ROOT / each).is_dir()]
    started = time.monotonic()
    command = [sys.executable, "-m", "pytest", "-q", "--timeout", "7200", f"--junitxml={report}", *folders]
    subprocess.run(command, cwd=ROOT, env=environment, check=False)
    suite = next(ElementTree.parse(report).getroot().iter("testsuite"))
    return {
        "part": name,
        "kills": environment["MUSTER_KILLS"] if "kill" in name else "",
        "tests": suite.get("tests", "0"),
        "failed": str(int(suite.get("failures", "0")) + int(suite.get("errors", "0"))),
        "seconds": f"{time.monotonic() - started:.0f}",
    }


def main() -> int:
    PAGE.parent.mkdir(parents=True, exist_ok=True)
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()
    rows = [run_part(name, choice, ROOT / ".venv" / "soak.xml") for name, choice in PARTS.items()]
    lines = [
        "# Soak",
        "",
        (
            f"`make soak`, seed {SEED}, commit {commit}, {time.strftime('%Y-%m-%d', time.gmtime())}, {os.cpu_count()} cores, "
            f"Python {platform.python_version()} on {platform.system()} {platform.machine()}."
        ),
        "",
        "| part | kills each | tests | failed | seconds |",
        "| --- | --- | --- | --- | --- |",
        *(f"| {row['part']} | {row['kills']} | {row['tests']} | {row['failed']} | {row['seconds']} |" for row in rows),
    ]
    PAGE.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(f"soak: wrote {PAGE.relative_to(ROOT)}")
    return int(any(row["failed"] != "0" for row in rows))


if __name__ == "__main__":
    sys.exit(main())
