"""Requests and answers through pysnmp: v1 and v2c by its dispatcher, v3 by one engine for the whole process.

For what the own codec lacks, and as its reference in tests (docs/decisions/0002-own-snmp-codec.md). OIDs stay raw and no MIB is loaded.
An engine costs 96 ms, and its local configuration grows with each target, so targets are taken out on close, and a second engine is
made only for a user name whose secrets differ.
"""

from __future__ import annotations

import asyncio
import ipaddress
import itertools
from collections.abc import Sequence
from typing import Any

from pysnmp.carrier.asyncio.dgram import udp, udp6
from pysnmp.entity import config
from pysnmp.entity.engine import SnmpEngine
from pysnmp.entity.rfc3413 import cmdgen
from pysnmp.hlapi.v1arch.asyncio import CommunityData, SnmpDispatcher, Udp6TransportTarget, UdpTransportTarget
from pysnmp.hlapi.v3arch.asyncio import auth
from pysnmp.proto import errind
from pysnmp.proto.api import v2c

from discovery.snmp.ber import VERSIONS
from discovery.snmp.credential import Community, Credential, User
from discovery.snmp.varbind import INTEGER, Oid, Value, Varbind
from discovery.snmp.walk import Exchange, Response
from muster.errors import AuthenticationError, UnavailableError

AUTHENTICATION = {
    "MD5": auth.USM_AUTH_HMAC96_MD5, "SHA": auth.USM_AUTH_HMAC96_SHA, "SHA-224": auth.USM_AUTH_HMAC128_SHA224,
    "SHA-256": auth.USM_AUTH_HMAC192_SHA256, "SHA-384": auth.USM_AUTH_HMAC256_SHA384, "SHA-512": auth.USM_AUTH_HMAC384_SHA512,
}  # fmt: skip
PRIVACY = {
    "AES": auth.USM_PRIV_CFB128_AES, "AES-192": auth.USM_PRIV_CFB192_AES_BLUMENTHAL, "AES-256": auth.USM_PRIV_CFB256_AES_BLUMENTHAL,
    "AES-192-C": auth.USM_PRIV_CFB192_AES, "AES-256-C": auth.USM_PRIV_CFB256_AES,
}  # fmt: skip
RECEIVE_BUFFER_BYTES = 4 * 1_048_576
_REFUSED = (
    errind.WrongDigest, errind.UnknownUserName, errind.AuthenticationFailure, errind.UnsupportedSecurityLevel,
    errind.DecryptionError, errind.AuthenticationError, errind.UnknownSecurityName,
)  # fmt: skip
_names = itertools.count()


class PysnmpTransport:
    """What pysnmp needs once per process; makes the exchanges. Use within one event loop, then `close`."""

    def __init__(self) -> None:
        self._dispatcher: Any = None
        self._engines: list[tuple[Any, dict[str, User]]] = []

    async def open_exchange(
        self, address: str, credential: Credential, *, port: int = 161, timeout_seconds: float = 2.0, retries: int = 1
    ) -> Exchange:
        """An exchange with one device; nothing is sent yet. `address` is an IP address."""
        if isinstance(credential, Community):
            if self._dispatcher is None:
                self._dispatcher = SnmpDispatcher()
            kind = Udp6TransportTarget if ipaddress.ip_address(address).version == 6 else UdpTransportTarget
            target = await kind.create((address, port), timeout=timeout_seconds, retries=retries)
            return _CommunityExchange(self._dispatcher, CommunityData(credential.community, mpModel=VERSIONS[credential.version]), target)
        return _UserExchange(self._engine_for(credential), credential, (address, port), timeout_seconds, retries)

    def _engine_for(self, user: User) -> Any:
        for engine, users in self._engines:
            known = users.get(user.name)
            if known is None:
                users[user.name] = user
                _add_user(engine, user)
            if known is None or _secrets(known) == _secrets(user):
                return engine
        return self._add_engine(user)

    def _add_engine(self, user: User) -> Any:
        engine = SnmpEngine()
        for domain, transport in ((udp.DOMAIN_NAME, udp.UdpAsyncioTransport), (udp6.DOMAIN_NAME, udp6.Udp6AsyncioTransport)):
            config.add_transport(engine, domain, transport().open_client_mode())
        _add_user(engine, user)
        self._engines.append((engine, {user.name: user}))
        return engine

    async def close(self) -> None:
        """Close every socket."""
        if self._dispatcher is not None:
            self._dispatcher.transport_dispatcher.close_dispatcher()
        for engine, _ in self._engines:
            engine.close_dispatcher()
        self._dispatcher, self._engines = None, []
        await asyncio.sleep(0)  # lets the loop close the sockets before it is closed itself


class _CommunityExchange:
    def __init__(self, dispatcher: Any, community: Any, target: Any) -> None:
        self._dispatcher, self._community, self._target = dispatcher, community, target

    async def get(self, oids: Sequence[Oid]) -> Response:
        return await self._send(v2c.GetRequestPDU(), v2c.apiPDU, oids)

    async def get_next(self, oids: Sequence[Oid]) -> Response:
        return await self._send(v2c.GetNextRequestPDU(), v2c.apiPDU, oids)

    async def get_bulk(self, oids: Sequence[Oid], repetitions: int) -> Response:
        pdu = v2c.GetBulkRequestPDU()
        v2c.apiBulkPDU.set_defaults(pdu)
        v2c.apiBulkPDU.set_non_repeaters(pdu, 0)
        v2c.apiBulkPDU.set_max_repetitions(pdu, repetitions)
        return await self._send(pdu, v2c.apiBulkPDU, oids)

    async def close(self) -> None:
        """Nothing is held for one device."""

    async def _send(self, pdu: Any, interface: Any, oids: Sequence[Oid]) -> Response:
        if interface is v2c.apiPDU:
            interface.set_defaults(pdu)
        interface.set_varbinds(pdu, [(oid, v2c.null) for oid in oids])
        future: asyncio.Future[Response] = asyncio.get_running_loop().create_future()

        def receive(_dispatcher: Any, _handle: Any, indication: Any, answer: Any, _context: Any) -> None:
            if future.done():
                return
            if indication is not None:
                future.set_exception(_error_of(indication))
                return
            future.set_result(_response(answer))

        self._dispatcher.send_pdu(self._community, self._target, pdu, cbFun=receive)
        return await future


class _UserExchange:
    def __init__(self, engine: Any, user: User, target: tuple[str, int], timeout_seconds: float, retries: int) -> None:
        self._engine, self._context = engine, user.context.encode()
        self._name = f"target-{next(_names)}"
        self._parameters = f"parameters-{self._name}"
        domain = udp6.DOMAIN_NAME if ":" in target[0] else udp.DOMAIN_NAME
        level = "authPriv" if user.privacy_secret else "authNoPriv" if user.authentication_secret else "noAuthNoPriv"
        config.add_target_parameters(engine, self._parameters, user.name, level)
        config.add_target_address(engine, self._name, domain, target, self._parameters, timeout_seconds * 100, retries)

    async def get(self, oids: Sequence[Oid]) -> Response:
        return await self._send(cmdgen.GetCommandGenerator(), oids)

    async def get_next(self, oids: Sequence[Oid]) -> Response:
        return await self._send(cmdgen.NextCommandGeneratorSingleRun(), oids)

    async def get_bulk(self, oids: Sequence[Oid], repetitions: int) -> Response:
        return await self._send(cmdgen.BulkCommandGeneratorSingleRun(), oids, 0, repetitions)

    async def close(self) -> None:
        """Take the target out of the engine's configuration, which every later request would search."""
        config.delete_target_address(self._engine, self._name)
        config.delete_target_parameters(self._engine, self._parameters)

    async def _send(self, generator: Any, oids: Sequence[Oid], *bulk: int) -> Response:
        future: asyncio.Future[Response] = asyncio.get_running_loop().create_future()

        def receive(*answer: Any) -> None:
            """Engine, request handle, indication, status, index, bindings and our own context."""
            _, _, indication, status, index, varbinds, _ = answer
            if future.done():
                return
            if indication:
                future.set_exception(_error_of(indication))
                return
            future.set_result(Response([_varbind(oid, value) for oid, value in varbinds], int(status), int(index)))

        pairs = [(v2c.ObjectIdentifier(oid), v2c.null) for oid in oids]
        generator.send_varbinds(self._engine, self._name, None, self._context, *bulk, pairs, receive)
        return await future


def _response(answer: Any) -> Response:
    varbinds = [_varbind(oid, value) for oid, value in v2c.apiPDU.get_varbinds(answer)]
    return Response(varbinds, int(v2c.apiPDU.get_error_status(answer)), int(v2c.apiPDU.get_error_index(answer, muteErrors=True)))


def _varbind(oid: Any, value: Any) -> Varbind:
    """pyasn1's objects as plain values; the tag tells Counter32 from Gauge32 and the exceptions from NULL."""
    tag = value.tagSet.superTags[-1]
    number = tag.tagId | (tag.tagClass & 0xC0)
    plain: Value = None
    if number in {INTEGER, 65, 66, 67, 70}:
        plain = int(value)
    elif number in {4, 64, 68}:
        plain = bytes(value)
    elif number == 6:
        plain = tuple(value)
    return Varbind(tuple(oid), number, plain)


def _add_user(engine: Any, user: User) -> None:
    config.add_v3_user(
        engine,
        user.name,
        AUTHENTICATION[user.authentication] if user.authentication_secret else auth.USM_AUTH_NONE,
        user.authentication_secret or None,
        PRIVACY[user.privacy] if user.privacy_secret else auth.USM_PRIV_NONE,
        user.privacy_secret or None,
    )


def _secrets(user: User) -> tuple[str | None, str | None, str, str]:
    return user.authentication_secret, user.privacy_secret, user.authentication, user.privacy


def _error_of(indication: Any) -> UnavailableError | AuthenticationError:
    if isinstance(indication, _REFUSED):
        return AuthenticationError(f"the device refuses the credential: {indication}; check user, protocols and secrets")
    return UnavailableError(f"no SNMP answer: {indication}; check address, credential and the device's access list")
