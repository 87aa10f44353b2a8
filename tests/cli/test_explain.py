"""`muster explain` on a collector: a case file is written once, through no link, over nothing."""

from __future__ import annotations

from tests.cli.conftest import Office


def test_a_case_file_is_written_over_nothing_and_through_no_link(office: Office) -> None:
    office.report("explained-1")
    (found,) = office.read("ci", "list", "name:explained-1")
    case, link, target = (office.folder / name for name in ("explained.yaml", "link.yaml", "elsewhere.yaml"))
    link.symlink_to(target)
    written, again, through = (office.run("explain", "ci", str(found["number"]), "--export-case", str(path)) for path in (case, case, link))
    assert (written.code, case.read_text().startswith("name: exported")) == (0, True)
    assert (again.code, "is there already" in again.err) == (1, True)
    assert (through.code, target.exists()) == (1, False)
