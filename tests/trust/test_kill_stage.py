"""A collector killed at any stage of taking a report loses none that it acknowledged and doubles none."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest

from collector.store.engine import Database, open_database
from collector.store.migrate import migrate_database
from tests.conftest import ROOT
from tests.support.chance import SEED
from tests.support.postgresql_server import engine_url
from tests.trust.intake import STAGES
from tests.trust.story import count_rows, load_sequences, make_line

REPORTS = 20
ALL = list(range(1, REPORTS + 1))


CASES = [*(("sqlite", stage) for stage in STAGES), *(("postgresql", stage) for stage in ("identified", "committing", "committed"))]


def make_store(kind: str, folder: Path) -> Database:
    folder.mkdir()
    database = open_database(engine_url(kind, folder))
    migrate_database(database)
    return database


def run_intake(database: Database, sequences: Sequence[int], *stage: str) -> tuple[list[int], int]:
    """The sequences that a process acknowledged, and how it ended (negative: by that signal)."""
    command = [sys.executable, "-m", "tests.trust.intake", database.url.render_as_string(hide_password=False), *stage]
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        feeder = threading.Thread(target=feed, args=(process, sequences))
        feeder.start()
        assert process.stdout is not None
        acknowledged = [int(line) for line in process.stdout]
        feeder.join()
        return acknowledged, process.wait()


def feed(process: subprocess.Popen[bytes], sequences: Sequence[int]) -> None:
    assert process.stdin is not None
    try:
        for sequence in sequences:
            process.stdin.write(make_line(sequence))
            process.stdin.flush()
        process.stdin.close()
    except BrokenPipeError:  # it was killed: what is not acknowledged is sent again
        return


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, int]:
    """The rows that these reports make where nothing is killed."""
    database = make_store("sqlite", tmp_path_factory.mktemp("undisturbed") / "store")
    assert run_intake(database, ALL) == (ALL, 0)
    rows = count_rows(database)
    database.close()
    return rows


@pytest.mark.parametrize(("engine", "stage"), CASES)
def test_kill_at_a_stage_loses_nothing_and_doubles_nothing(engine: str, stage: str, tmp_path: Path, undisturbed: dict[str, int]) -> None:
    # A host is new once, and all reports may go in one commit.
    occurrence = 1 if stage in {"identified", "committing"} else random.Random(f"{SEED}{stage}").randint(1, 4)
    database = make_store(engine, tmp_path / "killed")
    acknowledged, ending = run_intake(database, ALL, stage, str(occurrence))
    assert ending == -signal.SIGKILL
    held = load_sequences(database)
    assert set(acknowledged) <= set(held)
    assert held == sorted(set(held))
    again, ending = run_intake(database, ALL)  # a source cannot know which of them arrived: it sends all that it still has
    assert (again, ending) == (ALL, 0)
    assert load_sequences(database) == ALL
    assert count_rows(database) == undisturbed
    assert min(undisturbed.values()) > 0
    database.close()
