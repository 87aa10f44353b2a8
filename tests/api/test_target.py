"""Targets over the API: dead letters go again."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import select, update

from collector.store.audit_chain import load_entries
from collector.store.engine import open_database
from collector.store.schema import delivery
from tests.api.served import serving
from tests.incidents.sample import SECRET, condition, evaluate_in, webhook
from tests.support.server import eventually
from tests.support.webhook_receiver import running_receiver


def test_dead_letters_of_a_target_go_again_under_their_own_ids(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MUSTER_TEST_WEBHOOK_SECRET", SECRET)
    folder = tmp_path / "targets.d"
    folder.mkdir()
    with running_receiver(SECRET) as receiver:
        (folder / "desk.yaml").write_text(
            f"id: desk\ntype: webhook\nurl: {receiver.url}\nsecret: env:MUSTER_TEST_WEBHOOK_SECRET\nallow_private: true\n", encoding="utf-8"
        )
        with serving(tmp_path / "collector", targets_directory=str(folder), webhooks_to_loopback=True) as served:
            database = open_database(f"sqlite:///{served.folder}/muster.db")
            with database.connect() as connection:
                (entry, *_) = load_entries(connection)
            with database.begin() as connection:
                evaluate_in(connection, [webhook(receiver.url)], entry.at, condition("failing", entry.at, component="nginx"))
                connection.execute(update(delivery).values(state="dead", attempts=9))
                identifiers = set(connection.execute(select(delivery.c.id)).scalars())
            assert len(identifiers) == 1
            assert served.ask("POST", "/v1/targets/desk/replay", token="viewer").status == 403
            assert served.ask("POST", "/v1/targets/absent/replay", token="operator").status == 404
            assert served.ask("POST", "/v1/targets/desk/replay", token="operator").value == {"replayed": 1}
            eventually(lambda: identifiers <= {request.headers["webhook-id"] for request in receiver.received}, what="the dead letter")
            assert served.ask("POST", "/v1/targets/desk/replay", token="operator").value == {"replayed": 0}
            with database.connect() as connection:
                (entry, *_) = load_entries(connection)
            database.close()
    assert (entry.action, entry.subject, entry.detail, entry.actor) == ("dead_letters_replayed", "desk", {"count": 1}, "token:operator")
