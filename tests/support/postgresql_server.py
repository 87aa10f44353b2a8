"""A real PostgreSQL 15 on a free port for one test process, and a fresh database for each test."""

from __future__ import annotations

import atexit
import functools
import os
import pwd
import shutil
import subprocess
import tempfile
import uuid
from pathlib import Path

from sqlalchemy import create_engine, text

from collector.store.engine import open_database
from collector.store.migrate import migrate_database
from tests.conftest import missing
from tests.support.server import free_port

PROGRAMS = Path("/usr/lib/postgresql/15/bin")


def fresh_database(template: str = "template0") -> str:
    """The URL of an empty database, or of a copy of another one; skips the test where PostgreSQL 15 is not installed."""
    url = _start()
    if url is None:
        missing("PostgreSQL 15")
    name = f"t{uuid.uuid4().hex}"
    engine = create_engine(f"{url}/postgres", isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name} TEMPLATE {template} ENCODING 'UTF8'"))
    engine.dispose()
    return f"{url}/{name}"


class Cluster:
    """A PostgreSQL 15 of one's own, whose port stays from start to start; `url` lacks the database. PostgreSQL refuses to run as root,
    so root runs it as `postgres`.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._account = pwd.getpwnam("postgres") if os.geteuid() == 0 else None
        self._port = free_port()
        self.url = f"postgresql+psycopg://muster@127.0.0.1:{self._port}"

    @classmethod
    def make(cls) -> Cluster | None:
        """A new empty cluster that is not started; None where PostgreSQL 15 is not installed."""
        if not (PROGRAMS / "postgres").exists():
            return None
        made = cls(Path(tempfile.mkdtemp(prefix="muster-pg-")))
        if made._account is not None:
            os.chown(made._folder, made._account.pw_uid, made._account.pw_gid)
        made._run("initdb", "-D", made._data, "-A", "trust", "-U", "muster", "-E", "UTF8", "--locale=C", "--no-sync")
        return made

    @property
    def _data(self) -> str:
        return str(self._folder / "data")

    def start(self) -> None:
        """Returns when it takes connections."""
        options = f"-p {self._port} -k {self._folder} -c listen_addresses=127.0.0.1 -c fsync=off -c full_page_writes=off"
        self._run("pg_ctl", "-D", self._data, "-o", options, "-l", str(self._folder / "log"), "-w", "start")

    def stop(self) -> None:
        """At once, as a crash; what was committed is there at the next start."""
        self._run("pg_ctl", "-D", self._data, "-m", "immediate", "-w", "stop", check=False)

    def remove(self) -> None:
        """Stop it for good."""
        self.stop()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _run(self, program: str, *arguments: str, check: bool = True) -> None:
        command = [str(PROGRAMS / program), *arguments]
        user = self._account.pw_name if self._account is not None else None
        subprocess.run(command, user=user, cwd=self._folder, check=check, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=60)


@functools.cache
def _start() -> str | None:
    """One cluster for the whole test process, removed at its end."""
    cluster = Cluster.make()
    if cluster is None:
        return None
    atexit.register(cluster.remove)
    cluster.start()
    return cluster.url


def engine_url(kind: str, folder: Path) -> str:
    """The URL of an empty store of this kind: `sqlite` or `postgresql`."""
    return f"sqlite:///{folder}/store.db" if kind == "sqlite" else fresh_database()


def migrated_url(kind: str, folder: Path) -> str:
    """The URL of a store of this kind with all its tables; of PostgreSQL a copy of one that was migrated once."""
    if kind == "postgresql":
        return fresh_database(_migrated())
    url = engine_url(kind, folder)
    _migrate(url)
    return url


@functools.cache
def _migrated() -> str:
    url = fresh_database()
    _migrate(url)
    return url.rpartition("/")[2]


def _migrate(url: str) -> None:
    database = open_database(url)
    migrate_database(database)
    database.close()
