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

from tests.conftest import missing
from tests.support.server import free_port

PROGRAMS = Path("/usr/lib/postgresql/15/bin")


def fresh_database() -> str:
    """The URL of an empty database; skips the test where PostgreSQL 15 is not installed."""
    url = _start()
    if url is None:
        missing("PostgreSQL 15")
    name = f"t{uuid.uuid4().hex}"
    engine = create_engine(f"{url}/postgres", isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8'"))
    engine.dispose()
    return f"{url}/{name}"


@functools.cache
def _start() -> str | None:
    """One cluster for the whole test process, removed at its end; it refuses to run as root, so root runs it as `postgres`."""
    if not (PROGRAMS / "postgres").exists():
        return None
    folder = Path(tempfile.mkdtemp(prefix="muster-pg-"))
    account = pwd.getpwnam("postgres") if os.geteuid() == 0 else None
    if account is not None:
        os.chown(folder, account.pw_uid, account.pw_gid)
    user = "postgres" if account is not None else None

    def run(*command: str) -> None:
        subprocess.run([str(PROGRAMS / command[0]), *command[1:]], user=user, cwd=folder, check=True, stdout=subprocess.DEVNULL, timeout=60)

    def stop() -> None:
        subprocess.run(
            [str(PROGRAMS / "pg_ctl"), "-D", str(folder / "data"), "-m", "immediate", "stop"], user=user, cwd=folder, check=False, capture_output=True
        )
        shutil.rmtree(folder, ignore_errors=True)

    port = free_port()
    run("initdb", "-D", str(folder / "data"), "-A", "trust", "-U", "muster", "-E", "UTF8", "--locale=C", "--no-sync")
    options = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1 -c fsync=off -c full_page_writes=off"
    run("pg_ctl", "-D", str(folder / "data"), "-o", options, "-l", str(folder / "log"), "-w", "start")
    atexit.register(stop)
    return f"postgresql+psycopg://muster@127.0.0.1:{port}"


def engine_url(kind: str, folder: Path) -> str:
    """The URL of an empty store of this kind: `sqlite` or `postgresql`."""
    return f"sqlite:///{folder}/store.db" if kind == "sqlite" else fresh_database()
