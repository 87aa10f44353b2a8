"""Requests and answers of SNMPv3 with one device: finds its engine, keeps its clock, and says which report means a bad credential.

The engine is kept per device, never shared by engine id: cloned machines have equal ones. RFC 3414 sections 3.2 and 4.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import replace

from discovery.snmp import ber, usm
from discovery.snmp.credential import User
from discovery.snmp.datagram_socket import DatagramSocket, Patience, Peer
from discovery.snmp.varbind import Oid
from discovery.snmp.walk import Response
from muster.clock import Clock
from muster.errors import AuthenticationError, InputError, UnavailableError

_REPORTS = (1, 3, 6, 1, 6, 3, 15, 1, 1)  # SNMP-USER-BASED-SM-MIB::usmStats
NOT_IN_TIME_WINDOW, UNKNOWN_ENGINE = 2, 4
_REFUSALS = {1: "unsupported security level", 3: "unknown user", 5: "wrong digest", 6: "decryption error"}
_ATTEMPTS = 3  # a request, its repetition after the clock was set, and after the engine was found anew
_KEPT_KEYS = 50_000


class Keyring:
    """Stretched keys by user and localised ones by user and engine, so that a passphrase is stretched once in a process."""

    def __init__(self) -> None:
        self._stretched: dict[User, tuple[bytes, bytes]] = {}
        self._localised: dict[tuple[User, bytes], usm.Keys] = {}

    def keys_for(self, user: User, engine_id: bytes) -> usm.Keys:
        """The user's keys for an engine. Raises AuthenticationError for a secret that cannot be one."""
        known = self._localised.get((user, engine_id))
        if known is not None:
            return known
        if len(self._localised) >= _KEPT_KEYS:
            self._localised.clear()
        made = self._make(user, engine_id)
        self._localised[user, engine_id] = made
        return made

    def _make(self, user: User, engine_id: bytes) -> usm.Keys:
        if user.authentication_secret is None:
            return usm.Keys(user.authentication)
        digest = user.authentication
        if user not in self._stretched:
            try:
                authentication = usm.stretch_secret(digest, user.authentication_secret)
                privacy = b"" if user.privacy_secret is None else usm.stretch_secret(digest, user.privacy_secret)
            except InputError as error:
                raise AuthenticationError(f"{error.message}; give the user {user.name!r} its secrets") from None
            self._stretched[user] = (authentication, privacy)
        authentication, privacy = self._stretched[user]
        local = usm.localise_key(digest, authentication, engine_id)
        return usm.Keys(digest, local, usm.privacy_key(user, usm.localise_key(digest, privacy, engine_id)) if privacy else b"")


class UserExchange:
    """One device and one user."""

    def __init__(
        self,
        shared: DatagramSocket,
        peer: Peer,
        user: User,
        patience: Patience,
        *,
        number: Callable[[], int],
        keyring: Keyring,
        clock: Clock,
        salt: Callable[[int], bytes] = secrets.token_bytes,
    ) -> None:
        self._socket, self._peer, self._user, self._patience = shared, peer, user, patience
        self._number, self._keyring, self._clock, self._salt = number, keyring, clock, salt
        self._engine: usm.Engine | None = None
        self._seen_at = 0.0  # when the engine's clock was read, on our monotonic one

    async def get(self, oids: Sequence[Oid]) -> Response:
        return await self._ask(ber.GET, oids)

    async def get_next(self, oids: Sequence[Oid]) -> Response:
        return await self._ask(ber.GET_NEXT, oids)

    async def get_bulk(self, oids: Sequence[Oid], repetitions: int) -> Response:
        return await self._ask(ber.GET_BULK, oids, repetitions)

    async def close(self) -> None:
        """Nothing is held for one device."""

    async def _ask(self, kind: int, oids: Sequence[Oid], repetitions: int = 0) -> Response:
        for _ in range(_ATTEMPTS):
            if self._engine is None:
                await self._find_engine()
            message = await self._send(ber.encode_pdu(kind, self._number(), oids, repetitions=repetitions))
            if message.kind == ber.RESPONSE:
                return Response((), message.error_status, message.error_index) if message.error_status else Response(message.varbinds)
            report = _report_of(message)
            if report == UNKNOWN_ENGINE:
                self._engine = None
            elif report != NOT_IN_TIME_WINDOW:
                raise AuthenticationError(
                    f"the device refuses the credential: {_REFUSALS.get(report, f'report {report}')}; check user, protocols and secrets"
                )
        raise UnavailableError("no SNMP answer: the device's engine or clock changes with every request; ask again later")

    async def _find_engine(self) -> None:
        """The engine's id and clock, by a request without a user (RFC 3414 section 4)."""
        nobody, keys = User(""), usm.Keys(self._user.authentication)
        message_id = self._number()
        request = usm.seal_request(message_id, usm.Engine(), nobody, keys, ber.encode_pdu(ber.GET, self._number(), []), salt=b"")

        def accept(datagram: bytes) -> usm.Engine | None:
            try:
                sealed = usm.read_sealed(datagram)
            except InputError:
                return None
            return sealed.engine if 5 <= len(sealed.engine.engine_id) <= 32 else None

        self._take_engine(await self._socket.ask(request, self._peer, message_id, accept, self._patience))

    def _take_engine(self, engine: usm.Engine) -> None:
        self._engine, self._seen_at = engine, self._clock.monotonic_seconds()

    async def _send(self, pdu: bytes) -> ber.Message:
        assert self._engine is not None
        keys = self._keyring.keys_for(self._user, self._engine.engine_id)
        elapsed = int(self._clock.monotonic_seconds() - self._seen_at)
        engine = replace(self._engine, time=min(self._engine.time + elapsed, 2**31 - 1))
        message_id = self._number()
        datagram = usm.seal_request(message_id, engine, self._user, keys, pdu, salt=self._salt(8) if keys.privacy else b"")
        return await self._socket.ask(datagram, self._peer, message_id, lambda answer: self._open(answer, keys), self._patience)

    def _open(self, datagram: bytes, keys: usm.Keys) -> ber.Message | None:
        """The message inside, None for one that this user cannot have been sent: below its security level, or of a bad digest."""
        try:
            sealed = usm.read_sealed(datagram)
            message = usm.open_sealed(sealed, keys)
        except InputError:
            return None
        if message.kind == ber.REPORT:
            report = _report_of(message)
            if report == NOT_IN_TIME_WINDOW and keys.authentication:
                if not sealed.is_authenticated:
                    return None  # anyone could set our clock
                self._take_engine(sealed.engine)
            return message
        if sealed.flags & 3 != keys.flags or self._engine is None or sealed.engine.engine_id != self._engine.engine_id:
            return None
        return message if message.is_whole else None


def _report_of(message: ber.Message) -> int:
    """The number of the counter under usmStats that a report carries, 0 for another report."""
    for each in message.varbinds:
        if each.oid[: len(_REPORTS)] == _REPORTS and len(each.oid) > len(_REPORTS):
            return each.oid[len(_REPORTS)]
    return 0
