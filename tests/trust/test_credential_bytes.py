"""A credential of any bytes is refused as unknown, never a fault of the collector."""

from __future__ import annotations

import socket
from pathlib import Path

from tests.trust.collector_process import CollectorProcess, prepare_store, running_collector

HEADERS = (
    b"Authorization: Bearer \xff\xfe",
    b"Cookie: muster_session=\xff\xfe",
    b"Authorization: Bearer " + b"x" * 4_000,
    b"Authorization: Bearer \xc3\xa9",
)


def test_a_credential_that_is_no_text_is_unknown(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/store.db"
    prepare_store(url)
    with running_collector(tmp_path, url) as collector:
        assert [ask(collector, header) for header in HEADERS] == [401] * len(HEADERS)
        assert "Traceback" not in collector.words()


def ask(collector: CollectorProcess, header: bytes) -> int:
    with socket.create_connection(("127.0.0.1", collector.port), timeout=20) as connection:
        connection.sendall(b"GET /v1/sources HTTP/1.1\r\nHost: collector\r\n" + header + b"\r\nConnection: close\r\n\r\n")
        return int(connection.makefile("rb").readline().split()[1])
