"""Files as tables: every encoding and form that people send, and none that would take the collector down."""

from __future__ import annotations

import datetime
import io
import json
import random
import zipfile
from typing import Any

import pytest
from openpyxl import Workbook

from collector.imports.mapping import Format
from collector.imports.table import Row, read_table
from muster.errors import InputError, TooLargeError

EXPECTED = [Row(2, {"Name": "web01", "Note": "ö, 中"}), Row(3, {"Name": "web02", "Note": "line\nbreak"})]
TEXT = 'Name,Note\nweb01,"ö, 中"\nweb02,"line\nbreak"\n'


def workbook(rows: list[list[Any]], title: str = "CMDB") -> bytes:
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.title = title
    for row in rows:
        sheet.append(row)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


@pytest.mark.parametrize(
    ("content", "form"),
    [
        (TEXT.encode(), Format()),
        (b"\xef\xbb\xbf" + TEXT.encode(), Format()),
        (TEXT.encode("gb18030"), Format(encoding="gb18030")),
        (TEXT.encode("utf-16"), Format(encoding="utf-16")),
        (TEXT.replace(",", ";").replace("ö; 中", "ö, 中").encode(), Format()),
        (TEXT.replace("\n", "\r\n").replace("line\r\n", "line\n").encode(), Format()),
        (("exported by hand\n" + TEXT).encode(), Format(header_row=2, delimiter=",")),
        (workbook([["Name", "Note"], ["web01", "ö, 中"], ["web02", "line\nbreak"]]), Format()),
        (workbook([["Name", "Note"], ["web01", "ö, 中"], ["web02", "line\nbreak"]]), Format(sheet="CMDB")),
    ],
)
def test_a_table_is_read_from_whatever_it_is_written_in(content: bytes, form: Format) -> None:
    table = read_table(content, form)
    assert table.columns == ("Name", "Note")
    shift = form.header_row - 1
    assert [Row(each.number - shift, each.cells, each.fault) for each in table.rows] == EXPECTED


@pytest.mark.parametrize("wrapped", [False, True])
def test_json_objects_are_rows_and_nested_ones_have_dots(*, wrapped: bool) -> None:
    items = [{"name": "a", "os": {"name": "Debian"}}, {"name": "b", "ip": ["10.0.0.1"]}, 5]
    table = read_table(json.dumps({"items": items} if wrapped else items).encode(), Format())
    assert set(table.columns) == {"name", "os.name", "ip"}
    assert [each.cells for each in table.rows] == [{"name": "a", "os.name": "Debian"}, {"name": "b", "ip": ["10.0.0.1"]}, {}]


def test_cells_of_a_workbook_keep_their_kind() -> None:
    content = workbook([["n", "t", "b", "f"], [3.0, datetime.datetime(2026, 3, 1, 10, 0), True, 1.5], [None, None, None, None]])  # noqa: DTZ001 -- workbooks know no zones
    assert [each.cells for each in read_table(content, Format()).rows] == [{"n": 3, "t": "2026-03-01T10:00:00", "b": True, "f": 1.5}]


@pytest.mark.parametrize(
    ("content", "form", "said"),
    [
        (b"Name\n\xb3\n", Format(), "row 2: byte 0xb3 is no utf-8; save the file as UTF-8, or name its encoding"),
        (b"Name\na\n", Format(encoding="utf-88"), "unknown encoding 'utf-88'"),
        (b"Name,Name\n", Format(), "column 'Name' stands twice"),
        (b"", Format(), "no row 1 that names the columns"),
        (b"a\0b\n", Format(), "NUL characters"),
        (b"PK\x03\x04 broken", Format(), "not a zip archive"),
        (b"[1", Format(), "no list of JSON objects"),
        (b'{"rows": []}', Format(), "an object without `items`"),
        (workbook([["Name"]]), Format(sheet="CMBD"), "no sheet 'CMBD'; did you mean 'CMDB'?"),
    ],
)
def test_what_is_no_table_is_told_with_what_to_do(content: bytes, form: Format, said: str) -> None:
    with pytest.raises(InputError) as caught:
        read_table(content, form)
    assert said in str(caught.value)


def test_a_row_that_does_not_fit_its_columns_is_faulty_alone() -> None:
    rows = list(read_table(b"a,b\n1,2\n1,2,3\n1\n", Format()).rows)
    assert [each.fault.partition(";")[0] for each in rows] == ["", "3 values for 2 columns", ""]
    rows = list(read_table(b'a,b\n1,"2\n', Format()).rows)
    assert [each.fault.partition(":")[0] for each in rows] == ["cannot be read"]


def test_a_workbook_that_unpacks_to_far_more_is_refused_before_it_is_opened() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/workbook.xml", "")
        archive.writestr("xl/sharedStrings.xml", b"0" * 60_000_000)
    with pytest.raises(TooLargeError, match="unpacks to 60000000 bytes"):
        read_table(out.getvalue(), Format())


def test_a_workbook_of_millions_of_texts_is_refused_before_they_are_read() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/workbook.xml", "")
        archive.writestr("xl/sharedStrings.xml", b"<si><t>a</t></si>" * 4_000_000)
        archive.writestr("xl/media/picture.png", random.Random(1).randbytes(500_000), zipfile.ZIP_STORED)
    with pytest.raises(TooLargeError, match=r"'xl/sharedStrings.xml' of the workbook unpacks to 68000000 bytes.*save the sheet as CSV"):
        read_table(out.getvalue(), Format())


def test_an_archive_that_is_no_workbook_is_refused() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("a.txt", "a")
    with pytest.raises(InputError, match="no workbook"):
        read_table(out.getvalue(), Format())


@pytest.mark.parametrize("encoding", ["idna", "punycode", "undefined", "unicode_escape", "raw_unicode_escape", "utf\0"])
def test_an_encoding_that_no_file_has_is_refused(encoding: str) -> None:
    with pytest.raises(InputError, match="unknown encoding"):
        read_table(TEXT.encode("ascii", "ignore"), Format(encoding=encoding))
