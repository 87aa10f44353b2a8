"""What every test folder shares: the rule for tests of real servers, and the folder of recorded devices."""

from __future__ import annotations

import os
from pathlib import Path

import hypothesis
import pytest

# The same examples in every run: what lands is decided by the code, not by chance; `make soak` looks for new ones.
hypothesis.settings.register_profile("default", deadline=None, derandomize=True)
hypothesis.settings.register_profile("soak", deadline=None, max_examples=5_000)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))

ROOT = Path(__file__).resolve().parent.parent


def missing(what: str) -> None:
    """Skip with the reason, or fail where servers are required (MUSTER_REQUIRE_SERVERS=1, as CI sets it)."""
    if os.environ.get("MUSTER_REQUIRE_SERVERS") == "1":
        pytest.fail(f"{what} is missing and MUSTER_REQUIRE_SERVERS=1", pytrace=False)
    pytest.skip(f"{what} is missing")


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]):  # type: ignore[no-untyped-def]  # pytest's own protocol
    """Where servers are required a skip is a failure: nothing passes by not running."""
    outcome = yield
    report = outcome.get_result()
    if report.skipped and not hasattr(report, "wasxfail") and os.environ.get("MUSTER_REQUIRE_SERVERS") == "1":
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} was skipped although MUSTER_REQUIRE_SERVERS=1: {report.longrepr}"


@pytest.fixture(scope="session")
def recordings() -> Path:
    """The folder of recorded devices (MUSTER_RECORDINGS, else beside the checkout); skips where it is absent."""
    folder = Path(os.environ.get("MUSTER_RECORDINGS", ROOT.parent / "shared" / "snmp" / "recordings"))
    if not folder.is_dir():
        missing(f"the folder of recorded devices {folder} (set MUSTER_RECORDINGS)")
    return folder
