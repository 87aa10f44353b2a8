"""The listening socket: HTTP or TLS, with time-outs for slow senders and a stop that lets running requests end."""

from __future__ import annotations

import asyncio
import logging
import ssl
from typing import Any

import structlog
from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from collector.api.keys import CLOCK, SILENT
from collector.api.rate import Bucket, Rate
from collector.settings import CollectorSettings
from muster.errors import ConfigurationError, UnavailableError

log = structlog.get_logger(__name__)
MALFORMED_LOGGED = Rate(per_second=1 / 60, burst=3)  # of one address: a port scan must not fill the log
KEEPALIVE_SECONDS = 75.0
STOP_SECONDS = 10.0
BACKLOG = 1_024


class Listener:
    """Serves one application on one address."""

    def __init__(self, app: web.Application, settings: CollectorSettings) -> None:
        self._settings = settings
        self._silent: set[web.RequestHandler] = set()
        app[SILENT] = self._silent
        self._runner = web.AppRunner(
            app,
            auto_decompress=False,
            access_log=None,
            logger=_ServerLog(Bucket(MALFORMED_LOGGED, app[CLOCK])),
            keepalive_timeout=KEEPALIVE_SECONDS,
            shutdown_timeout=STOP_SECONDS,
            handler_cancellation=False,
        )
        self._server: asyncio.Server | None = None

    async def start(self) -> tuple[str, int]:
        """Listen; the bound host and port. Raises UnavailableError where the address is taken, ConfigurationError for a bad certificate."""
        host, port = self._settings.address
        tls = make_tls(self._settings) if self._settings.has_tls else None
        await self._runner.setup()
        loop = asyncio.get_running_loop()
        try:
            self._server = await loop.create_server(self._accept, host, port, ssl=tls, backlog=BACKLOG, reuse_address=True)
        except OSError as error:
            raise UnavailableError(f"cannot listen on {self._settings.listen}: {error.strerror or error}; is another collector running?") from None
        bound = self._server.sockets[0].getsockname()
        return str(bound[0]), int(bound[1])

    async def stop(self) -> None:
        """Take no more connections; requests under way may end."""
        if self._server is not None:
            self._server.close()
        await self._runner.cleanup()

    def _accept(self) -> web.RequestHandler:
        server = self._runner.server
        assert server is not None, "set up before it listens"
        handler = server()
        self._silent.add(handler)
        asyncio.get_running_loop().call_later(self._settings.header_seconds, self._close_silent, handler)
        return handler

    def _close_silent(self, handler: web.RequestHandler) -> None:
        """A connection whose first request's headers have not come by now holds a place for nothing."""
        if handler in self._silent:
            self._silent.discard(handler)
            handler.force_close()


class _ServerLog(logging.LoggerAdapter[logging.Logger]):
    """The HTTP server's own log: what is no HTTP becomes one line without a trace, and without the bytes, which may hold a token."""

    def __init__(self, rate: Bucket) -> None:
        super().__init__(logging.getLogger("aiohttp.server"), {})
        self._rate = rate

    def exception(self, msg: object, *args: object, exc_info: Any = True, **more: Any) -> None:
        if not isinstance(exc_info, HttpProcessingError):
            super().exception(msg, *args, exc_info=exc_info, **more)
            return
        peer = str(args[0]) if args else ""
        if self._rate.take(peer) == 0:
            log.info("request_malformed", reason=type(exc_info).__name__, peer=peer)


def make_tls(settings: CollectorSettings) -> ssl.SSLContext:
    """TLS 1.2 and newer with the configured certificate. Raises ConfigurationError."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(settings.tls_certificate, settings.tls_key)
    except (OSError, ssl.SSLError) as error:
        raise ConfigurationError(f"tls_certificate {settings.tls_certificate!r} with tls_key {settings.tls_key!r} cannot be used: {error}") from None
    return context
