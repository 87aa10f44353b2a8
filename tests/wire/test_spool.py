"""The spool: order, bounds, what is told as dropped, and a kill at any instant."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from muster.errors import UnavailableError
from muster.wire.compression import compress, inflate
from muster.wire.spool import DroppedRange, Spool
from tests.conftest import ROOT
from tests.support.chance import count_kills
from tests.support.server import eventually

JSON = "application/json"


def add(spool: Spool, body: bytes = b"x", *, keeps: bool = False, now_ms: int = 0) -> int:
    sequence = spool.next_sequence
    spool.dropped()
    spool.add(sequence, body, keeps=keeps, now_ms=now_ms, content_type=JSON, content_encoding="")
    return sequence


def waiting(spool: Spool) -> list[tuple[int, bytes | None]]:
    return [(entry.sequence, spool.load(entry)) for entry in spool.entries()]


def test_what_waits_is_there_again_after_a_restart(tmp_path: Path) -> None:
    folder = str(tmp_path / "spool")
    first = Spool(folder)
    add(first, b"a"), add(first, b"b")
    second = Spool(folder)
    assert waiting(second) == [(0, b"a"), (1, b"b")]
    assert (second.instance, second.next_sequence, second.size_bytes) == (first.instance, 2, 2)
    assert (tmp_path / "spool").stat().st_mode & 0o777 == 0o700
    assert {file.stat().st_mode & 0o777 for file in (tmp_path / "spool").iterdir()} == {0o600}


def test_a_delivered_sequence_is_never_used_again(tmp_path: Path) -> None:
    spool = Spool(str(tmp_path))
    for _ in range(3):
        add(spool)
        for entry in spool.entries():
            spool.remove(entry)
    assert (len(spool), Spool(str(tmp_path)).next_sequence) == (0, 3)
    assert len(list(tmp_path.iterdir())) == 2


def test_reports_of_metrics_alone_go_first_when_the_spool_is_full(tmp_path: Path) -> None:
    spool = Spool(str(tmp_path), maximum_bytes=3)
    add(spool, keeps=True), add(spool), add(spool), add(spool)
    assert [entry.sequence for entry in spool.entries()] == [0, 2, 3]
    add(spool, keeps=True), add(spool, keeps=True), add(spool, keeps=True)
    assert [entry.sequence for entry in spool.entries()] == [4, 5, 6]
    # 2 and 3 went one after the other, but a report between them tells of 2 alone.
    assert spool.dropped() == [DroppedRange(number, number, "spool full") for number in (1, 2, 3, 0)]


def test_too_old_reports_go_and_are_told_once(tmp_path: Path) -> None:
    spool = Spool(str(tmp_path), maximum_age_seconds=10)
    add(spool, now_ms=0), add(spool, now_ms=5_000)
    last = add(spool, now_ms=20_000)
    assert [entry.sequence for entry in spool.entries()] == [last]
    assert spool.dropped() == [DroppedRange(0, 1, "too old")]
    spool.remove(spool.entries()[0])
    assert spool.dropped() == [DroppedRange(0, 1, "too old")], "that report was written before they were dropped and told nothing"
    add(spool, now_ms=21_000)
    spool.remove(spool.entries()[0])
    assert spool.dropped() == []
    assert Spool(str(tmp_path)).dropped() == []


def test_a_range_dropped_while_a_report_is_built_is_told_by_the_next(tmp_path: Path) -> None:
    spool = Spool(str(tmp_path))
    add(spool)
    spool.dropped()
    spool.drop(spool.entries()[0], "refused 422: x")
    spool.add(1, b"x", keeps=False, now_ms=0, content_type=JSON, content_encoding="")
    spool.remove(spool.entries()[0])
    assert spool.dropped() == [DroppedRange(0, 0, "refused 422: x")]


def test_a_lost_file_is_listed(tmp_path: Path) -> None:
    spool = Spool(str(tmp_path))
    add(spool), add(spool)
    (tmp_path / spool.entries()[0].file).unlink()
    assert spool.load(spool.entries()[0]) is None
    assert (len(spool), spool.dropped()) == (1, [DroppedRange(0, 0, "file lost")])


@pytest.mark.parametrize("encoding", ["", "gzip"])
def test_a_new_instance_stands_in_every_report_that_waits(tmp_path: Path, encoding: str) -> None:
    spool = Spool(str(tmp_path))
    old = spool.instance
    body = compress(b'{"instance": "%s", "x": 1}' % old.encode(), encoding)
    spool.add(0, body, keeps=False, now_ms=0, content_type=JSON, content_encoding=encoding)
    new = spool.renew_instance()
    stored = spool.load(spool.entries()[0])
    assert stored is not None
    assert inflate(stored, encoding, maximum_compressed_bytes=999, maximum_inflated_bytes=999) == b'{"instance": "%s", "x": 1}' % new.encode()
    assert new != old
    assert (Spool(str(tmp_path)).instance, spool.size_bytes) == (new, len(stored))


def test_an_unusable_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(UnavailableError, match="file/spool"):
        Spool(str(tmp_path / "file" / "spool"))


@given(st.lists(st.tuples(st.sampled_from(["add", "keep", "newest", "oldest", "reopen"]), st.integers(0, 4)), max_size=30))
def test_every_sequence_is_waiting_delivered_or_dropped(tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, int]]) -> None:
    folder = str(tmp_path_factory.mktemp("spool"))
    spool, made, delivered = Spool(folder, maximum_bytes=8), 0, set()
    for step, size in steps:
        if step in ("add", "keep"):
            add(spool, b"x" * size, keeps=step == "keep")
            made += 1
        elif step == "reopen":
            spool = Spool(folder, maximum_bytes=8)
        else:
            entry = spool.newest() if step == "newest" else spool.oldest()
            if entry is not None:
                # Not remove(): what was told stays listed here, so that the sum can be checked.
                spool.drop(entry, "delivered")
                delivered.add(entry.sequence)
    waits = [entry.sequence for entry in spool.entries()]
    dropped = [number for each in spool.dropped() for number in range(each.from_sequence, each.to_sequence + 1)]
    assert waits == sorted(waits)
    assert sorted([*waits, *dropped]) == list(range(made))
    assert delivered <= set(dropped)
    assert spool.size_bytes == sum(entry.size_bytes for entry in spool.entries())


WRITER = """
import sys
from muster.wire.spool import Spool
spool = Spool(sys.argv[1])
while True:
    sequence = spool.next_sequence
    spool.add(sequence, b"%08d" % sequence * 500, keeps=False, now_ms=0, content_type="application/json", content_encoding="")
    print(sequence, flush=True)
    if sequence % 7 == 3:
        spool.remove(spool.oldest())
"""


@pytest.mark.parametrize("seed", range(count_kills(6)))
def test_a_kill_loses_at_most_the_report_being_written(tmp_path: Path, seed: int) -> None:
    """Real processes and a real SIGKILL at a seeded instant; every sequence that was printed is there, whole."""
    log = tmp_path / "log"
    with log.open("wb") as output:
        process = subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path / "spool")], stdout=output, cwd=ROOT)
        try:
            eventually(lambda: log.stat().st_size > 0, what="the first report")
            until = time.monotonic() + random.Random(seed).uniform(0.01, 0.2)
            while time.monotonic() < until:
                assert process.poll() is None
        finally:
            process.send_signal(signal.SIGKILL)
            process.wait(timeout=10)
    acknowledged = [int(line) for line in log.read_text().splitlines() if line.strip()]
    spool = Spool(str(tmp_path / "spool"))
    bodies = dict(waiting(spool))
    removed = len([sequence for sequence in acknowledged[:-1] if sequence % 7 == 3])
    lost = set(acknowledged) - set(bodies)
    assert lost <= set(range(removed + 1)), "only the oldest were delivered"
    assert spool.next_sequence in (acknowledged[-1] + 1, acknowledged[-1] + 2)
    assert all(body == b"%08d" % sequence * 500 for sequence, body in bodies.items())
