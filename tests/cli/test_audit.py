"""`muster audit` against a running collector, and against a copy of its database that somebody has edited."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from pathlib import Path

from tests.cli.conftest import Office
from tests.conftest import ROOT


def copy_of(office: Office, folder: Path) -> Path:
    """A consistent copy of the collector's database, as `sqlite3 .backup` makes it."""
    target = folder / "copy.db"
    with sqlite3.connect(office.folder / "var" / "muster.db") as source, sqlite3.connect(target) as made:
        source.backup(made)
    made.close()
    return target


def test_a_running_collector_and_a_copy_agree_on_the_head(office: Office, tmp_path: Path) -> None:
    running = office.read("audit", "verify")
    assert running["is_whole"] is True
    copy = copy_of(office, tmp_path)
    copy.chmod(0o400)
    assert office.read("audit", "verify", "--database", f"sqlite:///{copy}", "--expect", running["head"])["is_whole"] is True


def test_a_line_edited_in_a_copy_ends_with_1_and_is_named(office: Office, tmp_path: Path) -> None:
    copy = copy_of(office, tmp_path)
    with sqlite3.connect(copy) as edited:
        edited.execute("UPDATE audit SET actor = 'person:nobody' WHERE id = 2")
    edited.close()
    done = office.run("audit", "verify", "--database", f"sqlite:///{copy}")
    assert done.code == 1
    assert "does not hold at entry 2" in done.err
    assert "first broken entry" in done.out


def test_a_cut_end_shows_against_the_head(office: Office, tmp_path: Path) -> None:
    head = office.read("audit", "verify")["head"]
    copy = copy_of(office, tmp_path)
    with sqlite3.connect(copy) as edited:
        edited.execute("DELETE FROM audit WHERE id = (SELECT max(id) FROM audit)")
    edited.close()
    assert office.run("audit", "verify", "--database", f"sqlite:///{copy}").code == 0
    assert office.run("audit", "verify", "--database", f"sqlite:///{copy}", "--expect", head).code == 1


def test_what_is_no_database_is_refused_in_one_line(office: Office, tmp_path: Path) -> None:
    other = tmp_path / "other.db"
    sqlite3.connect(other).close()
    other.write_bytes(b"not a database at all" * 100)
    for url, code in ((f"sqlite:///{tmp_path}/none.db", 1), (f"sqlite:///{other}", 5), ("nonsense", 1)):
        done = office.run("audit", "verify", "--database", url)
        assert (done.code, done.err.count("\n")) == (code, 1), done.err
    assert not (tmp_path / "none.db").exists()


def test_entries_are_listed_and_exported_by_action(office: Office) -> None:
    listed = office.read("audit", "list", "--action", "token_*", "--limit", "0")
    assert [each["id"] for each in listed] == sorted((each["id"] for each in listed), reverse=True)
    exported = office.run("audit", "export", "--action", "token_created", "--output", "csv")
    assert exported.out.splitlines()[0] == "entry,at,who,action,subject,detail,hash"
    assert len(exported.out.splitlines()) == 1 + sum(each["action"] == "token_created" for each in listed)


def test_the_program_of_the_documentation_follows_the_chain_and_finds_an_edit_of_any_column(office: Office, tmp_path: Path) -> None:
    head = office.read("audit", "verify")["head"]
    program = (ROOT / "docs/audit.md").read_text(encoding="utf-8").partition("```python\n")[2].partition("```")[0]
    copy = copy_of(office, tmp_path)
    copy.chmod(0o600)
    followed = run_program(program, copy)
    assert (followed.returncode, followed.stdout.strip()) == (0, head)
    for column in ("at", "actor", "action", "subject", "detail", "previous_hash", "hash"):
        with sqlite3.connect(copy) as edited:
            was = edited.execute(f"SELECT {column} FROM audit WHERE id = 2").fetchone()
            other = 1 if column == "at" else "x" if isinstance(was[0], str) else b"x"
            edited.execute(f"UPDATE audit SET {column} = ? WHERE id = 2", (other,))
        edited.close()
        found = run_program(program, copy)
        assert (found.returncode, found.stderr.strip()) == (1, "does not hold at entry 2"), column
        with sqlite3.connect(copy) as edited:
            edited.execute(f"UPDATE audit SET {column} = ? WHERE id = 2", was)
        edited.close()


def run_program(program: str, copy: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", program, str(copy)], capture_output=True, text=True, check=False, timeout=60)
