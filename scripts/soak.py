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
# what is run → its tests; these read MUSTER_KILLS, MUSTER_SEED (tests/support/chance.py) and the hypothesis profile themselves
PARTS = {
    "kills of the collector under load": ["tests/trust/test_kill.py"],
    "kills of the deliverer of incidents": ["tests/incidents/test_kill.py"],
    "kills of a source": ["-k", "test_a_kill", "tests/wire/test_spool.py", "tests/agent/test_process.py"],
    "properties of the pure core": ["tests/reconcile", "tests/services", "tests/evaluation", "tests/model", "tests/facts"],
    "fuzzing of the API": ["tests/api/test_fuzz.py", "tests/api/test_report.py"],
}


def run_part(name: str, choice: list[str], report: Path) -> dict[str, str]:
    environment = {
        **os.environ,
        "MUSTER_KILLS": os.environ.get("MUSTER_KILLS", "200"),
        "MUSTER_SEED": SEED,
        "MUSTER_ORDERS": "24",
        "HYPOTHESIS_PROFILE": "soak",
    }
    started = time.monotonic()
    command = [sys.executable, "-m", "pytest", "-q", "--timeout", "7200", f"--junitxml={report}", *choice]
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
        "| part | MUSTER_KILLS | tests | failed | seconds |",
        "| --- | --- | --- | --- | --- |",
        *(f"| {row['part']} | {row['kills']} | {row['tests']} | {row['failed']} | {row['seconds']} |" for row in rows),
    ]
    PAGE.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(f"soak: wrote {PAGE.relative_to(ROOT)}")
    return int(any(row["failed"] != "0" for row in rows))


if __name__ == "__main__":
    sys.exit(main())
