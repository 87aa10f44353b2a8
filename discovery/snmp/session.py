"""The session: what the rest of discovery asks of one device over SNMP, whichever codec carries it.

A narrow Protocol with two requests. `ExchangeSession` makes one of any `Exchange`, of pysnmp (pysnmp_exchange.py) or of the own v1 and v2c
codec (datagram_exchange.py). See docs/discovery.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from discovery.snmp.varbind import EXCEPTIONS, Oid, Varbind
from discovery.snmp.walk import Exchange, Walk, WalkLimits, walk_columns
from muster.errors import AuthenticationError, UnavailableError

OIDS_PER_GET = 16
NO_SUCH_NAME, AUTHORIZATION_ERROR = 2, 16


class Session(Protocol):
    """A conversation with one device. `get` raises UnavailableError where the device does not answer, AuthenticationError where it refuses."""

    async def get(self, oids: Sequence[Oid]) -> dict[Oid, Varbind]:
        """Those of the objects that the device has."""

    async def walk(self, columns: Sequence[Oid]) -> Walk:
        """All rows of these columns, or as many as its limits allow, with the reason."""

    async def close(self) -> None:
        """Give up what is held for this device."""


class ExchangeSession:
    """A session over any exchange."""

    def __init__(self, exchange: Exchange, limits: WalkLimits | None = None) -> None:
        self._exchange = exchange
        self._limits = limits or WalkLimits()

    async def get(self, oids: Sequence[Oid]) -> dict[Oid, Varbind]:
        """Those of the objects that the device has, asked for 16 at a time; one that makes the whole request fail is left out."""
        found: dict[Oid, Varbind] = {}
        for at in range(0, len(oids), OIDS_PER_GET):
            found.update(await self._get_some(list(oids[at : at + OIDS_PER_GET])))
        return found

    async def _get_some(self, oids: list[Oid]) -> dict[Oid, Varbind]:
        if not oids:
            return {}
        response = await self._exchange.get(oids)
        if response.error_status == AUTHORIZATION_ERROR:
            raise AuthenticationError("the device refuses the credential: authorizationError; check its access rights and security level")
        if response.error_status == 0:
            return {each.oid: each for each in response.varbinds if each.tag not in EXCEPTIONS and each.oid in oids}
        if len(oids) == 1:
            return {}
        if response.error_status == NO_SUCH_NAME and 1 <= response.error_index <= len(oids):
            return await self._get_some(oids[: response.error_index - 1] + oids[response.error_index :])
        middle = len(oids) // 2
        return await self._get_some(oids[:middle]) | await self._get_some(oids[middle:])

    async def walk(self, columns: Sequence[Oid]) -> Walk:
        """All rows of these columns; a device that falls silent gives a partial walk with nothing in it.

        How a walk had to ask to be answered holds for the next ones.
        """
        try:
            walk = await walk_columns(self._exchange, columns, self._limits)
        except UnavailableError as error:
            return Walk([], is_complete=False, reason=str(error), request_count=1)
        if walk.is_complete and walk.learned is not None:
            self._limits = walk.learned
        return walk

    async def close(self) -> None:
        await self._exchange.close()
