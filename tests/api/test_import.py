"""Files through the API: tried, put on record once, refused row by row; and whatever their size, everything else is answered meanwhile."""

from __future__ import annotations

import base64
import threading
from typing import Any

from collector.api.idempotency import KEPT_LIMIT, Repeats
from collector.imports.table import ROWS_LIMIT
from tests.api.served import Answered, Served, make_server

MANAGER = "configuration_manager"
MAPPING = 'id = "{id}"\nclass = "server"\n[identifiers]\nserial = "Serial"\n[attributes]\nname = "Name"\n'


def wish(name: str, content: bytes, **changed: Any) -> dict[str, Any]:
    whole = {"content": base64.b64encode(content).decode(), "mapping": MAPPING.replace("{id}", name), "file_name": f"{name}.csv"}
    return {**whole, **changed}


def rows_of(name: str, count: int, padding: int = 0) -> bytes:
    lines = [f"{name}-{at},{name}-{at}-SN,{'x' * padding}" for at in range(count)]
    return "\n".join(["Name,Serial,Remark", *lines, ""]).encode()


def test_a_file_is_tried_put_on_record_and_then_known(engine: Served) -> None:
    content = rows_of("api", 3)
    tried, done, again = (engine.ask("POST", "/v1/imports", wish("api", content, **how), token=MANAGER).value for how in ({"dry_run": True}, {}, {}))
    assert [(each["is_applied"], each["new"], each["unchanged"]) for each in (tried, done, again)] == [(False, 3, 0), (True, 3, 0), (False, 0, 3)]
    assert engine.get("/v1/cis?query=name:api-")["total"] == 3


def test_a_refused_row_is_told_with_row_and_column_and_nothing_is_kept(engine: Served) -> None:
    content = b"Name,Serial\nbad-1,BAD-1\n,\n"
    told = engine.ask("POST", "/v1/imports", wish("bad", content), token=MANAGER).value
    assert (told["is_applied"], told["refused"], [each["row"] for each in told["faults"]]) == (False, 1, [3])
    assert engine.get("/v1/cis?query=name:bad-")["total"] == 0


def test_a_large_file_with_a_key_is_put_on_record_once(engine: Served) -> None:
    body = wish("large", rows_of("large", 1_200, padding=11_000))
    first, again = (engine.ask("POST", "/v1/imports", body, token=MANAGER, Idempotency_Key="large-1") for _ in range(2))
    assert (first.status, first.value["new"]) == (200, 1_200)
    assert (again.value, again.headers.get("Idempotency-Replayed")) == (first.value, "true")


def test_what_is_under_way_is_never_forgotten_for_what_was_answered() -> None:
    repeats = Repeats()
    keys = [("person:kim", "POST", "/v1/imports", str(at)) for at in range(KEPT_LIMIT + 2)]
    repeats.begin(keys[0], b"", 0.0)
    for key in keys[1:]:
        repeats.begin(key, b"", 0.0).status = 200
    found = [repeats.find(key, 1.0) for key in keys[:4]]
    assert [each is not None for each in found] == [True, False, False, True]


def test_reports_are_taken_while_a_file_is_read(engine: Served) -> None:
    answers: list[Answered] = []
    body = wish("endless", rows_of("endless", ROWS_LIMIT + 1))
    reading = threading.Thread(target=lambda: answers.append(engine.ask("POST", "/v1/imports", body, token=MANAGER)))
    taken = 0
    reading.start()
    while reading.is_alive():
        assert engine.report(make_server(f"meanwhile-{taken}")).status == 200
        assert engine.ask("GET", "/healthz", token=None).status == 200
        taken += reading.is_alive()
    assert (answers[0].status, f"more than {ROWS_LIMIT} rows" in answers[0].value["detail"]) == (422, True)
    assert taken > 2
