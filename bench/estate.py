"""A generated estate with known truth, lived through day by day in the real store: what opens on days on which nothing changed, how well
records are put together, and whether each event comes out as it should.

    python -m bench.estate --hosts 1000 --days 14 --seed 7
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench._estate.drive import START, Believer, Day
from bench._estate.life import EVENTS, live_quietly
from bench._estate.machine import World
from bench._estate.score import Score, score
from bench._estate.sight import DAY_MS, Sight, daily_reports
from collector.store.engine import Database, open_database
from collector.store.migrate import migrate_database

CASES_PER_HOST_AND_WEEK = 0.001
SETTLING_DAYS = 6  # of crowded desks: by then every dock has met several laptops at one time


@dataclass
class Course:
    """What a whole course came to. `faults`: events that came out otherwise than they should, with what was wrong."""

    hosts: int
    imported: int = 0
    first: Day = field(default_factory=Day)
    settling: Day = field(default_factory=Day)
    quiet_days: int = 0
    quiet: Day = field(default_factory=Day)
    events: list[tuple[str, str, str]] = field(default_factory=list)
    score: Score = field(default_factory=lambda: Score(0, 0, 0))
    reports: int = 0
    seconds: float = 0.0

    @property
    def cases_per_host_and_week(self) -> float:
        return sum(self.quiet.cases.values()) / self.hosts / (self.quiet_days / 7) if self.quiet_days else 0.0

    @property
    def is_good(self) -> bool:
        opened = [*self.settling.differences.values(), *self.quiet.differences.values(), self.settling.made, self.quiet.made]
        is_quiet = not any(opened) and self.cases_per_host_and_week < CASES_PER_HOST_AND_WEEK
        return is_quiet and self.score.precision == 1.0 and not any(fault for _, _, fault in self.events)


def run_course(database: Database, *, hosts: int, days: int, seed: int, tell: Callable[[str], None] = lambda _: None) -> Course:
    """An import, a first day that a person accepts, days in which shared docks become known, `days` quiet days, and then each event."""
    began = time.perf_counter()
    world, sight, believer = World(hosts, seed), Sight(), Believer(database)
    course = Course(len(world.machines))
    course.imported = believer.import_purchases(world, START - DAY_MS)
    day_at = START
    course.first = believer.take(daily_reports(sight, world, day_at), day_at + DAY_MS - 1)
    course.first.differences["accepted"] = believer.accept_all(day_at + DAY_MS - 1)
    for number in range(SETTLING_DAYS + days):
        day_at += DAY_MS
        live_quietly(world, day_at, docked_ratio=0.9 if number < SETTLING_DAYS else 0.3)
        day = believer.take(daily_reports(sight, world, day_at), day_at + DAY_MS - 1)
        _add(course.settling if number < SETTLING_DAYS else course.quiet, day)
        course.quiet_days += number >= SETTLING_DAYS
        tell(f"day {number + 1}: {dict(day.differences)} {dict(day.cases)} {day.made}")
    believer.accept_all(day_at + DAY_MS - 1)
    for event in EVENTS:
        truths = event.happen(world, day_at + DAY_MS)
        whole = Day()
        for _ in range(event.days):
            day_at += DAY_MS
            silent = [event.silences] if event.silences else []
            _add(whole, believer.take(daily_reports(sight, world, day_at, silent_zones=silent), day_at + DAY_MS - 1))
        course.events.append((event.name, event.expected, event.judge(believer, truths, whole)))
        tell(f"{event.name}: {dict(whole.differences)} {dict(whole.cases)} {whole.made} {course.events[-1][2]}")
        believer.accept_all(day_at + DAY_MS - 1)
    course.score = score(believer.believed())
    course.reports, course.seconds = believer.reports, time.perf_counter() - began
    return course


def _add(whole: Day, day: Day) -> None:
    whole.differences += Counter({kind: count for kind, count in day.differences.items() if kind != "accepted"})
    whole.cases += day.cases
    whole.made += day.made
    whole.rejected += day.rejected


def render(course: Course) -> str:
    """The tables."""
    quiet = course.quiet
    lines = [
        f"{course.hosts} hosts and devices, {course.imported} of them imported before, {course.reports} reports in {course.seconds:.0f} s",
        "",
        "| | |",
        "| --- | --- |",
        f"| first day: CIs to review, cases | {course.first.differences['accepted']}, {dict(course.first.cases) or 'none'} |",
        f"| {SETTLING_DAYS} days of settling: differences opened, CIs made, cases of shared docks | {_say(course.settling)} |",
        f"| {course.quiet_days} quiet days: differences opened, CIs made, cases | {_say(quiet)} |",
        f"| quiet days: cases per host and week | {course.cases_per_host_and_week:.5f} (goal < {CASES_PER_HOST_AND_WEEK}) |",
        f"| pairs of records put together rightly (precision) | {course.score.precision:.6f} (goal 1) |",
        f"| pairs that belong together and are (recall) | {course.score.recall:.4f} |",
        "",
        "| event | expected | outcome |",
        "| --- | --- | --- |",
        *(f"| {name} | {expected} | {fault or 'as expected'} |" for name, expected, fault in course.events),
    ]
    return "\n".join(lines)


def _say(day: Day) -> str:
    return f"{sum(day.differences.values())} {dict(day.differences) or ''}, {day.made}, {dict(day.cases) or 'none'}"


def main(arguments: Sequence[str] = ()) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.estate", description="A generated estate with known truth, lived through in the store.")
    parser.add_argument("--hosts", type=int, default=400, help="about so many hosts and devices")
    parser.add_argument("--days", type=int, default=14, help="quiet days before the events")
    parser.add_argument("--seed", type=int, default=1, help="the same seed gives the same estate and life")
    parser.add_argument("--database", default="", help="postgresql+psycopg://...; else an SQLite file")
    parser.add_argument("--verbose", action="store_true", help="tell each day")
    chosen = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        database = open_database(chosen.database or f"sqlite:///{Path(folder) / 'estate.db'}")
        try:
            migrate_database(database)
            tell = (lambda text: print(text, file=sys.stderr, flush=True)) if chosen.verbose else (lambda _: None)
            course = run_course(database, hosts=chosen.hosts, days=chosen.days, seed=chosen.seed, tell=tell)
        finally:
            database.close()
    print(render(course))
    return 0 if course.is_good else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
