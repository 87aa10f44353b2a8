"""Tokens are found by their secret alone, kept as a hash, and end when they expire, are revoked or used up."""

from __future__ import annotations

import threading

import pytest
from sqlalchemy import insert, select

from collector.store import token as tokens
from collector.store.engine import Database
from collector.store.schema import source, token
from collector.store.token import TokenKind
from muster.errors import AuthenticationError, NotFoundError

NOW = 1_772_359_200_000


def test_a_token_is_found_by_its_secret_with_all_it_grants(database: Database) -> None:
    with database.begin() as connection:
        made = tokens.create_token(connection, NOW, kind="api", name="ci", role="viewer", scope={"zones": ["dmz"]}, expires_at=NOW + 1000)
        found = tokens.find_token(connection, made.secret, NOW)
    assert found == tokens.StoredToken(made.id, "api", "ci", "viewer", {"zones": ["dmz"]}, None, None, NOW + 1000, None)


def test_the_secret_is_not_in_the_store(database: Database) -> None:
    with database.begin() as connection:
        made = tokens.create_token(connection, NOW, kind="source", name="web1")
        row = connection.execute(select(token)).one()
    assert not any(made.secret.encode() in (bytes(value) if isinstance(value, bytes) else str(value).encode()) for value in row)


@pytest.mark.parametrize("secret", ["", "muster_api_", "x" * 100_000, "muster_api_\x00\udcff"])
def test_any_other_text_finds_nothing(database: Database, secret: str) -> None:
    with database.begin() as connection:
        tokens.create_token(connection, NOW, kind="api", name="ci")
        assert tokens.find_token(connection, secret, NOW) is None


def test_a_token_of_another_kind_is_not_taken(database: Database) -> None:
    with database.begin() as connection:
        made = tokens.create_token(connection, NOW, kind="source", name="web1")
        assert tokens.find_token(connection, made.secret, NOW, kinds=("api",)) is None
        assert tokens.find_token(connection, made.secret, NOW, kinds=("api", "source")) is not None


def test_an_expired_or_revoked_token_is_not_found(database: Database) -> None:
    with database.begin() as connection:
        brief = tokens.create_token(connection, NOW, kind="api", name="brief", expires_at=NOW + 1000)
        revoked = tokens.create_token(connection, NOW, kind="api", name="revoked")
        assert tokens.find_token(connection, brief.secret, NOW + 999) is not None
        assert tokens.find_token(connection, brief.secret, NOW + 1000) is None
        tokens.revoke_token(connection, revoked.id, NOW + 5)
        tokens.revoke_token(connection, revoked.id, NOW + 9)
        assert tokens.find_token(connection, revoked.secret, NOW + 6) is None
        assert connection.execute(select(token.c.revoked_at).where(token.c.id == revoked.id)).scalar_one() == NOW + 5


def test_revoking_what_is_not_there_says_so(database: Database) -> None:
    with database.begin() as connection, pytest.raises(NotFoundError, match="no token 'gone'"):
        tokens.revoke_token(connection, "gone", NOW)


@pytest.mark.parametrize(("kind", "uses"), [("sign_in", 1), ("enrolment", 3)])
def test_of_many_at_once_only_as_many_succeed_as_uses_are_left(database: Database, kind: TokenKind, uses: int) -> None:
    with database.begin() as connection:
        made = tokens.create_token(connection, NOW, kind=kind, name="kim", uses_left=uses)
    outcomes: list[bool] = []

    def attempt() -> None:
        try:
            with database.begin() as connection:
                tokens.redeem_token(connection, made.secret, NOW, kinds=(kind,))
        except AuthenticationError:
            outcomes.append(False)
        else:
            outcomes.append(True)

    threads = [threading.Thread(target=attempt) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (outcomes.count(True), len(outcomes)) == (uses, 6)


def test_a_reusable_token_is_not_used_up(database: Database) -> None:
    with database.begin() as connection:
        made = tokens.create_token(connection, NOW, kind="enrolment", name="rack 7")
        for _ in range(5):
            tokens.redeem_token(connection, made.secret, NOW, kinds=("enrolment",))
        assert connection.execute(select(token.c.uses_left)).scalar_one() is None


def test_a_sign_in_link_expires_soon_and_is_removed(database: Database) -> None:
    with database.begin() as connection:
        link = tokens.create_sign_in_link(connection, "kim", NOW, lifetime_ms=60_000)
        other = tokens.create_sign_in_link(connection, "kim", NOW, lifetime_ms=120_000)
        assert tokens.delete_spent_links(connection, NOW + 59_999, limit=10) == 0
        with pytest.raises(AuthenticationError, match="sign-in token is unknown, expired, revoked or used up"):
            tokens.redeem_token(connection, link.secret, NOW + 60_000, kinds=("sign_in",))
        assert tokens.delete_spent_links(connection, NOW + 60_000, limit=10) == 1
        assert tokens.redeem_token(connection, other.secret, NOW + 60_000, kinds=("sign_in",)).name == "kim"


def test_the_last_use_is_kept_to_the_minute(database: Database) -> None:
    with database.begin() as connection:
        made = tokens.create_token(connection, NOW, kind="api", name="ci")
        noted = []
        for at in (NOW, NOW + 59_999, NOW + 60_000):
            tokens.note_use(connection, made.id, at)
            noted.append(connection.execute(select(token.c.last_used_at)).scalar_one())
    assert noted == [NOW, NOW, NOW + 60_000]


def test_a_source_token_keeps_its_source(database: Database) -> None:
    with database.begin() as connection:
        number = connection.execute(
            insert(source).values(kind="agent", name="web1", instance="i", zone="default", created_at=NOW).returning(source.c.id)
        ).scalar_one()
        made = tokens.create_token(connection, NOW, kind="source", name="web1", source_id=number)
        found = tokens.find_token(connection, made.secret, NOW)
    assert found is not None
    assert found.source_id == number
