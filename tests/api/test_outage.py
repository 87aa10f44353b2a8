"""A database that stops serving and comes back: reports are refused with a time, readiness is red, and it recovers by itself."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import create_engine, text

from tests.api.served import make_server, serving
from tests.support.postgresql_server import fresh_database
from tests.support.server import eventually


@contextmanager
def closed(url: str) -> Iterator[None]:
    """Nobody gets into the database, and whoever is in is thrown out."""
    server, _, name = url.rpartition("/")
    engine = create_engine(f"{server}/postgres", isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false"))
        connection.execute(text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = :name"), {"name": name})
        try:
            yield
        finally:
            connection.execute(text(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true"))
    engine.dispose()


def test_dead_database_is_503_until_it_comes_back_and_nothing_acknowledged_is_lost(tmp_path: Path) -> None:
    url = fresh_database()
    with serving(tmp_path / "outage", url) as served:
        assert served.report(make_server("before")).status == 200
        with closed(url):
            refused = served.report(make_server("during"))
            unready = served.ask("GET", "/readyz", token=None)
            unread = served.ask("GET", "/v1/cis")
            alive = served.ask("GET", "/healthz", token=None)
        assert (refused.status, int(refused.headers["Retry-After"]) >= 1) == (503, True)
        assert (unready.status, unready.value["status"]) == (503, "unready")
        assert (unread.status, unread.code) == (503, "unavailable")
        assert alive.status == 200
        eventually(lambda: served.ask("GET", "/readyz", token=None).status == 200, seconds=40, what="readiness")
        assert served.report(make_server("after")).status == 200
        assert [each["name"] for each in served.get("/v1/cis?query=class:server")["items"]] == ["after", "before"]
