"""Who makes a request: bearer tokens, sessions and one-time links become an `Identity`; passwords are checked, slowly and rarely.

Tokens that hold are remembered for some seconds, so that a report costs no query; a revocation forgets them at once.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from dataclasses import dataclass
from typing import Literal

from aiohttp import web

from collector.api.identity import Identity
from collector.api.rate import Bucket, Rate
from collector.store import account, session, sign_in, token
from collector.store.engine import Database
from collector.store.session import NewSession
from collector.store.token import StoredToken
from collector.store.writer import Writer
from muster.clock import Clock
from muster.errors import AuthenticationError, UnavailableError

REMEMBERED_SECONDS = 15.0
REMEMBERED_LIMIT = 20_000
NOTED_EVERY_SECONDS = 60.0
# A person mistypes now and then; a program that guesses gets about one try in six seconds for a name, and for an address.
SIGN_IN_RATE = Rate(per_second=1 / 6, burst=10)
PASSWORD_CHECKS_AT_ONCE = 2
TOO_MANY_WAITING = 32
KINDS: dict[str, Literal["api", "source", "enrolment"]] = {"api": "api", "source": "source", "enrolment": "enrolment"}


class TooManyAttemptsError(UnavailableError):
    """Sign-in is tried too often; `retry_after_seconds` says when again. Answered 429."""


@dataclass(frozen=True)
class _Remembered:
    found: StoredToken
    until_seconds: float


class Authenticator:
    """Checks credentials against the store. One for a process; its methods are called on the event loop."""

    def __init__(self, database: Database, writer: Writer, clock: Clock) -> None:
        self._database = database
        self._writer = writer
        self._clock = clock
        self._remembered: OrderedDict[bytes, _Remembered] = OrderedDict()
        self._noted: dict[str, float] = {}
        self._generation = 0
        self._attempts = Bucket(SIGN_IN_RATE, clock)
        self._checks = asyncio.Semaphore(PASSWORD_CHECKS_AT_ONCE)
        self._waiting = 0

    async def identify_bearer(self, secret: str) -> Identity:
        """The holder of a token. Raises AuthenticationError."""
        found = await self._find_token(secret)
        role = found.role if found.kind == "api" else found.kind
        self._note_use(found)
        return Identity(
            kind=KINDS[found.kind],
            name=found.name,
            role=role or "viewer",
            token_id=found.id,
            source_id=found.source_id,
            scope=found.scope,
        )

    async def identify_session(self, secret: str) -> Identity | None:
        """The person of a session's cookie; None where it has ended."""
        now = self._clock.now_ms()

        def find() -> session.StoredSession | None:
            with self._database.connect() as connection:
                return session.find_session(connection, secret, now)

        found = await asyncio.to_thread(find)
        if found is None:
            return None
        return Identity(kind="session", name=found.account, role=found.role, csrf=found.csrf, language=found.language)

    def forget_tokens(self) -> None:
        """A token was revoked or a source refused: nothing that was remembered counts any more."""
        self._remembered.clear()
        self._generation += 1

    async def sign_in_with_link(self, secret: str) -> NewSession:
        """A session for a one-time link. Raises AuthenticationError where it was used, has expired, or its account is disabled."""
        now = self._clock.now_ms()
        return await self._writer.run(lambda connection: sign_in.sign_in_with_link(connection, secret, now))

    async def sign_in_with_password(self, name: str, password: str, *, peer: str) -> NewSession:
        """A session for a name and password. `peer`: the caller's address. Raises AuthenticationError, TooManyAttemptsError."""
        for key in (f"name:{name}", f"peer:{peer}"):
            wait = self._attempts.take(key)
            if wait > 0:
                raise TooManyAttemptsError("too many attempts to sign in; wait and try again", retry_after_seconds=wait)
        if self._waiting >= TOO_MANY_WAITING:
            raise TooManyAttemptsError("too many people sign in at once; try again", retry_after_seconds=2.0)
        now = self._clock.now_ms()

        def check() -> account.StoredAccount | None:
            with self._database.connect() as connection:
                return account.check_password(connection, name, password)

        self._waiting += 1
        try:
            async with self._checks:
                known = await asyncio.to_thread(check)
        finally:
            self._waiting -= 1
        if known is None:
            raise AuthenticationError("name or password is wrong")
        self._attempts.forget(f"name:{name}")
        return await self._writer.run(lambda connection: sign_in.begin_checked(connection, known.name, now, by="password"))

    async def sign_out(self, secret: str) -> None:
        """End a session; an unknown one is no error."""
        now = self._clock.now_ms()
        await self._writer.run(lambda connection: sign_in.sign_out(connection, secret, now))

    async def _find_token(self, secret: str) -> StoredToken:
        key = token.hash_secret(secret)
        seconds = self._clock.monotonic_seconds()
        kept = self._remembered.get(key)
        if kept is not None and kept.until_seconds > seconds:
            return kept.found
        generation, now = self._generation, self._clock.now_ms()

        def find() -> StoredToken | None:
            with self._database.connect() as connection:
                return token.find_token(connection, secret, now, kinds=["source", "api", "enrolment"])

        found = await asyncio.to_thread(find)
        if found is None:
            self._remembered.pop(key, None)
            raise AuthenticationError("the token is unknown, expired or revoked; ask an administrator for a new one")
        if generation == self._generation and found.kind != "enrolment" and found.uses_left is None:
            self._remember(key, found, seconds)
        return found

    def _remember(self, key: bytes, found: StoredToken, seconds: float) -> None:
        lasts = REMEMBERED_SECONDS
        if found.expires_at is not None:
            lasts = min(lasts, (found.expires_at - self._clock.now_ms()) / 1000)
        self._remembered[key] = _Remembered(found, seconds + lasts)
        self._remembered.move_to_end(key)
        while len(self._remembered) > REMEMBERED_LIMIT:
            self._remembered.popitem(last=False)

    def _note_use(self, found: StoredToken) -> None:
        """Keep when a token was used, at most once a minute, without anybody waiting for it."""
        seconds, now = self._clock.monotonic_seconds(), self._clock.now_ms()
        if found.kind == "enrolment" or seconds - self._noted.get(found.id, float("-inf")) < NOTED_EVERY_SECONDS:
            return
        if len(self._noted) >= REMEMBERED_LIMIT:
            self._noted.clear()
        self._noted[found.id] = seconds
        try:
            self._writer.submit(lambda connection: token.note_use(connection, found.id, now))
        except UnavailableError:
            self._noted.pop(found.id, None)


def bearer_of(request: web.Request) -> str | None:
    """The bearer token of a request (RFC 6750 section 2.1), None: it has none. Raises AuthenticationError for another scheme."""
    header = request.headers.get("Authorization")
    if header is None:
        return None
    scheme, _, secret = header.partition(" ")
    if scheme.lower() != "bearer" or not secret.strip():
        raise AuthenticationError("Authorization must be `Bearer` and a token")
    return secret.strip()
