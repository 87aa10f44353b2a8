"""A process that takes reports, to be killed: `python -m tests.trust.intake STORE [STAGE OCCURRENCE]`.

One JSON report a line comes in, the sequence of each acknowledged one goes out. At the given occurrence of a stage it kills itself,
as a power cut would.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from sqlalchemy import event

from collector.store.engine import open_database
from collector.store.ingest import Context, Envelope, accept_report
from collector.store.writer import Writer
from muster.model.ci_class import load_catalogue
from muster.wire.codec import decode_report
from muster.wire.report import Answer

# A stage and how it is known: the beginning of a statement that was carried out, or a point of the process itself.
STATEMENTS = {
    "journalled": "INSERT INTO report",
    "identified": "INSERT INTO ci ",
    "sampled": "INSERT INTO chunk",
}
POINTS = ("taken", "committing", "committed", "acknowledged")
STAGES = (*STATEMENTS, *POINTS)


def main(store: str, stage: str, occurrence: int) -> None:
    database = open_database(store)
    pass_stage = make_counter(stage, occurrence)

    def executed(_connection: Any, _cursor: Any, statement: str, *_rest: object) -> None:
        for name, beginning in STATEMENTS.items():
            if statement.startswith(beginning):
                pass_stage(name)

    event.listen(database.writing, "after_cursor_execute", executed)
    event.listen(database.writing, "release_savepoint", lambda *_: pass_stage("taken"))
    event.listen(database.writing, "commit", lambda _connection: pass_stage("committing"))
    writer = Writer(database)
    writer.start()
    context = Context(load_catalogue())

    def acknowledge(done: Future[Answer]) -> None:
        pass_stage("committed")
        sys.stdout.write(f"{done.result().accepted_sequence}\n")
        sys.stdout.flush()
        pass_stage("acknowledged")

    for line in sys.stdin.buffer:
        body = line.strip()
        report = decode_report(body, "application/json")
        envelope = Envelope(report, body, "application/json", int(report.observed_at) + 5)
        writer.submit(lambda connection, envelope=envelope: accept_report(connection, context, envelope)).add_done_callback(acknowledge)  # type: ignore[misc]
    writer.stop()
    database.close()


def make_counter(stage: str, occurrence: int) -> Callable[[str], None]:
    left = occurrence

    def pass_stage(name: str) -> None:
        nonlocal left
        if name == stage:
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    return pass_stage


if __name__ == "__main__":
    main(sys.argv[1], *((sys.argv[2], int(sys.argv[3])) if len(sys.argv) > 2 else ("", 0)))
