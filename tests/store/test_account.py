"""Accounts let in who knows the password, no one who is disabled, and never lose the last administrator."""

from __future__ import annotations

from typing import get_args

import pytest

from collector.api.identity import Role
from collector.store import account as accounts
from collector.store import session as sessions
from collector.store import setting
from collector.store.engine import Database
from muster.errors import ConflictError, InputError, NotFoundError

NOW = 1_772_359_200_000
PASSWORD = "correct horse battery"
HASH = accounts.hash_password(PASSWORD)


def test_only_the_right_password_lets_in(database: Database) -> None:
    with database.begin() as connection:
        made = accounts.create_account(connection, "kim", NOW, role="operator", password_hash=HASH, language="zh_Hans_CN")
        accounts.create_account(connection, "link only", NOW, role="viewer")
        assert accounts.check_password(connection, "kim", PASSWORD) == made
        refused = [("kim", "wrong horse"), ("kim", ""), ("kim", "x" * 5000), ("nobody", PASSWORD), ("link only", PASSWORD), ("link only", "")]
        assert [accounts.check_password(connection, *attempt) for attempt in refused] == [None] * len(refused)


def test_passwords_are_kept_as_argon2id(database: Database) -> None:
    assert HASH.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert accounts.hash_password(PASSWORD) != HASH


def test_a_hash_that_is_none_lets_nobody_in(database: Database) -> None:
    with database.begin() as connection:
        accounts.create_account(connection, "kim", NOW, role="viewer", password_hash="plain text")
        assert accounts.check_password(connection, "kim", "plain text") is None


@pytest.mark.parametrize("password", ["", "short", "x" * 1025])
def test_a_password_of_wrong_length_is_refused(password: str) -> None:
    with pytest.raises(InputError, match="a password has 8 to 1024 characters"):
        accounts.hash_password(password)


def test_roles_are_those_of_the_api() -> None:
    assert get_args(Role) == accounts.ROLES


@pytest.mark.parametrize("name", ["", " kim", "kim\n", "x" * 65])
def test_a_name_that_is_none_is_refused(database: Database, name: str) -> None:
    with database.begin() as connection, pytest.raises(InputError, match="account name"):
        accounts.create_account(connection, name, NOW, role="viewer")


def test_an_unknown_role_is_refused_with_a_suggestion(database: Database) -> None:
    with database.begin() as connection, pytest.raises(InputError, match="unknown role 'viewr'; did you mean 'viewer'"):
        accounts.create_account(connection, "kim", NOW, role="viewr")


def test_a_taken_name_is_refused(database: Database) -> None:
    with database.begin() as connection:
        accounts.create_account(connection, "kim", NOW, role="viewer")
        with pytest.raises(ConflictError, match="account 'kim' exists already"):
            accounts.create_account(connection, "kim", NOW, role="administrator")
        held = accounts.load_account(connection, "kim")
        assert held is not None
        assert held.role == "viewer"


def test_the_last_administrator_stays(database: Database) -> None:
    with database.begin() as connection:
        accounts.create_account(connection, "kim", NOW, role="administrator")
        accounts.create_account(connection, "ada", NOW, role="viewer")
        for change in (lambda: accounts.disable_account(connection, "kim"), lambda: accounts.save_role(connection, "kim", "viewer")):
            with pytest.raises(ConflictError, match="'kim' is the last administrator"):
                change()
        accounts.save_role(connection, "ada", "administrator")
        accounts.disable_account(connection, "kim")
        assert accounts.load_account(connection, "kim") == accounts.StoredAccount("kim", "administrator", True, None, None)
        accounts.enable_account(connection, "kim")
        accounts.save_role(connection, "ada", "viewer")


def test_changing_an_unknown_account_says_so(database: Database) -> None:
    with database.begin() as connection, pytest.raises(NotFoundError, match="no account 'kim'"):
        accounts.save_language(connection, "kim", "en")


def test_a_session_holds_until_it_expires_or_ends(database: Database) -> None:
    with database.begin() as connection:
        accounts.create_account(connection, "kim", NOW, role="viewer", language="en")
        made = sessions.begin_session(connection, "kim", NOW, lifetime_ms=1000)
        other = sessions.begin_session(connection, "kim", NOW, lifetime_ms=1000)
        assert sessions.find_session(connection, made.secret, NOW + 999) == sessions.StoredSession("kim", "viewer", "en", made.csrf, NOW + 1000)
        assert sessions.find_session(connection, made.secret, NOW + 1000) is None
        assert sessions.find_session(connection, "x" * 500, NOW) is None
        sessions.end_session(connection, made.secret)
        assert sessions.find_session(connection, made.secret, NOW) is None
        assert sessions.find_session(connection, other.secret, NOW) is not None
        assert len({made.secret, made.csrf, other.secret, other.csrf}) == 4


def test_a_new_password_and_a_disabled_account_end_sessions(database: Database) -> None:
    with database.begin() as connection:
        accounts.create_account(connection, "kim", NOW, role="viewer")
        for change in (lambda: accounts.save_password_hash(connection, "kim", HASH), lambda: accounts.disable_account(connection, "kim")):
            made = sessions.begin_session(connection, "kim", NOW)
            change()
            assert sessions.find_session(connection, made.secret, NOW) is None
        made = sessions.begin_session(connection, "kim", NOW)
        assert sessions.find_session(connection, made.secret, NOW) is None


def test_a_role_change_reaches_sessions_that_are_open(database: Database) -> None:
    with database.begin() as connection:
        accounts.create_account(connection, "kim", NOW, role="viewer")
        made = sessions.begin_session(connection, "kim", NOW)
        accounts.save_role(connection, "kim", "operator")
        found = sessions.find_session(connection, made.secret, NOW)
    assert found is not None
    assert found.role == "operator"


def test_expired_sessions_are_removed_in_steps(database: Database) -> None:
    with database.begin() as connection:
        accounts.create_account(connection, "kim", NOW, role="viewer")
        for _ in range(5):
            sessions.begin_session(connection, "kim", NOW, lifetime_ms=1000)
        kept = sessions.begin_session(connection, "kim", NOW, lifetime_ms=9000)
        assert [sessions.delete_expired_sessions(connection, NOW + 1000, limit=3) for _ in range(3)] == [3, 2, 0]
        assert sessions.find_session(connection, kept.secret, NOW + 1000) is not None


def test_settings_are_kept_by_name(database: Database) -> None:
    with database.begin() as connection:
        assert setting.load(connection, "public_url", "none") == "none"
        setting.save(connection, "public_url", {"url": "http://x", "ports": [1, 2]})
        setting.save(connection, "public_url", {"url": "http://y", "ports": []})
        assert setting.load(connection, "public_url") == {"url": "http://y", "ports": []}
        setting.remove(connection, "public_url")
        setting.remove(connection, "public_url")
        assert setting.load(connection, "public_url") is None
